"""Opening the database: SQLite in WAL mode by default, PostgreSQL when the URL says so.

Writers are kept apart by the database itself: `BEGIN IMMEDIATE` on SQLite (a plain `BEGIN` lets two
processes both read, then both write), ordinary transactions and advisory locks on PostgreSQL. Reads see one
snapshot from beginning to end on both.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlmodel import Session

from storage.errors import ConfigError, StorageError
from storage.text import to_json

Dialect = Literal["sqlite", "postgresql"]

LOCK_WAIT_SECONDS = 30.0
"""How long a writer waits for another one before it gives up with a StorageError."""

_MIGRATION_LOCK = 0x50C1A1CA  # any fixed number, the same in every process
_SCHEMES = ("sqlite", "postgres", "postgresql", "postgresql+psycopg")


class Database:
    """One database, opened. Make it with `open_database`; it connects on first use."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self.dialect: Dialect = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql"
        self._engine = _engine(url, self.dialect)
        if self.dialect == "sqlite":
            self._reader = self._engine.execution_options(writes=False)
            self._writer = self._engine.execution_options(writes=True)
        else:
            self._reader = self._engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            self._writer = self._engine.execution_options(isolation_level="READ COMMITTED")

    def __repr__(self) -> str:
        return f"Database({self.url!r})"

    @property
    def url(self) -> str:
        """Where the database is, with the password hidden."""
        return self._url.render_as_string(hide_password=True)

    @property
    def path(self) -> Path | None:
        """The database file; None on PostgreSQL."""
        return Path(str(self._url.database)) if self.dialect == "sqlite" else None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one snapshot that cannot write.

        Raises:
            StorageError: the database cannot be reached or read.
        """
        with self._translated(), Session(self._reader, expire_on_commit=False) as session:
            yield session
            session.flush()  # anything left to write is a mistake: the database refuses it here

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits when the block ends and rolls back when it raises.

        Raises:
            StorageError: the database is locked for too long, full, damaged or out of reach.
        """
        with self._translated(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            # Take the lock now, not at the first statement: what the block decides must still be true later.
            session.connection()
            yield session

    def revision(self) -> str | None:
        """The revision the tables are at, or None for an empty database."""
        with self._translated(), self._reader.connect() as connection:
            return _revision(connection)

    def upgrade(self) -> bool:
        """Bring the tables to this program's revision; returns whether there was anything to do.

        Safe when several processes start at once: one does the work, the others wait and find it done.

        Raises:
            StorageError: the database was written by a newer program, or cannot be changed.
        """
        from storage.migrations import HEAD, known_revisions

        current = self.revision()
        if current == HEAD:
            return False
        if current is not None and current not in known_revisions():
            raise StorageError(
                f"The database {self.url} is at revision {current}, which this version of social-care does not "
                "know: a newer version wrote it. Upgrade social-care (pip install --upgrade social-care)."
            )
        from storage.migrations import migrate

        with self._translated(), self._exclusive() as connection:
            if _revision(connection) == HEAD:
                return False
            migrate(connection)
        return True

    def compact(self) -> None:
        """Fold the write-ahead log and the search index, so that deleted posts leave no bytes behind.

        On SQLite the log keeps old pages until it is overwritten, and the full-text index keeps the words of
        deleted posts until its segments are merged. PostgreSQL's autovacuum needs no help.
        """
        if self.dialect != "sqlite":
            return
        with self.write() as session:
            session.connection().exec_driver_sql("INSERT INTO mention_search(mention_search) VALUES ('optimize')")
        with self._translated():
            raw = self._engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                raw.close()

    def dispose(self) -> None:
        """Close every pooled connection."""
        self._engine.dispose()

    @contextmanager
    def _exclusive(self) -> Iterator[Connection]:
        """One connection in a transaction no other migration can share, without foreign key enforcement."""
        with self._writer.connect() as connection:
            if self.dialect == "sqlite":
                # A batch migration rebuilds tables: dropping the old one must not cascade.
                _driver(connection).execute("PRAGMA foreign_keys=OFF")
            try:
                with connection.begin():
                    if self.dialect == "postgresql":
                        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                    yield connection
            finally:
                if self.dialect == "sqlite":
                    _driver(connection).execute("PRAGMA foreign_keys=ON")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            message = _explain(error, self.url)
            if message is None:
                raise
            raise StorageError(message) from error


def open_database(url: str) -> Database:
    """Open the database `url` names; nothing is connected yet. A new SQLite file is readable by its owner only.

    Args:
        url: `sqlite:///path/to/file.db` or `postgresql://user:password@host/name`.

    Raises:
        ConfigError: the URL cannot be understood, its driver is missing or its folder does not exist.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "The database URL cannot be understood; write sqlite:///social-care.db "
            "or postgresql://user:password@host/name."
        ) from error
    if parsed.drivername not in _SCHEMES:
        raise ConfigError(
            f"The database URL begins with {parsed.drivername}://; only sqlite:/// and postgresql:// are known."
        )
    if parsed.get_backend_name() == "sqlite":
        _prepare_file(parsed)
        return Database(parsed)
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "The database URL names PostgreSQL, whose driver is not installed: pip install 'social-care[postgres]'"
        ) from error
    return Database(parsed.set(drivername="postgresql+psycopg"))


def _prepare_file(url: URL) -> None:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ConfigError(
            "The database URL names no file; write sqlite:///social-care.db (three slashes, then the path)."
        )
    path = Path(url.database)
    if path.is_dir():
        raise ConfigError(f"The database {path} is a folder; name a file in it: sqlite:///{path}/social-care.db")
    if not path.parent.is_dir():
        raise ConfigError(f"The database folder {path.parent} does not exist; create it or change the URL.")
    if path.exists():
        return
    try:
        # Mentions and drafts are people's words: no other account on this machine reads them.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise ConfigError(f"The database file {path} cannot be created: {error.strerror}.") from error


def _engine(url: URL, dialect: Dialect) -> Engine:
    if dialect == "postgresql":
        # hide_parameters: a traceback must not hold post texts.
        return create_engine(url, hide_parameters=True, json_serializer=to_json, pool_pre_ping=True)
    engine = create_engine(
        url, hide_parameters=True, json_serializer=to_json, connect_args={"timeout": LOCK_WAIT_SECONDS}
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's `begin` event decides, not the driver
    connection.execute(f"PRAGMA busy_timeout={int(LOCK_WAIT_SECONDS * 1000)}")
    _retry_while_locked(lambda: connection.execute("PRAGMA journal_mode=WAL").fetchone())
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=ON")  # a deleted post leaves no bytes in freed pages
    connection.execute("PRAGMA cache_size=-32000")
    connection.execute("PRAGMA temp_store=MEMORY")


def _begin_sqlite(connection: Connection) -> None:
    writes = bool(connection.get_execution_options().get("writes"))
    driver = _driver(connection)
    driver.execute(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _retry_while_locked(step: Callable[[], Any]) -> None:
    """Changing the journal mode does not wait for other processes by itself."""
    for attempt in range(40):
        try:
            step()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == 39:
                raise
            time.sleep(0.05)
        else:
            return


def _revision(connection: Connection) -> str | None:
    if connection.dialect.name == "sqlite":
        known = connection.exec_driver_sql(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
        ).first()
    else:
        known = connection.exec_driver_sql("SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL").first()
    if known is None:
        _refuse_foreign(connection)
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def _refuse_foreign(connection: Connection) -> None:
    if "mention" in inspect(connection).get_table_names():
        raise StorageError(
            "The database has a table `mention` but no record of its revision: "
            "it was not made by social-care. Name another database."
        )


_EXPLANATIONS = (
    ("database is locked", "was locked by another process for too long; wait for it to finish, or stop it"),
    ("file is not a database", "is not a SQLite database; name another file, or restore a backup"),
    ("malformed", "is damaged; restore a backup, or save what is readable with: sqlite3 FILE .recover"),
    ("database or disk is full", "cannot grow: the disk is full; make room and run the command again"),
    ("readonly database", "cannot be written: check the permissions of the file and of its folder"),
    ("unable to open database", "cannot be opened: check the path and the permissions of its folder"),
    ("disk I/O error", "cannot be read or written: the disk reports an error"),
    ("no such table", "has not been set up by this version; run: social-care db upgrade"),
    ("no such column", "has not been set up by this version; run: social-care db upgrade"),
)

_EXPLANATIONS_BY_STATE = {
    "28P01": "refused the password; check the database URL",
    "28000": "refused the user; check the database URL",
    "3D000": "does not exist on that server; create it with: createdb NAME",
    "42P01": "has not been set up by this version; run: social-care db upgrade",
    "42703": "has not been set up by this version; run: social-care db upgrade",
    "42501": "does not allow this user to do that; grant it on the schema public",
    "53100": "cannot grow: the server's disk is full",
    "53300": "has no connection left; raise max_connections or stop other processes",
    "55P03": "was locked by another process for too long; wait for it to finish, or stop it",
    "40P01": "had two processes waiting for each other; run the command again",
    "25006": "is read-only",
}


def _explain(error: DBAPIError, url: str) -> str | None:
    """What happened and what to do about it, or None for what is not the user's to mend."""
    cause = str(error.orig)
    state = getattr(error.orig, "sqlstate", None)
    for symptom, advice in _EXPLANATIONS:
        if symptom in cause:
            return f"The database {url} {advice}."
    if state in _EXPLANATIONS_BY_STATE:
        return f"The database {url} {_EXPLANATIONS_BY_STATE[state]}."
    if "password authentication failed" in cause or "no password supplied" in cause:
        return f"The database {url} refused the password; check the database URL."
    if 'database "' in cause and "does not exist" in cause:
        return f"The database {url} does not exist on that server; create it with: createdb NAME."
    if error.connection_invalidated or "connection failed" in cause or "connection to server" in cause:
        return f"The database {url} cannot be reached; is the server running, and are host and port right?"
    return None
