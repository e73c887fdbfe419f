"""The whole story: a post is heard, a person answers it, and the answer counts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clock import NOW
from line_world import Clock, LineWorld, post

from responders import draft_desk
from responders.metrics import report
from social_care import demo
from social_care.workspace import Workspace
from storage import queries
from storage.ingest import store_page
from storage.models import AuthorData, MentionData
from storage.pages import Page
from storage.reporting import case_facts

MINUTE = timedelta(minutes=1)


def figures(world: LineWorld, now: datetime) -> dict[str, Any]:
    """The report of the last two weeks and a day."""
    since = now - timedelta(days=15)
    with world.workspace.database.read() as session:
        facts = case_facts(session, since, now)
    return report(facts, now=now, since=since, until=now, zone=UTC).total.figures


def approve_and_hand_off(world: LineWorld, draft_id: int, *, at: datetime) -> Any:
    with world.workspace.database.read() as session:
        shown = draft_desk.rows.load_draft_facts(session, draft_id, lock=False).draft.text_hash
    with world.workspace.database.write() as session:
        draft_desk.approve_draft(session, draft_id, shown=shown, actor="mei", now=at)
    with world.workspace.database.write() as session:
        _, sheet = draft_desk.hand_off_draft(session, draft_id, actor="mei", now=at + MINUTE)
    return sheet


def test_a_post_is_heard_answered_by_hand_and_its_promise_kept(world: LineWorld) -> None:
    world.script().posts = [post(0, NOW), post(1, NOW)]
    ticker = world.ticker()
    ticker.tick()
    with world.workspace.database.read() as session:
        first, second = queries.inbox(session, now=NOW, limit=10)
        assert figures(world, NOW + MINUTE)["response_rate"]["answered"] == 0
        detail = queries.case_detail(session, first.id)
    (lead,) = detail.thread
    with world.workspace.database.write() as session:
        made = draft_desk.new_draft(session, first.id, "So sorry! Please DM us.", actor="mei", now=NOW + MINUTE)
    assert made.draft_id is not None
    sheet = approve_and_hand_off(world, made.draft_id, at=NOW + 2 * MINUTE)
    assert sheet.text == "So sorry! Please DM us."
    assert [row["status"] for row in world.rows("draft")] == ["handed_off"]

    # The person answers in the network's own window; the listener hears it like anything else.
    answer = post(
        5, NOW + 4 * MINUTE, f"@{lead.author} So sorry!! Please DM us", native_id="ours", author="AcmeCares",
        is_ours=True, addressed=False, parent_native_id=lead.mention.native_id,
    )  # fmt: skip
    world.script().posts.append(answer)
    world.clock.forward(minutes=5)
    ticker.tick()

    assert [row["status"] for row in world.rows("draft")] == ["posted"]
    (reply,) = world.rows("reply")
    assert (reply["case_id"], reply["draft_id"], reply["in_reply_to"]) == (
        first.id,
        made.draft_id,
        lead.mention.id,
    )
    clocks = [row for row in world.rows("slaclock") if row["case_id"] == first.id]
    assert [(row["metric"], row["stop_reason"], row["stopped_at"]) for row in clocks] == [
        ("first_reply", "reply", NOW + 4 * MINUTE)
    ]
    assert clocks[0]["breached_at"] is None
    with world.workspace.database.read() as session:
        assert [row.id for row in queries.inbox(session, now=world.clock.now, limit=10)] == [second.id]
    found = figures(world, world.clock.now + MINUTE)
    assert (found["response_rate"]["answered_reply_needed"], found["response_rate"]["reply_needed"]) == (1, 2)
    assert found["response_rate"]["value"] == 0.5
    assert found["attainment"]["customer"]["met"] == 1
    assert found["first_reply_seconds"]["p50"] == pytest.approx(240)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_leads_from_the_inbox_to_a_counted_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOCIAL_CARE_DATABASE", raising=False)
    folder = tmp_path / "demo"
    demo.play(folder, now=NOW, actor="mei")
    world = LineWorld(Workspace.find(folder), Clock())
    drafts = [row for row in world.rows("draft") if row["saved_reply"]]
    assert drafts, "the saved replies answer some of the most pressing"
    assert f"{len(drafts)} drafts from saved replies" in " ".join(capsys.readouterr().out.split())

    with world.workspace.database.read() as session:
        waiting = {row.id: row for row in queries.inbox(session, now=NOW, limit=1000)}
    answered = {row["case_id"] for row in world.rows("reply")}
    draft = next(
        row for row in drafts
        if row["case_id"] not in answered and row["case_id"] in waiting and waiting[row["case_id"]].network == "x"
    )  # fmt: skip
    before = figures(world, NOW)["response_rate"]
    sheet = approve_and_hand_off(world, draft["id"], at=NOW + MINUTE)
    assert sheet.text == draft["text"]
    (mention,) = [row for row in world.rows("mention") if row["id"] == draft["in_reply_to"]]

    # A colleague polishes the text while pasting it: it is still recognised.
    answer = MentionData(
        network="x", native_id="1999999999999999999", brand="Kestrel", kind="comment", is_ours=True,
        author=AuthorData(native_id="42", handle="KestrelCare"), text=sheet.text + " Thank you!",
        posted_at=NOW + 5 * MINUTE, parent_native_id=mention["native_id"],
    )  # fmt: skip
    world.clock.forward(minutes=6)
    with world.workspace.database.write() as session:
        store_page(session, Page(mentions=[answer]), listener="demo-x", network="x", now=world.clock.now)
    world.ticker().tick()

    (posted,) = [row for row in world.rows("draft") if row["id"] == draft["id"]]
    assert posted["status"] == "posted"
    assert [row["draft_id"] for row in world.rows("reply") if row["case_id"] == draft["case_id"]][-1] == draft[
        "id"
    ]
    running = [
        row for row in world.rows("slaclock") if row["case_id"] == draft["case_id"] and row["stopped_at"] is None
    ]
    assert running == []
    with world.workspace.database.read() as session:
        rest = {row.id for row in queries.inbox(session, now=world.clock.now, limit=1000)}
    assert draft["case_id"] not in rest
    assert len(rest) == len(waiting) - 1
    after = figures(world, world.clock.now)["response_rate"]
    assert after["answered_reply_needed"] == before["answered_reply_needed"] + 1
    assert after["reply_needed"] == before["reply_needed"]
    world.workspace.database.dispose()
