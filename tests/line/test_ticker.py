"""The tick: what is due is done once, what fails waits, and nothing stops the rest."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from clock import NOW
from line_world import LineWorld, MakeWorld, RuleScorer, make_workspace, post

from listeners.errors import AuthFailed, RateLimited, Transient
from listeners.ports import Gap, Interval
from social_care import pipeline
from social_care.scheduler import LEASE_SECONDS
from storage import leases, queries
from storage.errors import StorageError

MINUTE = timedelta(minutes=1)


# --- when a listener is polled ---------------------------------------------------------------------------------


def test_a_due_listener_is_polled_once_and_not_again_before_it_is_due(world: LineWorld) -> None:
    world.script().posts = [post(0), post(1)]
    ticker = world.ticker()
    ticker.tick()
    ticker.tick()
    world.clock.forward(minutes=4, seconds=59)
    ticker.tick()
    assert world.script().polls == [NOW]
    assert world.row()["network"] == "x"
    world.clock.forward(seconds=1)
    ticker.tick()
    assert world.script().polls == [NOW, NOW + 5 * MINUTE]
    assert world.ids() == ["p0", "p1"]


def test_each_listener_keeps_its_own_schedule(make_world: MakeWorld) -> None:
    world = make_world({"fast": {"every": "1m"}, "slow": {"every": "10m"}})
    ticker = world.ticker()
    for _ in range(11):
        ticker.tick()
        world.clock.forward(minutes=1)
    assert len(world.script("fast").polls) == 11
    assert world.script("slow").polls == [NOW, NOW + 10 * MINUTE]


def test_two_tickers_share_the_listeners_and_poll_none_twice(make_world: MakeWorld) -> None:
    world = make_world({"one": {}, "two": {}, "three": {}})
    for name in ("one", "two", "three"):
        world.script(name).posts = [post(0)]
    first, second = world.ticker("first"), world.ticker("second")
    world.script("one").on_page = lambda _: second.poll_due()  # while the first is in the middle of a poll
    first.tick()
    second.tick()
    assert [len(world.script(name).polls) for name in ("one", "two", "three")] == [1, 1, 1]


def test_a_listener_removed_from_the_configuration_is_left_alone(make_world: MakeWorld, tmp_path: Path) -> None:
    world = make_world({"kept": {}, "gone": {}})
    world.ticker().tick()
    del world.workspace.settings.listeners["gone"]
    world.clock.forward(hours=1)
    world.ticker().tick()
    assert [len(world.script(name).polls) for name in ("kept", "gone")] == [2, 1]


def test_a_source_that_has_more_is_polled_again_as_soon_as_it_asks(world: LineWorld) -> None:
    world.script().retry_after = NOW + MINUTE
    ticker = world.ticker()
    ticker.tick()
    assert world.row()["next_poll_at"] == NOW + MINUTE
    world.script().retry_after = None
    world.clock.forward(minutes=1)
    ticker.tick()
    assert world.row()["next_poll_at"] == NOW + 6 * MINUTE


# --- when a poll fails -----------------------------------------------------------------------------------------


def test_a_rate_limited_listener_waits_as_long_as_it_was_told(world: LineWorld) -> None:
    world.script().failures = [RateLimited("x: 429, too many requests", NOW + timedelta(minutes=14))]
    ticker = world.ticker()
    ticker.tick()
    assert world.row()["next_poll_at"] == NOW + timedelta(minutes=14)
    assert world.row()["failures"] == 0
    world.clock.forward(minutes=13, seconds=59)
    ticker.tick()
    assert len(world.script().polls) == 1
    world.clock.forward(seconds=1)
    ticker.tick()
    assert len(world.script().polls) == 2
    assert world.row()["last_error"] is None


def test_a_failing_listener_waits_longer_each_time_and_recovers_at_once(world: LineWorld) -> None:
    world.script().failures = [Transient("x: 503")] * 7
    ticker = world.ticker()
    waits = []
    for _ in range(7):
        ticker.tick()
        due = world.row()["next_poll_at"]
        waits.append((due - world.clock.now) / MINUTE)
        world.clock.now = due
    assert waits == [1, 2, 5, 15, 30, 60, 60]
    assert world.row()["failures"] == 7
    world.script().posts = [post(0)]
    ticker.tick()
    row = world.row()
    assert (row["failures"], row["last_error"], row["next_poll_at"]) == (0, None, world.clock.now + 5 * MINUTE)
    assert world.ids() == ["p0"]


def test_what_came_before_a_failure_is_kept_and_the_next_poll_goes_on_behind_it(world: LineWorld) -> None:
    world.script().posts = [post(number, NOW) for number in range(50)]
    world.script().failures = [Transient("x: 500")]
    world.script().good_pages = 3
    ticker = world.ticker()
    ticker.tick()
    assert len(world.ids()) == 30
    assert world.row()["cursor"]["next"] == 30
    world.clock.forward(minutes=1)
    ticker.tick()
    assert world.ids() == [f"p{number}" for number in range(50)]


def test_a_listener_that_brings_something_each_time_before_it_fails_is_never_parked(world: LineWorld) -> None:
    world.script().posts = [post(number, NOW) for number in range(30)]
    world.script().size, world.script().good_pages = 1, 1
    world.script().failures = [Transient("x: 500")] * 21
    ticker = world.ticker()
    for _ in range(21):
        ticker.tick()
        assert world.row()["next_poll_at"] == world.clock.now + MINUTE, "each failure counts as the first"
        world.clock.forward(minutes=1)
    assert world.row()["parked_at"] is None
    assert len(world.ids()) == 21


def test_refused_credentials_park_the_listener_and_tell_somebody_once(world: LineWorld) -> None:
    world.script().posts = [post(number, NOW) for number in range(25)]
    world.script().good_pages = 1
    world.script().failures = [AuthFailed("x: 401, the token was revoked")]
    ticker = world.ticker()
    for _ in range(3):
        ticker.tick()
        world.clock.forward(hours=1)
    assert len(world.script().polls) == 1
    (notice,) = [row for row in world.rows("notice") if row["kind"] == "listener_parked"]
    assert notice["body"] == {
        "listener": "acme-x",
        "network": "x",
        "reason": "x: 401, the token was revoked",
    }
    assert (notice["delivered_at"], notice["case_id"], notice["created_at"]) == (None, None, NOW)
    assert world.row()["parked_reason"] == "x: 401, the token was revoked"
    assert any("parked" in line for line in world.said)

    with world.workspace.database.write() as session:
        leases.set_parked(session, "acme-x", None, actor="mei", now=world.clock())
    ticker.tick()
    assert world.ids() == [f"p{number}" for number in range(25)], "from the cursor on, nothing missed or doubled"
    assert world.row()["parked_at"] is None

    world.script().failures = [AuthFailed("x: 401, the token was revoked")]
    world.script().good_pages = 0
    world.clock.forward(hours=1)
    ticker.tick()
    assert len([row for row in world.rows("notice") if row["kind"] == "listener_parked"]) == 2, "a new event"


def test_twenty_failures_in_a_row_park_a_listener(world: LineWorld) -> None:
    world.script().failures = [Transient("x: 502")] * 30
    ticker = world.ticker()
    while world.row_or_new()["parked_at"] is None:
        ticker.tick()
        world.clock.forward(hours=1)
        assert len(world.script().polls) <= pipeline.PARK_AFTER
    assert len(world.script().polls) == pipeline.PARK_AFTER
    assert world.row()["parked_reason"] == "20 failures in a row: x: 502"


def test_a_listener_that_cannot_be_built_is_parked_with_the_reason(make_world: MakeWorld) -> None:
    world = make_world({"good": {}, "bad": {"type": "nosuch"}})
    world.script("good").posts = [post(0)]
    world.ticker().tick()
    assert world.row("bad")["parked_reason"] == "there is no listener type 'nosuch'"
    assert world.ids() == ["p0"]


def test_a_defect_in_one_listener_stops_neither_the_others_nor_the_rest_of_the_tick(make_world: MakeWorld) -> None:
    world = make_world({"broken": {}, "good": {}})
    world.script("broken").failures = [KeyError("token=s3cret of a customer's post")]
    world.script("good").posts = [post(0, NOW - timedelta(days=1))]
    world.ticker().tick()
    assert world.ids() == ["p0"]
    assert [row["triaged_version"] for row in world.rows("mention")] == [1]
    assert [row["metric"] for row in world.rows("slaclock") if row["breached_at"]]
    broken = world.row("broken")
    assert broken["failures"] == 1
    assert broken["owner"] is None
    assert broken["next_poll_at"] == NOW + MINUTE
    assert "unexpected KeyError at line_world.py:" in broken["last_error"]
    assert "s3cret" not in broken["last_error"] + "".join(world.said)


def test_a_step_that_fails_stops_no_other_and_is_told_once(
    world: LineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **named: object) -> int:
        raise StorageError("The database cannot grow: the disk is full.")

    world.script().posts = [post(0, NOW - timedelta(days=1))]
    ticker = world.ticker()
    with monkeypatch.context() as broken:
        broken.setattr(pipeline, "score_pending", full)
        ticker.tick()
        ticker.tick()
    assert [line for line in world.said if "disk" in line] == [
        "understand: The database cannot grow: the disk is full."
    ]
    assert any("digest written" in line for line in world.said)
    assert world.rows("lease") == [], "the lease was given back"
    ticker.tick()
    assert [row["triaged_version"] for row in world.rows("mention")] == [1]


# --- budget ----------------------------------------------------------------------------------------------------


def test_the_daily_budget_holds_across_polls_and_starts_anew_each_utc_day(make_world: MakeWorld) -> None:
    world = make_world({"acme-x": {"reads_per_day": 12, "every": "1h"}})
    world.script().posts = [post(number, NOW) for number in range(40)]
    world.script().size = 5
    ticker = world.ticker()
    ticker.tick()
    assert (world.row()["reads"], len(world.ids())) == (12, 12)
    world.clock.forward(hours=1)
    ticker.tick()
    world.clock.now = NOW.replace(hour=23, minute=59)
    ticker.tick()
    assert (world.row()["reads"], len(world.ids())) == (12, 12)
    world.clock.forward(hours=1)
    ticker.tick()
    assert world.script().reads_left == [12, 0, 0, 12]
    assert (world.row()["reads"], world.row()["reads_day"], len(world.ids())) == (12, "2026-03-03", 24)


# --- coverage --------------------------------------------------------------------------------------------------


def test_coverage_grows_with_each_poll_and_a_gap_stays_a_gap(world: LineWorld) -> None:
    ticker = world.ticker()
    for _ in range(3):
        ticker.tick()
        world.clock.forward(minutes=5)
    world.script().gaps = [Gap(Interval(NOW + 11 * MINUTE, NOW + 13 * MINUTE), "older than the source shows")]
    ticker.tick()
    until = NOW + 15 * MINUTE
    with world.workspace.database.read() as session:
        shares = queries.coverage_share(session, NOW, until)
        gaps = queries.find_gaps(session, NOW, until)
        (status,) = queries.listener_status(session, until, window=15 * MINUTE)
    assert shares["acme-x"] == pytest.approx(13 / 15)
    assert [(gap.interval.started_at, gap.reason) for gap in gaps["acme-x"]] == [
        (NOW + 11 * MINUTE, "older than the source shows")
    ]
    assert status.coverage == pytest.approx(13 / 15)


def test_a_failed_poll_claims_no_coverage(world: LineWorld) -> None:
    world.script().failures = [None, Transient("x: 503")]
    ticker = world.ticker()
    world.clock.forward(minutes=5)
    ticker.tick()
    heard = world.rows("coverage")
    world.clock.forward(minutes=5)
    ticker.tick()
    assert world.rows("coverage") == heard


# --- digest ----------------------------------------------------------------------------------------------------


def digests(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "digests").glob("*"))


def test_the_digest_is_written_once_a_day_at_its_time_in_the_workspaces_zone(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    world = make_world({}, zone="Asia/Taipei", digest={"at": "21:30", "formats": ["json"]})
    ticker = world.ticker()
    world.clock.now = NOW.replace(hour=13, minute=29)  # 21:29 in Taipei
    ticker.tick()
    assert digests(tmp_path) == []
    for _ in range(3):
        world.clock.forward(minutes=1)
        ticker.tick()
    assert digests(tmp_path) == ["digest-2026-03-02.json"]
    assert len([line for line in world.said if line.startswith("digest written")]) == 1
    world.clock.forward(days=1)
    ticker.tick()
    assert digests(tmp_path) == ["digest-2026-03-02.json", "digest-2026-03-03.json"]


def test_a_digest_missed_while_the_process_was_down_is_written_at_the_next_start(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    world = make_world({}, digest={"at": "08:00", "formats": ["json"]})
    world.clock.now = NOW.replace(hour=7)
    world.ticker("before").tick()
    assert digests(tmp_path) == []
    world.clock.now = NOW.replace(hour=17)
    world.ticker("after").tick()
    assert digests(tmp_path) == ["digest-2026-03-02.json"]


def test_two_tickers_write_one_digest(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    from social_care.digest import write

    world = make_world({}, digest={"at": "08:00", "formats": ["json"]})
    first, second = world.ticker("first"), world.ticker("second")
    written: list[str] = []
    really = write.write_daily

    def slowly(workspace: object, now: object) -> list[Path]:
        if not written:
            written.append("first")
            second.digest()  # comes along while the first is writing
        return really(workspace, now)  # type: ignore[arg-type]

    monkeypatch.setattr(write, "write_daily", slowly)
    first.digest()
    second.digest()
    assert len([line for line in world.said if line.startswith("digest written")]) == 1
    assert [(row["slot"], row["owner"]) for row in world.digests()] == [("2026-03-02", "first")]
    assert world.rows("lease") == []


def test_a_digest_that_cannot_be_written_is_tried_again(make_world: MakeWorld, tmp_path: Path) -> None:
    world = make_world({}, digest={"at": "08:00", "formats": ["json"], "folder": "taken/digests"})
    (tmp_path / "taken").write_text("a file where a folder should be", encoding="utf-8")
    ticker = world.ticker()
    ticker.tick()
    ticker.tick()
    assert len([line for line in world.said if "cannot be written" in line]) == 1
    assert world.digests() == []
    (tmp_path / "taken").unlink()
    ticker.tick()
    assert (tmp_path / "taken" / "digests" / "digest-2026-03-02.json").exists()


# --- clocks and people -----------------------------------------------------------------------------------------


def test_breaches_are_recorded_and_told_once_each(world: LineWorld) -> None:
    world.script().posts = [post(0, NOW), post(1, NOW)]
    first, second = world.ticker("first"), world.ticker("second")
    first.tick()
    assert {row["status"] for row in world.rows("case")} == {"open"}
    world.clock.forward(days=7)
    for ticker in (first, second, first):
        ticker.tick()
        world.clock.forward(days=1)
    keys = [row["key"] for row in world.rows("notice")]
    running = [row["id"] for row in world.rows("slaclock")]
    assert sorted(key for key in keys if key.startswith("breach:")) == sorted(f"breach:clock:{n}" for n in running)
    assert len(keys) == len(set(keys))


def test_a_snoozed_case_stays_snoozed_until_its_time(world: LineWorld) -> None:
    from responders import desk

    world.script().posts = [post(0, NOW)]
    ticker = world.ticker()
    ticker.tick()
    (case,) = world.rows("case")
    until = NOW + timedelta(days=2)
    with world.workspace.database.write() as session:
        desk.snooze(session, case["id"], until=until, actor="mei", now=NOW)
    before = world.rows("case")
    for _ in range(5):
        world.clock.forward(minutes=5)
        ticker.tick()
    after = world.rows("case")
    assert after == before
    with world.workspace.database.read() as session:
        assert queries.inbox(session, now=world.clock.now, limit=10) == []
        assert len(queries.inbox(session, now=until + MINUTE, limit=10)) == 1


# --- claims ----------------------------------------------------------------------------------------------------


def test_a_claim_is_renewed_while_its_poll_takes_long(world: LineWorld) -> None:
    world.script().posts = [post(0)]
    second = world.ticker("second")

    def long_page(number: int) -> None:
        before = world.row()["owner_until"]
        world.clock.forward(seconds=LEASE_SECONDS - 1)
        enough = threading.Event()
        for _ in range(3000):
            if world.row()["owner_until"] > before:
                break
            enough.wait(0.01)
        world.clock.forward(seconds=LEASE_SECONDS - 1)
        second.tick()

    world.script().on_page = long_page
    world.ticker("first", beat=timedelta(milliseconds=20)).tick()
    assert len(world.script().polls) == 1, "nobody took it over"
    assert world.row()["owner"] is None


def test_the_claims_of_a_killed_process_lapse_within_a_minute(world: LineWorld) -> None:
    world.script().posts = [post(0, NOW)]
    with world.workspace.database.write() as session:  # what a process leaves behind that is killed in its poll
        leases.ensure_listeners(session, {"acme-x": "scripted"})
        leases.claim_listeners(session, "dead", NOW, LEASE_SECONDS)
        leases.take_lease(session, "understand", "dead", NOW, LEASE_SECONDS)
        leases.take_lease(session, "digest", "dead", NOW, LEASE_SECONDS)
    ticker = world.ticker()
    ticker.tick()
    assert world.script().polls == []
    world.clock.forward(seconds=60)
    ticker.tick()
    assert world.ids() == ["p0"]
    assert [row["triaged_version"] for row in world.rows("mention")] == [1]
    assert len(world.digests()) == 1


def test_a_poll_whose_claim_was_lost_stores_nothing_twice_and_leaves_the_others_schedule_alone(
    world: LineWorld,
) -> None:
    world.script().posts = [post(number, NOW) for number in range(20)]
    second = world.ticker("second")

    def suspended(page: int) -> None:
        if page == 1 and len(world.script().polls) == 1:
            world.clock.forward(minutes=10)  # the machine slept; another process takes over
            second.tick()

    world.script().on_page = suspended
    world.ticker("first").tick()
    assert len(world.script().polls) == 2
    assert sorted(world.ids()) == sorted(f"p{number}" for number in range(20))
    assert len(world.rows("mentionversion")) == 20
    assert world.row()["next_poll_at"] == NOW + 15 * MINUTE
    world.clock.forward(minutes=10)
    second.tick()
    assert len(world.ids()) == 20


def test_a_ticker_told_to_stop_ends_after_the_listener_in_hand(make_world: MakeWorld, tmp_path: Path) -> None:
    world = make_world({"one": {}, "two": {}})
    stop = threading.Event()
    for name in ("one", "two"):
        world.script(name).posts = [post(0)]
        world.script(name).on_page = lambda _: stop.set()
    world.ticker(stopping=stop.is_set).tick()
    assert sum(len(world.script(name).polls) for name in ("one", "two")) == 1
    assert world.ids() == ["p0"]
    assert all(row["owner"] is None for row in world.rows("listenerstate"))
    assert world.digests() == []


def test_scoring_and_triage_are_done_by_one_process_at_a_time(world: LineWorld, tmp_path: Path) -> None:
    world.script().posts = [post(number, NOW) for number in range(5)]
    second = world.ticker("second")
    world.ticker("first").poll_due()
    scorer = world.workspace.scorer
    assert isinstance(scorer, RuleScorer)
    rule = scorer.score

    def and_meanwhile(*args: object) -> object:
        if not scorer.scored:
            scorer.scored.append("")
            second.understand()
        return rule(*args)  # type: ignore[arg-type]

    scorer.score = and_meanwhile  # type: ignore[method-assign,assignment]
    world.ticker("first").understand()
    assert len(scorer.scored) == 6, "five posts, scored once each"
    assert len(world.rows("score")) == 5


def test_another_model_scores_again_and_changes_no_case_twice(world: LineWorld, tmp_path: Path) -> None:
    world.script().posts = [post(number, NOW) for number in range(3)]
    world.ticker().tick()
    cases = world.rows("case")
    url = world.workspace.database_url
    again = make_workspace(tmp_path, url, RuleScorer(name="rule@2"), listeners={})
    world.workspace.database.dispose()
    world.workspace = again
    world.ticker().tick()
    assert sorted(row["scorer"] for row in world.rows("score")) == ["rule@1"] * 3 + ["rule@2"] * 3
    assert [row["id"] for row in world.rows("case")] == [row["id"] for row in cases]
