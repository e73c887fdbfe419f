"""Jobs of the work queue, written in the transaction that makes them necessary (PostgreSQL with Procrastinate).

The tables stay the truth: a job only wakes a worker, and running it twice changes nothing.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session

SCORE = "score"
TRIAGE = "triage"
CHUNK = 64
"""Mentions in one scoring job: small enough to spread, large enough to fill a batch."""

# The function is Procrastinate 3's own; its minor version is pinned in pyproject.toml.
_DEFER = text(
    "SELECT procrastinate_defer_jobs_v1(ARRAY(SELECT ROW(:task, :task, 0, :lock, NULL,"
    " item::jsonb, NULL)::procrastinate_job_to_defer_v1 FROM unnest(CAST(:args AS text[])) AS item))"
)
# Locked until we commit: a worker that took it now would not see what we are about to commit, and nobody would ask
# again. One that a worker is just taking is skipped, and does not count as waiting.
_WAITING_TRIAGE = text(
    "SELECT 1 FROM procrastinate_jobs WHERE task_name = :task AND status = 'todo' LIMIT 1 FOR SHARE SKIP LOCKED"
)


def has_queue(session: Session) -> bool:
    """Whether this database carries the work queue: PostgreSQL on which a worker was set up once."""
    if session.get_bind().dialect.name != "postgresql":
        return False
    # Asked of the catalogue's table: to_regclass may answer from a cache what was true when the transaction began.
    found = text(
        "SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = 'procrastinate_jobs' AND pg_table_is_visible(oid))"
    )
    return bool(session.execute(found).scalar())


def workers_alive(session: Session, now: datetime, *, within: timedelta = timedelta(seconds=60)) -> bool:
    """Whether any worker has shown its heartbeat lately."""
    if not has_queue(session):
        return False
    found = session.execute(
        text("SELECT EXISTS (SELECT 1 FROM procrastinate_workers WHERE last_heartbeat > :since)"),
        {"since": now - within},
    )
    return bool(found.scalar())


def enqueue_scoring(session: Session, mention_ids: Sequence[int]) -> None:
    """One scoring job per chunk of mentions, in the caller's transaction.

    Does nothing in a database without a queue; setting one up turns what waits by then into jobs.
    """
    chunks = [list(mention_ids[start : start + CHUNK]) for start in range(0, len(mention_ids), CHUNK)]
    if chunks and has_queue(session):
        args = [json.dumps({"mention_ids": chunk}) for chunk in chunks]
        session.execute(_DEFER, {"task": SCORE, "lock": None, "args": args})


def enqueue_triage(session: Session) -> None:
    """Ask for triage, in the caller's transaction; one waiting request is enough for any number of scores."""
    if session.execute(_WAITING_TRIAGE, {"task": TRIAGE}).first() is None:
        # The lock lets one worker at a time triage: a case is one thing.
        session.execute(_DEFER, {"task": TRIAGE, "lock": TRIAGE, "args": ["{}"]})


def is_idle(session: Session, task: str) -> bool:
    """Whether no job of this task waits or runs."""
    busy = text(
        "SELECT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE task_name = :task AND status IN ('todo', 'doing'))"
    )
    return not session.execute(busy, {"task": task}).scalar()
