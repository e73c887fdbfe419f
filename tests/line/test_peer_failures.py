"""What a neighbouring tool gets wrong, shown to go right here: each failure was reproduced there by hand."""

import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from clock import NOW
from line_world import Clock, LineWorld, MakeWorld, RuleScorer, make_workspace, post
from processes import ended, start_runner, write_export
from servers.x_server import TOKEN, XServer, timeline

from listeners.ports import Deletion, Page
from listeners.x import XListener
from responders import care, desk, draft_desk
from social_care import pipeline
from social_care.digest.make import make_digest
from social_care.digest.window import last_day
from social_care.importing import ImportRequest, run_import
from storage import queries
from storage.errors import StateError, StorageError
from storage.ingest import store_page
from storage.search import search

MINUTE = timedelta(minutes=1)


@pytest.fixture
def x_server() -> Iterator[XServer]:
    with XServer(NOW) as running:
        yield running


@pytest.fixture
def x_world(make_world: MakeWorld, x_server: XServer, monkeypatch: pytest.MonkeyPatch) -> LineWorld:
    """A workspace that listens to X: newest first, a hundred a page, five pages a poll."""
    monkeypatch.setattr("listeners.registry.load", lambda name: XListener)
    monkeypatch.setenv("SOCIAL_CARE_SECRET_X_BEARER_TOKEN", TOKEN)
    table = {"type": "x", "api_url": x_server.url, "max_pages": 5, "timeout": 60}
    topics = [{"name": "parcels", "brand": "Acme", "query": "acme AND parcel"}]
    return make_world({"acme-x": table}, topics=topics, brands=[{"name": "Acme"}])


def fail_at(page: int) -> Any:
    """A hook that lets the storing of a page fail."""
    seen = [0]

    def hook(session: Any, ids: Any) -> None:
        seen[0] += 1
        if seen[0] == page:
            raise StorageError("The database cannot grow: the disk is full.")

    return hook


def hear(world: LineWorld, *posts: Any, **page: Any) -> None:
    with world.workspace.database.write() as session:
        store_page(session, Page(mentions=posts, **page), listener="acme-x", network="x", now=world.clock())


def understand(world: LineWorld) -> None:
    pipeline.score_pending(world.workspace.database, world.workspace.scorer, now=world.clock())
    world.workspace.triage(world.clock())


def ids_of(server: XServer) -> list[str]:
    return sorted(item["id"] for item in server.posts)


# --- hearing ---------------------------------------------------------------------------------------------------


def test_a_sink_that_fails_in_mid_page_loses_nothing_because_no_cursor_is_ahead_of_its_posts(
    x_world: LineWorld, x_server: XServer
) -> None:
    x_server.posts = timeline(NOW, 450)
    ticker = x_world.ticker()
    ticker.__dict__["enqueue"] = fail_at(3)
    ticker.poll_due()
    assert len(x_world.ids()) == 200
    assert "disk is full" in x_world.row()["last_error"]
    x_world.clock.forward(minutes=5)
    ticker.poll_due()
    assert sorted(x_world.ids()) == ids_of(x_server)


def test_a_source_that_serves_the_newest_first_loses_nothing_when_a_batch_fails(
    x_world: LineWorld, x_server: XServer
) -> None:
    x_server.posts = timeline(NOW - timedelta(hours=1), 50)
    ticker = x_world.ticker()
    ticker.poll_due()
    x_server.posts += timeline(NOW, 300, timedelta(seconds=1))
    ticker.__dict__["enqueue"] = fail_at(2)  # the newest are stored, the older ones are not
    x_world.clock.forward(minutes=5)
    ticker.poll_due()
    assert len(x_world.ids()) == 150
    x_world.clock.forward(minutes=5)
    ticker.poll_due()
    assert sorted(x_world.ids()) == ids_of(x_server)


def test_a_burst_larger_than_the_page_cap_is_heard_whole_within_minutes(
    x_world: LineWorld, x_server: XServer
) -> None:
    x_server.posts = timeline(NOW, 1200)
    ticker = x_world.ticker()
    ticker.poll_due()
    assert len(x_world.ids()) == 500
    with x_world.workspace.database.read() as session:
        assert queries.coverage_share(session, NOW - timedelta(hours=1), NOW).get("acme-x", 0.0) == 0.0
    for _ in range(3):
        x_world.clock.forward(minutes=1)  # long before the next poll of a quiet listener
        ticker.poll_due()
    assert sorted(x_world.ids()) == ids_of(x_server)
    with x_world.workspace.database.read() as session:
        assert queries.find_gaps(session, NOW - timedelta(hours=1), NOW) == {}
        assert queries.coverage_share(session, NOW - timedelta(hours=1), NOW)["acme-x"] == 1.0


# --- telling people --------------------------------------------------------------------------------------------


def test_a_notice_is_never_sent_again_because_something_else_failed(world: LineWorld) -> None:
    hear(world, post(0, NOW - timedelta(days=2)))
    understand(world)

    def track_and_fail() -> None:
        with world.workspace.database.write() as session:
            assert care.track(session, NOW, world.workspace.policies)
            raise StorageError("the other sink is down")

    for _ in range(3):
        with pytest.raises(StorageError):
            track_and_fail()
    assert [row for row in world.rows("notice") if row["kind"] == "breach"] == []
    for _ in range(3):
        world.workspace.track(NOW)
    assert len([row for row in world.rows("notice") if row["kind"] == "breach"]) == 1


def test_what_exceeds_the_length_of_a_list_is_counted_and_reached(world: LineWorld) -> None:
    hear(world, *(post(number, NOW - timedelta(hours=1)) for number in range(45)))
    understand(world)
    with world.workspace.database.read() as session:
        pages = [queries.inbox(session, now=NOW, limit=20, offset=offset) for offset in (0, 20, 40)]
        assert queries.inbox_counts(session, now=NOW).total == 45
    assert [len(page) for page in pages] == [20, 20, 5]
    assert len({row.id for page in pages for row in page}) == 45


# --- understanding ---------------------------------------------------------------------------------------------


def test_a_crash_between_storing_and_scoring_leaves_nothing_unscored(world: LineWorld) -> None:
    hear(world, *(post(number, NOW) for number in range(5)))  # and here the process dies
    world.ticker("the next process").tick()
    assert len(world.rows("score")) == 5
    assert all(row["triaged_version"] == 1 for row in world.rows("mention"))


def test_a_persons_label_outlives_an_edit_and_both_answers_are_kept(world: LineWorld) -> None:
    hear(world, post(0, NOW, "my order never came"))
    understand(world)
    (case,) = world.rows("case")
    with world.workspace.database.write() as session:
        desk.label(session, case["id"], "sentiment", "positive", actor="mei", now=NOW)
    hear(world, post(0, NOW, "my order never came, and the shop is closed", edited_at=NOW + MINUTE))
    world.clock.forward(minutes=2)
    understand(world)
    (label,) = world.rows("label")
    assert (label["value"], label["model_value"], label["by"], label["mention_version"]) == (
        "positive", "negative", "mei", 1,
    )  # fmt: skip
    assert [(row["mention_version"], row["sentiment"]) for row in world.rows("score")] == [
        (1, "negative"), (2, "negative"),
    ]  # fmt: skip
    assert [row["text"] for row in world.rows("mentionversion")] == [
        "my order never came", "my order never came, and the shop is closed",
    ]  # fmt: skip


def test_six_posts_in_a_first_week_are_no_spike_and_no_rising_theme(world: LineWorld) -> None:
    hear(world, *(post(number, NOW - timedelta(hours=2, minutes=number)) for number in range(6)))
    understand(world)
    workspace = world.workspace
    digest = make_digest(workspace.database, workspace.settings, last_day(NOW, "UTC"), NOW)
    assert digest.counts.mentions == 6
    assert digest.volume is not None
    assert digest.volume.spikes == ()
    assert not any(theme.rising for theme in digest.themes)


def test_chinese_complaints_about_one_subject_are_found_and_make_one_theme(world: LineWorld) -> None:
    class Chinese(RuleScorer):
        def _one(self, text: str) -> Any:
            late = "延误" in text or "never" in text
            return replace(super()._one("never" if late else "fine"), language="zh-Hans")

    complaints = [
        "我的航班延误了五个小时，没有人解释",
        "又是航班延误，在机场等到半夜",
        "航班延误导致错过转机，客服电话打不通",
        "昨天的航班延误，行李也没到",
        "这家公司航班延误从来不赔偿",
        "带着孩子遇到航班延误，一瓶水都没有",
    ]
    others = ["空姐很亲切，谢谢", "座位宽敞，餐食好吃", "值机很快，体验不错", "机上电影很多", "会员积分到账了"]
    world.workspace.__dict__["scorer"] = Chinese()
    texts = complaints + others * 3
    hear(world, *(post(number, NOW - timedelta(hours=3), text) for number, text in enumerate(texts)))
    understand(world)
    for word in ("航班", "延误", "航班延误"):
        with world.workspace.database.read() as session:
            assert len(search(session, word)) == 6, word
    workspace = world.workspace
    digest = make_digest(workspace.database, workspace.settings, last_day(NOW, "UTC"), NOW)
    (theme,) = [theme for theme in digest.themes if any("延误" in term for term in theme.terms)]
    assert theme.count == 6


# --- forgetting and keeping ------------------------------------------------------------------------------------


def test_no_byte_of_a_deleted_text_stays_in_any_file_of_the_database(tmp_path: Path, sqlite_url: str) -> None:
    class Quoting(RuleScorer):
        def _one(self, text: str) -> Any:
            score = super()._one(text)
            return replace(score, factors=tuple(replace(f, evidence=text[:60]) for f in score.factors))

    world = LineWorld(make_workspace(tmp_path, sqlite_url, Quoting()), Clock())
    secret = "xylophonequartet never came"
    hear(world, post(0, NOW, secret), *(post(number, NOW) for number in range(1, 60)))
    hear(
        world, post(0, NOW, secret + " twice", edited_at=NOW + MINUTE, title="xylophonequartet", raw={"t": secret})
    )
    understand(world)
    path = world.workspace.database.path
    assert path is not None
    files = list(path.parent.glob(path.name + "*"))
    assert any(b"xylophonequartet" in file.read_bytes() for file in files)
    hear(world, deletions=[Deletion("p0", "deleted by its author", NOW + 2 * MINUTE)])
    understand(world)
    world.workspace.database.compact()
    assert [row["native_id"] for row in world.rows("tombstone")] == ["p0"]
    for file in path.parent.glob(path.name + "*"):
        assert b"xylophone" not in file.read_bytes(), file.name
    with world.workspace.database.read() as session:
        assert search(session, "xylophonequartet") == []
    world.workspace.database.dispose()


ID_LIKE = ("4471829913", "14471829913", "570306133677760513", "1990010260093862413")


def test_ids_and_links_that_look_like_phone_numbers_survive_to_the_answer(world: LineWorld) -> None:
    posts = [
        post(
            number, NOW, f"Order {native_id} never came", native_id=native_id,
            url=f"https://x.example/u/status/{native_id}", thread_native_id=native_id,
        )
        for number, native_id in enumerate(ID_LIKE)
    ]  # fmt: skip
    hear(world, *posts)
    understand(world)
    assert sorted(world.ids()) == sorted(ID_LIKE)
    for case in world.rows("case"):
        with world.workspace.database.write() as session:
            made = draft_desk.new_draft(session, case["id"], "We look into it.", actor="mei", now=NOW)
            assert made.draft_id is not None
            draft_desk.approve_draft(session, made.draft_id, shown=made.text_hash, actor="mei", now=NOW)
            _, sheet = draft_desk.hand_off_draft(session, made.draft_id, actor="mei", now=NOW)
        assert sheet.native_id in ID_LIKE
        assert sheet.url == f"https://x.example/u/status/{sheet.native_id}"
        with world.workspace.database.read() as session:
            detail = queries.case_detail(session, case["id"])
        assert [item.mention.text for item in detail.thread] == [f"Order {sheet.native_id} never came"]


def test_an_approval_whose_process_is_killed_can_still_be_used_and_only_once(world: LineWorld) -> None:
    hear(world, post(0, NOW))
    understand(world)
    (case,) = world.rows("case")
    with world.workspace.database.write() as session:
        made = draft_desk.new_draft(session, case["id"], "We look into it.", actor="mei", now=NOW)
        assert made.draft_id is not None
        draft_desk.approve_draft(session, made.draft_id, shown=made.text_hash, actor="mei", now=NOW)

    def hand_off(*, die: bool) -> str:
        with world.workspace.database.write() as session:
            _, sheet = draft_desk.hand_off_draft(session, made.draft_id or 0, actor="mei", now=NOW)
            if die:
                raise StorageError("killed before the commit")
        return sheet.text

    for _ in range(2):
        with pytest.raises(StorageError):
            hand_off(die=True)
        assert [row["status"] for row in world.rows("draft")] == ["approved"]
    assert hand_off(die=False) == "We look into it."
    with pytest.raises(StateError, match="handed off"):
        hand_off(die=False)
    with world.workspace.database.write() as session:  # the person closed the window and never pasted it
        draft_desk.reject_draft(session, made.draft_id, actor="mei", now=NOW)
        again = draft_desk.new_draft(session, case["id"], "Sorry, we look into it.", actor="mei", now=NOW)
        assert again.draft_id is not None
        draft_desk.approve_draft(session, again.draft_id, shown=again.text_hash, actor="mei", now=NOW)
        draft_desk.hand_off_draft(session, again.draft_id, actor="mei", now=NOW)


# --- files -----------------------------------------------------------------------------------------------------


def import_text(world: LineWorld, name: str, text: str, capsys: pytest.CaptureFixture[str]) -> str:
    path = world.workspace.folder / name
    path.write_text(text, encoding="utf-8")
    run_import(world.workspace, ImportRequest(source=str(path)), now=NOW, as_json=False)
    said = capsys.readouterr()
    return said.out + said.err


def test_ids_spoiled_by_a_spreadsheet_merge_no_rows_and_are_told(
    world: LineWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        f"5.7030{number % 3}E+17,author{number},parcel {number} never came,2026-03-01T10:{number:02d}:00Z"
        for number in range(30)
    ]
    said = import_text(world, "spoiled.csv", "\n".join(["id,author,text,created_at", *rows]), capsys)
    assert len({row["text"] for row in world.rows("mention")}) == 30
    assert re.search("id", said)
    assert re.search("spoiled|rounded|spreadsheet", said), said
    import_text(world, "spoiled.csv", "\n".join(["id,author,text,created_at", *rows]), capsys)
    assert len(world.ids()) == 30
    assert len(world.rows("mentionversion")) == 30


def test_the_same_words_by_two_authors_without_an_id_column_stay_two_posts_on_every_import(
    world: LineWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "author,text,created_at\n" + "".join(
        f"{who},where is my parcel,2026-03-01T10:00:00Z\n" for who in ("alice", "bob")
    )
    for _ in range(3):
        said = import_text(world, "twins.csv", text, capsys)
    assert len(world.ids()) == len(world.rows("mentionversion")) == 2
    assert "0 new, 2 unchanged" in said


def test_terminal_escapes_in_a_post_reach_no_screen(world: LineWorld, capsys: pytest.CaptureFixture[str]) -> None:
    from social_care.cli.case_view import print_case
    from social_care.cli.inbox import show_inbox

    hostile = "my order \x1b[2J\x1b]0;owned\x07 never \u202ecame\u202c \x9b31m"
    hear(world, post(0, NOW, hostile, author="eve\x1b[31m", title="\x1b[5mtitle"))
    understand(world)
    assert world.rows("mention")[0]["text"] == hostile, "kept as it was written"
    show_inbox(world.workspace, query=None, limit=10, now=NOW)
    with world.workspace.database.read() as session:
        detail = queries.case_detail(session, 1)
    print_case(detail, "UTC", NOW, as_json=False)
    print_case(detail, "UTC", NOW, as_json=True)
    said = capsys.readouterr()
    assert "never" in said.out
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", said.out + said.err)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_import_killed_in_the_middle_is_completed_by_the_next(
    world: LineWorld, tmp_path: Path, database_url: str
) -> None:
    expected = write_export(tmp_path / "exports", "posts", 2_500)
    file = tmp_path / "exports" / "posts.csv"
    code, _, errors = ended(start_runner("import", tmp_path, database_url, die_at=45, file=file))
    assert code == -signal.SIGKILL, errors
    assert 0 < len(world.ids()) < 2_500
    code, _, errors = ended(start_runner("import", tmp_path, database_url, file=file))
    assert code == 0, errors
    assert sorted(world.ids()) == sorted(expected)
    assert len(world.rows("score")) == 2_500
