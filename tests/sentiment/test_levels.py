"""With heads, urgency follows the rubric's levels, and a word of danger counts as much as the post is for us."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.levels import LEVELS, MENTIONED, in_short
from sentiment.ports import Probabilities
from sentiment.reply import reply_needed
from sentiment.signals import bundled_lexicon, prepare
from sentiment.train.heads import HEADS, LABELS_FILE, SIGNALS
from sentiment.urgency import urgency

PLAIN = Probabilities(0.4, 0.4, 0.2)
chances = st.floats(0, 1, allow_nan=False)


def heads(soon: float, today: float, now: float, **others: float) -> dict[str, float]:
    return dict(zip(LEVELS, (soon, today, now), strict=True)) | others


@given(
    st.sampled_from(["the app is down", "she has the bomb", "thank you", "退款两个月", ""]),
    st.dictionaries(st.sampled_from(HEADS), chances).map(lambda some: dict.fromkeys(HEADS, 0.1) | some),
)
def test_points_add_up_whatever_the_heads_say(text: str, said: dict[str, float]) -> None:
    level, factors = urgency(text, PLAIN, "en", heads=said)
    assert 0 <= level <= 1
    assert sum(f.points for f in factors) == pytest.approx(level, abs=1e-6)
    assert all(f.evidence for f in factors)


@given(st.lists(chances, min_size=3, max_size=3), st.integers(0, 2), chances)
def test_a_higher_level_never_lowers_the_urgency(three: list[float], which: int, more: float) -> None:
    raised = list(three)
    raised[which] = max(three[which], more)
    text = "where is my parcel"
    assert (
        urgency(text, PLAIN, "en", heads=heads(*raised))[0] >= urgency(text, PLAIN, "en", heads=heads(*three))[0]
    )


def test_danger_in_a_song_is_shown_and_weighs_little() -> None:
    text = "the chorus says my house is on fire and somebody was injured"
    song, factors = urgency(text, PLAIN, "en", heads=heads(0.05, 0.01, 0.0))
    home, _ = urgency(text, PLAIN, "en", heads=heads(0.95, 0.9, 0.4))
    assert song < 0.2 < 0.85 <= home
    assert MENTIONED in {f.name for f in factors}
    assert "safety" not in {f.name for f in factors}


def test_a_head_names_a_trouble_that_no_word_gave_away() -> None:
    _, factors = urgency("nothing loads since noon", PLAIN, "en", heads=heads(0.9, 0.8, 0.1, outage=0.9))
    assert {f.name: f.evidence for f in factors}["outage"] == "outage 0.90"


@pytest.mark.parametrize(
    ("text", "said", "needed", "reason"),
    [
        ("where is my order", {"reply_needed": 0.9, "question": 0.8, "complaint": 0.2}, True, "question"),
        ("my order is late", {"reply_needed": 0.9, "question": 0.1, "complaint": 0.8}, True, "complaint"),
        ("hmm", {"reply_needed": 0.45}, True, "unsure"),
        ("watching football", {"reply_needed": 0.05}, False, "chatter"),
        ("my card was stolen", {"reply_needed": 0.9, "today_or_more": 0.8}, True, "urgent"),
    ],
)
def test_the_reply_head_decides_and_the_others_say_why(
    text: str, said: dict[str, float], needed: bool, reason: str
) -> None:
    found = bundled_lexicon().find(prepare(text), "en")
    decision = reply_needed(text, PLAIN, found, abstained=False, heads=said)
    assert (decision.needed, decision.reason) == (needed, reason)


def test_the_published_labels_hold_no_text_and_only_known_values() -> None:
    with LABELS_FILE.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) > 1_500
    assert len({(row["file"], row["row"]) for row in rows}) == len(rows)
    for row in rows:
        assert row["level"] in "0123"
        assert {row["reply_needed"], row["complaint"], row["question"]} <= {"0", "1"}
        assert set(row["signals"].split()) <= set(SIGNALS)


def test_a_list_names_troubles_and_else_the_level() -> None:
    base, today, outage = (
        {"name": name, "points": points}
        for name, points in (("base", 0.05), ("today_or_more", 0.2), ("outage", 0.1))
    )
    assert in_short([base, today, outage]) == ["outage"]
    assert in_short([base, today]) == ["today"]
    assert in_short([base]) == ["base"]
    assert in_short([]) == []
