"""A read-only question in SQL, asked by the user."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from storage.errors import ConfigError

_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_ABOUT_TABLES = {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list"}
_ABOUT_FILE = {"user_version", "data_version", "database_list", "compile_options", "function_list"}


def ask(session: Session, query: str, limit: int) -> tuple[list[str], list[Sequence[Any]]]:
    """Column names and at most `limit` rows; the session of `Database.read` cannot write.

    Raises:
        ConfigError: the database did not understand the query, or it would write.
    """
    # A colon is a colon here: the query is the user's own and takes no parameters.
    statement = text(query.rstrip().rstrip(";").replace(":", r"\:"))
    try:
        with _only_reading(session):
            result = session.connection().execute(statement)
            if not result.returns_rows:
                raise ConfigError("only questions can be asked here: start with SELECT")
            return list(result.keys()), [tuple(row) for row in result.fetchmany(limit)]
    except DBAPIError as error:
        raise ConfigError(f"the database answered: {error.orig}") from None


@contextmanager
def _only_reading(session: Session) -> Iterator[None]:
    """Let SQLite refuse all but reading: a read-only transaction alone does not stop ATTACH or a PRAGMA."""
    connection = session.connection().connection.driver_connection
    if not isinstance(connection, sqlite3.Connection):
        yield
        return
    connection.set_authorizer(_judge)
    try:
        yield
    finally:
        connection.set_authorizer(None)


def _judge(action: int, first: str | None, second: str | None, _database: str | None, _by: str | None) -> int:
    if action in _READING:
        return sqlite3.SQLITE_OK
    about = first in _ABOUT_TABLES or (first in _ABOUT_FILE and second is None)
    return sqlite3.SQLITE_OK if action == sqlite3.SQLITE_PRAGMA and about else sqlite3.SQLITE_DENY
