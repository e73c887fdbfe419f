"""Two models on the same labelled texts: what one gets right that the other did not, and whether it is worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sentiment.evaluate.intervals import mcnemar

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

_SMALLEST = 1e-4


@dataclass(frozen=True, slots=True)
class Standing:
    """How a model stands on labelled texts.

    Attributes:
        macro_recall: Mean recall over the classes that occur among the labels.
        accuracy: Share of texts whose most probable class is the label.
        log_loss: Mean negative log probability of the label: also punishes being sure and wrong.
    """

    macro_recall: float
    accuracy: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class Limits:
    """How far each figure may fall before the new model counts as worse."""

    macro_recall: float = 0.0
    accuracy: float = 0.0
    log_loss: float = 0.02


@dataclass(frozen=True, slots=True)
class Comparison:
    """The old and the new model on one set of labelled texts.

    Attributes:
        figure: What is measured.
        on: On which texts.
        n: Texts.
        before: The old model.
        after: The new one.
        fixed: Texts only the new one gets right.
        broken: Texts only the old one got right.
        p_value: Of McNemar's exact test: how often chance alone would part the two so far; 1 where nothing moved.
        fallen: The figures that fell further than allowed, in words.
    """

    figure: str
    on: str
    n: int
    before: Standing
    after: Standing
    fixed: int
    broken: int
    p_value: float
    fallen: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def standing(probabilities: Floats, labels: Labels) -> Standing:
    """Measure one model; there must be a row."""
    right = probabilities.argmax(axis=1) == labels
    recalls = [right[labels == label].mean() for label in np.unique(labels)]
    said = np.clip(probabilities[np.arange(len(labels)), labels], _SMALLEST, 1.0)
    return Standing(
        round(float(np.mean(recalls)), 4), round(float(right.mean()), 4), round(float(-np.log(said).mean()), 4)
    )


def compare(figure: str, on: str, labels: Labels, before: Floats, after: Floats, limits: Limits) -> Comparison:
    """Hold two models against each other on the same texts.

    Args:
        figure: What is measured, for the messages.
        on: On which texts.
        labels: The right class of each text; at least one.
        before: Probabilities of the old model, (texts, classes).
        after: Of the new one.
        limits: What may fall how far.
    """
    old, new = before.argmax(axis=1) == labels, after.argmax(axis=1) == labels
    fixed, broken = int((new & ~old).sum()), int((old & ~new).sum())
    was, now = standing(before, labels), standing(after, labels)
    p_value = round(mcnemar(fixed, broken), 4)
    return Comparison(
        figure, on, len(labels), was, now, fixed, broken, p_value, _fallen(figure, on, was, now, limits)
    )


def _fallen(figure: str, on: str, was: Standing, now: Standing, limits: Limits) -> tuple[str, ...]:
    found = [
        f"{word} of {figure} on {on} fell from {before:.3f} to {after:.3f}"
        for word, before, after, slack in (
            ("macro-recall", was.macro_recall, now.macro_recall, limits.macro_recall),
            ("accuracy", was.accuracy, now.accuracy, limits.accuracy),
        )
        if before - after > slack + 1e-9
    ]
    if now.log_loss - was.log_loss > limits.log_loss + 1e-9:
        found.append(f"log loss of {figure} on {on} rose from {was.log_loss:.3f} to {now.log_loss:.3f}")
    return tuple(found)


def pairs_in_order(scores: Sequence[float], wanted: Sequence[float], apart: float = 0.1) -> tuple[int, float]:
    """Of the pairs a person put in an order, how many a score puts in the same (ties count half).

    Args:
        scores: What the model gave.
        wanted: What a person gave.
        apart: Pairs that a person put nearer than this are not counted.

    Returns:
        The number of pairs, and the share in order (0 where there are none).
    """
    a, b = np.asarray(scores, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    above = b[:, None] - b[None, :] >= apart
    gaps = a[:, None] - a[None, :]
    count = int(above.sum())
    share = (float((gaps[above] > 0).sum()) + 0.5 * float((gaps[above] == 0).sum())) / count if count else 0.0
    return count, round(share, 4)
