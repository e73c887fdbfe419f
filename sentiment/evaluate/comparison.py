"""Two scorers on the same rows: differences with paired intervals, McNemar's test, rows on which they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sentiment.evaluate.answers import class_name
from sentiment.evaluate.calibration import bins_of, calibration_error, drawn_errors
from sentiment.evaluate.classes import NAMES, code, counted, unfold
from sentiment.evaluate.heads import NAMES as HEAD_NAMES
from sentiment.evaluate.heads import counted as head_counted
from sentiment.evaluate.intervals import Bools, Floats, Interval, Ints, beside, draw, mcnemar, middle, rounded
from sentiment.evaluate.ordering import concordance


@dataclass(frozen=True, slots=True)
class Difference:
    """The other scorer's figure less the first one's, with its paired 95 % interval; None below 20 rows."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the labels of two scorers differ.

    Attributes:
        differing: Rows with another label.
        share: Their share.
        only_first_right: Rows that only the first scorer labels right.
        only_other_right: Rows that only the other does.
        mcnemar: The exact probability of so uneven a split, were both equally good.
    """

    differing: int
    share: float
    only_first_right: int
    only_other_right: int
    mcnemar: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one scorer said of one row."""

    sentiment: str
    probability: float
    abstained: bool


@dataclass(frozen=True, slots=True)
class Example:
    """A row on which two scorers differ: its line in the file, its text as it stands there, and its label."""

    line: int
    text: str
    label: str
    language: str
    first: Verdict
    other: Verdict


def class_differences(
    labels: Ints, first: tuple[Floats, Bools], other: tuple[Floats, Bools]
) -> dict[str, Difference]:
    """Compare the figures of three classes; see `sentiment.evaluate.classes.Figures` for what they are.

    Args:
        labels: 0, 1 or 2 [rows].
        first: Probabilities [rows, 3] and where an answer was given [rows].
        other: The same of the other scorer.
    """
    sides = [code(labels, p.argmax(axis=1), given) for p, given in (first, other)]
    points = [counted(np.bincount(side, minlength=18).astype(np.float64)) for side in sides]
    drawn = draw(sides[0] * 6 + sides[1] % 6)
    intervals: list[Interval | None] = [None] * len(NAMES)
    if drawn is not None:
        cells = unfold(drawn.draws, drawn.kinds, 108).reshape(-1, 3, 6, 6)
        spread = [counted(cells.sum(axis=axis).reshape(-1, 18)) for axis in (3, 2)]
        intervals = [middle(b - a) for a, b in zip(*spread, strict=True)]
    found = {
        name: Difference(rounded(float(b - a)), interval)
        for name, a, b, interval in zip(NAMES, *points, intervals, strict=True)
    }
    found["ece"] = _calibration_difference(labels, first[0], other[0])
    return found


def _calibration_difference(labels: Ints, first: Floats, other: Floats) -> Difference:
    tops = np.stack([first.max(axis=1), other.max(axis=1)], axis=1)
    rights = np.stack([first.argmax(axis=1) == labels, other.argmax(axis=1) == labels], axis=1)
    values = [calibration_error(tops[:, side], rights[:, side]) for side in (0, 1)]
    draws = drawn_errors(np.stack([bins_of(tops[:, side]) for side in (0, 1)], axis=1), tops, rights)
    return Difference(
        round(values[1] - values[0], 4), None if draws is None else middle(draws[:, 1] - draws[:, 0])
    )


def head_differences(
    truth: Ints, first: tuple[Bools, Floats], other: tuple[Bools, Floats]
) -> dict[str, Difference]:
    """Compare the figures of a yes-or-no question.

    Args:
        truth: 1 or 0 [rows].
        first: Its answers and scores [rows].
        other: The same of the other scorer.
    """
    sides = [truth * 2 + said for said, _ in (first, other)]
    points = [head_counted(np.bincount(side, minlength=4).astype(np.float64)) for side in sides]
    drawn = draw(sides[0] * 2 + sides[1] % 2)
    intervals: list[Interval | None] = [None] * len(HEAD_NAMES)
    if drawn is not None:
        cells = unfold(drawn.draws, drawn.kinds, 8).reshape(-1, 2, 2, 2)
        spread = [head_counted(cells.sum(axis=axis).reshape(-1, 4)) for axis in (3, 2)]
        intervals = [middle(b - a) for a, b in zip(*spread, strict=True)]
    found = {
        name: Difference(rounded(float(b - a)), interval)
        for name, a, b, interval in zip(HEAD_NAMES, *points, intervals, strict=True)
    }
    found["auc"] = order_difference(truth, first[1], other[1])
    return found


def order_difference(levels: Ints, first: Floats, other: Floats) -> Difference:
    """Compare the share of pairs of unlike level that two scores order right."""
    (pairs, a, moves_a), (_, b, moves_b) = concordance(levels, first), concordance(levels, other)
    return Difference(rounded(b - a), beside(b - a, moves_b - moves_a) if pairs else None)


def agreement(labels: Ints, first: Floats, other: Floats) -> Agreement:
    """Count the rows on which the labels of two scorers differ."""
    a, b = first.argmax(axis=1), other.argmax(axis=1)
    only_first, only_other = int(((a == labels) & (b != labels)).sum()), int(((a != labels) & (b == labels)).sum())
    differing = int((a != b).sum())
    return Agreement(
        differing, round(differing / len(labels), 4), only_first, only_other, mcnemar(only_first, only_other)
    )


def examples(
    labels: Ints,
    first: tuple[Floats, Bools],
    other: tuple[Floats, Bools],
    rows: Sequence[tuple[int, str, str]],
    limit: int,
) -> tuple[Example, ...]:
    """Return rows on which the labels differ: those of which both are surest.

    Args:
        labels: 0, 1 or 2 [rows].
        first: Probabilities [rows, 3] and where an answer was given [rows].
        other: The same of the other scorer.
        rows: Line, text and language of each row.
        limit: How many at most.
    """
    differing = np.flatnonzero(first[0].argmax(axis=1) != other[0].argmax(axis=1))
    surety = np.minimum(first[0].max(axis=1), other[0].max(axis=1))[differing]
    chosen = differing[np.argsort(-surety, kind="stable")][:limit]
    return tuple(
        Example(
            rows[i][0], rows[i][1], class_name(int(labels[i])), rows[i][2], _verdict(first, i), _verdict(other, i)
        )
        for i in chosen.tolist()
    )


def _verdict(said: tuple[Floats, Bools], row: int) -> Verdict:
    label = int(said[0][row].argmax())
    return Verdict(class_name(label), round(float(said[0][row, label]), 4), not bool(said[1][row]))
