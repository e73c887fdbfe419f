"""The scorer: a transformer for sentiment, the lexicon for urgency and reply, the same answer in any batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sentiment.language import UNKNOWN, detect
from sentiment.loading import Model, Windows, load_model
from sentiment.lock import Terms
from sentiment.naming import scorer_name
from sentiment.passages import Reading, read_whole
from sentiment.ports import SENTIMENTS, UNIFORM, Factor, Probabilities, Sentiment, TextScore
from sentiment.reply import reply_needed
from sentiment.signals import bundled_lexicon, prepare
from sentiment.urgency import checked_weights, urgency

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    Floats = npt.NDArray[np.float64]

TOLERANCE = 0.01
"""How far a probability may move with the texts scored beside it: bfloat16 rounds, and sums in another order."""
_CHUNK = 8192
_DIGITS = 4


class TransformerScorer:
    """Scores texts with a transformer; implements `sentiment.ports.Scorer`. Use `load`.

    Args:
        model: The model in memory.
        weights: The full urgency weights.
        default_language: The workspace's language, for texts too short to tell.
        name: ``model@revision``, with what else decides the scores.
    """

    def __init__(self, model: Model, weights: Mapping[str, float], default_language: str, name: str) -> None:
        self._model = model
        self._weights = dict(weights)
        self._default_language = default_language
        self._name = name
        self._lexicon = bundled_lexicon()

    @classmethod
    def load(
        cls,
        model: str | Path | None = None,
        *,
        revision: str | None = None,
        threads: int | None = None,
        urgency_weights: Mapping[str, float] | None = None,
        default_language: str = "en",
        terms: Terms | None = None,
    ) -> TransformerScorer:
        """Load a scorer.

        Args:
            model: None for the bundled model (no network is touched), a folder, or a Hugging Face id.
            revision: For a Hugging Face id: the commit.
            threads: Processor cores to use; None takes a quarter of those this process may run on, at most eight.
            urgency_weights: Changes to the default urgency weights.
            default_language: The workspace's language.
            terms: On which terms a model from elsewhere may be used, see `sentiment.lock.Terms`.

        Raises:
            ModelError: The model cannot be loaded; the message says what to fix.
            ValueError: An urgency weight is unknown or out of range.
        """
        weights = checked_weights(urgency_weights or {})
        loaded = load_model(model, revision=revision, threads=threads or _cores(), terms=terms)
        # The lexicon and changed weights decide the urgency: other ones must lead to new scores.
        return cls(loaded, weights, default_language, scorer_name(loaded.name, weights))

    @property
    def name(self) -> str:
        """``model@revision+uN``: the model, its revision, and the version of the urgency lexicon and weights."""
        return self._name

    @property
    def runs_on(self) -> tuple[str, str]:
        """Where it computes and in which number format: ``("cuda", "bfloat16")``."""
        return self._model.device, self._model.dtype

    @property
    def way(self) -> str:
        """``packed`` for the fast path for BERT classifiers, ``transformers`` for every other model."""
        return self._model.way

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[TextScore]:
        """Score texts; see `sentiment.ports.Scorer.score`.

        Raises:
            ValueError: There are not as many languages as texts.
        """
        if languages is not None and len(languages) != len(texts):
            raise ValueError(f"{len(texts)} texts came with {len(languages)} languages")
        scores: list[TextScore] = []
        for start in range(0, len(texts), _CHUNK):
            chunk = texts[start : start + _CHUNK]
            codes = languages[start : start + _CHUNK] if languages is not None else [None] * len(chunk)
            scores += self._chunk(chunk, codes)
        return scores

    def _chunk(self, texts: Sequence[str], codes: Sequence[str | None]) -> list[TextScore]:
        readings = [read_whole(text) for text in texts]
        detected = [
            detect(reading.read, code, self._default_language)
            for reading, code in zip(readings, codes, strict=True)
        ]
        # One text is often posted many times: the model reads each once.
        shown = list(
            dict.fromkeys(r.shown for r, language in zip(readings, detected, strict=True) if language != UNKNOWN)
        )
        known = dict(zip(shown, self._probabilities(shown), strict=True))
        return [
            self._one(reading, language, known.get(reading.shown, UNIFORM) if language != UNKNOWN else None)
            for reading, language in zip(readings, detected, strict=True)
        ]

    def _probabilities(self, shown: Sequence[str]) -> list[Probabilities]:
        """Return calibrated probabilities; those of a long text are the mean over its windows, by their tokens."""
        if not shown:
            return []
        import numpy as np

        windows = self._model.encode(shown)
        means = self._means(windows, self._model.logits)
        if self._model.exact_logits is not None:
            close = np.flatnonzero(_is_close(means, self._model))
            if close.size:
                means[close] = self._means([windows[i] for i in close.tolist()], self._model.exact_logits)
        return [_rounded(row) for row in means.tolist()]

    def _means(self, windows: Sequence[Windows], compute: Callable[[Sequence[Sequence[int]]], Tensor]) -> Floats:
        """Return one row of three probabilities a text."""
        import numpy as np

        flat = [window for of_text in windows for window in of_text]
        logits = compute(flat).numpy().astype(np.float64) / self._model.temperature
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        by_class = powers / powers.sum(axis=1, keepdims=True)
        three = np.zeros((len(flat), len(SENTIMENTS)))
        for column, sentiment in enumerate(self._model.classes):
            three[:, sentiment] += by_class[:, column]
        tokens = np.array([len(window) for window in flat], dtype=np.float64)
        owner = np.repeat(np.arange(len(windows)), [len(of_text) for of_text in windows])
        total = np.zeros((len(windows), len(SENTIMENTS)))
        np.add.at(total, owner, three * tokens[:, None])
        means: Floats = total / np.bincount(owner, weights=tokens, minlength=len(windows))[:, None]
        return means

    def _one(self, reading: Reading, language: str, probabilities: Probabilities | None) -> TextScore:
        model = self._model
        if probabilities is None:
            probabilities, abstained, trusted = UNIFORM, True, None
        else:
            sure = max(probabilities) >= model.abstain_below
            reads, weakly = _reads(model, language)
            abstained = not (sure and reads)
            # In a language it reads poorly only the model's clear statements count.
            trusted = probabilities if reads or (weakly and sure) else None
        found = self._lexicon.find(prepare(reading.read), language)
        level, factors = urgency(reading.read, trusted, language, self._weights, found=found)
        if reading.note:
            factors = (*factors, Factor("partly_read", 0.0, reading.note))
        reply = reply_needed(reading.read, trusted, found, abstained=abstained)
        return TextScore(
            language=language,
            sentiment=_sentiment(probabilities),
            probabilities=probabilities,
            abstained=abstained,
            urgency=level,
            reply_needed=reply.needed,
            reply_reason=reply.reason,
            factors=factors,
            scorer=self._name,
            reply_confidence=reply.confidence,
        )


def _reads(model: Model, language: str) -> tuple[bool, bool]:
    """Say whether the model reads a language well, and whether it reads it poorly."""
    if model.languages is None:
        return True, False
    base = language.partition("-")[0]
    well = language in model.languages or base in model.languages
    return well, not well and (language in model.languages_weak or base in model.languages_weak)


def _is_close(means: Floats, model: Model) -> npt.NDArray[np.bool_]:
    """Say which rows lie so near a border that rounding could decide the label or the abstention."""
    import numpy as np

    ordered = np.sort(means, axis=1)
    tied: npt.NDArray[np.bool_] = ordered[:, 2] - ordered[:, 1] < model.close
    return tied | (np.abs(ordered[:, 2] - model.abstain_below) < model.close)


def _sentiment(probabilities: Probabilities) -> Sentiment:
    if probabilities is UNIFORM:
        return "neutral"
    return SENTIMENTS[max(range(3), key=lambda i: probabilities[i])]


def _rounded(row: Sequence[float]) -> Probabilities:
    return Probabilities(*(round(value, _DIGITS) for value in row))


def _cores() -> int:
    """A quarter of the cores, at least one: a second one gives little speed for much processor time."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows cannot say
        cores = os.cpu_count() or 1
    return min(8, max(1, cores // 4))
