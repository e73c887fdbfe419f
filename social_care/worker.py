"""`social-care worker`: scoring and triage as Procrastinate jobs on many machines (extra `postgres`).

The queue only wakes, spreads and retries. What makes an effect happen once is the unique key of a score and the
transaction in which it is written: a job that runs twice finds nothing left to do.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from social_care import pipeline
from social_care.workspace import Workspace
from storage.errors import ConfigError

if TYPE_CHECKING:
    from procrastinate import App
    from sqlmodel import Session

log = logging.getLogger("social_care.worker")

MOST_AT_SETUP = 1_000_000
"""Mentions that wait when the queue is set up, turned into jobs at once."""
STALLED_AFTER = 20
"""Seconds without a heartbeat after which a worker counts as dead and its jobs go back into the queue."""


def score_job(workspace: Workspace, mention_ids: list[int], now: datetime) -> int:
    """Score those of `mention_ids` that still lack a score, and ask for triage in the same transaction."""
    from storage import jobs, queries

    scorer = workspace.scorer
    with workspace.database.read() as session:
        waiting = queries.unscored(session, scorer.name, len(mention_ids), ids=mention_ids)
    texts = [pipeline.text_of(item.title, item.text) for item in waiting]
    verdicts = scorer.score(texts, [item.lang for item in waiting])
    rows = [
        pipeline.to_row(item.id, item.version, verdict, now)
        for item, verdict in zip(waiting, verdicts, strict=True)
    ]
    with workspace.database.write() as session:
        queries.save_scores(session, rows)
        jobs.enqueue_triage(session)
    return len(rows)


def triage_job(workspace: Workspace, now: datetime) -> int:
    """Triage everything that is scored and waiting; serial across workers, since a case is one thing."""
    return workspace.triage(now)


def make_app(workspace: Workspace) -> "App":
    """The Procrastinate application of one workspace.

    Raises:
        ConfigError: the database is not PostgreSQL, or the extra is not installed.
    """
    url = workspace.database_url
    if not url.startswith(("postgres://", "postgresql://", "postgresql+psycopg://")):
        raise ConfigError(
            "workers need a shared database: set SOCIAL_CARE_DATABASE=postgresql://… for every process"
        )
    try:
        from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy
    except ImportError:
        raise ConfigError("workers need the extra: pip install 'social-care[postgres]'") from None
    app = App(connector=PsycopgConnector(conninfo=url.replace("postgresql+psycopg://", "postgresql://", 1)))
    retry = RetryStrategy(max_attempts=8, exponential_wait=2)

    @app.task(name="score", queue="score", retry=retry)
    def score(mention_ids: list[int]) -> None:
        log.info("scored=%d", score_job(workspace, mention_ids, datetime.now(UTC)))

    @app.task(name="triage", queue="triage", retry=retry, lock="triage")
    def triage() -> None:
        log.info("triaged=%d", triage_job(workspace, datetime.now(UTC)))

    @app.periodic(cron="* * * * * */10")
    @app.task(name="rescue", queue="rescue", queueing_lock="rescue", pass_context=True)
    async def rescue(context: JobContext, timestamp: int) -> None:
        """Give the jobs of dead workers to the living."""
        del context, timestamp
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER):
            await app.job_manager.retry_job(job)

    return app


def set_up(workspace: Workspace) -> bool:
    """Create the queue's tables in the workspace's database if they are missing; returns whether they were."""
    from storage import jobs, queries

    database = workspace.database
    with database.read() as session:
        if jobs.has_queue(session):
            return False
    app = make_app(workspace)
    with app.open():
        app.schema_manager.apply_schema()
    with database.write() as session:
        waiting = queries.unscored(session, workspace.scorer_name, MOST_AT_SETUP)
        jobs.enqueue_scoring(session, [item.id for item in waiting])
        jobs.enqueue_triage(session)
    return True


def enqueue_hook(workspace: Workspace) -> "Callable[[Session, Sequence[int]], None] | None":
    """What `store_page` calls inside its transaction; None where the database carries no queue."""
    from storage import jobs

    with workspace.database.read() as session:
        return jobs.enqueue_scoring if jobs.has_queue(session) else None


def work(workspace: Workspace, *, wait: bool = True) -> None:
    """Take jobs until stopped; with `wait=False`, until the queue is empty."""
    set_up(workspace)
    workspace.scorer  # noqa: B018  (load before the first job, and fail here if it cannot be)
    app = make_app(workspace)
    app.run_worker(
        queues=["score", "triage", "rescue"], wait=wait, concurrency=1, update_heartbeat_interval=5.0,
        stalled_worker_timeout=STALLED_AFTER, listen_notify=True, delete_jobs="successful",
    )  # fmt: skip
