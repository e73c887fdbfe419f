"""Short ways to make mentions and pages, and to look at what is stored."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from clock import NOW
from sqlalchemy import text
from sqlmodel import select

from storage.database import Database
from storage.ingest import Stored, store_page
from storage.models import AuthorData, Mention, MentionData, MentionVersion
from storage.pages import Page


def mention(native_id: str, words: str = "my bag is lost", **fields: Any) -> MentionData:
    """One post on X about Acme; `author` may be a name."""
    author = fields.pop("author", "alice")
    if isinstance(author, str):
        author = AuthorData(native_id=author, handle=author)
    values: dict[str, Any] = {
        "network": "x",
        "native_id": native_id,
        "brand": "Acme",
        "author": author,
        "text": words,
        "posted_at": NOW - timedelta(hours=1),
    }
    return MentionData(**(values | fields))


def store(
    database: Database, *mentions: MentionData, now: datetime = NOW, listener: str = "acme-x", **page: Any
) -> Stored:
    """Store one page in a transaction of its own."""
    with database.write() as session:
        return store_page(session, Page(mentions=mentions, **page), listener=listener, network="x", now=now)


def stored(database: Database) -> dict[str, Mention]:
    """Every mention by its native id."""
    with database.read() as session:
        return {row.native_id: row for row in session.exec(select(Mention)).all()}


def versions(database: Database, native_id: str) -> list[tuple[int, str]]:
    """Number and text of each version of one mention."""
    with database.read() as session:
        rows = session.exec(
            select(MentionVersion)
            .join(Mention, Mention.id == MentionVersion.mention_id)  # type: ignore[arg-type]
            .where(Mention.native_id == native_id)
            .order_by(MentionVersion.version)  # type: ignore[arg-type]
        )
        return [(row.version, row.text) for row in rows]


def count(database: Database, tables: Sequence[str]) -> dict[str, int]:
    """How many rows each table holds."""
    with database.read() as session:
        return {
            name: session.connection().execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one()
            for name in tables
        }


def mark_triaged(database: Database) -> None:
    """As if triage had dealt with everything."""
    with database.write() as session:
        session.connection().execute(text("UPDATE mention SET triaged_version = version"))
