"""Whether a probability of 0.8 is right in 80 % of cases: reliability bins and expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sentiment.evaluate.intervals import DIGITS, Bools, Floats, Interval, Ints, draw, middle

BINS = 15
"""Equal bins of the probability (Guo et al. 2017)."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The rows whose probability lies between `low` and `high`.

    Attributes:
        n: How many.
        confidence: Their mean probability: what the scorer says.
        accuracy: The share that is right.
        gap: `accuracy` less `confidence`: below zero the scorer claims too much.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float
    gap: float


def bins_of(top: Floats) -> Ints:
    """Return the bin of each probability."""
    which: Ints = np.clip((top * BINS).astype(np.int64), 0, BINS - 1)
    return which


def calibration_error(top: Floats, right: Bools) -> float:
    """Return the mean gap between probability and accuracy over equal bins, weighted by their rows."""
    which = bins_of(top)
    gaps = np.abs(np.bincount(which, weights=right.astype(np.float64) - top, minlength=BINS))
    return float(gaps.sum() / len(top))


def reliability(top: Floats, right: Bools) -> tuple[Bin, ...]:
    """Return the bins that hold rows, the lowest first."""
    which = bins_of(top)
    counts = np.bincount(which, minlength=BINS)
    said = np.bincount(which, weights=top, minlength=BINS)
    true = np.bincount(which, weights=right.astype(np.float64), minlength=BINS)
    return tuple(
        Bin(
            low=round(i / BINS, DIGITS),
            high=round((i + 1) / BINS, DIGITS),
            n=int(counts[i]),
            confidence=round(float(said[i] / counts[i]), DIGITS),
            accuracy=round(float(true[i] / counts[i]), DIGITS),
            gap=round(float((true[i] - said[i]) / counts[i]), DIGITS),
        )
        for i in np.flatnonzero(counts).tolist()
    )


def calibration_draws(top: Floats, right: Bools) -> Floats | None:
    """Return the calibration error of each draw, without the error that drawing itself adds; None for few rows."""
    spread = drawn_errors(bins_of(top), top[:, None], right[:, None])
    return None if spread is None else spread[:, 0]


def drawn_errors(which: Ints, tops: Floats, rights: Bools) -> Floats | None:
    """Return the calibration errors [draws, models] of one or two models on the same rows, drawn together.

    A kind of row is a bin and whether it is right, for each model; inside a kind the mean probability stands for
    its rows, whose spread (a bin is 0.067 wide) is small beside that of right and wrong.

    Args:
        which: The bins [rows] of one model, or [rows, models].
        tops: Probabilities [rows, models].
        rights: Whether each is right [rows, models].
    """
    bins = which.reshape(len(tops), -1)
    code = np.zeros(len(tops), dtype=np.int64)
    for model in range(bins.shape[1]):
        code = (code * BINS + bins[:, model]) * 2 + rights[:, model]
    drawn = draw(code)
    if drawn is None:
        return None
    row_kind = np.searchsorted(drawn.kinds, code)
    errors = np.empty((len(drawn.draws), bins.shape[1]))
    for model in range(bins.shape[1]):
        residual = np.bincount(row_kind, weights=rights[:, model] - tops[:, model]) / drawn.counts
        kind_bin = np.zeros(len(drawn.kinds), dtype=np.int64)
        kind_bin[row_kind] = bins[:, model]
        by_bin = np.zeros((len(drawn.kinds), BINS))
        by_bin[np.arange(len(drawn.kinds)), kind_bin] = residual
        gaps = np.abs(drawn.draws @ by_bin).sum(axis=1) / len(tops)
        # Chance gaps never cancel, so draws err upwards (Kumar et al. 2019): shifted back onto the figure.
        errors[:, model] = np.maximum(
            0.0, gaps - gaps.mean() + calibration_error(tops[:, model], rights[:, model])
        )
    return errors


def calibration_interval(top: Floats, right: Bools) -> Interval | None:
    """Return the 95 % interval of the calibration error."""
    draws = calibration_draws(top, right)
    return None if draws is None else middle(draws)
