"""Which promises run on a case, which stop and when. Pure.

Answers cut a case's life into waits: all posts between two answers wait for the second one. Each wait that holds a
reply-needed post has one clock, started by its oldest such post: `first_reply` once in a case, then `next_reply`.
A stored clock keeps its policy, target and deadlines for ever; facts that arrive late may only stop it earlier.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from responders.readings import Reading
from responders.sla import SlaPolicy
from storage.threads import ClockState

_CLOSED = frozenset({"dismissed", "resolved", "withdrawn", "exempt"})


class Answer(NamedTuple):
    """One of our replies in the case's time."""

    at: datetime
    known: bool
    """False: the source told no time; `at` is then that of the post it answers."""


class Wait(NamedTuple):
    """A reply-needed post that begins to wait, or waits again since it was edited after an answer."""

    at: datetime
    seen: datetime
    reading: Reading


@dataclass(slots=True)
class ClockPlan:
    """What to write: new rows, and new values of stored ones."""

    new: list[dict[str, Any]] = field(default_factory=list)
    changed: list[tuple[int, dict[str, Any]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A case in time: its answers and what waits for them."""

    answers: tuple[Answer, ...]
    waits: tuple[Wait, ...]
    _times: tuple[datetime, ...]

    @classmethod
    def of(cls, readings: Sequence[Reading], answers: Sequence[Answer]) -> "Timeline":
        """Order answers and waits."""
        ordered = tuple(sorted(answers))
        times = tuple(answer.at for answer in ordered)
        waits = []
        for reading in readings:
            if not reading.needed:
                continue
            post = reading.post
            at, seen, edited = post.posted_at, post.first_seen_at, post.changed_at
            if edited is not None and bisect_left(times, edited) > bisect_left(times, at):
                at, seen = edited, max(seen, edited)
            waits.append(Wait(at, seen, reading))
        return cls(ordered, tuple(sorted(waits, key=lambda w: (w.at, w.reading.post.id))), times)

    def turn(self, at: datetime) -> int:
        """How many answers lie before a moment: posts of one turn wait for the same answer."""
        return bisect_left(self._times, at)

    def answer_to(self, at: datetime) -> Answer | None:
        """The first answer at or after a moment."""
        turn = self.turn(at)
        return self.answers[turn] if turn < len(self.answers) else None

    def open_waits(self) -> list[Wait]:
        """What nobody has answered yet."""
        return [wait for wait in self.waits if self.turn(wait.at) == len(self.answers)]


def plan_clocks(
    timeline: Timeline,
    readings: Sequence[Reading],
    clocks: Sequence[ClockState],
    policy: tuple[SlaPolicy, str] | None,
    now: datetime,
) -> ClockPlan:
    """Start and stop clocks.

    Args:
        timeline: The case's answers and waits.
        readings: All its inbound posts, deleted ones included.
        clocks: Those stored.
        policy: The policy that applies to new clocks, with its version; None where no reply is needed.
        now: When an exemption takes effect.
    """
    plan = ClockPlan()
    for clock in clocks:
        values = _stored(clock, timeline, readings, now)
        if values:
            plan.changed.append((clock.id, values))
    if policy is None:
        return plan
    first = not any(clock.metric == "first_reply" for clock in clocks)
    taken = {(clock.metric, clock.mention_id) for clock in clocks}
    turns: set[int] = set()
    for wait in timeline.waits:
        turn = timeline.turn(wait.at)
        if turn in turns or any(_covers(clock, wait, turn, timeline) for clock in clocks):
            continue
        turns.add(turn)
        metric = "first_reply" if first and turn == 0 else "next_reply"
        first = False
        target = policy[0].first_reply if metric == "first_reply" else policy[0].next_reply
        timed = wait.reading.post.time_known  # no honest deadline without a time
        if timed and target is not None and (metric, wait.reading.post.id) not in taken:
            plan.new.append(_new(metric, target, wait, policy, timeline))
    return plan


def _covers(clock: ClockState, wait: Wait, turn: int, timeline: Timeline) -> bool:
    if timeline.turn(clock.started_at) != turn:
        return False
    over = clock.stop_reason in _CLOSED and clock.stopped_at is not None and clock.stopped_at < wait.at
    return not over


def _new(
    metric: str, target: int, wait: Wait, policy: tuple[SlaPolicy, str], timeline: Timeline
) -> dict[str, Any]:
    post, hours = wait.reading.post, policy[0].clock()
    row: dict[str, Any] = {
        "mention_id": post.id,
        "metric": metric,
        "policy": policy[0].name,
        "policy_version": policy[1],
        "target_seconds": target,
        "started_at": wait.at,
        "seen_at": wait.seen,
        "due_at": hours.add(wait.at, target),
        "team_due_at": None if post.backfilled else hours.add(wait.seen, target),
        "stopped_at": None,
        "stop_reason": None,
        "warned_at": None,
        "breached_at": None,
    }
    return row | _answered(
        wait.at, row["due_at"], timeline, breached=None, late_at=wait.seen, team=row["team_due_at"]
    )


def _answered(
    started_at: datetime,
    due_at: datetime,
    timeline: Timeline,
    *,
    breached: datetime | None,
    late_at: datetime,
    team: datetime | None,
) -> dict[str, Any]:
    """The stop an answer brings; empty where there is none. History (no team clock) records no breach event."""
    answer = timeline.answer_to(started_at)
    if answer is None:
        return {}
    if not answer.known:
        return {"stopped_at": started_at, "stop_reason": "exempt"}
    values: dict[str, Any] = {"stopped_at": answer.at, "stop_reason": "reply"}
    if answer.at > due_at and breached is None and team is not None:
        values["breached_at"] = max(late_at, due_at)
    return values


def _stored(
    clock: ClockState, timeline: Timeline, readings: Sequence[Reading], now: datetime
) -> dict[str, Any] | None:
    """New values of a stored clock, or None where it stays as it is."""
    values = _answered(
        clock.started_at, clock.due_at, timeline, breached=clock.breached_at, late_at=now, team=clock.team_due_at
    )
    if clock.stopped_at is not None:
        if values and values["stop_reason"] == "reply" and values["stopped_at"] < clock.stopped_at:
            return values  # an earlier answer, or one before the case was closed, was heard later
        if values or not _exempt_no_more(clock, timeline):
            return None
        return {"stopped_at": None, "stop_reason": None}
    if values:
        return values
    turn = timeline.turn(clock.started_at)
    if any(timeline.turn(wait.at) == turn for wait in timeline.waits):
        return None
    mine = [reading.post for reading in readings if timeline.turn(reading.post.posted_at) == turn]
    gone = [post.deleted_at for post in mine if post.deleted_at is not None]
    if gone and any(post.id == clock.mention_id and post.deleted_at is not None for post in mine):
        return {"stopped_at": max(gone), "stop_reason": "withdrawn"}
    return {"stopped_at": now, "stop_reason": "exempt"}


def _exempt_no_more(clock: ClockState, timeline: Timeline) -> bool:
    """A person took back the word that no reply was needed: the clock runs on, with its old deadline."""
    return clock.stop_reason == "exempt" and any(
        wait.reading.post.id == clock.mention_id for wait in timeline.open_waits()
    )
