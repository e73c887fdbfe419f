"""How posts are cut into terms, and which terms name a theme."""

from datetime import timedelta

import pytest
from clock import NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from social_care.digest.terms import Term, keyness, likelihood_ratio, terms_of, without_echoes
from social_care.digest.themes import find_themes
from storage.digest_queries import Post
from storage.text import text_hash


def post(number: int, text: str, mood: str = "negative", author: str | None = None, urgency: float = 0.5) -> Post:
    """One post as the digest reads it."""
    return Post(
        id=number, case_id=number, brand="Acme", network="x", author=author or f"a{number}", handle=None,
        posted_at=NOW - timedelta(minutes=number), title=None, text=text, text_hash=text_hash(text), url=None,
        topic=None, rating=None, language="en", mood=mood, positive=0.0, urgency=urgency, reply_reason=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("No signal in Bristol since 8", {"signal", "bristol", "no signal"}),
        ("网络断了，一直断网", {"断网"}),
        ("網路斷線了啦", {"網路", "斷線"}),
        ("Löschung meines Kontos", {"löschung", "kontos"}),
        ("it doesn't charge", {"charge"}),
    ],
)
def test_words_pairs_and_runs_of_characters_are_terms(text: str, there: set[str]) -> None:
    assert there <= terms_of(text)


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("see https://evil.example/refund-now @acme", {"evil", "acme", "https", "refund", "example"}),
        ("the and of 的 了 2026", {"the", "and", "的", "了", "2026"}),
        ("我的手机", {"我的", "的手"}),
    ],
)
def test_links_handles_numbers_and_grammar_are_none(text: str, gone: set[str]) -> None:
    assert not gone & terms_of(text)


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_cut(text: str) -> None:
    assert all(term == term.strip() and "\n" not in term for term in terms_of(text))


def test_a_huge_text_costs_no_more_than_its_beginning() -> None:
    assert len(terms_of("断网" * 500_000)) < 20
    assert "late" not in terms_of("x" * 2_000 + " late")


def test_the_likelihood_ratio_is_that_of_a_known_table() -> None:
    # 10 of 20 against 5 of 80: expected 3 and 12; 2 * (10 ln(10/3) + 10 ln(10/17) + 5 ln(5/12) + 75 ln(75/68))
    assert likelihood_ratio(10, 20, 5, 80) == pytest.approx(19.4093, abs=1e-3)
    assert likelihood_ratio(1, 20, 4, 80) == 0.0
    assert likelihood_ratio(5, 5, 0, 0) == 0.0


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 300), st.integers(1, 300))
def test_the_likelihood_ratio_is_never_negative(inside: int, group: int, outside: int, rest: int) -> None:
    assert likelihood_ratio(min(inside, group), group, min(outside, rest), rest) >= 0.0


def test_a_term_as_frequent_everywhere_marks_nothing() -> None:
    group = [frozenset({"app", "outage"})] * 6
    rest = [frozenset({"app"})] * 60
    assert [term.text for term in keyness(group, rest)] == ["outage"]


def test_parts_and_shifted_windows_of_one_run_are_one_term() -> None:
    terms = [
        Term("断网", 9, 0, 40.0),
        Term("网了", 8, 0, 38.0),
        Term("断网了", 8, 0, 37.0),
        Term("退款", 3, 0, 9.0),
    ]
    assert [term.text for term in without_echoes(terms)] == ["断网了", "退款"]


def test_a_theme_groups_the_terms_its_posts_share_and_shows_the_most_urgent() -> None:
    outage = [
        post(number, f"outage in bristol again, street {number}", urgency=0.1 * number) for number in range(1, 6)
    ]
    chatter = [post(number, f"lovely day number {number} outside", "neutral") for number in range(20, 80)]
    (theme,) = find_themes(outage, chatter, chatter[:10])
    assert {"outage", "bristol"} <= set(" ".join(theme.terms).split())
    assert (theme.count, theme.before, theme.mood, theme.rising) == (5, 0, {"negative": 5}, True)
    assert theme.cases == (5, 4, 3)
    assert theme.snippet.startswith("outage in bristol again, street 5")


def test_a_first_digest_without_history_finds_what_complaints_have_in_common() -> None:
    bad = [post(number, f"退款一直没有到账 {number}") for number in range(1, 6)]
    good = [post(number, f"客服很好 {number}", "positive") for number in range(10, 30)]
    (theme,) = find_themes([*bad, *good], [], [])
    assert "退款" in theme.terms
    assert theme.rising is False


def test_one_author_or_one_copied_text_is_no_theme() -> None:
    alone = [post(number, f"outage on my street {number}", author="same") for number in range(1, 9)]
    copied = [post(number, "sign the petition against the tariff") for number in range(10, 19)]
    chatter = [post(number, f"lovely day number {number}", "neutral") for number in range(20, 90)]
    assert find_themes(alone, chatter, []) == []
    assert find_themes(copied, chatter, []) == []
