"""How good a scorer is on labelled texts: the figures a model card needs, with intervals."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sentiment.ports import SENTIMENTS, Scorer, TextScore

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
BINS = 15
"""Bins of the calibration error."""
_RESAMPLES = 400
_LABELS = {
    "negative": 0, "neg": 0, "-1": 0, "负面": 0, "負面": 0,
    "neutral": 1, "neu": 1, "0": 1, "中性": 1,
    "positive": 2, "pos": 2, "1": 2, "正面": 2,
}  # fmt: skip


class EvaluationError(ValueError):
    """The labelled rows cannot be used; the message says what to fix."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one group of rows.

    Attributes:
        n: Rows.
        macro_recall: Mean recall over the classes that occur among the labels.
        macro_recall_interval: Its 95 % bootstrap interval; None below 20 rows.
        macro_f1: Mean F1 over the same classes.
        accuracy: Share of rows whose most probable class is the label.
        ece: Expected calibration error over 15 equal bins of the top probability.
        coverage: Share of rows on which the scorer did not abstain.
        covered_accuracy: Accuracy on those; None where there are none.
        confusion: Rows by label (negative, neutral, positive), columns by answer.
    """

    n: int
    macro_recall: float
    macro_recall_interval: tuple[float, float] | None
    macro_f1: float
    accuracy: float
    ece: float
    coverage: float
    covered_accuracy: float | None
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        scorer: Who scored.
        classes: 3, or 2 where neutral answers were left out of the choice.
        overall: Over all rows.
        by_language: By detected language, the most frequent first.
        left_out: Rows without a usable label or text.
    """

    scorer: str
    classes: int
    overall: Figures
    by_language: dict[str, Figures]
    left_out: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def read_labelled(path: Path) -> list[tuple[str, str]]:
    """Read a CSV with the columns ``text`` and ``label``.

    Raises:
        EvaluationError: The file cannot be read or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"text", "label"} - set(reader.fieldnames or ())
            if missing:
                raise EvaluationError(
                    f"{path} needs the columns text and label; missing: {', '.join(sorted(missing))}"
                )
            return [(row["text"] or "", row["label"] or "") for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"cannot read {path} as UTF-8 CSV: {error}") from error


def evaluate(rows: Iterable[tuple[str, str]], scorer: Scorer, *, classes: int = 3) -> Evaluation:
    """Measure a scorer.

    Args:
        rows: Text and label (negative, neutral, positive, or -1, 0, 1). Rows with another label are left out.
        scorer: Scores the texts; languages are detected, not given.
        classes: 2 leaves neutral rows out and compares negative with positive only.

    Raises:
        EvaluationError: No row is usable.
        ValueError: `classes` is neither 2 nor 3.
    """
    if classes not in {2, 3}:
        raise ValueError(f"classes must be 2 or 3, not {classes}")
    every = list(rows)
    usable = [(text, _LABELS.get(label.strip().lower())) for text, label in every]
    kept = [(t, y) for t, y in usable if y is not None and t.strip() and (classes == 3 or y != 1)]
    if not kept:
        raise EvaluationError("no row has a text and a label out of negative, neutral, positive")
    scores = scorer.score([text for text, _ in kept])
    labels = np.array([y for _, y in kept], dtype=np.int64)
    languages = np.array([score.language for score in scores])
    probabilities = _probabilities(scores, classes)
    answered = np.array([not score.abstained for score in scores])
    frequent = sorted(set(languages.tolist()), key=lambda code: (-int((languages == code).sum()), code))
    by_language = {
        code: figures(probabilities[languages == code], labels[languages == code], answered[languages == code])
        for code in frequent
    }
    overall = figures(probabilities, labels, answered)
    return Evaluation(scorer.name, classes, overall, by_language, len(every) - len(kept))


def _probabilities(scores: Sequence[TextScore], classes: int) -> Floats:
    values = np.array([score.probabilities for score in scores], dtype=np.float64)
    if classes == 2:
        values[:, 1] = 0.0
        values += np.array([1e-9, 0.0, 1e-9])
    scaled: Floats = values / values.sum(axis=1, keepdims=True)
    return scaled


def figures(probabilities: Floats, labels: Labels, answered: npt.NDArray[np.bool_]) -> Figures:
    """Compute the figures of a group of rows; none may be empty."""
    guesses = probabilities.argmax(axis=1)
    confusion = np.zeros((3, 3), dtype=np.int64)
    np.add.at(confusion, (labels, guesses), 1)
    right = guesses == labels
    return Figures(
        n=len(labels),
        macro_recall=round(_macro_recall(confusion), 4),
        macro_recall_interval=_interval(guesses, labels),
        macro_f1=round(_macro_f1(confusion), 4),
        accuracy=round(float(right.mean()), 4),
        ece=round(calibration_error(probabilities.max(axis=1), right), 4),
        coverage=round(float(answered.mean()), 4),
        covered_accuracy=round(float(right[answered].mean()), 4) if answered.any() else None,
        confusion=tuple(tuple(int(c) for c in row) for row in confusion),
    )


def _macro_recall(confusion: Labels) -> float:
    totals = confusion.sum(axis=1)
    present = totals > 0
    return float((confusion.diagonal()[present] / totals[present]).mean())


def _macro_f1(confusion: Labels) -> float:
    present = confusion.sum(axis=1) > 0
    both = confusion.sum(axis=0) + confusion.sum(axis=1)
    return float((2 * confusion.diagonal()[present] / both[present]).mean())


def calibration_error(top: Floats, right: npt.NDArray[np.bool_]) -> float:
    """Return the mean gap between top probability and accuracy over equal bins, weighted by their rows."""
    which = np.minimum((top * BINS).astype(np.int64), BINS - 1)
    rows = np.bincount(which, minlength=BINS)
    gaps = np.abs(
        np.bincount(which, weights=right, minlength=BINS) - np.bincount(which, weights=top, minlength=BINS)
    )
    return float(gaps.sum() / rows.sum())


def _interval(guesses: Labels, labels: Labels) -> tuple[float, float] | None:
    """Bootstrap the macro-recall: drawing rows again is drawing a confusion matrix from its own shares."""
    if len(labels) < 20:
        return None
    shares = np.bincount(labels * len(SENTIMENTS) + guesses, minlength=9) / len(labels)
    draws = np.random.default_rng(0).multinomial(len(labels), shares, size=_RESAMPLES)
    recalls = [_macro_recall(draw.reshape(3, 3)) for draw in draws]
    low, high = np.quantile(recalls, [0.025, 0.975])
    return round(float(low), 4), round(float(high), 4)
