"""The two steps of care that touch the database: triage a batch, watch the clocks."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from responders.readings import TriageRules
from responders.sla import PolicySet, SlaPolicy
from responders.triage import decider
from storage.care import Tracked, TriageCounts, run_triage, track_clocks

__all__ = ["Tracked", "TriageCounts", "TriageRules", "track", "triage_batch"]


def triage_batch(
    session: Session,
    mention_ids: Sequence[int],
    policies: Sequence[SlaPolicy] | PolicySet,
    rules: TriageRules,
    now: datetime,
    scorer: str | None = None,
) -> TriageCounts:
    """Turn mentions into cases, clocks and recognised replies; safe to repeat.

    Args:
        session: An open write transaction; the caller commits.
        mention_ids: Mentions to deal with: new, edited, deleted or relabelled ones, our own posts included.
        policies: Ordered promises, first match wins.
        rules: Numbers and lists of triage.
        now: The time it is.
        scorer: Whose scores count where a mention has several; None takes the newest.

    Raises:
        ConfigError: two policies have one name.
    """
    return run_triage(session, mention_ids, decider(policies, rules, now), now, scorer)


def track(session: Session, now: datetime, policies: Sequence[SlaPolicy] | PolicySet = ()) -> list[Tracked]:
    """Record warnings and breaches of running clocks, once each, with a notice in the outbox.

    Without `policies`, or where a policy has changed since, a warning comes when a quarter of the target is left.
    """
    known = PolicySet.of(policies)
    versions = dict(zip((policy.name for policy in known.policies), known.versions, strict=True))

    def warn_at(name: str, version: str, start: datetime, target: int) -> datetime | None:
        policy = known.named(name)
        if policy is None or versions[name] != version:
            return None
        return policy.clock().add(start, policy.warn_seconds(target))

    return track_clocks(session, now, warn_at)
