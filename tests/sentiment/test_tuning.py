"""Tuning moves the last layer as far as the corrections justify, and no further."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.paired import Limits, compare, pairs_in_order
from sentiment.tuning import Rows, as_logits, choose_strength, fit, fold_of, softmax

WIDTH = 12


def rows(count: int, seed: int, *, weight: float = 1.0, rule: bool = True) -> Rows:
    """Texts whose class is decided by three of their features, which the shipped model knows nothing of."""
    chance = np.random.default_rng(seed)
    features = chance.normal(size=(count, WIDTH))
    labels = features[:, :3].argmax(axis=1) if rule else chance.integers(0, 3, count)
    base = as_logits(np.full((count, 3), 1 / 3))
    return Rows(features, base, np.ones(count), np.eye(3)[labels], np.full(count, weight))


def right(some: Rows, strength: float, seen: Rows) -> float:
    found = softmax(fit(seen, strength).logits(some)).argmax(axis=1)
    return float((found == some.targets.argmax(axis=1)).mean())


def test_corrections_that_follow_a_rule_are_learned() -> None:
    new = rows(400, seed=2)
    assert right(new, 1.0, rows(300, seed=1)) > 0.9
    assert right(new, 1.0, rows(300, seed=1)) > right(new, 1.0, rows(15, seed=1)) + 0.1


def test_few_corrections_move_the_model_little_and_a_stronger_penalty_less() -> None:
    sizes = [np.abs(fit(rows(count, seed=1), 10.0).weight).sum() for count in (3, 30, 300)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 10
    moves = [np.abs(fit(rows(100, seed=1), strength).weight).sum() for strength in (1.0, 10.0, 100.0, 1e9)]
    assert moves == sorted(moves, reverse=True)
    assert moves[-1] == pytest.approx(0, abs=1e-5)


def test_the_change_is_what_minimises_the_loss() -> None:
    some, strength = rows(60, seed=5), 7.0
    change = fit(some, strength)
    lengths = np.sqrt((some.features**2).sum(axis=1).mean())

    def loss(weight: np.ndarray, bias: np.ndarray) -> float:
        logits = some.base + some.features @ weight.T + bias
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        size = ((weight * lengths) ** 2).sum() + (bias**2).sum()
        return float(-(some.targets * logs).sum() + strength / 2 * size)

    best = loss(change.weight, change.bias)
    chance = np.random.default_rng(0)
    for _ in range(50):
        other = change.weight + chance.normal(size=change.weight.shape) * 0.01
        assert loss(other, change.bias + chance.normal(size=3) * 0.01) > best


def test_uncorrected_texts_keep_the_model_where_it_was() -> None:
    taught = rows(40, seed=1)
    chance = np.random.default_rng(9)
    features = chance.normal(size=(400, WIDTH))
    own = softmax(features @ chance.normal(size=(WIDTH, 3)))
    beside = Rows(features, as_logits(own), np.ones(400), own, np.ones(400))
    alone, mixed = fit(taught, 1.0), fit(taught.and_also(beside), 1.0)
    moved = [np.abs(softmax(change.logits(beside)) - own).mean() for change in (alone, mixed)]
    assert moved[1] < moved[0] / 3


def test_a_model_that_is_right_already_is_left_alone() -> None:
    some = rows(100, seed=3)
    sure = np.clip(some.targets, 0.0005, 0.999)
    known = Rows(
        some.features, as_logits(sure / sure.sum(axis=1, keepdims=True)), some.scale, some.targets, some.weights
    )
    assert np.abs(fit(known, 1.0).weight).max() < 0.05


def test_the_same_corrections_give_the_same_head() -> None:
    one, two = fit(rows(80, seed=4), 3.0), fit(rows(80, seed=4), 3.0)
    assert (one.weight == two.weight).all()
    assert (one.bias == two.bias).all()


def test_noise_gets_the_strongest_penalty_and_a_rule_a_weak_one() -> None:
    folds = [number % 5 for number in range(200)]
    anchors = rows(1, seed=8, weight=0.0)
    assert choose_strength(rows(200, seed=6, rule=False), anchors, folds) == 300.0
    assert choose_strength(rows(200, seed=6), anchors, folds) <= 3.0


def test_copies_of_a_text_share_their_fold() -> None:
    assert fold_of("abc") == fold_of("abc")
    assert {fold_of(str(number)) for number in range(200)} == {0, 1, 2, 3, 4}


def test_a_comparison_names_what_fell_and_counts_who_alone_was_right() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2])
    good = np.eye(3)[labels] * 0.8 + 0.2 / 3
    bad = good.copy()
    bad[0] = good[2]
    found = compare("sentiment", "a file", labels, good, bad, Limits())
    assert (found.fixed, found.broken) == (0, 1)
    assert [reason.partition(" of ")[0] for reason in found.fallen] == ["macro-recall", "accuracy", "log loss"]
    assert "a file" in found.fallen[0]
    other = compare("sentiment", "a file", labels, bad, good, Limits())
    assert (other.fixed, other.broken, other.fallen) == (1, 0, ())


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=30))
def test_pairs_in_order_are_those_counted_one_by_one(given: list[tuple[float, float]]) -> None:
    pairs = [(a, b) for a in given for b in given if a[1] - b[1] >= 0.1]
    won = sum(1.0 if a[0] > b[0] else 0.5 if a[0] == b[0] else 0.0 for a, b in pairs)
    count, share = pairs_in_order([g[0] for g in given], [g[1] for g in given])
    assert count == len(pairs)
    assert share == pytest.approx(won / count if count else 0.0, abs=1e-4)
