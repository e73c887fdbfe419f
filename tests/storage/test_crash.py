"""Killed at any moment or run twice at once: nothing lost, nothing doubled, no cursor ahead of its posts."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from importer import START
from making import stored
from sqlalchemy import func
from sqlmodel import select

from storage.coverage import heard_shares
from storage.database import Database
from storage.models import Author, Coverage, ListenerState, Mention, MentionVersion
from storage.search import search

IMPORTER = Path(__file__).with_name("importer.py")


def start(url: str, listener: str, posts: int, size: int, part: str = "all") -> "subprocess.Popen[str]":
    command = [sys.executable, IMPORTER, url, listener, str(posts), str(size), part]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: "subprocess.Popen[str]") -> dict[str, int]:
    output, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors[-2000:]
    counts: dict[str, int] = json.loads(output.splitlines()[-1])
    return counts


def check(database: Database) -> int:
    """What is stored is exactly what the cursor says; returns the cursor."""
    with database.read() as session:
        state = session.get(ListenerState, "kill")
        reached = int((state.cursor or {}).get("next", 0)) if state else 0
        ids = sorted(session.exec(select(Mention.native_id)).all())
        assert ids == sorted(f"p{number}" for number in range(reached))
        assert session.exec(select(func.count()).select_from(MentionVersion)).one() == reached
        assert len(search(session, "post", limit=100_000)) == reached
        spans = session.exec(select(Coverage)).all()
        heard = sum((span.ended_at - span.started_at).total_seconds() for span in spans)
        assert (len(spans), heard) == ((1, reached) if reached else (0, 0))
        assert session.exec(select(func.count()).select_from(Author)).one() == min(reached, 17)
    return reached


def kill_until_done(database: Database, url: str, posts: int, size: int, kills: int, longest: float) -> None:
    chance = random.Random(7)
    progress = [0]
    for _ in range(kills):
        process = start(url, "kill", posts, size)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0, longest))
        process.kill()
        process.wait()
        progress.append(check(database))
    assert progress == sorted(progress)
    assert len(set(progress)) > 2, "no kill hit an import in progress"
    finish(start(url, "kill", posts, size))
    assert check(database) == posts
    assert {row.thread_native_id for row in stored(database).values()} == {f"p{number}" for number in range(30)}


def test_an_import_killed_at_random_moments_goes_on_where_it_was(database: Database, database_url: str) -> None:
    kill_until_done(database, database_url, posts=3_000, size=7, kills=4, longest=0.4)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_import_killed_many_times_goes_on_where_it_was(database: Database, database_url: str) -> None:
    # Every page is a commit, and one to a server takes longer: enough posts that no kill comes too late.
    posts = 40_000 if database.dialect == "sqlite" else 8_000
    kill_until_done(database, database_url, posts=posts, size=11, kills=40, longest=0.5)


def test_two_processes_importing_the_same_pages_store_each_post_once(
    database: Database, database_url: str
) -> None:
    one, two = (start(database_url, name, 2_000, 50) for name in ("one", "two"))
    counts = [finish(one), finish(two)]
    assert sum(count["new"] for count in counts) == 2_000
    assert sum(count["unchanged"] for count in counts) == 2_000
    assert len(stored(database)) == 2_000
    with database.read() as session:
        assert len(search(session, "post", limit=5_000)) == 2_000
        assert session.exec(select(func.count()).select_from(Author)).one() == 17


def test_two_processes_sharing_the_pages_build_the_same_threads(database: Database, database_url: str) -> None:
    one, two = (start(database_url, name, 1_200, 10, part) for name, part in (("one", "0/2"), ("two", "1/2")))
    assert finish(one)["new"] + finish(two)["new"] == 1_200
    roots = {key: row.thread_native_id for key, row in stored(database).items()}
    assert roots == {f"p{number}": f"p{number % 30}" for number in range(1_200)}
    with database.read() as session:
        shares = heard_shares(session, START, START.replace(minute=20))
    assert shares == {"one": 0.5, "two": 0.5}
