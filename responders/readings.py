"""What one mention asks of us: reply needed or not and why, how urgent, whether a complaint. Pure.

The model proposes, rules correct it (opted out, forbidden, without text), a person's label has the last word.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from storage.threads import Post

Factor = dict[str, Any]
"""`{"name", "points", "evidence"}`: one signed contribution to the urgency."""

_TRUE = frozenset({"true", "yes", "1"})
_LOCKED = ("locked", "archived", "comments_disabled")
_RESTRICTED = ("mentionedUsers", "following", "subscribers")


class TriageRules(BaseModel):
    """Numbers and lists triage goes by; all can be changed in the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reopen_days: float = Field(default=7, gt=0)
    """A new mention this long after closing reopens the case; a later one is a new case."""
    repeat_from: int = Field(default=3, ge=2)
    """The author's how-manieth unanswered post counts as repeated contact."""
    repeat_points: float = Field(default=0.15, ge=0, le=1)
    reach_points: Mapping[int, float] = Field(default={10_000: 0.05, 100_000: 0.1, 1_000_000: 0.15})
    """Followers, and what so many add to the urgency; the highest step reached counts."""
    complaint_reasons: frozenset[str] = frozenset({"complaint", "urgent"})
    question_reasons: frozenset[str] = frozenset({"question", "request"})
    complaint_signals: frozenset[str] = frozenset({"complaint"})
    question_signals: frozenset[str] = frozenset({"question"})
    complaint_rating: float = 2.0
    """A review with so many stars or fewer is a complaint, whatever it says."""
    automated_accounts: frozenset[str] = frozenset()
    """Lower-case handles of our accounts that no person writes: a bot's first touch is no reply."""


class Reading(NamedTuple):
    """One inbound mention, understood."""

    post: Post
    needed: bool
    reason: str
    urgency: float
    sentiment: str
    complaint: bool
    question: bool
    language: str
    factors: Sequence[Factor]
    labelled_urgency: bool


def read(post: Post, rules: TriageRules) -> Reading:
    """Understand one inbound mention."""
    score, labels = post.score, post.labels
    needed, reason = _reply(post)
    factors = score.factors if score is not None else []
    labelled = _number(labels.get("urgency"))
    urgency = labelled if labelled is not None else (score.urgency if score is not None else 0.0)
    sentiment = labels.get("sentiment") or (score.sentiment if score is not None else "neutral")
    names = {factor["name"] for factor in factors}
    said = score.reply_reason if score is not None else ""
    starred = post.rating is not None and post.kind == "review" and 0 < post.rating <= rules.complaint_rating
    complaint = starred or said in rules.complaint_reasons or not names.isdisjoint(rules.complaint_signals)
    question = said in rules.question_reasons or not names.isdisjoint(rules.question_signals)
    language = labels.get("language") or (score.language if score is not None else post.lang or "und")
    return Reading(
        post, needed, reason, urgency, sentiment, complaint, question, language, factors, labelled is not None
    )


def _reply(post: Post) -> tuple[bool, str]:
    """Whether an answer is owed, with the reason code."""
    if post.deleted_at is not None:
        return False, "deleted"
    label = post.labels.get("reply_needed")
    if label is not None:
        return label.strip().lower() in _TRUE, "labelled"
    if post.opted_out:
        return False, "opted_out"
    if forbidden(post):
        return False, "platform_forbids"
    if not post.has_text:
        return True, "no_text"
    if post.score is None:
        return True, "unscored"  # rather one look too many than one customer too few
    return post.score.reply_needed, post.score.reply_reason


def forbidden(post: Post) -> bool:
    """Whether the platform lets nobody answer here, a person at its own site included."""
    said = post.permissions
    if not said:
        return False
    if any(said.get(name) is True for name in _LOCKED):
        return True
    # X: whoever is not mentioned cannot reply where the author restricted replies.
    return said.get("reply_settings") in _RESTRICTED and not post.addressed


def thread_factors(waiting: Sequence[Reading], lead: Reading, rules: TriageRules) -> list[Factor]:
    """What the thread and its author add to the urgency of the post to read first.

    Args:
        waiting: The author's posts nobody has answered yet.
        lead: The most urgent of them.
        rules: The steps and their points.
    """
    found: list[Factor] = []
    if len(waiting) >= rules.repeat_from:
        evidence = f"{len(waiting)} posts without an answer"
        found.append({"name": "repeated_contact", "points": rules.repeat_points, "evidence": evidence})
    followers = lead.post.followers or 0
    steps = [points for least, points in rules.reach_points.items() if followers >= least]
    if steps:
        found.append({"name": "reach", "points": max(steps), "evidence": f"{followers:,} followers"})
    return found


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return min(1.0, max(0.0, value)) if value == value else None  # NaN is no urgency
