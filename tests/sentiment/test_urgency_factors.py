"""Urgency is a sum anyone can check, and it orders posts as the rubric says."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.ports import Probabilities
from sentiment.urgency import checked_weights, default_weights, urgency

ANGRY = Probabilities(0.9, 0.07, 0.03)
PLAIN = Probabilities(0.1, 0.85, 0.05)
HAPPY = Probabilities(0.02, 0.08, 0.9)

# The rubric's levels from the most to the least pressing; every post of a level is above every post of the next.
LEVELS: list[list[tuple[str, Probabilities, str]]] = [
    [
        ("The heater you sold us caught fire last night", ANGRY, "en"),
        ("Someone hacked my account and emptied my account", ANGRY, "en"),
        ("Stranded at the station with a toddler, no train tonight, help", ANGRY, "en"),
        ("充电器爆炸，孩子受伤了", ANGRY, "zh-Hans"),
        ("我張卡畀人碌咗，熱線冇人聽", ANGRY, "yue"),
        ("我們在機場滯留八小時，帶著嬰兒", ANGRY, "zh-Hant"),
    ],
    [
        ("Third email about my refund and still no reply", ANGRY, "en"),
        ("You charged me twice and nobody answers", ANGRY, "en"),
        ("退款等了两个月还没到，第三次联系了", ANGRY, "zh-Hans"),
        ("仲未收到貨，投訴咗三次都冇人覆", ANGRY, "yue"),
    ],
    [
        ("The soup was cold and the waiter rude", ANGRY, "en"),
        ("Your new design is ugly and slow", ANGRY, "en"),
        ("味道太差了，不会再来", ANGRY, "zh-Hans"),
    ],
    [
        ("Do you open on Sunday?", PLAIN, "en"),
        ("請問營業到幾點", PLAIN, "zh-Hant"),
        ("Reading about the brand in the paper", PLAIN, "en"),
    ],
    [
        ("Love it, thank you so much!", HAPPY, "en"),
        ("GIVEAWAY, link in bio", PLAIN, "en"),
        ("好食，多謝晒", HAPPY, "yue"),
    ],
]


def test_the_rubric_orders_posts_in_both_languages() -> None:
    ranked = [[urgency(*post)[0] for post in level] for level in LEVELS]
    for above, below in itertools.pairwise(ranked):
        assert min(above) > max(below), ranked


def test_only_the_first_level_reaches_p1() -> None:
    assert all(urgency(*post)[0] >= 0.85 for post in LEVELS[0]), [urgency(*p) for p in LEVELS[0]]
    assert all(urgency(*post)[0] < 0.85 for level in LEVELS[1:] for post in level)


@given(
    st.text(max_size=300),
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
    st.sampled_from(["en", "zh-Hans", "yue", "de", "und"]),
)
def test_the_points_add_up_to_the_urgency(text: str, triple: tuple[float, float, float], language: str) -> None:
    total = sum(triple) or 1.0
    level, factors = urgency(text, Probabilities(*(p / total for p in triple)), language)
    assert 0 <= level <= 1
    assert sum(f.points for f in factors) == pytest.approx(level, abs=1e-6)
    assert [abs(f.points) for f in factors] == sorted((abs(f.points) for f in factors), reverse=True)


def test_every_factor_shows_its_evidence() -> None:
    _, factors = urgency("Stranded and nobody answers!!", ANGRY, "en")
    evidence = {f.name: f.evidence for f in factors}
    assert evidence["stranded_or_locked_out"] == "Stranded"
    assert evidence["no_response"] == "nobody answers"
    assert evidence["complaint"] == "negative 0.90"
    assert all(evidence.values())


def test_a_second_trouble_adds_less_than_the_first() -> None:
    def points(text: str) -> float:
        return sum(f.points for f in urgency(text, PLAIN, "en")[1] if f.name in {"outage", "money_lost"})

    first, both = points("the site is down"), points("the site is down, I want a refund")
    assert first < both < first + default_weights()["money_lost"]


def test_thanks_for_nothing_is_no_relief_and_joy_may_shout() -> None:
    assert "thanks" not in {f.name for f in urgency("thanks a lot for losing my bag", ANGRY, "en")[1]}
    assert "shouting" not in {f.name for f in urgency("BEST FLIGHT EVER!!!", HAPPY, "en")[1]}
    assert "shouting" in {f.name for f in urgency("WORST FLIGHT EVER!!!", ANGRY, "en")[1]}


def test_words_speak_where_the_model_does_not_read_the_language() -> None:
    silent, _ = urgency("Il tempo oggi è bello", None, "it")
    loud, factors = urgency("pessimo servizio, non rispondete da tre settimane", None, "it")
    assert loud > silent
    assert "complaint" in {f.name for f in factors}


def test_weights_come_from_configuration() -> None:
    weights = checked_weights({"question": 0.5})
    assert urgency("how do I pay", PLAIN, "en", weights)[0] > urgency("how do I pay", PLAIN, "en")[0]
    assert default_weights()["question"] != 0.5  # the shipped weights are not changed


def test_a_retold_joy_does_not_hide_a_fire() -> None:
    happy_fire, _ = urgency("love this lamp, it only caught fire once", Probabilities(0.2, 0.1, 0.7), "en")
    assert happy_fire > 0.4


def test_the_documented_weights_are_the_shipped_ones() -> None:
    page = (Path(__file__).parents[2] / "docs" / "urgency.md").read_text(encoding="utf-8")
    documented: dict[str, float] = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        names = re.findall(r"`([a-z_]+)`", cells[0])
        numbers = re.findall(r"[+−]\d\.\d+", cells[1]) if line.startswith("| `") else []
        documented |= {n: float(v.replace("−", "-")) for n, v in zip(names, numbers, strict=False)}
    assert documented == default_weights()
