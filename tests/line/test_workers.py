"""Scoring and triage as jobs on a real PostgreSQL: written with their mention, done once, never lost."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clock import NOW
from line_world import Clock, LineWorld, RuleScorer, make_workspace, post
from processes import ended, stop, wait_until, write_export
from sqlalchemy import text

from listeners.ports import Page
from social_care import pipeline, worker
from storage import jobs
from storage.errors import ConfigError
from storage.ingest import store_page

pytestmark = pytest.mark.postgres
CLI = [sys.executable, "-c", "from social_care.cli import main; main()"]


@pytest.fixture
def world(tmp_path: Path, postgres_url: str) -> Iterator[LineWorld]:
    """A workspace on PostgreSQL with a work queue, and nobody working."""
    made = LineWorld(make_workspace(tmp_path, postgres_url), Clock())
    worker.set_up(made.workspace)
    yield made
    made.workspace.database.dispose()


def sql(world: LineWorld, statement: str, **values: Any) -> list[Any]:
    with world.workspace.database.write() as session:
        found = session.execute(text(statement), values)
        return list(found.all()) if found.returns_rows else []


def job_rows(world: LineWorld, task: str) -> list[Any]:
    return sql(
        world,
        "SELECT id, status::text, args FROM procrastinate_jobs WHERE task_name = :task ORDER BY id",
        task=task,
    )


def hear(world: LineWorld, count: int, *, first: int = 0, size: int = 100) -> None:
    """Store posts the way a listener does, jobs included."""
    posts = [post(number, NOW - timedelta(hours=1)) for number in range(first, first + count)]
    pages = [Page(mentions=posts[start : start + size]) for start in range(0, count, size)]
    pipeline.store_pages(
        world.workspace.database, pages, listener="acme-x", network="x", clock=world.clock,
        enqueue=worker.enqueue_hook(world.workspace),
    )  # fmt: skip


def work_until_empty(world: LineWorld) -> None:
    """A worker in this process, until no job is left."""
    app = worker.make_app(world.workspace)
    asyncio.run(worker._serve(app, wait=False, stalled_after=worker.STALLED_AFTER))


def check_all_done(world: LineWorld, count: int) -> None:
    mentions = world.rows("mention")
    assert len(mentions) == count
    assert Counter(row["mention_id"] for row in world.rows("score")) == {row["id"]: 1 for row in mentions}
    assert all(row["triaged_version"] == row["version"] for row in mentions)
    cases = world.rows("case")
    assert len(cases) == len({row["author_id"] for row in cases}) == count


# --- jobs and mentions in one transaction ----------------------------------------------------------------------


def test_every_mention_that_is_stored_is_in_one_job(world: LineWorld) -> None:
    hear(world, 400)
    wanted = [number for _, _, args in job_rows(world, "score") for number in args["mention_ids"]]
    assert sorted(wanted) == [row["id"] for row in world.rows("mention")]
    assert len(job_rows(world, "score")) == 8, "two for each page of a hundred"


def test_a_page_that_is_rolled_back_leaves_no_job(world: LineWorld) -> None:
    hook = worker.enqueue_hook(world.workspace)
    page = Page(mentions=[post(number, NOW) for number in range(100)])

    def store_and_fail() -> None:
        with world.workspace.database.write() as session:
            stored = store_page(session, page, listener="acme-x", network="x", now=NOW, after_store=hook)
            assert len(stored.ids) == 100
            raise RuntimeError("the process fails here")

    with pytest.raises(RuntimeError, match="fails here"):
        store_and_fail()
    assert (world.ids(), job_rows(world, "score")) == ([], [])


def test_a_post_heard_again_makes_no_second_job_and_an_edited_one_does(world: LineWorld) -> None:
    hear(world, 3)
    hear(world, 3)
    assert len(job_rows(world, "score")) == 1
    with world.workspace.database.write() as session:
        edited = post(1, NOW - timedelta(hours=1), "and now it never will", edited_at=NOW)
        store_page(
            session, Page(mentions=[edited]), listener="acme-x", network="x", now=NOW,
            after_store=jobs.enqueue_scoring,
        )  # fmt: skip
    (number,) = [row["id"] for row in world.rows("mention") if row["native_id"] == "p1"]
    assert [args["mention_ids"] for _, _, args in job_rows(world, "score")][1:] == [[number]]


def test_a_database_without_a_queue_gets_no_jobs_until_a_worker_sets_it_up(
    tmp_path: Path, postgres_url: str
) -> None:
    world = LineWorld(make_workspace(tmp_path, postgres_url), Clock())
    hear(world, 10)
    hook = worker.enqueue_hook(world.workspace)  # of a process that runs on while a worker is set up
    assert hook is not None
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: worker.set_up(world.workspace), range(4)))
    assert Counter(made) == {True: 1, False: 3}
    assert len(job_rows(world, "score")) == 1, "what waited"
    with world.workspace.database.write() as session:
        page = Page(mentions=[post(99, NOW)])
        store_page(session, page, listener="acme-x", network="x", now=NOW, after_store=hook)
    assert len(job_rows(world, "score")) == 2, "and what came later"
    world.workspace.database.dispose()


def test_workers_refuse_a_database_that_cannot_be_shared(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, f"sqlite:///{tmp_path}/test.db")
    with pytest.raises(ConfigError, match="SOCIAL_CARE_DATABASE=postgresql://"):
        worker.work(workspace)
    assert worker.enqueue_hook(workspace) is None
    workspace.database.dispose()


# --- doing them ------------------------------------------------------------------------------------------------


def test_a_job_done_twice_changes_nothing(world: LineWorld) -> None:
    hear(world, 5)
    ids = [row["id"] for row in world.rows("mention")]
    assert [worker.score_job(world.workspace, ids, NOW) for _ in range(2)] == [5, 0]
    assert [worker.triage_job(world.workspace, NOW) for _ in range(2)] == [5, 0]
    check_all_done(world, 5)
    assert len(job_rows(world, "triage")) == 1, "one request waits for all"


def test_two_workers_with_the_same_job_score_each_mention_once(world: LineWorld) -> None:
    hear(world, 200)
    ids = [row["id"] for row in world.rows("mention")]
    scorer = world.workspace.scorer
    assert isinstance(scorer, RuleScorer)
    both = threading.Barrier(2, timeout=120)
    rule = scorer.score

    def together(*args: Any) -> Any:
        both.wait()  # neither has saved its scores
        return rule(*args)

    scorer.score = together  # type: ignore[method-assign]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: worker.score_job(world.workspace, ids, NOW), range(2)))
    assert len(world.rows("score")) == 200


def test_triage_by_many_at_once_opens_no_case_twice(world: LineWorld) -> None:
    for number in range(6):
        hear(world, 100, first=100 * number)
    worker.score_job(world.workspace, [row["id"] for row in world.rows("mention")], NOW)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: worker.triage_job(world.workspace, NOW), range(4)))
    check_all_done(world, 600)


def test_a_worker_does_what_waits_and_leaves_an_empty_queue(world: LineWorld) -> None:
    hear(world, 150)
    work_until_empty(world)
    check_all_done(world, 150)
    assert job_rows(world, "score") == job_rows(world, "triage") == []
    assert sql(world, "SELECT count(*) FROM procrastinate_workers") == [(0,)]


def test_scores_committed_while_triage_begins_are_not_forgotten(world: LineWorld) -> None:
    """The request for triage that a scoring job relies on cannot be taken before its scores can be seen."""
    take = "SELECT id FROM procrastinate_fetch_job_v2(ARRAY['triage'], NULL)"
    with world.workspace.database.write() as first:
        jobs.enqueue_triage(first)
    with world.workspace.database.write() as scoring:
        jobs.enqueue_triage(scoring)  # finds the one that waits
        assert sql(world, take) == [(None,)]
    assert sql(world, take) != [(None,)]
    with world.workspace.database.write() as scoring:
        jobs.enqueue_triage(scoring)  # the one that runs may have looked already
    assert [status for _, status, _ in job_rows(world, "triage")] == ["doing", "todo"]
    assert sql(world, take) == [(None,)], "one at a time"


# --- when workers die or jobs are missing ----------------------------------------------------------------------


def test_the_jobs_of_a_dead_worker_go_back_into_the_queue(world: LineWorld) -> None:
    hear(world, 100)
    sql(world, "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute')")
    for queue in ("score", "score"):
        sql(
            world,
            "SELECT id FROM procrastinate_fetch_job_v2(ARRAY[:queue], (SELECT id FROM procrastinate_workers))",
            queue=queue,
        )
    # Its periodic task was running as well, and the next one waits already.
    for status in ("doing", "todo"):
        sql(
            world,
            "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, status, worker_id) VALUES"
            " ('upkeep', 'rescue', 'rescue', CAST(:status AS procrastinate_job_status),"
            " (SELECT id FROM procrastinate_workers))",
            status=status,
        )
    assert [status for _, status, _ in job_rows(world, "score")] == ["doing", "doing"]
    app = worker.make_app(world.workspace)

    async def rescue(after: float) -> int:
        async with app.open_async():
            return await worker.rescue_stalled(app, after)

    assert asyncio.run(rescue(120)) == 0, "still alive, as far as one can tell"
    assert asyncio.run(rescue(20)) == 2
    assert [status for _, status, _ in job_rows(world, "score")] == ["todo", "todo"]
    assert [status for _, status, _ in job_rows(world, "rescue")] == ["todo"]
    work_until_empty(world)
    check_all_done(world, 100)


def test_what_waits_without_a_job_is_swept_up(world: LineWorld) -> None:
    hear(world, 80)
    sql(world, "DELETE FROM procrastinate_jobs")  # given up, or removed by hand
    worker.sweep(world.workspace)
    worker.sweep(world.workspace)
    assert len(job_rows(world, "score")) == 2, "once, while they wait"
    work_until_empty(world)
    check_all_done(world, 80)
    worker.sweep(world.workspace)
    assert job_rows(world, "score") == job_rows(world, "triage") == [], "nothing left to do"


def test_a_corrected_label_reaches_triage_through_the_sweep(world: LineWorld) -> None:
    from responders import desk

    hear(world, 1)
    work_until_empty(world)
    (case,) = world.rows("case")
    with world.workspace.database.write() as session:
        desk.label(session, case["id"], "reply_needed", "no", actor="mei", now=NOW)
    worker.sweep(world.workspace)
    assert len(job_rows(world, "triage")) == 1
    work_until_empty(world)
    assert [row["reply_needed"] for row in world.rows("case")] == [False]


def test_run_leaves_scoring_to_living_workers_and_takes_over_from_dead_ones(world: LineWorld) -> None:
    world.clock.now = datetime.now(UTC)  # the queue's heartbeats are the server's
    hear(world, 10)
    sql(world, "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())")
    ticker = world.ticker()
    ticker.understand()
    assert world.rows("score") == []
    world.clock.forward(minutes=2)
    ticker.understand()
    check_all_done(world, 10)
    work_until_empty(world)  # a worker that comes back finds nothing to do
    check_all_done(world, 10)


# --- the real program ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_workers_one_of_them_killed_score_and_triage_everything_once(
    tmp_path: Path, postgres_url: str
) -> None:
    (tmp_path / "social-care.toml").write_text('[[brands]]\nname = "Acme"\n', encoding="utf-8")
    environment = os.environ | {"SOCIAL_CARE_DATABASE": postgres_url}

    def command(*words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*CLI, *words], cwd=tmp_path, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    world = LineWorld(make_workspace(tmp_path, postgres_url), Clock())
    worker.set_up(world.workspace)
    expected = write_export(tmp_path / "exports", "posts", 1_500)
    code, output, errors = ended(command("import", "exports/posts.csv", "--no-score"))
    assert code == 0, output + errors
    assert len(job_rows(world, "score")) == 16 + 8

    both = [command("worker", "--stalled-after", "5") for _ in range(2)]
    try:
        wait_until(lambda: len(doing(world)) == 2, *both)
        both[0].kill()
        both[0].wait()
        left = both[1]
        wait_until(lambda: all(row["triaged_version"] == 1 for row in world.rows("mention")), left)
        wait_until(lambda: not doing(world), left)
        left.send_signal(signal.SIGTERM)
        code, output, errors = ended(left)
    finally:
        for process in both:
            stop(process)
    assert code == 0, output + errors
    assert sorted(world.ids()) == sorted(expected)
    check_all_done(world, 1_500)
    assert job_rows(world, "score") == job_rows(world, "triage") == []
    world.workspace.database.dispose()


def doing(world: LineWorld) -> set[int]:
    """The workers that are scoring now."""
    rows = sql(
        world, "SELECT DISTINCT worker_id FROM procrastinate_jobs WHERE task_name = 'score' AND status = 'doing'"
    )
    return {row[0] for row in rows}
