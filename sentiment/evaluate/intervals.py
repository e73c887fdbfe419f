"""How far a figure could be elsewhere: bootstrap intervals of counted figures (Efron 1979), McNemar's exact test.

Drawing n rows again with replacement is drawing the counts of the kinds of rows that occur from a multinomial
distribution: one matrix for all draws, whose size does not grow with the rows.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Interval = tuple[float, float]

RESAMPLES = 2000
FEWEST = 20
"""Below so many rows no interval is given: it would promise more than so few rows know."""
DIGITS = 4
Z95 = 1.959964
_SEED = 0


class Drawn(NamedTuple):
    """The kinds of rows that occur (codes, ascending), how many there are, and in each draw [draws, kinds]."""

    kinds: Ints
    counts: Floats
    draws: Floats


def draw(codes: Ints) -> Drawn | None:
    """Draw the rows again, `RESAMPLES` times, always the same way; None where there are too few.

    Args:
        codes: The kind of each row.
    """
    if len(codes) < FEWEST:
        return None
    kinds, counts = np.unique(codes, return_counts=True)
    draws = np.random.default_rng(_SEED).multinomial(len(codes), counts / len(codes), size=RESAMPLES)
    return Drawn(kinds.astype(np.int64), counts.astype(np.float64), draws.astype(np.float64))


def middle(values: Floats) -> Interval | None:
    """Return the range of the middle 95 % of the draws; those without a value do not count."""
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    low, high = np.quantile(known, [0.025, 0.975])
    return round(float(low), DIGITS), round(float(high), DIGITS)


def around(value: float, influence: Floats) -> Interval | None:
    """Return the 95 % interval of a share from what each row contributes to it, on the logit scale.

    The infinitesimal jackknife (Efron 1982); None for a share of 0 or 1, which leaves no spread to measure.
    """
    if len(influence) < FEWEST or not 0 < value < 1:
        return None
    spread = Z95 * math.sqrt(float((influence**2).sum())) / (value * (1 - value))
    middle_point = math.log(value / (1 - value))
    low, high = (1 / (1 + math.exp(-(middle_point + sign * spread))) for sign in (-1, 1))
    return round(low, DIGITS), round(high, DIGITS)


def beside(difference: float, influence: Floats) -> Interval | None:
    """Return the 95 % interval of a difference of two shares, from what each row contributes to it."""
    if len(influence) < FEWEST:
        return None
    spread = Z95 * math.sqrt(float((influence**2).sum()))
    return round(difference - spread, DIGITS), round(difference + spread, DIGITS)


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided probability that rows which only one of two got right split so by chance.

    McNemar 1947, with the binomial distribution instead of its approximation.
    """
    n, few = only_first + only_second, min(only_first, only_second)
    if n == 0 or only_first == only_second:
        return 1.0
    logs = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2) for k in range(few + 1)
    ]
    return min(1.0, 2 * math.fsum(map(math.exp, logs)))


def rounded(value: float) -> float | None:
    """Return a figure as it is reported; None for one that does not exist."""
    return round(value, DIGITS) if math.isfinite(value) else None


def share(part: Floats, whole: Floats) -> Floats:
    """Divide; nothing over nothing is no number."""
    nothing = np.full(np.broadcast(part, whole).shape, np.nan)
    shares: Floats = np.divide(part, whole, out=nothing, where=whole > 0)
    return shares
