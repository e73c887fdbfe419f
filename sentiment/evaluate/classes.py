"""Figures of three classes: recall, F1, accuracy, calibration, and how good what is not abstained is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sentiment.evaluate.calibration import Bin, calibration_error, calibration_interval, reliability
from sentiment.evaluate.intervals import Bools, Floats, Interval, Ints, draw, middle, rounded, share

NAMES = ("macro_recall", "macro_f1", "accuracy", "coverage", "covered_accuracy")
"""The figures that are counted, in the order of `counted`."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one group of rows. An interval is a 95 % bootstrap interval; None below 20 rows.

    Attributes:
        n: Rows.
        macro_recall: Mean recall over the classes that occur among the labels.
        macro_f1: Mean F1 over the same classes.
        accuracy: Share of rows whose most probable class is the label.
        ece: Expected calibration error over 15 equal bins of the top probability.
        coverage: Share of rows on which the scorer did not abstain.
        covered_accuracy: Accuracy on those; None where there are none.
        confusion: Rows by label (negative, neutral, positive), columns by answer.
        reliability: The bins of the calibration error that hold rows.
    """

    n: int
    macro_recall: float
    macro_recall_interval: Interval | None
    macro_f1: float
    macro_f1_interval: Interval | None
    accuracy: float
    accuracy_interval: Interval | None
    ece: float
    ece_interval: Interval | None
    coverage: float
    coverage_interval: Interval | None
    covered_accuracy: float | None
    covered_accuracy_interval: Interval | None
    confusion: tuple[tuple[int, ...], ...]
    reliability: tuple[Bin, ...]


def figures(probabilities: Floats, labels: Ints, answered: Bools) -> Figures:
    """Compute the figures of a group of rows; there must be one.

    Args:
        probabilities: Of negative, neutral, positive [rows, 3].
        labels: 0, 1 or 2 [rows].
        answered: Whether the scorer did not abstain [rows].
    """
    guesses, top = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = guesses == labels
    codes = code(labels, guesses, answered)
    tables = np.bincount(codes, minlength=18).astype(np.float64)
    values = dict(zip(NAMES, map(float, counted(tables)), strict=True))
    drawn = draw(codes)
    spread: list[Interval | None] = [None] * len(NAMES)
    if drawn is not None:
        spread = [middle(column) for column in counted(unfold(drawn.draws, drawn.kinds, 18))]
    interval = dict(zip(NAMES, spread, strict=True))
    confusion = tables.reshape(3, 3, 2).sum(axis=2).astype(np.int64)
    return Figures(
        n=len(labels),
        macro_recall=round(values["macro_recall"], 4),
        macro_recall_interval=interval["macro_recall"],
        macro_f1=round(values["macro_f1"], 4),
        macro_f1_interval=interval["macro_f1"],
        accuracy=round(values["accuracy"], 4),
        accuracy_interval=interval["accuracy"],
        ece=round(calibration_error(top, right), 4),
        ece_interval=calibration_interval(top, right),
        coverage=round(values["coverage"], 4),
        coverage_interval=interval["coverage"],
        covered_accuracy=rounded(values["covered_accuracy"]),
        covered_accuracy_interval=interval["covered_accuracy"],
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        reliability=reliability(top, right),
    )


def code(labels: Ints, guesses: Ints, answered: Bools) -> Ints:
    """Return the kind of each row: label, answer, and whether it was given."""
    codes: Ints = (labels * 3 + guesses) * 2 + answered
    return codes


def unfold(draws: Floats, kinds: Ints, size: int) -> Floats:
    """Return draws with a column for every kind there could be."""
    wide = np.zeros((len(draws), size))
    wide[:, kinds] = draws
    return wide


def counted(tables: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Compute the figures of `NAMES` from counts of the kinds of `code` [..., 18]."""
    cells = tables.reshape(*tables.shape[:-1], 3, 3, 2)
    confusion = cells.sum(axis=-1)
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    labelled, guessed = confusion.sum(axis=-1), confusion.sum(axis=-2)
    present = labelled > 0
    classes = present.sum(axis=-1)
    recall = np.where(present, share(hits, labelled), 0.0).sum(axis=-1) / classes
    f1 = np.where(present, share(2 * hits, labelled + guessed), 0.0).sum(axis=-1) / classes
    total = labelled.sum(axis=-1)
    given = cells[..., 1]
    answered = given.sum(axis=(-2, -1))
    right = np.trace(given, axis1=-2, axis2=-1)
    return recall, f1, share(hits.sum(axis=-1), total), share(answered, total), share(right, answered)
