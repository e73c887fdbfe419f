"""Fixtures every part shares: a fresh, migrated database per test, on SQLite and on a real PostgreSQL."""

import itertools
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy.engine import make_url

from storage.database import Database, open_database

sys.path.insert(0, str(Path(__file__).parent))  # tests import clock and postgres_server

# Machines differ and are shared: no test is judged by the clock, and the first example may load a model.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    database = open_database(f"sqlite:///{path}")
    database.upgrade()
    database.compact()
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_admin() -> Iterator["PostgresAdmin"]:
    """A running PostgreSQL server with a migrated template database."""
    from postgres_server import postgres_server

    with postgres_server() as url:
        admin = PostgresAdmin(url)
        yield admin
        admin.close()


class PostgresAdmin:
    """Makes and drops databases on one server."""

    def __init__(self, url: str) -> None:
        import psycopg

        self._url = make_url(url)
        self._connection = psycopg.connect(url, autocommit=True)
        self.template = self.create(None)
        database = open_database(self.template)
        database.upgrade()
        database.dispose()

    def create(self, template: str | None) -> str:
        """The URL of a new database, copied from `template` (a URL) where one is given."""
        import os

        name = f"social_care_test_{os.getpid()}_{next(_numbers)}"
        copied = f" TEMPLATE {make_url(template).database}" if template else ""
        self._connection.execute(f"CREATE DATABASE {name}{copied}")
        return self._url.set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Drop it, whoever is still connected."""
        self._connection.execute(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")

    def close(self) -> None:
        """Drop the template and hang up."""
        self.drop(self.template)
        self._connection.close()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a fresh, migrated SQLite database."""
    path = tmp_path / "test.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_admin: PostgresAdmin) -> Iterator[str]:
    """The URL of a fresh, migrated PostgreSQL database."""
    url = postgres_admin.create(postgres_admin.template)
    yield url
    postgres_admin.drop(url)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, migrated database: the test runs once on each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database: the test runs once on each kind."""
    opened = open_database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite_database(sqlite_url: str) -> Iterator[Database]:
    """A fresh, migrated SQLite database, for tests that gain nothing from a second kind."""
    opened = open_database(sqlite_url)
    yield opened
    opened.dispose()
