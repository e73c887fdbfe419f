"""`social-care worker`: scoring and triage as Procrastinate jobs on many machines (extra `postgres`).

The queue only wakes, spreads and retries. What makes an effect happen once is the unique key of a score and the
transaction in which it is written: a job that runs twice finds nothing left to do. And the tables say what is left
to do: a sweep turns whatever waits without a job (a corrected label, a new model, a job given up) into jobs again.
"""

import asyncio
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

MOST_AT_ONCE = 100_000
"""Mentions turned into jobs by one sweep."""
STALLED_AFTER = 20.0
"""Seconds without a heartbeat after which a worker counts as dead and its jobs go back into the queue."""
UPKEEP = "upkeep"
"""Queue of the two periodic tasks."""


def score_job(workspace: Workspace, mention_ids: list[int], now: datetime) -> int:
    """Score those of `mention_ids` that still lack a score, and ask for triage in the same transaction."""
    from storage import jobs, queries

    scorer = workspace.scorer
    with workspace.database.read() as session:
        waiting = queries.unscored(session, scorer.name, len(mention_ids), ids=mention_ids)
    verdicts = pipeline.judged(scorer, waiting)
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


def sweep(workspace: Workspace) -> None:
    """Make jobs for what waits and has none; with jobs at work, leave scoring to them."""
    from storage import jobs, queries

    with workspace.database.write() as session:
        if not queries.has_work(session, workspace.scorer_name):
            return
        if jobs.is_idle(session, jobs.SCORE):
            waiting = queries.unscored(session, workspace.scorer_name, MOST_AT_ONCE)
            jobs.enqueue_scoring(session, [item.id for item in waiting])
        if queries.untriaged(session, workspace.scorer_name, 1):
            jobs.enqueue_triage(session)


def make_app(workspace: Workspace, *, stalled_after: float = STALLED_AFTER) -> "App":
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
        from procrastinate import App, PsycopgConnector, RetryStrategy
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
    @app.task(name="rescue", queue=UPKEEP, queueing_lock="rescue")
    async def rescue(timestamp: int) -> None:
        del timestamp
        await rescue_stalled(app, stalled_after)

    @app.periodic(cron="* * * * * */10")
    @app.task(name="sweep", queue=UPKEEP, queueing_lock="sweep")
    def sweep_periodically(timestamp: int) -> None:
        del timestamp
        sweep(workspace)

    return app


async def rescue_stalled(app: "App", stalled_after: float) -> int:
    """Give the jobs of dead workers to the living; returns how many. `app` is open."""
    from procrastinate.exceptions import ConnectorException
    from procrastinate.jobs import Status

    manager = app.job_manager
    rescued = 0
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=stalled_after):
        assert job.id is not None
        try:
            if job.queue == UPKEEP:
                # The next one is due in seconds; put back, it could clash with one that waits already.
                await manager.finish_job_by_id_async(job_id=job.id, status=Status.FAILED, delete_job=True)
            else:
                await manager.retry_job(job)
                rescued += 1
        except ConnectorException as error:
            # Another worker was quicker.
            log.info("job=%d not rescued: %s", job.id, type(error).__name__)
    return rescued


def set_up(workspace: Workspace) -> bool:
    """Create the queue's tables in the workspace's database if they are missing; returns whether they were.

    Safe when several workers start at once: one does the work, the others wait and find it done.
    """
    from storage import jobs
    from storage.bulk import lock_names

    database = workspace.database
    with database.read() as session:
        if jobs.has_queue(session):
            return False
    app = make_app(workspace)
    with database.write() as session:
        lock_names(session, {"work queue"})
        if jobs.has_queue(session):
            return False
        with app.open():
            app.schema_manager.apply_schema()
    sweep(workspace)
    return True


def enqueue_hook(workspace: Workspace) -> "Callable[[Session, Sequence[int]], None] | None":
    """What `store_page` calls inside its transaction; None where the database cannot carry a queue.

    The hook looks for the queue each time: a worker may be set up while we run.
    """
    from storage import jobs

    return jobs.enqueue_scoring if workspace.database.dialect == "postgresql" else None


def work(workspace: Workspace, *, wait: bool = True, stalled_after: float = STALLED_AFTER) -> None:
    """Take jobs until stopped; with `wait=False`, until the queue is empty.

    Raises:
        ConfigError: no shared database, or the extra is missing.
        ModelError: the model cannot be loaded.
    """
    app = make_app(workspace, stalled_after=stalled_after)
    set_up(workspace)
    workspace.scorer  # noqa: B018  (load before the first job, and fail here if it cannot be)
    asyncio.run(_serve(app, wait=wait, stalled_after=stalled_after))


async def _serve(app: "App", *, wait: bool, stalled_after: float) -> None:
    async with app.open_async():
        await rescue_stalled(app, stalled_after)
        await app.run_worker_async(
            queues=["score", "triage", UPKEEP], wait=wait, concurrency=1,
            update_heartbeat_interval=min(5.0, stalled_after / 4), stalled_worker_timeout=stalled_after,
            listen_notify=True, delete_jobs="successful",
        )  # fmt: skip
