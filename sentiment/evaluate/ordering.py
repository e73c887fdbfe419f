"""How well a score puts rows in order: the share of pairs of unlike level that it orders right.

For two levels this is the area under the ROC curve, for more Harrell's C (1982). Equal scores count half.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sentiment.evaluate.intervals import Floats, Interval, Ints, around, rounded


@dataclass(frozen=True, slots=True)
class Order:
    """The order of one group of rows.

    Attributes:
        n: Rows.
        pairs: Pairs of unlike level.
        right: Share of them in which the row of the higher level has the higher score; equal scores count half.
            None where no two levels differ.
        interval: Its 95 % interval: rows are drawn, not pairs, since one row is in many pairs.
    """

    n: int
    pairs: int
    right: float | None
    interval: Interval | None


def order(levels: Ints, scores: Floats) -> Order:
    """Measure the order of rows."""
    pairs, right, influence = concordance(levels, scores)
    return Order(len(levels), pairs, rounded(right), around(right, influence) if pairs else None)


def concordance(levels: Ints, scores: Floats) -> tuple[int, float, Floats]:
    """Return the pairs of unlike level, the share ordered right, and by how much each row moves that share.

    The last is the derivative by the row's weight; the sum of its squares is the variance (DeLong 1988 for two
    levels, the infinitesimal jackknife for more).

    Args:
        levels: Whole numbers [rows].
        scores: Any numbers [rows].

    Returns:
        Without pairs the share is NaN and nothing moves it.
    """
    won, met = np.zeros(len(levels)), np.zeros(len(levels))
    groups = [np.flatnonzero(levels == level) for level in np.unique(levels)]
    ordered = [np.sort(scores[rows]) for rows in groups]
    for low, high in combinations(range(len(groups)), 2):
        below = _beaten(ordered[low], scores[groups[high]])
        above = len(ordered[high]) - _beaten(ordered[high], scores[groups[low]])
        won[groups[high]] += below
        won[groups[low]] += above
        met[groups[high]] += len(ordered[low])
        met[groups[low]] += len(ordered[high])
    total = met.sum()
    if not total:
        return 0, float("nan"), np.zeros(len(levels))
    right = float(won.sum() / total)
    return round(float(total / 2)), right, 2 * (won - right * met) / total


def _beaten(others: Floats, scores: Floats) -> Floats:
    """Count for each score how many of the others (ascending) lie below it, equal ones half."""
    left, right = np.searchsorted(others, scores, "left"), np.searchsorted(others, scores, "right")
    counts: Floats = (left + right) / 2
    return counts
