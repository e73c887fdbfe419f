"""Opening, upgrading and sharing a database."""

import multiprocessing
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from clock import NOW
from sqlalchemy import text
from sqlmodel import Session, SQLModel, select

import storage.models  # noqa: F401
from storage.database import Database, open_database
from storage.errors import ConfigError, StorageError
from storage.migrations import HEAD, is_ours, known_revisions
from storage.models import Brand


def test_migrations_and_models_agree(database: Database) -> None:
    with database.read() as session:
        context = MigrationContext.configure(
            session.connection(),
            opts={"compare_type": True, "include_name": is_ours},
        )
        assert compare_metadata(context, SQLModel.metadata) == []


def test_head_is_the_newest_migration_file(sqlite_database: Database) -> None:
    assert max(known_revisions()) == HEAD
    assert sqlite_database.revision() == HEAD
    assert sqlite_database.upgrade() is False


def test_an_up_to_date_database_needs_no_alembic(sqlite_url: str) -> None:
    code = (
        "import sys; from storage.database import open_database; "
        f"assert not open_database({sqlite_url!r}).upgrade(); assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_new_database_file_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    database = open_database(f"sqlite:///{path}")
    database.upgrade()
    with database.write() as session:
        session.add(Brand(name="Acme", created_at=NOW))
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    database.dispose()


def _upgrade(url: str, results: "multiprocessing.Queue[bool]") -> None:
    database = open_database(url)
    results.put(database.upgrade())
    database.dispose()


def _upgrade_in_three_processes(url: str) -> list[bool]:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[bool] = context.Queue()
    processes = [context.Process(target=_upgrade, args=(url, results)) for _ in range(3)]
    for process in processes:
        process.start()
    outcome = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(timeout=60)
    return outcome


def test_three_processes_upgrading_an_sqlite_file_do_it_once(tmp_path: Path) -> None:
    assert sorted(_upgrade_in_three_processes(f"sqlite:///{tmp_path / 'shared.db'}")) == [False, False, True]


@pytest.mark.postgres
def test_three_processes_upgrading_a_postgres_database_do_it_once(postgres_admin: "object") -> None:
    url = postgres_admin.create(None)  # type: ignore[attr-defined]
    assert sorted(_upgrade_in_three_processes(url)) == [False, False, True]
    postgres_admin.drop(url)  # type: ignore[attr-defined]


def _add_and_fail(session: Session) -> None:
    session.add(Brand(name="Acme", created_at=NOW))
    session.flush()
    raise ZeroDivisionError


def test_leaving_a_write_with_an_error_undoes_it(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as session:
        _add_and_fail(session)
    with database.write() as session:
        session.add(Brand(name="Beta", created_at=NOW))
    with database.read() as session:
        assert session.exec(select(Brand.name)).all() == ["Beta"]


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError), database.read() as session:
        session.add(Brand(name="Acme", created_at=NOW))
    with database.write() as session:
        session.add(Brand(name="Acme", created_at=NOW))


def test_a_reader_sees_one_snapshot(database: Database) -> None:
    count = text("SELECT count(*) FROM brand")
    with database.read() as reader:
        assert reader.connection().execute(count).scalar_one() == 0
        with database.write() as writer:
            writer.add(Brand(name="Acme", created_at=NOW))
        assert reader.connection().execute(count).scalar_one() == 0
    with database.read() as reader:
        assert reader.connection().execute(count).scalar_one() == 1


def test_a_newer_database_is_refused_with_what_to_do(database: Database) -> None:
    with database.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StorageError, match="newer version wrote it"):
        database.upgrade()


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mention (id)")
    with pytest.raises(StorageError, match="not made by social-care"):
        open_database(f"sqlite:///{path}").upgrade()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_bytes(b"these are my notes\n" * 200)
    with pytest.raises(StorageError, match="not a SQLite database"):
        open_database(f"sqlite:///{path}").upgrade()
    assert path.read_bytes().startswith(b"these are my notes")


def test_a_database_that_was_never_set_up_says_so(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(StorageError, match="db upgrade"), database.read() as session:
        session.exec(select(Brand)).all()


def test_a_locked_database_says_so(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.database.LOCK_WAIT_SECONDS", 0.05)
    hasty = open_database(f"sqlite:///{sqlite_database.path}")
    with sqlite_database.write(), pytest.raises(StorageError, match="locked by another process"), hasty.write():
        pass
    hasty.dispose()


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("mysql://root:hunter2@localhost/x", "only sqlite"),
        ("no url at all hunter2", "cannot be understood"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////nonexistent/folder/x.db", "does not exist"),
        ("postgresql://u:hunter2@127.0.0.1:notaport/x", "cannot be understood"),
    ],
)
def test_a_wrong_url_is_refused_with_what_to_do(url: str, advice: str) -> None:
    with pytest.raises(ConfigError, match=advice) as caught:
        open_database(url)
    assert "hunter2" not in str(caught.value)


def test_an_unreachable_server_is_named_without_its_password() -> None:
    database = open_database("postgresql://u:hunter2@127.0.0.1:1/x")
    assert "hunter2" not in repr(database)
    with pytest.raises(StorageError, match="cannot be reached") as caught:
        database.upgrade()
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.__cause__)


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"pip install 'social-care\[postgres\]'"):
        open_database("postgresql://localhost/x")


def test_errors_hold_no_post_texts(database: Database) -> None:
    with pytest.raises(StorageError) as caught, database.read() as session:
        session.connection().execute(
            text("SELECT missing_column FROM brand WHERE name = :name"), {"name": "secret"}
        )
    assert "secret" not in str(caught.value)
    assert "secret" not in str(caught.value.__cause__)
