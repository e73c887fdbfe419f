"""`social-care listen`: poll by hand, tell what was not polled and why, and look without storing."""

import json

import pytest
from clock import NOW
from line_world import LineWorld, MakeWorld, post

from listeners.errors import AuthFailed, Transient
from social_care.cli import exits
from social_care.listening import poll_now
from storage import leases
from storage.errors import ConfigError

TABLES = (
    "mention", "mentionversion", "author", "brand", "score", "case", "slaclock", "listenerstate", "coverage",
    "rejected", "notice", "audit", "lease", "slot", "tombstone",
)  # fmt: skip


def listen(world: LineWorld, *names: str, as_json: bool = False, dry_run: bool = False) -> int:
    return poll_now(world.workspace, names, world.clock, as_json=as_json, dry_run=dry_run)


def test_listening_by_hand_polls_now_scores_and_sorts(
    world: LineWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.script().posts = [post(0, NOW), post(1, NOW)]
    assert listen(world) == exits.OK
    assert listen(world, "acme-x") == exits.OK, "whatever the schedule says"
    assert len(world.script().polls) == 2
    assert len(world.rows("case")) == 2
    assert "acme-x: 2 new" in capsys.readouterr().out


def test_a_dry_run_counts_and_stores_nothing(world: LineWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.script().posts = [post(number, NOW) for number in range(25)]
    assert listen(world, dry_run=True) == exits.OK
    assert "acme-x: would store 25 mentions" in capsys.readouterr().out
    assert {table: world.rows(table) for table in TABLES} == {table: [] for table in TABLES}

    listen(world)
    before = {table: world.rows(table) for table in TABLES}
    world.script().posts += [post(99, NOW)]
    assert listen(world, dry_run=True) == exits.OK
    assert "acme-x: would store 1 mentions" in capsys.readouterr().out, "from the cursor on"
    assert {table: world.rows(table) for table in TABLES} == before


def test_a_dry_run_reads_no_more_than_the_days_budget_allows(
    make_world: MakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_world({"acme-x": {"reads_per_day": 12}})
    world.script().posts = [post(number, NOW) for number in range(40)]
    listen(world, dry_run=True)
    listen(world)
    listen(world, dry_run=True)
    assert world.script().reads_left == [12, 12, 0]


def test_a_dry_run_tells_which_source_failed_and_looks_at_the_others(
    make_world: MakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_world({"bad": {}, "good": {}})
    world.script("bad").failures = [AuthFailed("x: 401, the token was revoked")]
    world.script("good").posts = [post(0, NOW)]
    assert listen(world, dry_run=True, as_json=True) == exits.PARTLY
    told = json.loads(capsys.readouterr().out)["listeners"]
    assert told["bad"]["error"] == "x: 401, the token was revoked"
    assert (told["good"]["mentions"], told["good"]["error"]) == (1, None)
    assert world.rows("listenerstate") == []


def test_a_parked_listener_is_not_polled_and_says_so(
    make_world: MakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_world({"one": {}, "two": {}})
    world.script("one").failures = [AuthFailed("x: 401, the token was revoked")]
    assert listen(world) == exits.PARTLY
    capsys.readouterr()
    assert listen(world, "one") == exits.PARTLY
    said = " ".join(capsys.readouterr().err.split())
    assert "one: not polled: it is parked (x: 401, the token was revoked)" in said
    assert "social-care listener resume one" in said
    assert len(world.script("one").polls) == 1
    assert listen(world, "one", as_json=True) == exits.PARTLY
    told = json.loads(capsys.readouterr().out)
    assert told["listeners"] == {}
    assert "parked" in told["not_polled"]["one"]


def test_a_listener_another_process_polls_is_left_to_it(
    world: LineWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    with world.workspace.database.write() as session:
        leases.ensure_listeners(session, {"acme-x": "scripted"})
        leases.claim_listeners(session, "another", NOW, 60)
    assert listen(world) == exits.PARTLY
    assert "acme-x: not polled: another process is polling it" in " ".join(capsys.readouterr().err.split())
    assert world.script().polls == []


def test_a_failed_poll_is_told_by_the_exit_code(world: LineWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.script().failures = [Transient("x: 503")]
    assert listen(world, as_json=True) == exits.PARTLY
    assert json.loads(capsys.readouterr().out)["listeners"]["acme-x"]["error"] == "x: 503"


def test_an_unknown_name_polls_nobody(world: LineWorld) -> None:
    with pytest.raises(ConfigError, match="no listener 'acme-y'"):
        listen(world, "acme-x", "acme-y")
    assert world.script().polls == []


def test_without_listeners_the_way_on_is_told(make_world: MakeWorld) -> None:
    with pytest.raises(ConfigError, match="social-care import FILE"):
        listen(make_world({}))
