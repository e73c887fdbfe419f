"""What a model says of texts: both halves asked, windows brought together, calibrated, close calls settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sentiment.calibration import Calibration, probabilities
from sentiment.loading import Model, Windows
from sentiment.ports import SENTIMENTS, Probabilities

Floats = npt.NDArray[np.float64]
Heads = tuple[tuple[str, float], ...]

REVIEW = "review"
"""The head, of the n-gram table alone, that tells a review from a post where the caller does not say."""
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Said:
    """What the model said of one text, and from which top probability on that counts."""

    probabilities: Probabilities
    heads: Heads
    abstain_below: float


@dataclass(frozen=True, slots=True)
class Asked:
    """One text for the model: as it reads it, its language and kind, and how calm its answer shall be."""

    shown: str
    language: str
    kind: str | None
    calm: float


def say(model: Model, asked: Sequence[Asked]) -> list[Said]:
    """Ask the model about texts in their languages."""
    if not asked:
        return []
    answers = _Answers(model, [(one.shown, one.language) for one in asked])
    chosen = [
        model.calibrations.find(one.language, one.kind or (REVIEW if review else None)).calmed(one.calm)
        for one, review in zip(asked, answers.reviews(), strict=True)
    ]
    given = answers.probabilities(chosen)
    if model.exact_logits is not None:
        near = np.flatnonzero(_is_close(given, chosen, model))
        if near.size:
            answers.recompute(near, model.exact_logits)
            given = answers.probabilities(chosen)
    heads = answers.heads()
    return [
        Said(_rounded(triple), of_text, setting.abstain_below)
        for triple, of_text, setting in zip(given.tolist(), heads, chosen, strict=True)
    ]


class Flat:
    """The windows of some texts in one list, and the way back to the texts."""

    def __init__(self, windows: Sequence[Windows]) -> None:
        self.windows = [window for of_text in windows for window in of_text]
        self._owner = np.repeat(np.arange(len(windows)), [len(of_text) for of_text in windows])
        self._tokens = np.array([len(window) for window in self.windows], dtype=np.float64)
        self._texts = len(windows)

    def means(self, values: Floats) -> Floats:
        """Average over the windows of each text, by their tokens."""
        total = np.zeros((self._texts, values.shape[1]))
        np.add.at(total, self._owner, values * self._tokens[:, None])
        means: Floats = total / np.bincount(self._owner, weights=self._tokens, minlength=self._texts)[:, None]
        return means

    def highest(self, values: Floats) -> Floats:
        """Take the highest over the windows of each text: a signal counts wherever in the post it stands."""
        top = np.full((self._texts, values.shape[1]), -np.inf)
        np.maximum.at(top, self._owner, values)
        return top


class _Answers:
    """The logits of both halves of a model for texts in their languages."""

    def __init__(self, model: Model, shown: Sequence[tuple[str, str]]) -> None:
        self._model = model
        distinct = {text: i for i, text in enumerate(dict.fromkeys(text for text, _ in shown))}
        self._row = np.array([distinct[text] for text, _ in shown])
        # The table first, on one core while another looks for signals; then the network has all of them.
        self._wide = np.zeros((len(shown), len(SENTIMENTS)))
        if model.wide is not None:
            texts, languages = zip(*shown, strict=True)
            self._wide = model.wide.logits(texts, languages).astype(np.float64)
        self._windows = model.encode(list(distinct))
        # The network reads each distinct text once.
        self._deep, self._head = self._logits(self._windows, model.logits)

    def _logits(
        self, windows: Sequence[Windows], compute: Callable[[Sequence[Sequence[int]]], Any]
    ) -> tuple[Floats, Floats]:
        flat = Flat(windows)
        logits = np.asarray(compute(flat.windows), dtype=np.float64)
        first, last = len(self._model.classes), len(self._model.classes) + len(self._model.heads)
        return flat.means(logits[:, :first]), flat.highest(logits[:, first:last])

    def recompute(self, which: npt.NDArray[np.int64], compute: Callable[[Sequence[Sequence[int]]], Any]) -> None:
        """Replace what the network said of some texts."""
        rows = np.unique(self._row[which]).tolist()
        self._deep[rows], self._head[rows] = self._logits([self._windows[i] for i in rows], compute)

    def probabilities(self, chosen: Sequence[Calibration]) -> Floats:
        """The calibrated probabilities of the sentiments, (texts, 3)."""
        wide = self._wide[:, : len(SENTIMENTS)]
        return probabilities(self._deep[self._row], wide, self._model.classes, chosen)

    def reviews(self) -> list[bool]:
        """Which texts the table takes for reviews; it alone tells, so no rounding of the encoder can change it."""
        if REVIEW not in self._model.heads or self._wide.shape[1] == len(SENTIMENTS):
            return [False] * len(self._row)
        column = len(SENTIMENTS) + self._model.heads.index(REVIEW)
        said: list[bool] = (self._wide[:, column] > 0).tolist()
        return said

    def heads(self) -> list[Heads]:
        """The heads' probabilities of each text; empty where the model has no heads."""
        if not self._model.heads:
            return [()] * len(self._row)
        logits = self._head[self._row]
        if self._wide.shape[1] > len(SENTIMENTS):
            logits = logits + self._wide[:, len(SENTIMENTS) :]
        told = [i for i, name in enumerate(self._model.heads) if name != REVIEW]
        names = [self._model.heads[i] for i in told]
        chances = np.round(1 / (1 + np.exp(-logits[:, told])), _DIGITS)
        return [tuple(zip(names, row, strict=True)) for row in chances.tolist()]


def _is_close(given: Floats, chosen: Sequence[Calibration], model: Model) -> npt.NDArray[np.bool_]:
    """Say which rows lie so near a border that rounding could decide the label or the abstention."""
    ordered = np.sort(given, axis=1)
    threshold = np.array([setting.abstain_below for setting in chosen])
    # Where one probability gains what another loses, their difference moves by twice as much.
    near: npt.NDArray[np.bool_] = ordered[:, 2] - ordered[:, 1] < 2 * model.close
    near |= np.abs(ordered[:, 2] - threshold) < model.close_abstain
    return near


def _rounded(row: Sequence[float]) -> Probabilities:
    return Probabilities(*(round(value, _DIGITS) for value in row))
