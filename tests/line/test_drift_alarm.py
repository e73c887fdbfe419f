"""Drift is looked for once a day, alarmed once a week, and never guessed."""

from datetime import timedelta
from pathlib import Path

import pytest
from clock import NOW
from sqlmodel import select

from social_care.drifting import alarm, in_words, look, watch_daily
from social_care.workspace import Workspace
from storage.ingest import store_page
from storage.models import Mention, MentionData, Notice
from storage.pages import Page
from storage.work import NewScore, save_scores


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "social-care.toml").write_text('[[brands]]\nname = "Acme"\n', encoding="utf-8")
    return Workspace.find(tmp_path)


def hear(workspace: Workspace, days: tuple[float, float], count: int, text: str, language: str) -> None:
    """Posts spread evenly over some days before now, scored as the model in use would be stored."""
    first, last = days
    steps = (last - first) / count
    mentions = [
        MentionData(
            network="forum", native_id=f"{language}-{first}-{number}", brand="Acme", text=f"{text} {number}",
            posted_at=NOW - timedelta(days=first + steps * (number + 0.5)),
        )
        for number in range(count)
    ]  # fmt: skip
    with workspace.database.write() as session:
        store_page(session, Page(mentions=mentions), listener="forum", network="forum", now=NOW)
        ids = {row.native_id: row.id for row in session.exec(select(Mention)).all()}
        negative = 0.9 if language == "fr" else 0.1
        save_scores(
            session,
            [
                NewScore(
                    mention_id=ids[m.native_id] or 0, mention_version=1, scorer=workspace.scorer_name,
                    language=language, sentiment="negative" if language == "fr" else "neutral", negative=negative,
                    neutral=1 - negative, positive=0.0, abstained=False, urgency=0.1, reply_needed=False,
                    reply_reason="chatter", factors=[], scored_at=NOW,
                )
                for m in mentions
            ],
        )  # fmt: skip


def notices(workspace: Workspace) -> list[Notice]:
    with workspace.database.read() as session:
        return list(session.exec(select(Notice)).all())


def test_nothing_is_said_of_an_empty_workspace(workspace: Workspace) -> None:
    found = look(workspace, NOW)
    assert {one.level for one in found.figures} == {"too little data"}
    assert in_words(found) == (
        "too little data: a week and the four before it need 200 scored posts each",
        False,
    )
    assert alarm(workspace, NOW) is None
    assert notices(workspace) == []


def test_posts_like_those_before_are_steady(workspace: Workspace) -> None:
    hear(workspace, (7, 35), 400, "my order is late", "en")
    hear(workspace, (0, 7), 250, "my order is late", "en")
    found = look(workspace, NOW)
    assert set(found.at("steady")) == {
        "language",
        "sentiment",
        "negative",
        "positive",
        "abstained",
        "unknown_tokens",
    }
    assert found.at("too little data") == ["overruled"]
    assert alarm(workspace, NOW) is None


def test_other_posts_are_alarmed_once_a_week(workspace: Workspace) -> None:
    hear(workspace, (7, 35), 400, "my order is late", "en")
    hear(workspace, (0, 7), 300, "ma commande est en retard \U000130c0\U000130c1\U000130c2", "fr")
    told = watch_daily(workspace, lambda: NOW, "one")
    assert told is not None
    assert "languages people write in (drifted)" in told
    assert watch_daily(workspace, lambda: NOW + timedelta(hours=3), "two") is None
    tomorrow = NOW + timedelta(days=1)
    assert tomorrow.isocalendar()[:2] == NOW.isocalendar()[:2]
    assert watch_daily(workspace, lambda: tomorrow, "one") is None
    (one,) = notices(workspace)
    assert (one.kind, one.key, one.delivered_at) == ("model_drift", "drift:2026-W10", None)
    assert {"language", "sentiment", "negative", "unknown_tokens"} <= set(one.body["figures"])
    assert not any("commande" in str(value) for value in one.body.values())
    told = watch_daily(workspace, lambda: NOW + timedelta(days=6), "one")
    assert [row.key for row in notices(workspace)][1:] == (["drift:2026-W11"] if told else [])


def test_an_index_is_what_the_stored_counts_give(workspace: Workspace) -> None:
    from sentiment.drift import psi

    hear(workspace, (7, 35), 300, "my order is late", "en")
    hear(workspace, (7, 35), 100, "ma commande", "fr")
    hear(workspace, (0, 7), 150, "my order is late", "en")
    hear(workspace, (0, 7), 150, "ma commande", "fr")
    found = next(one for one in look(workspace, NOW).figures if one.figure == "language")
    assert found.psi == pytest.approx(psi({"en": 300, "fr": 100}, {"en": 150, "fr": 150}), abs=1e-4)
    assert found.reference == {"en": 0.75, "fr": 0.25}


def test_the_ticker_looks_for_drift(workspace: Workspace) -> None:
    from social_care.scheduler import Ticker

    hear(workspace, (7, 35), 400, "my order is late", "en")
    hear(workspace, (0, 7), 300, "ma commande est en retard", "fr")
    said: list[str] = []
    ticker = Ticker(workspace, lambda: NOW, tell=said.append)
    ticker.drift()
    ticker.drift()
    assert len([line for line in said if line.startswith("drift: ")]) == 1
    assert [row.kind for row in notices(workspace)] == ["model_drift"]
