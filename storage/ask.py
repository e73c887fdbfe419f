"""A read-only question in SQL, asked by the user."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from storage.errors import ConfigError


def ask(session: Session, query: str, limit: int) -> tuple[list[str], list[Sequence[Any]]]:
    """Column names and at most `limit` rows; the session of `Database.read` cannot write.

    Raises:
        ConfigError: the database did not understand the query, or it would write.
    """
    # A colon is a colon here: the query is the user's own and takes no parameters.
    statement = text(query.rstrip().rstrip(";").replace(":", r"\:"))
    try:
        result = session.connection().execute(statement)
        if not result.returns_rows:
            raise ConfigError("only questions can be asked here: start with SELECT")
        return list(result.keys()), [tuple(row) for row in result.fetchmany(limit)]
    except DBAPIError as error:
        raise ConfigError(f"the database answered: {error.orig}") from None
