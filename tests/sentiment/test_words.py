"""Words that can be left out: every language's own, each with its places; evidence is found where it stands."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.signals import bundled_lexicon, prepare
from sentiment.words import LONGEST_SENTENCE, Places, cut_out, pieces, sentences

TEXTS = st.text(max_size=200) | st.lists(
    st.sampled_from(
        [
            *("refund", "Refund!", "@brand", "https://x.co/a?b=1", "&amp;", "退款", "客服没人理", "アプリ"),
            *("😡", "👨‍👩‍👧", "?!", "don't", "ref\u200bund"),
        ]
    ),
    max_size=12,
).map(" ".join)


def words(text: str) -> list[str]:
    return [piece.text for piece in pieces(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("My flight's late, NOT ok", ["My", "flight's", "late", "NOT", "ok"]),
        ("很难吃，太失望了！", ["很", "难吃", "太", "失望", "了", "！"]),
        ("I love 咖啡 but 服務好差", ["I", "love", "咖啡", "but", "服務", "好差"]),
        ("アプリが最悪", ["アプリ", "が", "最悪"]),
        ("हिन्दी अच्छा", ["हिन्दी", "अच्छा"]),
        ("[doge] 😡 ok :)", ["[doge]", "😡", "ok", ":)"]),
        ("@brand see https://x.co/a?b=1 &amp; refund", ["see", "refund"]),
        ("ref\u200bund now", ["ref\u200bund", "now"]),
        ("", []),
    ],
)
def test_words_of_each_script_stand_alone(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_a_word_is_named_once_with_all_its_places() -> None:
    found = {piece.text: piece for piece in pieces("No! Never, no!! NO")}
    assert list(found) == ["No", "!", "Never"]
    assert found["No"].spans == ((0, 2), (11, 13), (16, 18))
    assert not found["No"].function
    assert found["!"].function


@given(TEXTS)
def test_words_lie_in_the_text_apart_from_each_other(text: str) -> None:
    spans = sorted(span for piece in pieces(text) for span in piece.spans)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))


@given(TEXTS)
def test_what_is_left_out_is_gone_and_nothing_else(text: str) -> None:
    for piece in pieces(text):
        left = cut_out(text, piece.spans)
        removed = sum(end - start for start, end in piece.spans)
        assert len(text) - removed - len(piece.spans) <= len(left) <= len(text) - removed
        kept = [c for c in left if not c.isspace()]
        cut = {i for start, end in piece.spans for i in range(start, end)}
        assert kept == [c for i, c in enumerate(text) if i not in cut and not c.isspace()]


@given(TEXTS)
def test_sentences_lie_in_order_and_are_never_too_long(text: str) -> None:
    spans = sentences(text)
    assert all(0 < end - start <= LONGEST_SENTENCE for start, end in spans)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))
    inside = {word for start, end in spans for word in (p.text for p in pieces(text, start, end))}
    assert {w for w in words(text) if w.isalpha() and w.isascii()} <= inside | {""}


def test_sentences_end_where_a_reader_stops() -> None:
    text = '@brand Late again! See x.co now. "Why?" she said\n太差了！没人理。退款'
    shown = [text[slice(*span)] for span in sentences(text)]
    assert shown == ["Late again!", "See x.co now.", '"Why?"', "she said", "太差了！", "没人理。", "退款"]


@pytest.mark.parametrize(
    ("text", "evidence", "quoted"),
    [
        ("Charged   TWICE today", "Charged TWICE", "Charged   TWICE"),
        ("can @brand I &amp; go", "can I", "can @brand I"),
        ("#NeverAgain", "Never Again", "NeverAgain"),
        ("ＡＰＰ崩溃了", "app崩溃", "ＡＰＰ崩溃"),
        ("it wasn’t me", "wasn't", "wasn’t"),
    ],
)
def test_evidence_is_found_as_it_was_written(text: str, evidence: str, quoted: str) -> None:
    assert [text[slice(*span)] for span in Places(text).of(evidence)] == [quoted]


@pytest.mark.parametrize("evidence", ["negative 0.93", "", " ", "any mention", "ty"])
def test_what_does_not_stand_there_is_not_found(evidence: str) -> None:
    assert Places("My type of refund, 退款").of(evidence) == ()


EVIDENT = ["my card was stolen", "refund", "没人理", "charged twice", "@brand", "on hold", ".", "#FlightCancelled"]


@given(st.lists(st.sampled_from(EVIDENT), max_size=8).map(" ".join))
def test_all_evidence_of_the_lexicon_is_found_again(text: str) -> None:
    places = Places(text)
    for quotes in bundled_lexicon().find(prepare(text), "en").values():
        for quote in quotes:
            assert places.of(quote), quote
