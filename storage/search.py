"""Full-text search over titles and texts: FTS5 on SQLite, tsvector on PostgreSQL, the same answers on both."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, cast, column, func, literal_column, not_, select, table
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlmodel import Session

from storage.tables import AUTHOR, BRAND, MENTION
from storage.words import Question, Term, parse, words

Document = tuple[int, str | None, str]
"""What is indexed: mention id, title, text."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One mention that was found. `author` is the handle, else the name, else None."""

    mention_id: int
    case_id: int | None
    brand: str
    network: str
    native_id: str
    kind: str
    author: str | None
    posted_at: datetime
    title: str | None
    text: str
    url: str | None
    is_ours: bool


_HIT = [
    MENTION.c.id, MENTION.c.case_id, BRAND.c.name, MENTION.c.network, MENTION.c.native_id, MENTION.c.kind,
    func.coalesce(AUTHOR.c.handle, AUTHOR.c.name), MENTION.c.posted_at, MENTION.c.title, MENTION.c.text,
    MENTION.c.url, MENTION.c.is_ours,
]  # fmt: skip


def search(
    session: Session,
    query: str,
    limit: int = 50,
    *,
    brand: str | None = None,
    network: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    offset: int = 0,
) -> list[Hit]:
    """Mentions that contain what `query` asks for (see `storage.words.parse`), newest first.

    A query without a single letter, digit or emoji finds nothing. Simplified and traditional characters are
    different characters here.
    """
    question = parse(query)
    if not question:
        return []
    statement = (
        select(*_HIT)
        .join(BRAND, BRAND.c.id == MENTION.c.brand_id)
        .outerjoin(AUTHOR, AUTHOR.c.id == MENTION.c.author_id)
        .where(matching(session, question))
        .order_by(MENTION.c.posted_at.desc(), MENTION.c.id.desc())
        .limit(limit)
        .offset(offset)
    )
    if brand is not None:
        statement = statement.where(BRAND.c.name == brand)
    if network is not None:
        statement = statement.where(MENTION.c.network == network)
    if since is not None:
        statement = statement.where(MENTION.c.posted_at >= since)
    if until is not None:
        statement = statement.where(MENTION.c.posted_at < until)
    return [Hit(*row) for row in session.connection().execute(statement)]


def matching(session: Session, question: Question) -> ColumnElement[bool]:
    """A condition on `Mention`: it contains what is asked for and was not deleted."""
    ids = _sqlite_ids if _is_sqlite(session) else _postgres_ids
    conditions = [MENTION.c.deleted_at.is_(None)]
    if question.wanted:
        conditions.append(MENTION.c.id.in_(ids(question.wanted, every=True)))
    if question.unwanted:
        conditions.append(not_(MENTION.c.id.in_(ids(question.unwanted, every=False))))
    return and_(*conditions)


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


# Words are letters, digits, marks and emoji only, so what quotes them below cannot be escaped from.


def _sqlite_ids(terms: Sequence[Term], *, every: bool) -> Select[tuple[int]]:
    phrases = [f'"{" ".join(term.words)}"' + (" *" if term.prefix else "") for term in terms]
    expression = (" AND " if every else " OR ").join(phrases)
    index = table("mention_search", column("rowid"))
    return select(index.c.rowid).where(
        literal_column("mention_search").op("MATCH", is_comparison=True)(expression)
    )


def _postgres_ids(terms: Sequence[Term], *, every: bool) -> Select[tuple[int]]:
    phrases = [" <-> ".join(f"'{word}'" for word in term.words) + (":*" if term.prefix else "") for term in terms]
    expression = (" & " if every else " | ").join(f"({phrase})" for phrase in phrases)
    index = table("mention_search", column("mention_id"), column("document"))
    return select(index.c.mention_id).where(
        index.c.document.op("@@", is_comparison=True)(cast(expression, TSQUERY))
    )


def add_to_index(session: Session, documents: Iterable[Document]) -> None:
    """Index new mentions."""
    connection = session.connection()
    if _is_sqlite(session):
        rows = [(number, " ".join(words(title or "")), " ".join(words(text))) for number, title, text in documents]
        if rows:
            connection.exec_driver_sql("INSERT INTO mention_search(rowid, title, text) VALUES (?, ?, ?)", rows)
        return
    vectors = [(number, _vector(title, text)) for number, title, text in documents]
    if vectors:
        connection.exec_driver_sql(
            "INSERT INTO mention_search (mention_id, document) VALUES (%s, %s::tsvector)"
            " ON CONFLICT (mention_id) DO UPDATE SET document = excluded.document",
            vectors,
        )


def remove_from_index(session: Session, mention_ids: Iterable[int]) -> None:
    """Take mentions out of the index."""
    numbers = sorted(mention_ids)
    connection = session.connection()
    if not numbers:
        return
    if _is_sqlite(session):
        connection.exec_driver_sql("DELETE FROM mention_search WHERE rowid = ?", [(number,) for number in numbers])
    else:
        connection.exec_driver_sql("DELETE FROM mention_search WHERE mention_id = ANY(%s)", (numbers,))


def rebuild(session: Session, batch: int = 1000) -> int:
    """Index every mention again; returns how many. Needed only when the rules of `storage.words` changed."""
    session.connection().exec_driver_sql("DELETE FROM mention_search")
    count = last = 0
    while rows := _live_documents(session, last, batch):
        add_to_index(session, rows)
        count, last = count + len(rows), rows[-1][0]
    return count


def _live_documents(session: Session, after: int, limit: int) -> list[Document]:
    rows = session.connection().execute(
        select(MENTION.c.id, MENTION.c.title, MENTION.c.text)
        .where(MENTION.c.id > after, MENTION.c.deleted_at.is_(None))
        .order_by(MENTION.c.id)
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _vector(title: str | None, text: str) -> str:
    """A tsvector literal: each word with its places. A gap after the title keeps phrases from crossing it."""
    places: dict[str, list[str]] = {}
    place = 0
    for part in (title or "", text):
        for word in words(part):
            place += 1
            places.setdefault(word, []).append(str(min(place, 16_383)))
        place += 1
    return " ".join(f"'{word}':{','.join(at)}" for word, at in places.items())
