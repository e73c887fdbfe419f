"""A post that may mean the opposite of its words is answered less surely, and never with another label."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.calibration import Calibration, probabilities
from sentiment.irony import calm
from sentiment.transformer import TransformerScorer

MARKS = [" 🙄", " /s", " #sarcasm", ", thanks for nothing", " 呵呵"]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_of_irony_calms_more_than_an_emoji_and_plain_words_do_not(mark: str) -> None:
    assert calm("another delay" + mark) < calm("another delay ✈") < calm("another delay") == 1.0


def test_words_that_only_look_like_a_mark_are_none() -> None:
    assert calm("https://example.org/s/1 and his/her bag") == 1.0
    assert calm("thanks, nothing else") == 1.0


@given(st.text(max_size=80))
def test_the_factor_never_turns_or_raises_an_answer(text: str) -> None:
    assert 0.4 < calm(text) <= 1.0


@given(st.lists(st.floats(-8, 8), min_size=3, max_size=3), st.sampled_from([0.5, 0.65, 0.85]))
def test_calm_keeps_the_label_and_lowers_the_top(logits: list[float], factor: float) -> None:
    import numpy as np

    deep = np.array([logits])
    usual, calmed = (
        probabilities(deep, np.zeros((1, 3)), (0, 1, 2), [one])[0]
        for one in (Calibration(), Calibration().calmed(factor))
    )
    assert calmed.max() <= usual.max() + 1e-12
    assert calmed[usual.argmax()] == calmed.max()


def test_emoji_alone_are_read_and_left_to_a_person(bundled: TransformerScorer) -> None:
    angry, heart = bundled.score(["😡😡😡", "❤️❤️"])
    assert (angry.sentiment, heart.sentiment) == ("negative", "positive")
    assert angry.abstained
    assert heart.abstained
    assert max(angry.probabilities) < 0.9
    assert (angry.reply_needed, heart.reply_needed) == (True, False)
