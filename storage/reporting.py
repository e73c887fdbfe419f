"""The facts figures are computed from: light rows, read in a constant number of statements."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, select
from sqlmodel import Session

from storage.tables import BRAND, CASE, CLOCK, COVERAGE, LISTENER, MENTION, REPLY, SCORE


class ClockFact(NamedTuple):
    """One promise, for figures."""

    metric: str
    policy: str
    policy_version: str
    target_seconds: int
    started_at: datetime
    seen_at: datetime
    due_at: datetime
    team_due_at: datetime | None
    stopped_at: datetime | None
    stop_reason: str | None


class ReplyFact(NamedTuple):
    """One of our answers."""

    posted_at: datetime
    time_known: bool


class MentionFact(NamedTuple):
    """One inbound mention of a case."""

    posted_at: datetime
    first_seen_at: datetime
    listener: str
    backfilled: bool
    time_known: bool
    polarity: float | None
    """Calibrated positive minus negative probability, -1 to 1; None where no scorer was sure."""


class CaseFact(NamedTuple):
    """One case with everything figures need."""

    id: int
    brand: str
    network: str
    status: str
    policy: str
    policy_version: str
    reply_needed: bool
    complaint: bool
    opened_at: datetime
    first_seen_at: datetime
    backfilled: bool
    first_reply_at: datetime | None
    reply_time_known: bool
    closed_at: datetime | None
    close_reason: str | None
    clocks: tuple[ClockFact, ...] = ()
    replies: tuple[ReplyFact, ...] = ()
    mentions: tuple[MentionFact, ...] = ()


class HeardFact(NamedTuple):
    """An interval one listener has truly heard."""

    listener: str
    network: str
    started_at: datetime
    ended_at: datetime


_CASE = (
    CASE.c.id, BRAND.c.name, *(CASE.c[name] for name in CaseFact._fields[2:15]),
)  # fmt: skip
_CLOCK = tuple(CLOCK.c[name] for name in ClockFact._fields)
_REPLY = tuple(REPLY.c[name] for name in ReplyFact._fields)
_MENTION = tuple(MENTION.c[name] for name in MentionFact._fields[:5])


def case_facts(
    session: Session, since: datetime | None = None, until: datetime | None = None, brand: str | None = None
) -> list[CaseFact]:
    """Cases whose first mention was posted in [since, until), oldest first.

    Args:
        session: A reading session.
        since: Beginning of the window; None for everything before `until`.
        until: End of the window, not part of it; None for everything from `since` on.
        brand: Name of one brand; None for all.
    """
    where: list[ColumnElement[bool]] = []
    if since is not None:
        where.append(CASE.c.opened_at >= since)
    if until is not None:
        where.append(CASE.c.opened_at < until)
    if brand is not None:
        where.append(BRAND.c.name == brand)
    clocks = _children(session, CLOCK, _CLOCK, ClockFact, where, CLOCK.c.id)
    replies = _children(session, REPLY, _REPLY, ReplyFact, where, REPLY.c.posted_at)
    mentions = _mentions(session, where)
    statement = select(*_CASE).select_from(CASE.join(BRAND)).where(*where).order_by(CASE.c.opened_at, CASE.c.id)
    return [
        CaseFact(*row)._replace(
            clocks=tuple(clocks.get(row[0], ())),
            replies=tuple(replies.get(row[0], ())),
            mentions=tuple(mentions.get(row[0], ())),
        )
        for row in session.execute(statement)
    ]


def heard_facts(session: Session, since: datetime | None = None, until: datetime | None = None) -> list[HeardFact]:
    """What each listener has heard of the window, oldest first."""
    statement = (
        select(COVERAGE.c.listener, LISTENER.c.network, COVERAGE.c.started_at, COVERAGE.c.ended_at)
        .select_from(COVERAGE.outerjoin(LISTENER, LISTENER.c.name == COVERAGE.c.listener))
        .where(COVERAGE.c.kind == "heard")
        .order_by(COVERAGE.c.started_at, COVERAGE.c.id)
    )
    if since is not None:
        statement = statement.where(COVERAGE.c.ended_at > since)
    if until is not None:
        statement = statement.where(COVERAGE.c.started_at < until)
    return [HeardFact(name, network or "", begin, end) for name, network, begin, end in session.execute(statement)]


def _children(
    session: Session,
    table: Any,
    columns: Sequence[Any],
    fact: Any,
    where: Sequence[ColumnElement[bool]],
    order: ColumnElement[Any],
) -> dict[int, list[Any]]:
    statement = (
        select(table.c.case_id, *columns)
        .select_from(table.join(CASE, CASE.c.id == table.c.case_id).join(BRAND, BRAND.c.id == CASE.c.brand_id))
        .where(*where)
        .order_by(order)
    )
    found: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(statement):
        found[row[0]].append(fact(*row[1:]))
    return found


def _mentions(session: Session, where: Sequence[ColumnElement[bool]]) -> dict[int, list[MentionFact]]:
    """Inbound mentions of each case, oldest first, with the newest score of their current version."""
    scored = and_(SCORE.c.mention_id == MENTION.c.id, SCORE.c.mention_version == MENTION.c.version)
    statement = (
        select(MENTION.c.case_id, MENTION.c.id, *_MENTION, SCORE.c.positive, SCORE.c.negative, SCORE.c.abstained)
        .select_from(
            MENTION.join(CASE, CASE.c.id == MENTION.c.case_id)
            .join(BRAND, BRAND.c.id == CASE.c.brand_id)
            .outerjoin(SCORE, scored)
        )
        .where(*where)
        .order_by(MENTION.c.posted_at, MENTION.c.id, SCORE.c.scored_at, SCORE.c.id)
    )
    found: dict[int, list[MentionFact]] = defaultdict(list)
    last = None
    for case_id, number, *columns, positive, negative, abstained in session.execute(statement):
        polarity = None if positive is None or abstained else positive - negative
        fact = MentionFact._make((*columns, polarity))
        if number == last:
            found[case_id][-1] = fact  # a newer score of the same mention
        else:
            found[case_id].append(fact)
        last = number
    return found
