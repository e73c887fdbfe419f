"""The inbox: open cases, the most pressing first.

The order, and why:

1. priority: P1, P2, P3, none;
2. at risk before breached before the rest: a promise about to be lost can still be kept. A P1 that still runs
   comes before breached ones too: danger minutes old is not found below complaints days old;
3. among breached ones urgency, then the youngest promise; among the others the next to fall due;
4. urgency, then the case that waits longest.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, exists, func, null, or_, select, true
from sqlmodel import Session

from storage.search import matching
from storage.tables import AUTHOR, BRAND, CASE, CLOCK, DRAFT, MENTION, SCORE
from storage.words import parse

State = Literal["at_risk", "breached", "pending", "none"]
"""Of the running clock due first: warned, past due, neither; `none` where no clock runs."""


@dataclass(frozen=True, slots=True)
class InboxFilter:
    """Which cases to show; what is None does not narrow. The default is what waits for an answer now."""

    brand: str | None = None
    network: str | None = None
    status: Collection[str] | None = ("open",)
    priority: Collection[str] | None = None
    assignee: str | None = None
    """A person's cases; the empty string means nobody's."""
    language: str | None = None
    """A code such as `en`; `zh` also finds `zh-Hant`."""
    sentiment: str | None = None
    complaint: bool | None = None
    reply_needed: bool | None = True
    state: Collection[State] | None = None
    snoozed: bool | None = False
    """False hides what is snoozed, True shows nothing else, None shows all."""
    text: str | None = None
    """A search (see `storage.words.parse`) that any mention of the case may match."""
    opened_since: datetime | None = None
    opened_until: datetime | None = None


EVERYTHING = InboxFilter(status=None, reply_needed=None, snoozed=None)
"""All cases, closed ones included."""


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One case as a list shows it. `text`, `url` and `language` are the lead mention's."""

    id: int
    brand: str
    network: str
    kind: str
    status: str
    priority: str
    urgency: float
    sentiment: str
    reply_needed: bool
    reply_reason: str
    complaint: bool
    reasons: list[dict[str, Any]]
    assigned_to: str | None
    snoozed_until: datetime | None
    opened_at: datetime
    first_seen_at: datetime
    last_inbound_at: datetime
    first_reply_at: datetime | None
    backfilled: bool
    revision: int
    lead_mention_id: int | None
    thread_native_id: str
    author: str | None
    followers: int | None
    title: str | None
    text: str
    url: str | None
    rating: float | None
    posted_at: datetime | None
    language: str | None
    state: State
    metric: str | None
    """`first_reply` or `next_reply`: the clock that is due first."""
    due_at: datetime | None
    team_due_at: datetime | None
    mentions: int = 0
    """Mentions in the case."""
    draft_status: str | None = None
    """Of its newest draft that is not void or rejected."""


@dataclass(frozen=True, slots=True)
class InboxCounts:
    """How many cases a filter finds, and how they stand."""

    total: int = 0
    at_risk: int = 0
    breached: int = 0
    pending: int = 0
    unassigned: int = 0
    by_priority: Mapping[str, int] = field(default_factory=dict)


def _running() -> Subquery:
    """For each case the clocks that run: when the first is due."""
    return (
        select(
            CLOCK.c.case_id,
            func.min(CLOCK.c.due_at).label("due_at"),
            func.min(CLOCK.c.team_due_at).label("team_due_at"),
            func.min(CLOCK.c.metric).label("metric"),
            func.max(case((CLOCK.c.warned_at.is_not(None), 1), else_=0)).label("warned"),
        )
        .where(CLOCK.c.stopped_at.is_(None))
        .group_by(CLOCK.c.case_id)
        .subquery("running")
    )


def _state(running: Subquery, now: datetime) -> ColumnElement[str]:
    return case(
        (running.c.due_at.is_(None), "none"),
        (running.c.due_at < now, "breached"),  # answered exactly on time is kept, so due now is not past due
        (running.c.warned == 1, "at_risk"),
        else_="pending",
    )


def _conditions(
    session: Session, wanted: InboxFilter, state: ColumnElement[str], now: datetime
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [true()]
    equal = {CASE.c.network: wanted.network, CASE.c.sentiment: wanted.sentiment, BRAND.c.name: wanted.brand}
    conditions += [column == value for column, value in equal.items() if value is not None]
    flags = {CASE.c.complaint: wanted.complaint, CASE.c.reply_needed: wanted.reply_needed}
    conditions += [column.is_(value) for column, value in flags.items() if value is not None]
    chosen = {CASE.c.status: wanted.status, CASE.c.priority: wanted.priority, state: wanted.state}
    conditions += [column.in_(list(values)) for column, values in chosen.items() if values is not None]
    if wanted.assignee is not None:
        nobody = CASE.c.assigned_to.is_(None)
        conditions.append(CASE.c.assigned_to == wanted.assignee if wanted.assignee else nobody)
    if wanted.snoozed is not None:
        asleep = and_(CASE.c.snoozed_until.is_not(None), CASE.c.snoozed_until > now)
        conditions.append(asleep if wanted.snoozed else ~asleep)
    if wanted.opened_since is not None:
        conditions.append(CASE.c.opened_at >= wanted.opened_since)
    if wanted.opened_until is not None:
        conditions.append(CASE.c.opened_at < wanted.opened_until)
    return conditions + _content_conditions(session, wanted)


def _content_conditions(session: Session, wanted: InboxFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.text:
        question = parse(wanted.text)
        found = select(MENTION.c.case_id).where(MENTION.c.case_id.is_not(None), matching(session, question))
        conditions.append(CASE.c.id.in_(found) if question else ~true())
    if wanted.language:
        spoken = func.lower(func.coalesce(_latest_language(MENTION.c.id), MENTION.c.lang, ""))
        asked = wanted.language.lower()
        lead = select(MENTION.c.id).where(
            MENTION.c.id == CASE.c.lead_mention_id, or_(spoken == asked, spoken.startswith(f"{asked}-"))
        )
        conditions.append(exists(lead))
    return conditions


def _latest_language(mention_id: ColumnElement[int]) -> ColumnElement[str]:
    newest = select(SCORE.c.language).where(SCORE.c.mention_id == mention_id).order_by(SCORE.c.id.desc()).limit(1)
    return newest.scalar_subquery()


def _ranked(session: Session, wanted: InboxFilter, now: datetime) -> tuple[Select[Any], Subquery]:
    running = _running()
    state = _state(running, now)
    statement = (
        select(
            CASE.c.id, state.label("state"), running.c.metric, running.c.due_at, running.c.team_due_at,
            CASE.c.priority, CASE.c.assigned_to,
        )
        .join(BRAND, BRAND.c.id == CASE.c.brand_id)
        .outerjoin(running, running.c.case_id == CASE.c.id)
        .where(*_conditions(session, wanted, state, now))
    )  # fmt: skip
    return statement, running


def inbox(
    session: Session, *, now: datetime, where: InboxFilter | None = None, limit: int = 50, offset: int = 0
) -> list[InboxRow]:
    """The cases that `where` finds (by default: those waiting for an answer), most pressing first."""
    statement, running = _ranked(session, where or InboxFilter(), now)
    state = _state(running, now)
    breached = running.c.due_at < now
    statement = statement.order_by(
        CASE.c.priority,  # P1 < P2 < P3 < none
        case(
            (state == "at_risk", 0),
            (and_(CASE.c.priority == "P1", state == "pending"), 1),
            (state == "breached", 2),
            else_=3,
        ),
        case((breached, -CASE.c.urgency), else_=0.0),
        case((running.c.due_at.is_(None), 1), else_=0),
        case((breached, null()), else_=running.c.due_at),
        CASE.c.urgency.desc(),
        running.c.due_at.desc(),
        CASE.c.opened_at,
        CASE.c.id,
    )
    ranked = session.connection().execute(statement.limit(limit).offset(offset)).mappings().all()
    details = _details(session, [row["id"] for row in ranked])
    return [
        InboxRow(
            **details[row["id"]],
            state=row["state"],
            metric=row["metric"],
            due_at=row["due_at"],
            team_due_at=row["team_due_at"],
        )
        for row in ranked
    ]


def _details(session: Session, case_ids: list[int]) -> dict[int, dict[str, Any]]:
    if not case_ids:
        return {}
    heard = select(func.count()).where(MENTION.c.case_id == CASE.c.id).correlate(CASE).scalar_subquery()
    draft = (
        select(DRAFT.c.status)
        .where(DRAFT.c.case_id == CASE.c.id, DRAFT.c.status.not_in(("void", "rejected")))
        .order_by(DRAFT.c.id.desc())
        .limit(1)
        .correlate(CASE)
        .scalar_subquery()
    )
    own = (
        "id", "network", "kind", "status", "priority", "urgency", "sentiment", "reply_needed", "reply_reason",
        "complaint", "reasons", "assigned_to", "snoozed_until", "opened_at", "first_seen_at", "last_inbound_at",
        "first_reply_at", "backfilled", "revision", "lead_mention_id", "thread_native_id",
    )  # fmt: skip
    statement = (
        select(
            *(CASE.c[name] for name in own),
            BRAND.c.name.label("brand"),
            func.coalesce(AUTHOR.c.handle, AUTHOR.c.name, AUTHOR.c.native_id).label("author"),
            AUTHOR.c.followers,
            MENTION.c.title,
            func.coalesce(MENTION.c.text, "").label("text"),
            MENTION.c.url,
            MENTION.c.rating,
            MENTION.c.posted_at,
            func.coalesce(_latest_language(MENTION.c.id), MENTION.c.lang).label("language"),
            heard.label("mentions"),
            draft.label("draft_status"),
        )
        .join(BRAND, BRAND.c.id == CASE.c.brand_id)
        .outerjoin(AUTHOR, AUTHOR.c.id == CASE.c.author_id)
        .outerjoin(MENTION, MENTION.c.id == CASE.c.lead_mention_id)
        .where(CASE.c.id.in_(case_ids))
    )
    return {row["id"]: dict(row) for row in session.connection().execute(statement).mappings()}


def inbox_counts(session: Session, *, now: datetime, where: InboxFilter | None = None) -> InboxCounts:
    """How many cases `where` finds, by state of their clocks and by priority; one statement."""
    statement, _ = _ranked(session, where or InboxFilter(), now)
    ranked = statement.subquery("ranked")
    nobody = case((ranked.c.assigned_to.is_(None), 1), else_=0)
    rows = session.connection().execute(
        select(ranked.c.state, ranked.c.priority, func.count(), func.sum(nobody)).group_by(
            ranked.c.state, ranked.c.priority
        )
    )
    states: dict[str, int] = {}
    priorities: dict[str, int] = {}
    unassigned = 0
    for state, priority, count, free in rows:
        states[state] = states.get(state, 0) + count
        priorities[priority] = priorities.get(priority, 0) + count
        unassigned += int(free)
    return InboxCounts(
        total=sum(states.values()),
        at_risk=states.get("at_risk", 0),
        breached=states.get("breached", 0),
        pending=states.get("pending", 0),
        unassigned=unassigned,
        by_priority=dict(sorted(priorities.items())),
    )


def case_counts(session: Session, now: datetime) -> dict[str, int]:
    """All cases in a few words and numbers: waiting for an answer, at risk, breached, answered, closed."""
    waiting = inbox_counts(session, now=now, where=InboxFilter(snoozed=None))
    rows = session.connection().execute(
        select(CASE.c.status, CASE.c.reply_needed, func.count()).group_by(CASE.c.status, CASE.c.reply_needed)
    )
    counts = {"waiting": waiting.total, "at risk": waiting.at_risk, "breached": waiting.breached}
    for status, needed, count in rows:
        name = status if status != "open" else "" if needed else "without need of an answer"
        if name:
            counts[name] = counts.get(name, 0) + count
    return counts
