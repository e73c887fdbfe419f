"""The population stability index, and what counts as drift."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sentiment.drift import DRIFTED, MOVED, by_chance, chi_square, measure, psi

counts = st.dictionaries(st.sampled_from("abcdefghij"), st.integers(0, 10_000), min_size=1)


@given(counts, counts)
def test_it_is_symmetric_and_never_below_zero(reference: dict[str, int], recent: dict[str, int]) -> None:
    index = psi(reference, recent)
    assert index >= 0
    assert index == pytest.approx(psi(recent, reference))


@given(counts)
def test_it_is_zero_for_the_same_window(window: dict[str, int]) -> None:
    assert psi(window, window) == 0


@given(counts, counts, st.randoms(use_true_random=False))
def test_the_names_and_the_order_of_bins_do_not_matter(
    reference: dict[str, int], recent: dict[str, int], chance: "np.random.Generator"
) -> None:
    names = list("abcdefghij")
    chance.shuffle(names)
    other = dict(zip("abcdefghij", names, strict=True))
    renamed = [{other[k]: v for k, v in reversed(window.items())} for window in (reference, recent)]
    assert psi(*renamed) == pytest.approx(psi(reference, recent))


@given(st.integers(1, 400), st.integers(1, 400))
def test_it_grows_the_further_two_shares_part(first: int, second: int) -> None:
    assume(first != second)
    near, far = sorted((first, second))
    middle = {"a": 500, "b": 500}
    parted = [psi(middle, {"a": 500 + move, "b": 500 - move}) for move in (near, far)]
    assert parted[0] < parted[1]


def test_it_is_the_published_sum_where_no_bin_is_small() -> None:
    reference, recent = {"a": 200_000, "b": 500_000, "c": 300_000}, {"a": 350_000, "b": 400_000, "c": 250_000}
    p, q = np.array([0.2, 0.5, 0.3]), np.array([0.35, 0.4, 0.25])
    assert psi(reference, recent) == pytest.approx(float(((q - p) * np.log(q / p)).sum()), abs=1e-5)


@pytest.mark.parametrize("window", [{}, {"a": -1}])
def test_no_bin_or_a_negative_count_is_refused(window: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="count"):
        psi(window, {})


@pytest.mark.parametrize(("degrees", "exact"), [(1, 6.635), (2, 9.210), (3, 11.345), (9, 21.666), (30, 50.892)])
def test_the_critical_values_are_those_of_the_tables(degrees: int, exact: float) -> None:
    assert chi_square(degrees, 0.01) == pytest.approx(exact, rel=0.005)


def test_chance_alone_stays_below_its_line_in_99_of_100_windows() -> None:
    chance = np.random.default_rng(7)
    shares = np.array([0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.03, 0.02, 0.01])
    above = 0
    for _ in range(1_000):
        windows = [
            dict(zip("abcdefghij", chance.multinomial(rows, shares).tolist(), strict=True))
            for rows in (3_000, 600)
        ]
        above += psi(*windows) > by_chance(3_000, 600, 10)
    assert above <= 30


def test_too_few_rows_are_said_and_never_judged() -> None:
    found = measure("language", {"en": 199}, {"fr": 5_000})
    assert (found.level, found.psi) == ("too little data", None)


def test_levels_are_the_usual_ones() -> None:
    def level(share: float, rows: int) -> str:
        half = {"a": rows // 2, "b": rows // 2}
        return measure("x", half, {"a": round(rows * share), "b": rows - round(rows * share)}).level

    assert [level(share, 10_000) for share in (0.5, 0.6, 0.68, 0.9)] == ["steady", "steady", "moved", "drifted"]
    assert MOVED < psi({"a": 5_000, "b": 5_000}, {"a": 6_800, "b": 3_200}) < DRIFTED
    assert measure("x", {"a": 150, "b": 150}, {"a": 190, "b": 110}, 100).level == "steady"
    assert math.isclose(sum(measure("x", {"a": 300, "b": 700}, {"a": 500, "b": 500}).recent.values()), 1)
