"""The one place where figures are computed. What each means: docs/metrics.md. Pure.

Everything is counted as of a moment: replies, closings, mentions and breaches after it have not happened.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Literal

from responders.judged import Judged, judge
from responders.sla import BREACHED, STATES, Basis, State, clock_state
from responders.survival import Curve, Waited
from storage.errors import ConfigError
from storage.reporting import CaseFact, ClockFact, HeardFact

By = Literal["brand", "network", "policy", "day"]
GROUPINGS: tuple[By, ...] = ("brand", "network", "policy", "day")

WITHIN = (900, 3_600, 86_400)
"""The time limits, in seconds, for which a report says what share was answered in time."""

SMALL = 20
"""Fewer decided cases than this and a rate is flagged: one case more or less moves it by five points."""

FCR_QUIET = timedelta(hours=72)
"""No word from the customer for so long after the only reply counts as settled."""

NO_PROMISE = "(no promise)"
"""The policy of cases that need no reply."""


# --- rates -----------------------------------------------------------------------------------------------------


def ratio(part: int, whole: int) -> float | None:
    """A share from 0 to 1; None where there is nothing to divide by: zero of nothing is no rate."""
    return part / whole if whole else None


def attainment(states: Iterable[State | None]) -> dict[str, Any]:
    """Met / (met + every breached state); pending is counted beside, never inside."""
    counts = Counter(states)
    met, breached = counts["met"], sum(counts[state] for state in BREACHED)
    return {
        "value": ratio(met, met + breached),
        "met": met,
        "total": met + breached,
        "pending": counts["pending"],
        "small": met + breached < SMALL,
    }


def response_rate(judged: Sequence[Judged]) -> dict[str, Any]:
    """The rate in its three variants with everything it is counted from."""
    needed = sum(j.needed for j in judged)
    withdrawn = sum(j.withdrawn for j in judged)
    answered = sum(j.answered for j in judged)
    answered_needed = sum(j.answered and j.needed for j in judged)
    dismissed = sum(j.dismissed and not j.answered for j in judged)
    return {
        "value": ratio(answered_needed, needed - withdrawn),
        "raw": ratio(answered, len(judged)),
        "handled": ratio(answered + dismissed, len(judged)),
        "answered": answered,
        "answered_reply_needed": answered_needed,
        "reply_needed": needed,
        "inbound": len(judged),
        "dismissed": dismissed,
        "withdrawn": withdrawn,
    }


def complaints(judged: Sequence[Judged]) -> dict[str, Any]:
    """Complaints past due without a reply / complaints due."""
    due = [j for j in judged if j.complaint_due]
    unanswered = sum(not j.answered for j in due)
    return {"value": ratio(unanswered, len(due)), "unanswered": unanswered, "due": len(due)}


def next_replies(judged: Sequence[Judged], as_of: datetime) -> dict[str, Any]:
    """Times and attainment of every reply after a first one, from the clocks that were running."""
    clocks = [c for j in judged for c in j.case.clocks if c.metric == "next_reply" and c.started_at <= as_of]
    waited = []
    for clock in clocks:
        stopped = clock.stopped_at if clock.stopped_at is not None and clock.stopped_at <= as_of else None
        if clock.stop_reason == "exempt" and stopped == clock.started_at:
            continue  # answered at a time nobody knows
        seconds = ((stopped or as_of) - clock.started_at).total_seconds()
        waited.append(Waited(seconds, over=stopped is not None and clock.stop_reason == "reply"))
    customer = [clock_state(clock, as_of) for clock in clocks]
    team = [clock_state(clock, as_of, "team") for clock in clocks]
    return {
        "seconds": Curve(waited).to_dict(),
        "attainment": {"customer": attainment(_calendar(clocks, as_of)), "team": attainment(team)},
        "states": _tally(customer),
    }


def _calendar(clocks: Iterable[ClockFact], as_of: datetime) -> list[State]:
    basis: Basis = "calendar"
    return [clock_state(clock, as_of, basis) for clock in clocks]


# --- times beside the clocks -----------------------------------------------------------------------------------


def detection_lag(judged: Sequence[Judged], as_of: datetime) -> dict[str, dict[str, float | int | None]]:
    """Seconds from posting to first sight, per listener; imported history has none."""
    lags: dict[str, list[Waited]] = defaultdict(list)
    for j in judged:
        for mention in j.case.mentions:
            if not mention.backfilled and mention.time_known and mention.first_seen_at <= as_of:
                seconds = max(0.0, (mention.first_seen_at - mention.posted_at).total_seconds())
                lags[mention.listener].append(Waited(seconds, over=True))
    curves = {listener: Curve(found) for listener, found in sorted(lags.items())}
    return {
        listener: {"p50": curve.percentile(50), "p95": curve.percentile(95), "n": curve.n}
        for listener, curve in curves.items()
    }


def resolution(judged: Sequence[Judged], as_of: datetime) -> dict[str, Any]:
    """First mention to done, with and without the time spent waiting for the customer."""
    done = [
        (j.case, j.case.closed_at)
        for j in judged
        if j.case.status == "resolved" and j.case.closed_at is not None and j.case.closed_at <= as_of
    ]
    total = [(closed - case.opened_at).total_seconds() for case, closed in done]
    paused = [
        seconds - _waiting_for_customer(case, closed) for seconds, (case, closed) in zip(total, done, strict=True)
    ]
    return {
        "calendar": Curve([Waited(max(0.0, s), over=True) for s in total]).to_dict(),
        "paused": Curve([Waited(max(0.0, s), over=True) for s in paused]).to_dict(),
    }


def _waiting_for_customer(case: CaseFact, closed: datetime) -> float:
    """Seconds between one of our replies and the customer's next word, or the end."""
    events = [(r.posted_at, 1) for r in case.replies if r.time_known] + [(m.posted_at, 0) for m in case.mentions]
    waiting, since = 0.0, None
    for at, ours in [*sorted(e for e in events if e[0] < closed), (closed, 0)]:
        if ours and since is None:
            since = at
        elif not ours and since is not None:
            waiting += (at - since).total_seconds()
            since = None
    return waiting


def proxies(judged: Sequence[Judged], as_of: datetime) -> dict[str, Any]:
    """Stand-ins for what nobody can measure from outside, labelled as such, each with its n."""
    settled = [
        j.case for j in judged
        if j.case.status == "resolved" and j.case.replies and j.case.replies[0].posted_at + FCR_QUIET <= as_of
        and j.case.closed_at is not None and j.case.closed_at <= as_of
    ]  # fmt: skip
    once = sum(len(case.replies) == 1 and not _spoke_after(case) for case in settled)
    shifts = [shift for j in judged if (shift := _shift(j.case, as_of)) is not None]
    return {
        "proxy": True,
        "fcr": {"value": ratio(once, len(settled)), "n": len(settled)},
        "sentiment_recovery": {"value": sum(shifts) / len(shifts) if shifts else None, "n": len(shifts)},
    }


def _spoke_after(case: CaseFact) -> bool:
    replied = case.replies[0].posted_at
    return any(replied < mention.posted_at <= replied + FCR_QUIET for mention in case.mentions)


def _shift(case: CaseFact, as_of: datetime) -> float | None:
    scores = [m.polarity for m in case.mentions if m.polarity is not None and m.posted_at <= as_of]
    return scores[-1] - scores[0] if len(scores) > 1 else None


def coverage(
    heard: Sequence[HeardFact], listeners: Iterable[str], since: datetime, until: datetime
) -> dict[str, float | None]:
    """Share of [since, until] each listener has truly heard; None for one that records no intervals (a file)."""
    window = (until - since).total_seconds()
    shares: dict[str, float | None] = dict.fromkeys(sorted(listeners))
    known = {fact.listener for fact in heard}
    for listener in shares:
        if listener not in known or window <= 0:
            continue
        seconds, done = 0.0, since
        for fact in sorted((f for f in heard if f.listener == listener), key=lambda f: f.started_at):
            begin, end = max(fact.started_at, done), min(fact.ended_at, until)
            if end > begin:
                seconds += (end - begin).total_seconds()
                done = end
        shares[listener] = seconds / window
    return shares


# --- the report ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Group:
    """All figures of one brand, network, policy or day, or of everything."""

    name: str
    figures: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"name": self.name, **self.figures}


@dataclass(frozen=True, slots=True)
class Report:
    """A cohort's figures, with the window and the moment they hold for."""

    since: datetime | None
    until: datetime | None
    zone: str
    as_of: datetime
    by: By | None
    groups: tuple[Group, ...]
    total: Group
    policies: tuple[tuple[str, str], ...] = field(default=())
    """Name and version of every policy that made a promise here."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; times are ISO 8601 in UTC, durations seconds, shares 0 to 1."""
        return {
            "cohort": "cases by posted_at of their first mention, in [since, until)",
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
            "zone": self.zone,
            "as_of": self.as_of.isoformat(),
            "by": self.by,
            "policies": [{"name": name, "version": version} for name, version in self.policies],
            "groups": [group.to_dict() for group in self.groups],
            "total": self.total.to_dict(),
        }


def report(
    facts: Iterable[CaseFact],
    *,
    now: datetime,
    by: By | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    zone: tzinfo = UTC,
    as_of: datetime | None = None,
    heard: Sequence[HeardFact] = (),
) -> Report:
    """Compute a report.

    Args:
        facts: Cases, as `storage.reporting.case_facts` reads them; those outside the window are left out.
        now: The time it is.
        by: What to group by; None gives the total as the only group.
        since: Beginning of the cohort's window.
        until: End of the window, not part of it.
        zone: Whose days `by="day"` means.
        as_of: Replay: count as of this moment instead of `now`. It cannot be later than `now`.
        heard: What the listeners have heard, for the coverage.

    Raises:
        ConfigError: unknown grouping, or a window that ends before it begins.
    """
    if by is not None and by not in GROUPINGS:
        raise ConfigError(f"{by!r} is no grouping; one of {', '.join(GROUPINGS)} is needed")
    if since is not None and until is not None and until <= since:
        raise ConfigError(f"the window ends ({until:%Y-%m-%d %H:%M}) before it begins ({since:%Y-%m-%d %H:%M})")
    moment = min(as_of, now) if as_of is not None else now
    judged = [
        judge(case, moment)
        for case in facts
        if (since is None or case.opened_at >= since)
        and (until is None or case.opened_at < until)
        and case.opened_at <= moment
    ]
    frame = _Frame(since, until, zone, moment, heard)
    total = frame.group("all", judged)
    groups = tuple(
        frame.group(name, members, by=by) for name, members in sorted(_grouped(judged, by, zone).items())
    )
    promised = sorted(
        {(c.policy, c.policy_version) for j in judged for c in j.case.clocks if c.started_at <= moment}
    )
    return Report(since, until, str(zone), moment, by, groups or (total,) if by is None else groups, total,
                  tuple(promised))  # fmt: skip


def _grouped(judged: Sequence[Judged], by: By | None, zone: tzinfo) -> dict[str, list[Judged]]:
    names: dict[By, Callable[[CaseFact], str]] = {
        "brand": lambda case: case.brand,
        "network": lambda case: case.network,
        "policy": lambda case: case.policy or NO_PROMISE,
        "day": lambda case: case.opened_at.astimezone(zone).date().isoformat(),
    }
    groups: dict[str, list[Judged]] = defaultdict(list)
    if by is not None:
        for j in judged:
            groups[names[by](j.case)].append(j)
    return groups


@dataclass(frozen=True, slots=True)
class _Frame:
    """What every group of one report shares."""

    since: datetime | None
    until: datetime | None
    zone: tzinfo
    as_of: datetime
    heard: Sequence[HeardFact]

    def group(self, name: str, judged: Sequence[Judged], *, by: By | None = None) -> Group:
        curve = Curve([j.waited for j in judged if j.waited is not None])
        team = Curve([j.team_waited for j in judged if j.team_waited is not None])
        figures: dict[str, Any] = {
            "n": len(judged),
            "first_reply_seconds": curve.to_dict(),
            "team_first_reply_seconds": team.to_dict(),
            "within": {str(seconds): curve.within(seconds) for seconds in WITHIN},
            "response_rate": response_rate(judged),
            "attainment": {
                "customer": attainment(j.calendar_state for j in judged),
                "team": attainment(j.team_state for j in judged),
                "policy_hours": attainment(j.state for j in judged),
            },
            "states": _tally(j.state for j in judged),
            "team_states": _tally(j.team_state for j in judged),
            "unanswered_complaint_rate": complaints(judged),
            "next_reply": next_replies(judged, self.as_of),
            "detection_lag_seconds": detection_lag(judged, self.as_of),
            "resolution_seconds": resolution(judged, self.as_of),
            "proxies": proxies(judged, self.as_of),
            "coverage": self._coverage(name, judged, by),
        }
        return Group(name, figures)

    def _coverage(self, name: str, judged: Sequence[Judged], by: By | None) -> dict[str, float | None]:
        """Of the group's listeners, and of the silent ones on its networks."""
        networks = {j.case.network for j in judged}
        listeners = {mention.listener for j in judged for mention in j.case.mentions}
        listeners |= {
            f.listener for f in self.heard if by not in ("brand", "network", "policy") or f.network in networks
        }
        first = min((j.case.opened_at for j in judged), default=self.as_of)
        since, until = self.since or first, min(self.until or self.as_of, self.as_of)
        if by == "day":
            day = date.fromisoformat(name)
            begin, end = (
                datetime.combine(d, time(), self.zone).astimezone(UTC) for d in (day, day + timedelta(days=1))
            )
            since, until = max(begin, self.since or begin), min(end, until)
        return coverage(self.heard, listeners, since, until)


def _tally(states: Iterable[State | None]) -> dict[str, int]:
    counts = Counter(states)
    return {state: counts[state] for state in STATES}
