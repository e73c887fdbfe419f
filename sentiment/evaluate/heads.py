"""Figures of a yes-or-no question about a text: complaint, reply needed, safety, outage ..."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sentiment.evaluate.calibration import Bin, calibration_error, calibration_interval, reliability
from sentiment.evaluate.classes import unfold
from sentiment.evaluate.intervals import Bools, Floats, Interval, Ints, draw, middle, rounded, share
from sentiment.evaluate.ordering import order

NAMES = ("precision", "recall", "f1", "macro_f1", "accuracy")
"""The figures that are counted, in the order of `counted`."""


@dataclass(frozen=True, slots=True)
class HeadFigures:
    """Figures of one group of rows. Intervals are at 95 %: bootstrap, the AUC's by DeLong; None below 20 rows.

    Attributes:
        n: Rows.
        positives: Rows that people answered with yes.
        precision: Share of the scorer's yes that is right; None where it never says yes.
        recall: Share of people's yes that the scorer finds; None where there is none.
        f1: Their harmonic mean.
        macro_f1: The mean of that F1 and the F1 of no.
        accuracy: Share of rows answered right.
        auc: Area under the ROC curve: how often a yes has a higher score than a no; None with one answer only.
        ece: Expected calibration error of the probability of yes; None where the score is no probability.
        confusion: Rows by people's answer (no, yes), columns by the scorer's.
        best_f1: The highest F1 any threshold would give on these very rows, and that threshold.
        reliability: The bins of the calibration error that hold rows.
    """

    n: int
    positives: int
    precision: float | None
    precision_interval: Interval | None
    recall: float | None
    recall_interval: Interval | None
    f1: float | None
    f1_interval: Interval | None
    macro_f1: float | None
    macro_f1_interval: Interval | None
    accuracy: float
    accuracy_interval: Interval | None
    auc: float | None
    auc_interval: Interval | None
    ece: float | None
    ece_interval: Interval | None
    confusion: tuple[tuple[int, int], tuple[int, int]]
    best_f1: tuple[float, float] | None
    reliability: tuple[Bin, ...]


def head_figures(truth: Ints, said: Bools, scores: Floats, *, probability: bool) -> HeadFigures:
    """Compute the figures of a group of rows; there must be one.

    Args:
        truth: 1 or 0 [rows].
        said: The scorer's answer [rows].
        scores: The higher, the more a yes [rows].
        probability: The scores are probabilities of yes.
    """
    codes = truth * 2 + said
    table = np.bincount(codes, minlength=4).astype(np.float64)
    values = dict(zip(NAMES, map(float, counted(table)), strict=True))
    drawn = draw(codes)
    spread: list[Interval | None] = [None] * len(NAMES)
    if drawn is not None:
        spread = [middle(column) for column in counted(unfold(drawn.draws, drawn.kinds, 4))]
    interval = dict(zip(NAMES, spread, strict=True))
    yes = truth == 1
    ranked = order(truth, scores)
    return HeadFigures(
        n=len(truth),
        positives=int(yes.sum()),
        precision=rounded(values["precision"]),
        precision_interval=interval["precision"],
        recall=rounded(values["recall"]),
        recall_interval=interval["recall"],
        f1=rounded(values["f1"]),
        f1_interval=interval["f1"],
        macro_f1=rounded(values["macro_f1"]),
        macro_f1_interval=interval["macro_f1"],
        accuracy=round(values["accuracy"], 4),
        accuracy_interval=interval["accuracy"],
        auc=ranked.right,
        auc_interval=ranked.interval,
        ece=rounded(calibration_error(scores, yes)) if probability else None,
        ece_interval=calibration_interval(scores, yes) if probability else None,
        confusion=((int(table[0]), int(table[1])), (int(table[2]), int(table[3]))),
        best_f1=_best(truth, scores),
        reliability=reliability(scores, yes) if probability else (),
    )


def counted(tables: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Compute the figures of `NAMES` from counts of (truth, answer) [..., 4]."""
    no_no, no_yes, yes_no, yes_yes = np.moveaxis(tables, -1, 0)
    f1 = share(2 * yes_yes, 2 * yes_yes + no_yes + yes_no)
    f1_no = share(2 * no_no, 2 * no_no + no_yes + yes_no)
    accuracy = share(yes_yes + no_no, tables.sum(axis=-1))
    return share(yes_yes, yes_yes + no_yes), share(yes_yes, yes_yes + yes_no), f1, (f1 + f1_no) / 2, accuracy


def _best(truth: Ints, scores: Floats) -> tuple[float, float] | None:
    """Return the highest F1 of any threshold, with the threshold; None where nobody said yes."""
    if not truth.any():
        return None
    order_down = np.argsort(-scores, kind="stable")
    ranked = scores[order_down]
    found = np.cumsum(truth[order_down])
    last = np.append(ranked[1:] != ranked[:-1], True)  # a threshold cannot part equal scores
    f1 = np.where(last, 2 * found / (np.arange(1, len(truth) + 1) + truth.sum()), 0.0)
    at = int(f1.argmax())
    return round(float(f1[at]), 4), round(float(ranked[at]), 4)
