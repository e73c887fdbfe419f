"""What people said about mentions, and what nobody corrected: the material of tuning, shadowing and drift.

Only words that still stand are read: those of deleted mentions are gone, and so are they from all of this.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, exists, func, literal, select, update
from sqlmodel import Session

from storage.bulk import chunks, insert_ignoring
from storage.tables import AUDIT, CASE, LABEL, MENTION, NOTICE, SCORE, VERSION

FIELDS = ("sentiment", "urgency", "reply_needed")
"""The fields of a label that speak about what a model said of the text."""
_SCATTER = 2_654_435_761
"""Knuth's multiplier: numbers in a row end up far apart, so that a sample is spread over all times."""
_RING = 1 << 32


class Correction(NamedTuple):
    """The newest word of a person on one field of one version of a mention."""

    mention_id: int
    version: int
    field: str
    value: str
    model_value: str | None
    by: str
    at: datetime
    network: str
    kind: str
    lang: str | None
    title: str | None
    text: str

    @property
    def overruled(self) -> bool:
        """Whether the person said something else than the model."""
        return self.model_value is not None and moved(self.field, self.value, self.model_value)


class Words(NamedTuple):
    """The words of one mention, and what a scorer may be told beside them."""

    mention_id: int
    version: int
    network: str
    kind: str
    lang: str | None
    title: str | None
    text: str


@dataclass(slots=True)
class Corrections:
    """What may be learned from, and what was left out."""

    rows: list[Correction]
    left_out: dict[str, int] = field(default_factory=dict)
    """Network to corrections that were left out for being of it."""
    gone: int = 0
    """Corrections whose mention was deleted where it stood."""


def corrections(session: Session, *, without: Collection[str] = (), fields: Sequence[str] = FIELDS) -> Corrections:
    """Read the newest label of each field of each mention, with the words it was about, oldest mention first.

    Args:
        session: Any transaction.
        without: Networks whose mentions may not be used; they are counted.
        fields: Which fields of a label.
    """
    newest = (
        select(func.max(LABEL.c.id)).where(LABEL.c.field.in_(fields)).group_by(LABEL.c.mention_id, LABEL.c.field)
    )
    statement = (
        select(
            LABEL.c.mention_id, LABEL.c.mention_version, LABEL.c.field, LABEL.c.value, LABEL.c.model_value,
            LABEL.c.by, LABEL.c.at, MENTION.c.network, MENTION.c.kind, MENTION.c.lang, VERSION.c.title,
            VERSION.c.text, MENTION.c.deleted_at,
        )
        .join(MENTION, MENTION.c.id == LABEL.c.mention_id)
        .join(VERSION, _same_version())
        .where(LABEL.c.id.in_(newest))
        .order_by(LABEL.c.mention_id, LABEL.c.field)
    )  # fmt: skip
    found = Corrections([])
    for row in session.connection().execute(statement):
        if row.deleted_at is not None or not _words(row.title, row.text):
            found.gone += 1
        elif row.network in without:
            found.left_out[row.network] = found.left_out.get(row.network, 0) + 1
        else:
            found.rows.append(Correction(*row[:-1]))
    return found


def _same_version() -> ColumnElement[bool]:
    return and_(VERSION.c.mention_id == LABEL.c.mention_id, VERSION.c.version == LABEL.c.mention_version)


def _words(title: str | None, text: str) -> bool:
    return bool(text.strip() or (title or "").strip())


def uncorrected(session: Session, limit: int, *, without: Collection[str] = ()) -> list[Words]:
    """A sample of customers' mentions nobody labelled, spread over all times; the same one for the same rows."""
    labelled = exists().where(LABEL.c.mention_id == MENTION.c.id)
    statement = (
        select(*_WORDS)
        .where(_readable(), ~labelled, MENTION.c.network.not_in(sorted(without)))
        .order_by(_scattered(), MENTION.c.id)
        .limit(limit)
    )
    return [Words(*row) for row in session.connection().execute(statement)]


_WORDS = (
    MENTION.c.id, MENTION.c.version, MENTION.c.network, MENTION.c.kind, MENTION.c.lang, MENTION.c.title,
    MENTION.c.text,
)  # fmt: skip


def _scattered() -> ColumnElement[int]:
    return (cast(MENTION.c.id, BigInteger) * literal(_SCATTER, BigInteger)) % literal(_RING, BigInteger)


def _readable() -> ColumnElement[bool]:
    speechless = and_(func.trim(MENTION.c.text) == "", func.trim(func.coalesce(MENTION.c.title, "")) == "")
    return and_(
        MENTION.c.is_ours.is_(False), MENTION.c.deleted_at.is_(None), MENTION.c.kind != "repost", ~speechless
    )


def recent_words(session: Session, since: datetime | None, limit: int) -> list[Words]:
    """Customers' mentions posted since a time, the newest first."""
    statement = select(*_WORDS).where(_readable()).order_by(MENTION.c.posted_at.desc(), MENTION.c.id.desc())
    if since is not None:
        statement = statement.where(MENTION.c.posted_at >= since)
    return [Words(*row) for row in session.connection().execute(statement.limit(limit))]


def words_of(session: Session, mention_ids: Collection[int]) -> dict[int, Words]:
    """The words of these mentions as they stand; those that are gone or have none are missing."""
    found: dict[int, Words] = {}
    for chunk in chunks(sorted(mention_ids)):
        rows = session.connection().execute(select(*_WORDS).where(_readable(), MENTION.c.id.in_(chunk)))
        found.update((row[0], Words(*row)) for row in rows)
    return found


# --- drift -----------------------------------------------------------------------------------------------------

BINS = 10
"""Equal bins of a probability."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` on, up to but not including `until`."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Distribution:
    """How often each value of a figure occurred in two windows."""

    reference: Mapping[str, int]
    recent: Mapping[str, int]


def score_distributions(session: Session, scorer: str, reference: Span, recent: Span) -> dict[str, Distribution]:
    """Count what a scorer said of the mentions posted in two windows, one statement a figure.

    Returns:
        `language`, `sentiment`, `negative` and `positive` (ten equal bins of the probability), and `abstained`.
    """
    figures = {
        "language": SCORE.c.language,
        "sentiment": SCORE.c.sentiment,
        "negative": _bin(SCORE.c.negative),
        "positive": _bin(SCORE.c.positive),
        "abstained": case((SCORE.c.abstained, "yes"), else_="no"),
    }
    return {name: _distribution(session, value, scorer, reference, recent) for name, value in figures.items()}


def _bin(column: Any) -> ColumnElement[Any]:
    """The number of the bin; written out, since the databases round differently when they make whole numbers."""
    edges = [(column < number / BINS, str(number - 1)) for number in range(1, BINS)]
    return case(*edges, else_=str(BINS - 1))


def _distribution(
    session: Session, value: ColumnElement[Any], scorer: str, reference: Span, recent: Span
) -> Distribution:
    counts: list[dict[str, int]] = []
    for span in (reference, recent):
        statement = (
            select(value.label("value"), func.count())
            .select_from(SCORE.join(MENTION, _current()))
            .where(SCORE.c.scorer == scorer, MENTION.c.posted_at >= span.since, MENTION.c.posted_at < span.until)
            .group_by("value")
        )
        counts.append({str(row[0]): int(row[1]) for row in session.connection().execute(statement)})
    return Distribution(*counts)


def _current() -> ColumnElement[bool]:
    return and_(MENTION.c.id == SCORE.c.mention_id, MENTION.c.version == SCORE.c.mention_version)


def overrules(session: Session, span: Span) -> tuple[int, int]:
    """Of the labels of a window: on how many mentions a person overruled the model, and on how many one spoke.

    An urgency counts as overruled where it was moved by 0.05 or more.
    """
    statement = select(LABEL.c.mention_id, LABEL.c.field, LABEL.c.value, LABEL.c.model_value).where(
        LABEL.c.field.in_(FIELDS),
        LABEL.c.at >= span.since,
        LABEL.c.at < span.until,
        LABEL.c.model_value.is_not(None),
    )
    spoken: set[int] = set()
    overruled: set[int] = set()
    for number, name, value, said in session.connection().execute(statement):
        spoken.add(number)
        if moved(name, value, said):
            overruled.add(number)
    return len(overruled), len(spoken)


def moved(name: str, value: str, said: str) -> bool:
    """Whether a person's value of a field is another than the model's."""
    if name != "urgency":
        return value != said
    try:
        return abs(float(value) - float(said)) > 0.05 - 1e-9
    except ValueError:
        return value != said


def sample_words(session: Session, span: Span, limit: int) -> list[Words]:
    """A sample of the customers' mentions posted in a window; the same one for the same rows."""
    statement = (
        select(*_WORDS)
        .where(_readable(), MENTION.c.posted_at >= span.since, MENTION.c.posted_at < span.until)
        .order_by(_scattered(), MENTION.c.id)
        .limit(limit)
    )
    return [Words(*row) for row in session.connection().execute(statement)]


# --- what is written -------------------------------------------------------------------------------------------


def sort_again(session: Session) -> int:
    """Let triage look again at every mention of a case somebody waits on; returns at how many.

    It does so once the scorer in use has read them: another model's reading is a reason to.
    """
    waiting = select(CASE.c.id).where(CASE.c.status == "open")
    statement = update(MENTION).where(MENTION.c.case_id.in_(waiting)).values(triaged_version=0)
    return int(session.connection().execute(statement).rowcount)


def add_notice(session: Session, key: str, kind: str, body: Mapping[str, Any], now: datetime) -> bool:
    """Put a notice into the outbox; False where one of this key is there already."""
    known = select(NOTICE.c.id).where(NOTICE.c.key == key)
    if session.connection().execute(known).first() is not None:
        return False
    row = {"key": key, "kind": kind, "body": dict(body), "created_at": now, "attempts": 0}
    insert_ignoring(session, NOTICE, [row])
    return True


def add_audit(
    session: Session,
    action: str,
    subject: str,
    *,
    actor: str,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write who did what to which model."""
    session.connection().execute(
        AUDIT.insert().values(
            at=now, actor=actor, action=action, subject=subject,
            before=dict(before) if before is not None else None, after=dict(after) if after is not None else None,
        )
    )  # fmt: skip
