"""Fit how the two halves of the model add up, per language and kind, and from where on an answer counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentiment.train.figures import Floats, Labels, calibration_error, quality, softmax

WANTED_RIGHT = 0.85
"""Share of answered posts that should be right; where no threshold reaches it the model always abstains."""
_MARGIN = 0.01
_PULL = 12.0
"""Strength of the pull of a small language towards the setting of all together, in rows."""
_NEVER = 1.0
_LEAST_ANSWERED = 0.08

Parameters = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Labelled rows of one language and kind, as both halves of the model see them.

    Attributes:
        deep: Logits of the encoder, (rows, 3).
        wide: Logits of the table, (rows, 3).
        labels: (rows,) 0, 1 or 2.
        first: (rows,) which of two halves a row is in, by a hash of its text.
        polar: Whether their source knows no neutral class.
    """

    deep: Floats
    wide: Floats
    labels: Labels
    first: npt.NDArray[np.bool_]
    polar: bool = False

    def part(self, chosen: npt.NDArray[np.bool_]) -> Rows:
        """Some of the rows."""
        return Rows(self.deep[chosen], self.wide[chosen], self.labels[chosen], self.first[chosen], self.polar)


@dataclass(frozen=True)
class Fitted:
    """One entry of the card's ``calibration``: see `sentiment.calibration.Calibration`."""

    deep: float
    wide: float
    bias: tuple[float, float, float]
    abstain_below: float

    def entry(self) -> dict[str, object]:
        """As the card holds it."""
        return {
            "deep": round(self.deep, 4),
            "wide": round(self.wide, 4),
            "bias": [round(value, 4) for value in self.bias],
            "abstain_below": round(self.abstain_below, 2),
        }

    def probabilities(self, rows: Rows) -> Floats:
        """Of the three sentiments, (rows, 3)."""
        return softmax(self.deep * rows.deep + self.wide * rows.wide + np.array(self.bias))


def fit(rows: Rows, prior: Fitted | None = None, beside: Sequence[Rows] = ()) -> Fitted:
    """Fit one entry: the mix and the bias so that classes count alike, then how sure to be, then the threshold.

    Weighing the classes alike serves macro-recall; it makes rare classes likelier than they are, and the common
    factor that follows brings the confidence back to how often the answer is right.

    Args:
        rows: To fit on.
        prior: Where a small language starts from and is pulled to.
        beside: Two-class rows of the same kind: they have a say in the mix, not in how sure to be.
    """
    start = np.array([0.5, 0.5, 0.0, 0.0]) if prior is None else _vector(prior)
    mixed = _minimum([rows, *beside], start, 0.5 if prior is None else _PULL)
    deep, wide, low, high = mixed.tolist()
    bias = np.array([low, 0.0, high])
    logits = deep * rows.deep + wide * rows.wide + bias
    factors = np.arange(0.3, 2.01, 0.05)
    factor = float(min(factors, key=lambda f: _misfit(softmax(f * logits), rows.labels)))
    sure = Fitted(factor * deep, factor * wide, _triple(factor * bias), 0.0)
    threshold = abstain_below(sure.probabilities(rows), rows.labels)
    return Fitted(sure.deep, sure.wide, sure.bias, threshold)


def _misfit(probabilities: Floats, labels: Labels) -> float:
    top = probabilities.max(axis=1).clip(1e-6, 1 - 1e-6)
    right = probabilities.argmax(axis=1) == labels
    # Log loss of "the answer is right": smooth where a binned calibration error jumps.
    return float(-(right * np.log(top) + ~right * np.log(1 - top)).mean())


def _vector(fitted: Fitted) -> Parameters:
    return np.array([fitted.deep, fitted.wide, fitted.bias[0], fitted.bias[2]])


def _triple(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    return (float(values[0]), float(values[1]), float(values[2]))


def _minimum(parts: Sequence[Rows], start: Parameters, pull: float) -> Parameters:
    from scipy.optimize import minimize

    def loss(parameters: Parameters) -> float:
        return sum(_loss(rows, parameters) for rows in parts) + pull * float(((parameters - start) ** 2).sum())

    bounds = [(0.0, 3.0), (0.0, 4.0), (-3.0, 3.0), (-3.0, 3.0)]
    found: Parameters = minimize(loss, start, bounds=bounds, method="L-BFGS-B").x
    return found


def _loss(rows: Rows, parameters: Parameters) -> float:
    """Log loss with the classes weighed alike; two-class rows compare negative with positive only."""
    counts = np.bincount(rows.labels, minlength=3)
    weights = (len(rows.labels) / ((counts > 0).sum() * np.maximum(counts, 1)))[rows.labels]
    logits = parameters[0] * rows.deep + parameters[1] * rows.wide
    logits += np.array([parameters[2], 0.0, parameters[3]])
    if rows.polar:
        logits[:, 1] = -1e4
    right = softmax(logits)[np.arange(len(rows.labels)), rows.labels]
    return float(-(weights * np.log(right + 1e-12)).sum())


def abstain_below(probabilities: Floats, labels: Labels) -> float:
    """Return the lowest top probability (steps of 0.01) from which on enough are right; 1 where there is none."""
    top = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    for hundredth in range(34, 100):
        kept = top >= hundredth / 100
        if kept.mean() < _LEAST_ANSWERED:
            return _NEVER
        if right[kept].mean() >= WANTED_RIGHT + _MARGIN:
            return hundredth / 100
    return _NEVER


def measured(rows: Rows, prior: Fitted | None = None, beside: Sequence[Rows] = ()) -> dict[str, float | int]:
    """Figures of rows by entries that were not fitted on them: each half is answered by the other half's entry."""
    chances = np.zeros((len(rows.labels), 3))
    answered = np.zeros(len(rows.labels), dtype=bool)
    for half in (rows.first, ~rows.first):
        entry = fit(rows.part(~half), prior, beside)
        chances[half] = entry.probabilities(rows.part(half))
        answered[half] = chances[half].max(axis=1) >= entry.abstain_below
    right = chances.argmax(axis=1) == rows.labels
    figures = quality(chances, rows.labels)
    figures["ece"] = round(calibration_error(chances, rows.labels), 4)
    figures["answered"] = round(float(answered.mean()), 4)
    figures["answered_accuracy"] = round(float(right[answered].mean()), 4) if answered.any() else 0.0
    return figures


def fit_all(sets: Mapping[str, Rows], beside: Mapping[str, Sequence[Rows]]) -> dict[str, Fitted]:
    """Fit every entry; `default` is fitted on all rows together and is where the small ones are pulled to.

    Args:
        sets: Rows by entry name, see `sentiment.calibration`.
        beside: Two-class rows by entry name.
    """
    together = Rows(
        np.concatenate([rows.deep for rows in sets.values()]),
        np.concatenate([rows.wide for rows in sets.values()]),
        np.concatenate([rows.labels for rows in sets.values()]),
        np.concatenate([rows.first for rows in sets.values()]),
    )
    default = fit(together)
    return {"default": default} | {name: fit(rows, default, beside.get(name, ())) for name, rows in sets.items()}
