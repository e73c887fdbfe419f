"""What one case says as of a moment: needed, answered, kept or broken, and how long it waited. Pure.

The figures of `responders.metrics` are counted from these and from nothing else.
"""

from datetime import datetime
from typing import NamedTuple

from responders.sla import State, clock_state
from responders.survival import Waited
from storage.reporting import CaseFact, ClockFact


class Judged(NamedTuple):
    """What one case contributes to the figures, as of a moment."""

    case: CaseFact
    needed: bool
    answered: bool
    dismissed: bool
    withdrawn: bool
    state: State | None
    """None: no reply was ever promised."""
    calendar_state: State | None
    team_state: State | None
    waited: Waited | None
    team_waited: Waited | None
    complaint_due: bool


def judge(case: CaseFact, as_of: datetime) -> Judged:
    """Look at one case as of a moment."""
    clock = next((c for c in case.clocks if c.metric == "first_reply" and c.started_at <= as_of), None)
    replied = case.first_reply_at
    if replied is not None and case.reply_time_known and replied > as_of:
        replied = None
    closed = case.closed_at is not None and case.closed_at <= as_of
    dismissed = closed and case.status == "dismissed"
    state = clock_state(clock, as_of) if clock is not None else None
    answered = replied is not None
    needed = case.reply_needed and not dismissed
    if clock is not None and (answered or state != "exempt"):
        needed = True  # dismissing late, or relabelling, erases no breach
    withdrawn = needed and not answered and (state == "withdrawn" or (clock is None and _gone(case, closed)))
    if clock is None and needed:
        state = "withdrawn" if withdrawn else "exempt"
    overdue = clock is not None and clock.due_at < as_of and state not in ("exempt", "withdrawn")
    return Judged(
        case=case,
        needed=needed,
        answered=answered,
        dismissed=dismissed,
        withdrawn=withdrawn,
        state=state,
        calendar_state=clock_state(clock, as_of, "calendar") if clock is not None else state,
        team_state=_team_state(case, clock, state, as_of),
        waited=_waited(case, case.opened_at, replied, as_of) if needed else None,
        team_waited=_team_waited(case, replied, as_of) if needed else None,
        complaint_due=case.complaint and needed and overdue,
    )


def _gone(case: CaseFact, closed: bool) -> bool:
    return closed and case.status == "withdrawn"


def _team_state(case: CaseFact, clock: ClockFact | None, state: State | None, as_of: datetime) -> State | None:
    if clock is None:
        return state
    return "pending" if _unseen(case, as_of) else clock_state(clock, as_of, "team")


def _unseen(case: CaseFact, as_of: datetime) -> bool:
    return not case.backfilled and case.first_seen_at > as_of


def _waited(case: CaseFact, since: datetime, replied: datetime | None, as_of: datetime) -> Waited | None:
    """How long the customer waited; None where a source told no time."""
    if (replied is not None and not case.reply_time_known) or not all(m.time_known for m in case.mentions[:1]):
        return None
    if replied is not None:
        return Waited(max(0.0, (replied - since).total_seconds()), over=True)
    end = case.closed_at if case.closed_at is not None and case.closed_at < as_of else as_of
    return Waited(max(0.0, (end - since).total_seconds()), over=False)


def _team_waited(case: CaseFact, replied: datetime | None, as_of: datetime) -> Waited | None:
    if case.backfilled or _unseen(case, as_of):
        return None
    return _waited(case, case.first_seen_at, replied, as_of)
