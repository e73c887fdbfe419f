"""The scorer: a transformer for sentiment, the lexicon for urgency and reply, the same answer in any batch."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sentiment.calibration import Calibration, probabilities
from sentiment.irony import calm, has_emoji
from sentiment.language import UNKNOWN, detect
from sentiment.loading import Model, Windows, load_model
from sentiment.lock import Terms
from sentiment.naming import scorer_name
from sentiment.passages import Reading, read_whole
from sentiment.ports import SENTIMENTS, UNIFORM, Factor, ModelError, Probabilities, Sentiment, TextScore
from sentiment.processor import cores
from sentiment.reply import reply_needed
from sentiment.signals import Found, bundled_lexicon, prepare
from sentiment.urgency import checked_weights, urgency

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = npt.NDArray[np.float64]
Heads = tuple[tuple[str, float], ...]

TOLERANCE = 0.02
"""How far a probability may differ between a few texts, computed in float32 at once, and many, in bfloat16, on a
processor that computes in it. Once a process computes with torch nothing moves: neither company nor the number of
threads changes a score."""
_CHUNK = 2048
"""Posts prepared together, while the ones before are computed."""
_SWITCH = 2e-4
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
            threads: Processor cores to use; None takes all that this process may run on.
            urgency_weights: Changes to the default urgency weights.
            default_language: The workspace's language.
            terms: On which terms a model from elsewhere may be used, see `sentiment.lock.Terms`.

        Raises:
            ModelError: The model cannot be loaded; the message says what to fix.
            ValueError: An urgency weight is unknown or out of range.
        """
        weights = checked_weights(urgency_weights or {})
        loaded = load_model(model, revision=revision, threads=threads or cores(), terms=terms)
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

    def score(
        self,
        texts: Sequence[str],
        languages: Sequence[str | None] | None = None,
        kinds: Sequence[str | None] | None = None,
    ) -> list[TextScore]:
        """Score texts; see `sentiment.ports.Scorer.score`.

        Raises:
            ValueError: There are not as many languages or kinds as texts.
        """
        for given, word in ((languages, "languages"), (kinds, "kinds")):
            if given is not None and len(given) != len(texts):
                raise ValueError(f"{len(texts)} texts came with {len(given)} {word}")
        nothing = [None] * len(texts)
        posts = list(zip(texts, languages or nothing, kinds or nothing, strict=True))
        scores: list[TextScore] = []
        waiting: deque[tuple[Sequence[_Post], _Begun]] = deque()
        with ThreadPoolExecutor(1) as beside, _taking_turns():
            for start in range(0, len(posts), _CHUNK):
                chunk = posts[start : start + _CHUNK]
                # One post is scored once, however often it was sent.
                waiting.append((chunk, self._begin(list(dict.fromkeys(chunk)), beside)))
                if len(waiting) > 1:
                    scores += self._finish(*waiting.popleft())
            while waiting:
                scores += self._finish(*waiting.popleft())
        return scores

    def features(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return what the model's last layer reads of each text, float32, (texts, width).

        Of a text of several windows it is the mean by their tokens, so that the last layer of it gives the mean
        logits.

        Raises:
            ModelError: This model gives no features.
        """
        if self._model.features is None:
            raise ModelError("only BERT classifiers in a folder give features to tune on")
        windows = self._model.encode([read_whole(text).shown for text in texts])
        flat = _Flat(windows)
        pooled = np.asarray(self._model.features(flat.windows), dtype=np.float64)
        return flat.means(pooled).astype(np.float32)

    def _begin(self, posts: list[_Post], beside: ThreadPoolExecutor) -> _Begun:
        """Set the model to work on distinct posts, and meanwhile look for their signals."""
        readings = [read_whole(text) for text, _, _ in posts]
        languages = [
            detect(reading.read, code, self._default_language)
            for reading, (_, code, _) in zip(readings, posts, strict=True)
        ]
        # Emoji say something without any language; figures, signs and links alone do not.
        read = [
            i
            for i, (reading, language) in enumerate(zip(readings, languages, strict=True))
            if reading.shown and (language != UNKNOWN or has_emoji(reading.read))
        ]
        asked = [_Asked(readings[i].shown, languages[i], posts[i][2], calm(readings[i].read)) for i in read]
        said = beside.submit(_say, self._model, asked)
        found = [
            self._lexicon.find(prepare(reading.read), language)
            for reading, language in zip(readings, languages, strict=True)
        ]
        return _Begun(posts, readings, languages, found, read, said)

    def _finish(self, chunk: Sequence[_Post], begun: _Begun) -> list[TextScore]:
        said = dict(zip(begun.read, begun.said.result(), strict=True))
        scores = {
            post: self._one(begun.readings[i], begun.languages[i], begun.found[i], said.get(i))
            for i, post in enumerate(begun.posts)
        }
        return [scores[post] for post in chunk]

    def _one(self, reading: Reading, language: str, found: Found, said: _Said | None) -> TextScore:
        if said is None:
            given, abstained, trusted = UNIFORM, True, None
        else:
            given = said.probabilities
            sure = said.abstain_below < NEVER and max(given) >= said.abstain_below
            reads, weakly = _reads(self._model, language)
            abstained = not (sure and reads)
            # In a language it reads poorly only the model's clear statements count.
            trusted = given if reads or (weakly and sure) else None
        heads = dict(said.heads) if said and _heads_read(self._model, language) else {}
        # Urgency and reply rest on the heads where they learned the language, however well sentiment is read.
        trusted = given if heads else trusted
        level, factors = urgency(reading.read, trusted, language, self._weights, found=found, heads=heads)
        if reading.note:
            factors = (*factors, Factor("partly_read", 0.0, reading.note))
        heard = given if said and language == UNKNOWN else trusted  # emoji alone have no language
        reply = reply_needed(reading.read, heard, found, abstained=abstained, heads=heads)
        return TextScore(
            language=language,
            sentiment=_sentiment(given),
            probabilities=given,
            abstained=abstained,
            urgency=level,
            reply_needed=reply.needed,
            reply_reason=reply.reason,
            factors=factors,
            scorer=self._name,
            reply_confidence=reply.confidence,
            heads=said.heads if said else (),
        )


NEVER = 1.0
"""The threshold of a language in which the model always abstains."""
REVIEW = "review"
"""The head, of the n-gram table alone, that tells a review from a post where the caller does not say."""
_Post = tuple[str, str | None, str | None]
"""A text, the language code of its network and its kind."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What the model said of one text, and from which top probability on that counts."""

    probabilities: Probabilities
    heads: Heads
    abstain_below: float


@dataclass(frozen=True, slots=True)
class _Begun:
    """Distinct posts on their way; `said` will hold what the model says of those in `read`."""

    posts: list[_Post]
    readings: list[Reading]
    languages: list[str]
    found: list[dict[str, tuple[str, ...]]]
    read: list[int]
    said: Future[list[_Said]]


_TURNS = threading.Lock()
_turns: list[float] = []


@contextmanager
def _taking_turns() -> Iterator[None]:
    """Let the threads that compute and the one that reads words take turns quickly, instead of every 5 ms."""
    with _TURNS:
        _turns.append(sys.getswitchinterval())
        sys.setswitchinterval(min(_turns[0], _SWITCH))
    try:
        yield
    finally:
        with _TURNS:  # the last one out puts back what the first one found
            usual = _turns[0]
            _turns.pop()
            if not _turns:
                sys.setswitchinterval(usual)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One text for the model: as it reads it, its language and kind, and how calm its answer shall be."""

    shown: str
    language: str
    kind: str | None
    calm: float


def _say(model: Model, asked: Sequence[_Asked]) -> list[_Said]:
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
        _Said(_rounded(triple), of_text, setting.abstain_below)
        for triple, of_text, setting in zip(given.tolist(), heads, chosen, strict=True)
    ]


class _Flat:
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
        flat = _Flat(windows)
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


def _reads(model: Model, language: str) -> tuple[bool, bool]:
    """Say whether the model reads a language well, and whether it reads it poorly."""
    if model.languages is None:
        return True, False
    base = language.partition("-")[0]
    well = language in model.languages or base in model.languages
    return well, not well and (language in model.languages_weak or base in model.languages_weak)


def _heads_read(model: Model, language: str) -> bool:
    """Whether the heads have learned a language."""
    return model.head_languages is None or language.partition("-")[0] in model.head_languages


def _is_close(given: Floats, chosen: Sequence[Calibration], model: Model) -> npt.NDArray[np.bool_]:
    """Say which rows lie so near a border that rounding could decide the label or the abstention."""
    ordered = np.sort(given, axis=1)
    threshold = np.array([setting.abstain_below for setting in chosen])
    # Where one probability gains what another loses, their difference moves by twice as much.
    near: npt.NDArray[np.bool_] = ordered[:, 2] - ordered[:, 1] < 2 * model.close
    near |= np.abs(ordered[:, 2] - threshold) < model.close_abstain
    return near


def _sentiment(probabilities: Probabilities) -> Sentiment:
    if probabilities is UNIFORM:
        return "neutral"
    return SENTIMENTS[max(range(3), key=lambda i: probabilities[i])]


def _rounded(row: Sequence[float]) -> Probabilities:
    return Probabilities(*(round(value, _DIGITS) for value in row))
