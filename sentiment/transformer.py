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

import numpy as np
import numpy.typing as npt

from sentiment.answers import Asked, Flat, Said, say
from sentiment.irony import calm, has_emoji
from sentiment.language import UNKNOWN, detect
from sentiment.loading import Model, load_model
from sentiment.lock import Terms
from sentiment.naming import scorer_name
from sentiment.passages import Reading, read_whole
from sentiment.ports import SENTIMENTS, UNIFORM, Factor, ModelError, Probabilities, Sentiment, TextScore
from sentiment.processor import cores
from sentiment.reply import reply_needed
from sentiment.signals import Found, bundled_lexicon, prepare
from sentiment.urgency import checked_weights, urgency

TOLERANCE = 0.02
"""How far a probability may differ between a few texts, computed in float32 at once, and many, in bfloat16, on a
processor that computes in it. Once a process computes with torch nothing moves: neither company nor the number of
threads changes a score."""
_CHUNK = 2048
"""Posts prepared together, while the ones before are computed."""
_SWITCH = 2e-4


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
        flat = Flat(windows)
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
        asked = [Asked(readings[i].shown, languages[i], posts[i][2], calm(readings[i].read)) for i in read]
        said = beside.submit(say, self._model, asked)
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

    def _one(self, reading: Reading, language: str, found: Found, said: Said | None) -> TextScore:
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
_Post = tuple[str, str | None, str | None]
"""A text, the language code of its network and its kind."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """Distinct posts on their way; `said` will hold what the model says of those in `read`."""

    posts: list[_Post]
    readings: list[Reading]
    languages: list[str]
    found: list[dict[str, tuple[str, ...]]]
    read: list[int]
    said: Future[list[Said]]


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


def _sentiment(probabilities: Probabilities) -> Sentiment:
    if probabilities is UNIFORM:
        return "neutral"
    return SENTIMENTS[max(range(3), key=lambda i: probabilities[i])]
