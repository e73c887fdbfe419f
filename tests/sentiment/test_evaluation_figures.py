"""Every figure and interval is what counting by hand, or drawing the rows one by one, gives."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.evaluate import calibration_error, figures
from sentiment.evaluate.calibration import reliability
from sentiment.evaluate.comparison import agreement, class_differences, head_differences, order_difference
from sentiment.evaluate.heads import head_figures
from sentiment.evaluate.intervals import mcnemar
from sentiment.evaluate.ordering import concordance, order


def made(rows: int, seed: int = 1, skill: float = 0.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, labels and answers of a scorer that knows something."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, rows)
    logits = rng.normal(size=(rows, 3)) + skill * 2 * np.eye(3)[labels]
    powers = np.exp(logits)
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    return probabilities, labels, probabilities.max(axis=1) > 0.6


def row_by_row(rows: int, figure, draws: int = 1500, seed: int = 5) -> tuple[float, float]:
    """The plain bootstrap: draw row numbers, compute, take the middle 95 %."""
    rng = np.random.default_rng(seed)
    values = [figure(rng.integers(0, rows, rows)) for _ in range(draws)]
    return tuple(np.quantile(values, [0.025, 0.975]).tolist())


def test_intervals_are_those_of_drawing_the_rows_one_by_one() -> None:
    probabilities, labels, answered = made(400)
    guesses = probabilities.argmax(axis=1)
    right = guesses == labels
    found = figures(probabilities, labels, answered)

    def macro_recall(rows: np.ndarray) -> float:
        return float(np.mean([(guesses[rows] == c)[labels[rows] == c].mean() for c in range(3)]))

    def macro_f1(rows: np.ndarray) -> float:
        pairs = [((guesses[rows] == c), (labels[rows] == c)) for c in range(3)]
        return float(np.mean([2 * (g & t).sum() / (g.sum() + t.sum()) for g, t in pairs]))

    plain = {
        "macro_recall": macro_recall,
        "macro_f1": macro_f1,
        "accuracy": lambda rows: float(right[rows].mean()),
        "coverage": lambda rows: float(answered[rows].mean()),
        "covered_accuracy": lambda rows: float(right[rows][answered[rows]].mean()),
    }
    everything = np.arange(400)
    for name, figure in plain.items():
        assert getattr(found, name) == pytest.approx(figure(everything), abs=1e-4), name
        assert getattr(found, name + "_interval") == pytest.approx(row_by_row(400, figure), abs=0.012), name


def test_the_calibration_interval_has_the_width_of_the_plain_one_without_its_shift() -> None:
    probabilities, labels, answered = made(400, skill=0.2)
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    found = figures(probabilities, labels, answered)
    low, high = row_by_row(400, lambda rows: calibration_error(top[rows], right[rows]))
    assert found.ece == pytest.approx(calibration_error(top, right), abs=1e-4)
    assert found.ece_interval[0] < found.ece < found.ece_interval[1]
    assert found.ece_interval[1] - found.ece_interval[0] == pytest.approx(high - low, abs=0.012)


def test_a_perfectly_calibrated_scorer_has_an_interval_from_near_zero() -> None:
    rng = np.random.default_rng(2)
    top = rng.uniform(0.4, 1.0, 5000)
    right = rng.random(5000) < top
    rest = (1 - top) / 2
    labels = np.where(right, 0, 1)
    found = figures(np.stack([top, rest, rest], axis=1), labels, np.ones(5000, dtype=bool))
    assert found.ece_interval[0] < 0.012
    assert found.ece_interval[1] < 0.04


def test_the_same_rows_give_the_same_intervals_and_many_rows_narrow_ones() -> None:
    assert figures(*made(300)) == figures(*made(300))
    wide, narrow = figures(*made(1_000)), figures(*made(100_000))

    def width(interval: tuple[float, float]) -> float:
        return interval[1] - interval[0]

    for name in ("macro_recall", "macro_f1", "accuracy", "ece", "coverage", "covered_accuracy"):
        narrowed = width(getattr(wide, name + "_interval")) / width(getattr(narrow, name + "_interval"))
        assert 7 < narrowed < 14, name  # the square root of a hundred is ten


@given(st.integers(1, 40), st.integers(0, 1000), st.booleans())
def test_any_few_rows_have_figures_between_nought_and_one(rows: int, seed: int, one_class: bool) -> None:
    probabilities, labels, answered = made(rows, seed)
    found = figures(probabilities, labels * 0 if one_class else labels, answered)
    for name in ("macro_recall", "macro_f1", "accuracy", "ece", "coverage"):
        assert 0 <= getattr(found, name) <= 1
        interval = getattr(found, name + "_interval")
        assert (interval is None) == (rows < 20)
        assert interval is None or 0 <= interval[0] <= interval[1] <= 1
    assert (found.covered_accuracy is None) == (not answered.any())
    assert sum(map(sum, found.confusion)) == found.n == sum(part.n for part in found.reliability)


def test_the_bins_say_how_often_what_is_said_is_right() -> None:
    top = np.array([0.5, 0.51, 0.95, 1.0, 1.0])
    parts = reliability(top, np.array([True, False, True, True, False]))
    assert [(part.n, part.low) for part in parts] == [(2, 0.4667), (3, 0.9333)]
    assert parts[0].confidence == pytest.approx(0.505)
    assert parts[0].accuracy == 0.5
    assert parts[0].gap == pytest.approx(-0.005)
    assert parts[1].gap == pytest.approx(2 / 3 - 2.95 / 3, abs=1e-4)
    weighted = sum(part.n * abs(part.gap) for part in parts) / 5
    assert calibration_error(top, np.array([True, False, True, True, False])) == pytest.approx(weighted, abs=1e-4)


def test_ordered_pairs_are_counted_like_one_by_one() -> None:
    rng = np.random.default_rng(3)
    levels, scores = rng.integers(0, 4, 60), rng.integers(0, 6, 60) / 5
    pairs = [(a, b) for a, b in itertools.permutations(range(60), 2) if levels[a] < levels[b]]
    right = sum(float(scores[a] < scores[b]) + 0.5 * float(scores[a] == scores[b]) for a, b in pairs)
    found = order(levels, scores)
    assert (found.n, found.pairs) == (60, len(pairs))
    assert found.right == pytest.approx(right / len(pairs), abs=1e-4)


def test_the_interval_of_the_order_is_that_of_drawing_rows() -> None:
    rng = np.random.default_rng(4)
    levels = rng.integers(0, 4, 300)
    scores = levels / 3 + rng.normal(scale=0.6, size=300)
    found = order(levels, scores)
    plain = row_by_row(300, lambda rows: concordance(levels[rows], scores[rows])[1], draws=600)
    assert found.interval == pytest.approx(plain, abs=0.012)


def test_an_order_of_one_level_has_no_pairs_and_a_perfect_one_no_interval() -> None:
    assert order(np.zeros(30, dtype=np.int64), np.arange(30.0)).right is None
    perfect = order(np.arange(30) // 10, np.arange(30.0))
    assert (perfect.right, perfect.interval) == (1.0, None)


def test_a_head_by_hand() -> None:
    truth = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    scores = np.array([0.9, 0.8, 0.3, 0.7, 0.2, 0.1, 0.1, 0.1])
    found = head_figures(truth, scores >= 0.5, scores, probability=True)
    assert found.confusion == ((4, 1), (1, 2))
    assert (found.n, found.positives) == (8, 3)
    assert found.precision == found.recall == found.f1 == pytest.approx(2 / 3, abs=1e-4)
    assert found.macro_f1 == pytest.approx((2 / 3 + 8 / 10) / 2, abs=1e-4)
    assert found.auc == pytest.approx((5 + 5 + 4) / 15, abs=1e-4)
    assert found.best_f1 == (pytest.approx(6 / 7, abs=1e-4), 0.3)
    assert found.f1_interval is None


def test_a_head_nobody_says_yes_to_has_no_figures_it_cannot_have() -> None:
    found = head_figures(np.zeros(50, dtype=np.int64), np.zeros(50, dtype=bool), np.zeros(50), probability=False)
    assert (found.precision, found.recall, found.f1, found.auc, found.best_f1) == (None,) * 5
    assert found.accuracy == 1.0
    assert (found.ece, found.reliability) == (None, ())


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (1, 5, 14 / 64), (0, 10, 2 / 1024), (10, 0, 2 / 1024), (8, 20, 0.0357)],
)
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p, abs=1e-4)


def test_mcnemar_knows_no_overflow() -> None:
    assert 0 < mcnemar(40_000, 40_500) < 0.1
    assert mcnemar(1, 60_000) < 1e-300 or mcnemar(1, 60_000) == 0.0
    assert math.isfinite(mcnemar(0, 100_000))


def test_a_model_beside_itself_differs_in_nothing() -> None:
    probabilities, labels, answered = made(200)
    found = class_differences(labels, (probabilities, answered), (probabilities, answered))
    assert {(item.value, item.interval) for item in found.values()} == {(0.0, (0.0, 0.0))}
    same = agreement(labels, probabilities, probabilities)
    assert (same.differing, same.only_first_right, same.only_other_right, same.mcnemar) == (0, 0, 0, 1.0)


def test_differences_are_those_of_the_figures_and_their_intervals_are_paired() -> None:
    probabilities, labels, answered = made(500, skill=0.4)
    rng = np.random.default_rng(9)
    near = probabilities * np.exp(rng.normal(scale=0.3, size=probabilities.shape))
    near /= near.sum(axis=1, keepdims=True)
    given = near.max(axis=1) > 0.5
    a, b = figures(probabilities, labels, answered), figures(near, labels, given)
    found = class_differences(labels, (probabilities, answered), (near, given))
    for name, difference in found.items():
        assert difference.value == pytest.approx(getattr(b, name) - getattr(a, name), abs=2e-4), name
    right = [p.argmax(axis=1) == labels for p in (probabilities, near)]
    plain = row_by_row(500, lambda rows: float(right[1][rows].mean() - right[0][rows].mean()))
    assert found["accuracy"].interval == pytest.approx(plain, abs=0.01)
    alone = a.accuracy_interval[1] - a.accuracy_interval[0]
    assert found["accuracy"].interval[1] - found["accuracy"].interval[0] < 0.8 * alone  # rows they share cancel


def test_differences_of_heads_and_order_are_paired_too() -> None:
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 2, 400)
    first = truth + rng.normal(scale=1.0, size=400)
    other = first + rng.normal(scale=0.2, size=400)
    found = head_differences(truth, (first > 0.5, first), (other > 0.5, other))
    figures_of = [head_figures(truth, s > 0.5, s, probability=False) for s in (first, other)]
    assert found["f1"].value == pytest.approx(figures_of[1].f1 - figures_of[0].f1, abs=2e-4)
    assert found["auc"].value == pytest.approx(figures_of[1].auc - figures_of[0].auc, abs=2e-4)
    difference = order_difference(truth, first, other)
    assert difference == found["auc"]
    plain = row_by_row(
        400, lambda rows: concordance(truth[rows], other[rows])[1] - concordance(truth[rows], first[rows])[1], 600
    )
    assert difference.interval == pytest.approx(plain, abs=0.006)
