"""What the model is shown: names and links masked, nothing invisible, any input survived."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment.text import MAX_CHARACTERS, model_text


@pytest.mark.parametrize(
    ("post", "shown"),
    [
        ("@united  your app\nis down https://t.co/abc", "@user your app is down http"),
        ("thanks @delta.Great crew", "thanks @user.Great crew"),
        ("@ana@mastodon.social hello", "@user hello"),
        ("@ana.bsky.social hello", "@user hello"),
        ("write to help@example.com", "write to help@example.com"),
        ("@小明 你好", "@user 你好"),
        ("回复@小明：你好", "回复@小明:你好"),
        ("@海底捞火锅真难吃", "@海底捞火锅真难吃"),
        ("看http://t.cn/abc很好", "看http很好"),
        ("ＡＢＣ！！", "ABC!!"),
        ("fish &amp; chips", "fish & chips"),
        ("nooooooo 哈哈哈哈哈哈", "nooo 哈哈哈"),
        ("go\x00od\u202e \u200bday", "good day"),
        ("great 👍🏽❤️", "great 👍❤"),
        ("", ""),
        ("\u200b\u202e", ""),
    ],
)
def test_a_post_becomes_what_the_model_was_trained_on(post: str, shown: str) -> None:
    assert model_text(post) == shown


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=300))
def test_any_string_gives_one_readable_line(post: str) -> None:
    shown = model_text(post)
    assert shown == shown.strip()
    assert len(shown) <= MAX_CHARACTERS
    shown.encode("utf-8")
    assert not any(unicodedata.category(c) in {"Cc", "Cs"} or unicodedata.bidirectional(c) == "RLO" for c in shown)


@pytest.mark.parametrize("unit", ["@", "a.", "@a-", "&", "\u202e", "http://", "\U0010ffff", "ﷺ", "@a.a", "[[["])
def test_a_megabyte_of_anything_takes_no_longer_than_a_post(unit: str) -> None:
    post = unit * (1_000_000 // len(unit))
    began = time.perf_counter()
    model_text(post)
    assert time.perf_counter() - began < 0.2
