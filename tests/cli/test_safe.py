"""What reaches a terminal: nothing it would obey, and nothing lost on the way through JSON."""

import json
import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from social_care.safe import safe_indices, safe_json, safe_line, safe_text

OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
NASTY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            [chr(n) for n in (*range(32), *range(0x7F, 0xA0), *range(0x2028, 0x202F), 0x2066, 0x2069)]
        ),
    )
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | NASTY,
    lambda inner: st.lists(inner) | st.dictionaries(NASTY, inner),
    max_leaves=20,
)


@given(NASTY)
def test_no_character_a_terminal_obeys_survives(text: str) -> None:
    assert OBEYED.search(safe_text(text)) is None


@given(NASTY, st.integers(0, 50))
def test_a_line_is_one_line_within_its_limit(text: str, limit: int) -> None:
    line = safe_line(text, limit)
    assert OBEYED.search(line) is None
    assert "\n" not in line
    assert len(line) <= max(limit, 1)


@given(VALUES)
def test_json_comes_back_equal_and_holds_nothing_obeyed(value: object) -> None:
    text = safe_json(value)
    assert OBEYED.search(text) is None
    assert json.loads(text) == value


@given(st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="\u2028\u2029")))
def test_letters_numbers_and_signs_pass_unchanged(text: str) -> None:
    assert safe_text(text) == text


@given(NASTY)
def test_making_safe_twice_changes_nothing_more(text: str) -> None:
    assert safe_text(safe_text(text)) == safe_text(text)


def test_stacked_marks_do_not_spill_over_the_screen() -> None:
    stacked = "e" + "\u0301" * 50 + "nd"
    assert sum(unicodedata.combining(char) > 0 for char in safe_text(stacked)) <= 3


def test_languages_stay_readable() -> None:
    for text in ("订单没有发货", "謝謝", "प्रतिक्रिया", "مرحبا بكم", "ภาษาไทย", "é", "👩\u200d👩\u200d👧", "한국어"):
        assert safe_text(text) == text


def test_a_megabyte_is_cut_quickly() -> None:
    assert len(safe_line("x" * 1_000_000, 80)) == 80
    assert safe_line("\x00" * 1_000_000 + "end", 10) in ("", "…", "end")


@given(st.text(max_size=300) | st.text(alphabet="a\u0301\u20d0\u202e\x1b\t\r\n", max_size=60))
def test_the_places_that_are_kept_make_the_safe_text(text: str) -> None:
    kept = "".join(text[place] for place in safe_indices(text))
    assert kept.replace("\t", " ") == safe_text(text)
