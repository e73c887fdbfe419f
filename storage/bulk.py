"""Statements over many rows that mean the same on both databases."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

from sqlalchemy import Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

CHUNK = 500
"""Values per `IN (...)`: far below every limit, and few enough statements to be quick."""

T = TypeVar("T")


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """`values` in pieces of at most `size`."""
    items = list(values)
    for start in range(0, len(items), size):
        yield items[start : start + size]


def is_sqlite(session: Session) -> bool:
    """Whether this session talks to SQLite (otherwise it is PostgreSQL)."""
    return session.get_bind().dialect.name == "sqlite"


def insert_ignoring(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows`; those whose unique key is taken are left out, whoever took it."""
    if not rows:
        return
    make = sqlite.insert if is_sqlite(session) else postgresql.insert
    session.connection().execute(make(table).on_conflict_do_nothing(), [dict(row) for row in rows])


def lock_names(session: Session, names: Iterable[str]) -> None:
    """Hold `names` until the transaction ends. On SQLite the one writer holds everything already."""
    if is_sqlite(session):
        return
    keys = {int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True) for name in names}
    for key in sorted(keys):  # always in the same order: no two transactions wait for each other
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
