"""Posts of open cases are looked up again once a day, so that nobody answers one that is gone."""

from datetime import datetime, timedelta

import pytest
from line_world import LineWorld, ScriptedListener, post
from sqlmodel import select

from listeners.errors import Transient
from storage.models import Mention
from storage.pages import Deletion, Page


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Give the scripted listener the ability; `p1` is gone. Lists what was looked up."""
    calls: list[list[str]] = []

    def recheck(self: ScriptedListener, ids: list[str], now: datetime) -> Page:
        calls.append(ids)
        if len(calls) == 3:
            raise Transient("x: 503")
        return Page(deletions=[Deletion(native_id, "not found") for native_id in ids if native_id == "p1"])

    monkeypatch.setattr(ScriptedListener, "recheck", recheck, raising=False)
    return calls


def test_a_post_deleted_where_it_stood_is_purged_the_next_day(
    world: LineWorld, looked_up: list[list[str]]
) -> None:
    world.script().posts = [post(0), post(1), post(2)]
    ticker = world.ticker()
    world.clock.forward(minutes=5)
    ticker.tick()  # hears them; nothing was open before
    world.clock.forward(hours=24)
    ticker.tick()
    world.clock.forward(minutes=5)
    ticker.tick()
    assert [sorted(ids) for ids in looked_up] == [["p0", "p1", "p2"]]
    with world.workspace.database.read() as session:
        gone = session.exec(select(Mention).where(Mention.native_id == "p1")).one()
        left = session.exec(select(Mention).where(Mention.native_id == "p0")).one()
    assert (gone.text, gone.deleted_at is not None) == ("", True)
    assert left.text
    world.clock.forward(hours=24)
    ticker.tick()
    assert sorted(looked_up[1]) == ["p0", "p2"]


def test_a_source_that_fails_at_it_is_told_and_asked_again_tomorrow(
    world: LineWorld, looked_up: list[list[str]]
) -> None:
    looked_up += [[], []]  # the third look-up fails
    world.script().posts = [post(0)]
    ticker = world.ticker()
    ticker.tick()
    for _ in range(2):
        world.clock.forward(hours=24)
        ticker.tick()
    assert looked_up[2:] == [["p0"], ["p0"]]
    assert world.row()["next_poll_at"] > world.clock.now - timedelta(minutes=1)
