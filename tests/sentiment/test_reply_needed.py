"""Whether a text asks for an answer: doubt asks for a person, praise and advertising do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.ports import Probabilities
from sentiment.reply import NEEDED, REASONS, reply_needed
from sentiment.signals import bundled_lexicon, prepare

ANGRY = Probabilities(0.9, 0.07, 0.03)
PLAIN = Probabilities(0.1, 0.85, 0.05)
HAPPY = Probabilities(0.02, 0.08, 0.9)


def decide(text: str, probabilities: Probabilities | None, *, abstained: bool = False) -> tuple[bool, str]:
    language = "en" if text.isascii() else "zh-Hans"
    found = bundled_lexicon().find(prepare(text), language)
    decision = reply_needed(text, probabilities, found, abstained=abstained)
    assert 0.5 <= decision.confidence <= 1
    return decision.needed, decision.reason


@pytest.mark.parametrize(
    ("text", "probabilities", "reason"),
    [
        ("", None, "no_text"),
        ("😡", None, "no_text"),
        ("I cannot log in", PLAIN, "urgent"),
        ("food was cold", ANGRY, "complaint"),
        ("do you ship to Norway?", PLAIN, "question"),
        ("how do i change my address", PLAIN, "question"),
        ("can you add a dark mode", PLAIN, "question"),
        ("请问周日开门吗", PLAIN, "question"),
        ("怎么修改地址", PLAIN, "question"),
        ("點樣改地址", PLAIN, "question"),
        ("有咩優惠", PLAIN, "question"),
        ("please send me the invoice", PLAIN, "request"),
        ("love it, thank you!", HAPPY, "praise_without_ask"),
        ("all sorted now, thanks", PLAIN, "resolved"),
        ("GIVEAWAY: follow us, link in bio", PLAIN, "spam"),
        ("Breaking: shares fall after earnings", PLAIN, "news"),
        ("on my way to the office", PLAIN, "chatter"),
    ],
)
def test_each_reason_has_its_posts(text: str, probabilities: Probabilities | None, reason: str) -> None:
    assert decide(text, probabilities) == (reason in NEEDED, reason)


def test_a_post_the_model_is_unsure_of_goes_to_a_person() -> None:
    assert decide("well that was something", PLAIN, abstained=True) == (True, "unsure")


def test_an_angry_advertisement_is_still_a_complaint() -> None:
    assert decide("your giveaway is a fraud, I never got my prize", ANGRY)[0]


def test_praise_with_a_question_is_answered() -> None:
    assert decide("love the jacket! do you have it in blue?", HAPPY) == (True, "question")


@given(st.text(max_size=300), st.booleans())
def test_every_text_gets_a_known_reason(text: str, abstained: bool) -> None:
    assert decide(text, PLAIN, abstained=abstained)[1] in REASONS
