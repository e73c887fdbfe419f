"""What waits: mentions to score and mentions to triage, and the scores that come back."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlmodel import Session

from storage.bulk import chunks, insert_ignoring
from storage.models import Score
from storage.tables import CASE, MENTION, SCORE


class Unscored(NamedTuple):
    """What a scorer needs of one mention."""

    id: int
    version: int
    title: str | None
    text: str
    lang: str | None
    kind: str


def _speechless() -> ColumnElement[bool]:
    return and_(func.trim(MENTION.c.text) == "", func.trim(func.coalesce(MENTION.c.title, "")) == "")


def _scored(scorer: str) -> ColumnElement[bool]:
    return exists().where(
        SCORE.c.mention_id == MENTION.c.id,
        SCORE.c.mention_version == MENTION.c.version,
        SCORE.c.scorer == scorer,
    )


def _needs_score() -> ColumnElement[bool]:
    return and_(
        MENTION.c.is_ours.is_(False), MENTION.c.deleted_at.is_(None), MENTION.c.kind != "repost", ~_speechless()
    )


def _to_score(scorer: str) -> ColumnElement[bool]:
    return and_(_needs_score(), ~_scored(scorer))


def _to_triage(scorer: str) -> ColumnElement[bool]:
    return and_(
        MENTION.c.triaged_version < MENTION.c.version,
        or_(~_needs_score(), _scored(scorer)),
    )


def open_posts(session: Session, listener: str, limit: int) -> list[str]:
    """Native ids of a listener's posts in open cases, newest first: those somebody may be about to answer."""
    statement = (
        select(MENTION.c.native_id)
        .join(CASE, CASE.c.id == MENTION.c.case_id)
        .where(MENTION.c.listener == listener, MENTION.c.deleted_at.is_(None), CASE.c.status == "open")
        .order_by(MENTION.c.posted_at.desc())
        .limit(limit)
    )
    return list(session.connection().execute(statement).scalars())


def unscored(session: Session, scorer: str, limit: int, *, ids: Collection[int] | None = None) -> list[Unscored]:
    """Customers' mentions with words whose current version `scorer` has not scored, oldest number first.

    Our own posts, bare reposts, deleted mentions and those without any text are not scored.
    """
    if ids is not None and not ids:
        return []
    statement = (
        select(MENTION.c.id, MENTION.c.version, MENTION.c.title, MENTION.c.text, MENTION.c.lang, MENTION.c.kind)
        .where(_to_score(scorer))
        .order_by(MENTION.c.id)
        .limit(limit)
    )
    if ids is not None:
        statement = statement.where(MENTION.c.id.in_(sorted(ids)))
    return [Unscored(*row) for row in session.connection().execute(statement)]


def unscored_count(session: Session, scorer: str) -> int:
    """How many `unscored` would return without a limit."""
    statement = select(func.count()).select_from(MENTION).where(_to_score(scorer))
    return int(session.connection().execute(statement).scalar_one())


def untriaged(session: Session, scorer: str, limit: int) -> list[int]:
    """Numbers of mentions triage has to deal with: changed since it last did, and ready.

    Ready means scored by `scorer` in the current version, or in no need of a score: ours, deleted, a repost,
    or without text.
    """
    statement = select(MENTION.c.id).where(_to_triage(scorer)).order_by(MENTION.c.id).limit(limit)
    return list(session.connection().execute(statement).scalars())


def has_work(session: Session, scorer: str) -> bool:
    """Whether anything waits to be scored or triaged; quick enough to ask every few seconds.

    Of what triage has dealt with, only the newest is looked at: scoring goes from old to new, so after a change of
    model it is the last to be scored again.
    """
    connection = session.connection()
    changed = MENTION.c.triaged_version < MENTION.c.version
    fresh = select(MENTION.c.id).where(changed, or_(_to_triage(scorer), _to_score(scorer))).limit(1)
    if connection.execute(fresh).first() is not None:
        return True
    newest = select(_scored(scorer)).where(_needs_score(), ~changed).order_by(MENTION.c.id.desc()).limit(1)
    return connection.execute(newest).scalar() in (False, 0)


_SCORE_COLUMNS = [column.name for column in SCORE.columns if column.name != "id"]


class NewScore(NamedTuple):
    """A score about to be stored: the columns of `Score`, without the cost of a row object for each."""

    mention_id: int
    mention_version: int
    scorer: str
    language: str
    sentiment: str
    negative: float
    neutral: float
    positive: float
    abstained: bool
    urgency: float
    reply_needed: bool
    reply_reason: str
    factors: list[dict[str, Any]]
    scored_at: datetime


def save_scores(session: Session, rows: Sequence[Score | NewScore]) -> int:
    """Store scores; returns how many were kept.

    One that exists already is left as it is, and one for a mention deleted meanwhile is dropped: its evidence
    would quote the deleted words.
    """
    kept = 0
    for chunk in chunks(rows):
        # Locked against a deletion that commits between this look and our commit.
        living = set(
            session.connection()
            .execute(
                select(MENTION.c.id)
                .where(MENTION.c.id.in_(sorted({row.mention_id for row in chunk})), MENTION.c.deleted_at.is_(None))
                .order_by(MENTION.c.id)
                .with_for_update(read=True)
            )
            .scalars()
        )
        values = [
            {name: getattr(row, name) for name in _SCORE_COLUMNS} for row in chunk if row.mention_id in living
        ]
        insert_ignoring(session, SCORE, sorted(values, key=lambda value: int(value["mention_id"])))
        kept += len(values)
    return kept


def latest_scores(session: Session, mention_ids: Collection[int], scorer: str | None = None) -> dict[int, Score]:
    """The newest score of each mention, by any scorer or by the one named."""
    found: dict[int, Score] = {}
    for chunk in chunks(sorted(mention_ids)):
        newest = select(func.max(SCORE.c.id)).where(SCORE.c.mention_id.in_(chunk)).group_by(SCORE.c.mention_id)
        if scorer is not None:
            newest = newest.where(SCORE.c.scorer == scorer)
        rows = session.execute(select(Score).where(SCORE.c.id.in_(newest)))
        found.update((row.mention_id, row) for row in rows.scalars())
    return found
