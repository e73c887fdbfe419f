"""What the digest asks the database: one question a section, answered with plain values.

Everywhere here `since` is inside and `until` outside, `brands` are brand ids (none: every brand), and an inbound
mention is a customer's own words: not ours, not a bare repost. Deleted mentions stay in the counts; their text is
gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, String, and_, case, cast, func, not_, select, type_coerce
from sqlalchemy.sql.selectable import FromClause
from sqlmodel import Session

from storage.tables import AUTHOR, BRAND, CASE, COVERAGE, LABEL, LISTENER, MENTION, REJECTED, SCORE

MOODS = ("negative", "neutral", "positive", "abstained", "unscored")
"""Sentiments; then what the model was too unsure about, and what it has not read yet."""
_TEXT_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Post:
    """One inbound mention as the digest sees it. `text` is its first 1,000 characters, as written."""

    id: int
    case_id: int | None
    brand: str
    network: str
    author: str
    """Equal for posts of one author; the post's own id where the source names nobody."""
    handle: str | None
    posted_at: datetime
    title: str | None
    text: str
    text_hash: str
    url: str | None
    topic: str | None
    rating: float | None
    language: str
    mood: str
    positive: float
    urgency: float | None
    reply_reason: str | None


@dataclass(frozen=True, slots=True)
class MoodCount:
    """How many mentions of one network and language are of one mood."""

    network: str
    language: str
    mood: str
    count: int


@dataclass(frozen=True, slots=True)
class RatingCount:
    """Ratings on one network: how many, their mean, how many of three stars or fewer."""

    network: str
    count: int
    mean: float
    low: int


@dataclass(frozen=True, slots=True)
class ListenerRow:
    """One listener's state and what it brought in the window."""

    name: str
    network: str
    mentions: int
    backfilled: int
    parked_reason: str | None
    last_success_at: datetime | None
    last_error: str | None
    covered: bool = False
    """It recorded coverage in the window."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A recorded interval: `kind` is `heard` or `gap`."""

    listener: str
    kind: str
    started_at: datetime
    ended_at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class RejectedCount:
    """Rows one listener kept aside for one reason; `example` is the place of the newest."""

    listener: str
    reason: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Mentions the line has not dealt with yet."""

    unscored: int
    untriaged: int


def brand_ids(session: Session, name: str | None = None) -> dict[str, int]:
    """Brands by name; one or none where a name is given."""
    statement = select(BRAND.c.name, BRAND.c.id).order_by(BRAND.c.name)
    if name is not None:
        statement = statement.where(BRAND.c.name == name)
    return {row[0]: row[1] for row in session.connection().execute(statement)}


def inbound(brands: Sequence[int]) -> ColumnElement[bool]:
    """The condition on `mention` that makes it an inbound mention of these brands."""
    ours = and_(not_(MENTION.c.is_ours), MENTION.c.kind != "repost")
    return and_(ours, MENTION.c.brand_id.in_(brands)) if brands else ours


def _during(since: datetime, until: datetime, brands: Sequence[int]) -> ColumnElement[bool]:
    return and_(inbound(brands), MENTION.c.posted_at >= since, MENTION.c.posted_at < until)


def span(session: Session, brands: Sequence[int]) -> tuple[datetime, datetime] | None:
    """`posted_at` of the oldest and the newest inbound mention, or None without any."""
    statement = select(func.min(MENTION.c.posted_at), func.max(MENTION.c.posted_at)).where(inbound(brands))
    first, last = session.connection().execute(statement).one()
    return None if first is None else (first, last)


def mention_count(session: Session, since: datetime, until: datetime, brands: Sequence[int]) -> int:
    """Inbound mentions posted in the window."""
    statement = select(func.count()).select_from(MENTION).where(_during(since, until, brands))
    return int(session.connection().execute(statement).scalar_one())


def _newest_score() -> ColumnElement[bool]:
    """Joins a mention to the newest score of its current version, whichever model gave it."""
    other = SCORE.alias()
    newest = (
        select(func.max(other.c.id))
        .where(other.c.mention_id == MENTION.c.id, other.c.mention_version == MENTION.c.version)
        .correlate(MENTION)
        .scalar_subquery()
    )
    return SCORE.c.id == newest


def _newest_label() -> ColumnElement[bool]:
    other = LABEL.alias()
    newest = (
        select(func.max(other.c.id))
        .where(other.c.mention_id == MENTION.c.id, other.c.mention_version == MENTION.c.version)
        .where(other.c.field == "sentiment")
        .correlate(MENTION)
        .scalar_subquery()
    )
    return LABEL.c.id == newest


def _understood() -> FromClause:
    """Mentions with what a model and a person said about them."""
    return MENTION.outerjoin(SCORE, _newest_score()).outerjoin(LABEL, _newest_label())


_MOOD: ColumnElement[Any] = case(
    (LABEL.c.value.is_not(None), LABEL.c.value),  # a person's word counts
    (SCORE.c.id.is_(None), "unscored"),
    (SCORE.c.abstained, "abstained"),
    else_=SCORE.c.sentiment,
)
_LANGUAGE: ColumnElement[Any] = func.coalesce(SCORE.c.language, MENTION.c.lang, "und")


def posts(
    session: Session, since: datetime, until: datetime, brands: Sequence[int], limit: int = 20_000
) -> list[Post]:
    """The inbound mentions of the window that still have a text, newest first; at most `limit`."""
    statement = (
        select(
            MENTION.c.id, MENTION.c.case_id, BRAND.c.name, MENTION.c.network, MENTION.c.author_id,
            func.coalesce(AUTHOR.c.handle, AUTHOR.c.name), MENTION.c.posted_at, MENTION.c.title,
            func.substr(MENTION.c.text, 1, _TEXT_LENGTH), MENTION.c.text_hash, MENTION.c.url, MENTION.c.topic,
            MENTION.c.rating, _LANGUAGE, _MOOD, SCORE.c.positive, SCORE.c.urgency, SCORE.c.reply_reason,
        )
        .select_from(
            _understood()
            .join(BRAND, BRAND.c.id == MENTION.c.brand_id)
            .outerjoin(AUTHOR, AUTHOR.c.id == MENTION.c.author_id)
        )
        .where(_during(since, until, brands), MENTION.c.deleted_at.is_(None))
        .order_by(MENTION.c.posted_at.desc(), MENTION.c.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [_post(row) for row in session.connection().execute(statement)]


def _post(row: Any) -> Post:
    (number, case_id, brand, network, author, handle, posted_at, title, text, text_hash, url, topic, rating,
     language, mood, positive, urgency, reason) = row  # fmt: skip
    return Post(
        number, case_id, brand, network, str(author) if author is not None else f"post:{number}", handle,
        posted_at, title, text, text_hash, url, topic, rating, language, mood, positive or 0.0, urgency, reason,
    )  # fmt: skip


def moods(session: Session, since: datetime, until: datetime, brands: Sequence[int]) -> list[MoodCount]:
    """How many mentions are of which mood, by network and language."""
    language, mood = _LANGUAGE.label("language"), _MOOD.label("mood")
    statement = (
        select(MENTION.c.network, language, mood, func.count())
        .select_from(_understood())
        .where(_during(since, until, brands))
        .group_by(MENTION.c.network, language, mood)
        .order_by(MENTION.c.network, language, mood)
    )
    return [MoodCount(*row) for row in session.connection().execute(statement)]


def ratings(session: Session, since: datetime, until: datetime, brands: Sequence[int]) -> list[RatingCount]:
    """Ratings by network."""
    low = func.sum(case((MENTION.c.rating <= 3, 1), else_=0))
    statement = (
        select(MENTION.c.network, func.count(), func.avg(MENTION.c.rating), low)
        .where(_during(since, until, brands), MENTION.c.rating.is_not(None))
        .group_by(MENTION.c.network)
        .order_by(MENTION.c.network)
    )
    return [
        RatingCount(row[0], row[1], float(row[2]), int(row[3])) for row in session.connection().execute(statement)
    ]


def hourly(session: Session, since: datetime, until: datetime, brands: Sequence[int]) -> dict[datetime, int]:
    """Inbound mentions by beginning of the hour (UTC) in which they were posted; empty hours are left out."""
    if session.get_bind().dialect.name == "sqlite":
        hour: ColumnElement[str] = func.substr(type_coerce(MENTION.c.posted_at, String), 1, 13)
    else:
        utc = func.timezone("UTC", MENTION.c.posted_at)
        hour = func.to_char(utc, "YYYY-MM-DD HH24")
    named = cast(hour, String).label("hour")
    statement = select(named, func.count()).where(_during(since, until, brands)).group_by(named)
    return {
        datetime.strptime(row[0], "%Y-%m-%d %H").replace(tzinfo=UTC): row[1]
        for row in session.connection().execute(statement)
    }


def listeners(session: Session, since: datetime, until: datetime, brands: Sequence[int]) -> list[ListenerRow]:
    """Every listener that has a state, brought a mention or recorded coverage in the window, by name."""
    connection = session.connection()
    brought: dict[str, tuple[str, int, int]] = {
        row[0]: (row[1], row[2], int(row[3] or 0))
        for row in connection.execute(
            select(
                MENTION.c.listener, func.min(MENTION.c.network), func.count(),
                func.sum(case((MENTION.c.backfilled, 1), else_=0)),
            )
            .where(_during(since, until, brands))
            .group_by(MENTION.c.listener)
        )
    }  # fmt: skip
    states = {row.name: row for row in connection.execute(select(LISTENER).order_by(LISTENER.c.name))}
    recorded = set(
        connection.execute(
            select(COVERAGE.c.listener).where(COVERAGE.c.ended_at > since, COVERAGE.c.started_at < until)
        ).scalars()
    )
    rows = []
    for name in sorted({*brought, *states, *recorded}):
        state = states.get(name)
        network, count, backfilled = brought.get(name, (state.network if state else "", 0, 0))
        parked, succeeded, failed = (
            (state.parked_reason if state.parked_at else None, state.last_success_at, state.last_error)
            if state
            else (None, None, None)
        )
        rows.append(
            ListenerRow(name, network, count, backfilled, parked, succeeded, failed, covered=name in recorded)
        )
    return rows


def stretches(session: Session, since: datetime, until: datetime) -> list[Stretch]:
    """Recorded coverage that overlaps the window, cut to it, by listener and time."""
    rows = session.connection().execute(
        select(COVERAGE.c.listener, COVERAGE.c.kind, COVERAGE.c.started_at, COVERAGE.c.ended_at, COVERAGE.c.reason)
        .where(COVERAGE.c.ended_at > since, COVERAGE.c.started_at < until)
        .order_by(COVERAGE.c.listener, COVERAGE.c.started_at)
    )
    return [
        Stretch(listener, kind, max(started, since), min(ended, until), reason)
        for listener, kind, started, ended, reason in rows
    ]


def rejections(session: Session, since: datetime, until: datetime) -> list[RejectedCount]:
    """Rows kept aside in the window (by the time we read them), by listener and reason, the most first."""
    statement = (
        select(REJECTED.c.listener, REJECTED.c.reason, func.count(), func.max(REJECTED.c.id))
        .where(REJECTED.c.seen_at >= since, REJECTED.c.seen_at < until)
        .group_by(REJECTED.c.listener, REJECTED.c.reason)
        .order_by(func.count().desc(), REJECTED.c.listener, REJECTED.c.reason)
    )
    rows = session.connection().execute(statement).all()
    places: dict[int, str] = {
        row[0]: row[1]
        for row in session.connection().execute(
            select(REJECTED.c.id, REJECTED.c.place).where(REJECTED.c.id.in_([row[3] for row in rows]))
        )
    }
    return [RejectedCount(row[0], row[1], row[2], places[row[3]]) for row in rows]


def waiting(session: Session, brands: Sequence[int]) -> Waiting:
    """Inbound mentions with words but no score of their current version, and those triage has not dealt with."""
    live = and_(inbound(brands), MENTION.c.deleted_at.is_(None))
    scored = (
        select(SCORE.c.id)
        .where(SCORE.c.mention_id == MENTION.c.id, SCORE.c.mention_version == MENTION.c.version)
        .exists()
    )
    spoken = func.trim(func.coalesce(MENTION.c.title, "") + MENTION.c.text) != ""
    count = select(func.count()).select_from(MENTION).where(live)
    connection = session.connection()
    return Waiting(
        unscored=connection.execute(count.where(not_(scored), spoken)).scalar_one(),
        untriaged=connection.execute(count.where(MENTION.c.triaged_version < MENTION.c.version)).scalar_one(),
    )


def scorers(session: Session, since: datetime, until: datetime, brands: Sequence[int]) -> dict[str, int]:
    """Which models' scores the window's figures rest on, with how many mentions each."""
    statement = (
        select(SCORE.c.scorer, func.count())
        .select_from(MENTION.join(SCORE, _newest_score()))
        .where(_during(since, until, brands))
        .group_by(SCORE.c.scorer)
        .order_by(func.count().desc(), SCORE.c.scorer)
    )
    return {row[0]: row[1] for row in session.connection().execute(statement)}


def policy_versions(
    session: Session, since: datetime, until: datetime, brands: Sequence[int]
) -> list[tuple[str, str, int]]:
    """Policy, version and number of reply-needed cases of the window's cohort."""
    statement = (
        select(CASE.c.policy, CASE.c.policy_version, func.count())
        .where(CASE.c.opened_at >= since, CASE.c.opened_at < until, CASE.c.reply_needed, CASE.c.policy != "")
        .group_by(CASE.c.policy, CASE.c.policy_version)
        .order_by(CASE.c.policy, CASE.c.policy_version)
    )
    if brands:
        statement = statement.where(CASE.c.brand_id.in_(brands))
    return [(row[0], row[1], row[2]) for row in session.connection().execute(statement)]
