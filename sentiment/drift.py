"""Has what is heard, or how it is read, moved away from what it was? Pure arithmetic over counts.

The population stability index compares the shares of a distribution's bins between a reference and a recent
window: the sum over bins of (recent - reference) x ln(recent / reference). It is symmetric, never below zero, and
zero only where the shares are the same. The usual reading: below 0.10 nothing moved, up to 0.25 something did and
is worth a look, from 0.25 on the model meets other posts than it was trusted on (Siddiqi, Credit Risk Scorecards,
2006, after Lewis 1994). Small windows differ by chance: with n and m rows and B bins the index of two samples of
one distribution is about (1/n + 1/m) times a chi-square with B - 1 degrees of freedom (Yurdakul 2018), so an
index counts only where it is above what chance alone exceeds once in a hundred windows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Literal

Level = Literal["steady", "moved", "drifted", "too little data"]

MOVED = 0.10
DRIFTED = 0.25
LEAST_ROWS = 200
"""Rows each window needs: with fewer, chance alone often moves a figure of ten bins past `MOVED`."""
CHANCE = 0.01
"""How often chance alone may exceed the index that counts."""
_SPARE = 0.5
"""Added to every bin's count, so that an empty one has a share (Jeffreys' prior)."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How far one figure moved.

    Attributes:
        figure: Which: `language`, `negative`, `abstained` ...
        level: What that means.
        psi: The population stability index; None with too little data.
        by_chance: What chance alone stays below in 99 of 100 windows of this size.
        reference_rows: Rows of the reference window.
        recent_rows: Rows of the recent one.
        reference: The share of each bin, of the reference window.
        recent: Of the recent one.
    """

    figure: str
    level: Level
    psi: float | None
    by_chance: float | None
    reference_rows: int
    recent_rows: int
    reference: Mapping[str, float]
    recent: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def psi(reference: Mapping[str, int], recent: Mapping[str, int]) -> float:
    """The population stability index of two windows, from the counts of their bins.

    Args:
        reference: Counts, none below zero; a bin that is missing counts zero.
        recent: Likewise.

    Raises:
        ValueError: A count is below zero, or neither window has a bin.
    """
    bins = sorted(set(reference) | set(recent))
    if not bins or min([*reference.values(), *recent.values()], default=0) < 0:
        raise ValueError("counts of at least one bin are needed, and none below zero")
    spare = _SPARE * len(bins)
    before, after = sum(reference.values()) + spare, sum(recent.values()) + spare
    terms = []
    for name in bins:
        p = (reference.get(name, 0) + _SPARE) / before
        q = (recent.get(name, 0) + _SPARE) / after
        terms.append((q - p) * math.log(q / p))
    return math.fsum(terms)


def by_chance(rows: int, others: int, bins: int, chance: float = CHANCE) -> float:
    """The index that two samples of one distribution exceed only with a given probability.

    Args:
        rows: Rows of one window, above zero.
        others: Of the other.
        bins: How many bins they share.
        chance: That probability.
    """
    return (1 / rows + 1 / others) * chi_square(bins - 1, chance) if bins > 1 else 0.0


def chi_square(degrees: int, chance: float) -> float:
    """What a chi-square exceeds with a given probability (Wilson and Hilferty 1931 from three on)."""
    if degrees == 1:
        return NormalDist().inv_cdf(1 - chance / 2) ** 2
    if degrees == 2:
        return -2 * math.log(chance)
    spread = 2 / (9 * degrees)
    return degrees * float(1 - spread + NormalDist().inv_cdf(1 - chance) * math.sqrt(spread)) ** 3


def measure(
    figure: str, reference: Mapping[str, int], recent: Mapping[str, int], least: int = LEAST_ROWS
) -> Drift:
    """Say how far a figure moved, or that there is too little to tell."""
    before, after = sum(reference.values()), sum(recent.values())
    shares = _shares(reference, before), _shares(recent, after)
    if min(before, after) < least:
        return Drift(figure, "too little data", None, None, before, after, *shares)
    index = psi(reference, recent)
    limit = by_chance(before, after, len(set(reference) | set(recent)))
    level: Level = "steady"
    if index >= MOVED and index > limit:
        level = "drifted" if index >= DRIFTED else "moved"
    return Drift(figure, level, round(index, 4), round(limit, 4), before, after, *shares)


def _shares(counts: Mapping[str, int], total: int) -> dict[str, float]:
    return {name: round(count / total, 4) for name, count in sorted(counts.items())} if total else {}
