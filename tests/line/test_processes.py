"""The line as real processes: two at once, told to stop, and killed at any statement."""

import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from line_world import Clock, LineWorld, make_workspace
from processes import ended, start_runner, stop, wait_until, write_export

CLI = [sys.executable, "-c", "from social_care.cli import main; main()"]


@pytest.fixture
def line(tmp_path: Path, database_url: str) -> Iterator[LineWorld]:
    """Looks into the database the processes work on."""
    world = LineWorld(make_workspace(tmp_path, database_url), Clock())
    yield world
    world.workspace.database.dispose()


def is_done(line: LineWorld, expected: list[str]) -> bool:
    found = line.rows("mention")
    settled = all(row["triaged_version"] == row["version"] for row in found)
    return len(found) == len(expected) and settled and len(line.digests()) == 1


def check_cursor(line: LineWorld) -> int:
    """The cursor says exactly what is stored: never ahead of it, never behind; returns how many rows."""
    state = next(iter(line.rows("listenerstate")), {"cursor": None})
    places: list[dict[str, Any]] = (state["cursor"] or {}).get("files", [])
    stored = Counter(row["native_id"].rpartition("-")[0] for row in line.rows("mention"))
    assert {Path(place["path"]).stem: place["row"] for place in places if place["row"]} == dict(stored)
    return stored.total()


def check_all(line: LineWorld, expected: list[str]) -> None:
    """Everything happened, and once."""
    assert sorted(line.ids()) == sorted(expected)
    mentions = {row["id"]: row for row in line.rows("mention")}
    assert Counter(row["mention_id"] for row in line.rows("score")) == dict.fromkeys(mentions, 1)
    assert len(line.rows("mentionversion")) == len(expected)
    cases = line.rows("case")
    assert len({row["author_id"] for row in cases}) == len(cases) == len(expected), "each author has one case"
    assert {row["case_id"] for row in mentions.values()} == {row["id"] for row in cases}
    clocks = Counter((row["case_id"], row["metric"]) for row in line.rows("slaclock"))
    assert set(clocks.values()) == {1}
    keys = Counter(row["key"] for row in line.rows("notice"))
    assert set(keys.values()) <= {1}
    assert [row["slot"] for row in line.digests()] == ["2026-03-02"]
    assert set(Counter(row["name"] for row in line.rows("slot")).values()) == {1}
    assert [path.name for path in (line.workspace.folder / "digests").glob("digest-*")] == [
        "digest-2026-03-02.json"
    ]


def test_two_processes_on_one_workspace_do_everything_once_and_stop_cleanly(
    line: LineWorld, tmp_path: Path, database_url: str
) -> None:
    exports = tmp_path / "exports"
    expected = write_export(exports, "first", 30)
    both = [start_runner("run", tmp_path, database_url) for _ in range(2)]
    try:
        for number in range(2):
            expected += write_export(exports, f"later{number}", 25)
            wait_until(partial(is_done, line, expected), *both)
        for process in both:
            process.send_signal(signal.SIGTERM)
        results = [ended(process) for process in both]
    finally:
        for process in both:
            stop(process)
    assert [code for code, _, _ in results] == [0, 0], results
    assert all("stopping after the work in hand" in output for _, output, _ in results)
    check_all(line, expected)
    check_cursor(line)
    told = "".join(output for _, output, _ in results)
    assert told.count("digest written") == 1
    assert line.rows("lease") == []
    assert line.row("exports")["owner"] is None


def kill_and_run_on(line: LineWorld, folder: Path, url: str, kills: int) -> None:
    chance = random.Random(kills)
    exports = folder / "exports"
    expected = write_export(exports, "start", 60)
    progress = [0]
    for number in range(kills):
        # Two minutes later each time: the claims of the dead have lapsed.
        process = start_runner("run", folder, url, minutes=2 * number, die_at=chance.randint(2, 90))
        expected += write_export(exports, f"more{number}", 15)
        try:
            code, output, errors = ended(process)
        finally:
            stop(process)
        assert code == -signal.SIGKILL, output + errors
        progress.append(check_cursor(line))
    assert progress == sorted(progress)
    last = start_runner("run", folder, url, minutes=2 * kills)
    try:
        wait_until(partial(is_done, line, expected), last)
        last.send_signal(signal.SIGTERM)
        code, output, errors = ended(last)
    finally:
        stop(last)
    assert code == 0, output + errors
    check_all(line, expected)
    assert check_cursor(line) == len(expected)


@pytest.mark.timeout(600)
def test_a_run_killed_at_any_statement_goes_on_and_does_everything_once(
    line: LineWorld, tmp_path: Path, database_url: str
) -> None:
    kill_and_run_on(line, tmp_path, database_url, kills=3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_run_killed_many_times_goes_on_and_does_everything_once(
    line: LineWorld, tmp_path: Path, database_url: str
) -> None:
    kill_and_run_on(line, tmp_path, database_url, kills=20)


def kill_imports(line: LineWorld, folder: Path, url: str, *, rows: int, kills: int) -> None:
    expected = write_export(folder / "exports", "big", rows)
    file = folder / "exports" / "big.csv"
    chance = random.Random(rows + kills)
    stored = [0]
    for number in range(kills):
        process = start_runner(
            "import", folder, url, die_at=chance.randint(2, (40, 100, 200)[number % 3]), file=file
        )
        try:
            code, output, errors = ended(process)
        finally:
            stop(process)
        # Late ones may have less left to do than they were given statements.
        assert code == -signal.SIGKILL or (code == 0 and number > 1), output + errors
        stored.append(len(line.ids()))
        assert len(set(line.ids())) == stored[-1]
        assert stored[-1] % 1000 == 0, "whole pages or nothing"
    assert stored == sorted(stored)
    assert any(0 < count < rows for count in stored), "no kill hit the storing"
    code, output, errors = ended(start_runner("import", folder, url, file=file))
    assert code == 0, output + errors
    assert sorted(line.ids()) == sorted(expected)
    scores = Counter(row["mention_id"] for row in line.rows("score"))
    assert (len(scores), set(scores.values())) == (rows, {1})
    assert all(row["triaged_version"] == row["version"] for row in line.rows("mention"))
    assert len(line.rows("case")) == rows


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.timeout(600)
def test_an_import_killed_at_any_statement_is_complete_after_the_next_one(
    line: LineWorld, tmp_path: Path, database_url: str
) -> None:
    kill_imports(line, tmp_path, database_url, rows=5_000, kills=3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_import_killed_many_times_is_complete_after_the_next_one(
    line: LineWorld, tmp_path: Path, database_url: str
) -> None:
    kill_imports(line, tmp_path, database_url, rows=5_000, kills=18)


def command(folder: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([*CLI, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_run_ends_with_exit_code_0_when_it_is_told_to_stop(
    number: signal.Signals, tmp_path: Path
) -> None:
    (tmp_path / "social-care.toml").write_text(
        '[[brands]]\nname = "Acme"\n[digest]\nat = "00:00"\nformats = ["json"]\n', encoding="utf-8"
    )
    process = command(tmp_path, "run", "--tick", "0.1")
    try:
        wait_until(lambda: any((tmp_path / "digests").glob("digest-*.json")), process)
        process.send_signal(number)
        code, output, errors = ended(process)
    finally:
        stop(process)
    assert (code, "Traceback" in errors) == (0, False), errors
    assert "stopping after the work in hand" in output


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_runs_of_the_real_program_with_its_own_model_score_every_post_once(tmp_path: Path) -> None:
    (tmp_path / "social-care.toml").write_text(
        '[[brands]]\nname = "Acme"\n[digest]\nat = "00:00"\nformats = ["json"]\n'
        '[listeners.exports]\ntype = "files"\nbrand = "Acme"\npath = "exports"\nnetwork = "x"\nevery = "1s"\n',
        encoding="utf-8",
    )
    expected = write_export(tmp_path / "exports", "first", 200)
    both = [command(tmp_path, "run", "--tick", "0.2") for _ in range(2)]
    try:
        wait_until((tmp_path / "social-care.db").exists, *both)
        line = LineWorld(make_workspace(tmp_path, f"sqlite:///{tmp_path}/social-care.db"), Clock())
        wait_until(lambda: line.workspace.database.revision() is not None, *both)
        wait_until(partial(is_done, line, expected), *both)
        expected += write_export(tmp_path / "exports", "second", 100)
        wait_until(partial(is_done, line, expected), *both)
        for process in both:
            process.send_signal(signal.SIGTERM)
        results = [ended(process) for process in both]
    finally:
        for process in both:
            stop(process)
    assert [code for code, _, _ in results] == [0, 0], results
    assert sorted(line.ids()) == sorted(expected)
    assert Counter(row["mention_id"] for row in line.rows("score")).most_common(1)[0][1] == 1
    assert len(line.rows("score")) == len(line.rows("case")) == 300
    line.workspace.database.dispose()
