"""What understanding promises: one score a text, with the reasons that led to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

Sentiment = Literal["negative", "neutral", "positive"]
SENTIMENTS: tuple[Sentiment, Sentiment, Sentiment] = ("negative", "neutral", "positive")
"""The three classes, in the order of every probability triple."""


class Probabilities(NamedTuple):
    """Calibrated probabilities of the three sentiments; they sum to one."""

    negative: float
    neutral: float
    positive: float


UNIFORM = Probabilities(1 / 3, 1 / 3, 1 / 3)
"""What a scorer says when it read nothing."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One named, signed contribution to the urgency.

    Attributes:
        name: Which signal spoke, for example ``money_lost``.
        points: What it adds to the urgency (negative: takes away).
        evidence: The words of the post, or the figure, that it rests on.
    """

    name: str
    points: float
    evidence: str


@dataclass(frozen=True, slots=True)
class TextScore:
    """What a scorer understood of one text.

    Attributes:
        language: ``en``, ``fr``, ``zh-Hans``, ``zh-Hant``, ``yue`` ...; ``und`` where nothing tells it.
        sentiment: The most probable class, also where the scorer abstained.
        probabilities: Calibrated probabilities of the three classes.
        abstained: True where the scorer is too unsure and a person should look.
        urgency: 0 (nothing to do) to 1 (drop everything); the sum of the factors' points.
        reply_needed: Whether the text alone asks for an answer by the brand.
        reply_reason: Why, as a code of `sentiment.reply.REASONS`.
        factors: What the urgency is made of, the strongest first.
        scorer: The `Scorer.name` that said so.
        reply_confidence: 0.5 (a guess) to 1 (certain), how sure the reply decision is.
        heads: What the model's further heads say: (name, probability) in the order of its card, such as
            ``("complaint", 0.93)``; empty where the model has none or did not read the text.
    """

    language: str
    sentiment: Sentiment
    probabilities: Probabilities
    abstained: bool
    urgency: float
    reply_needed: bool
    reply_reason: str
    factors: tuple[Factor, ...]
    scorer: str
    reply_confidence: float = 1.0
    heads: tuple[tuple[str, float], ...] = ()


@runtime_checkable
class Scorer(Protocol):
    """Anything that scores texts: the bundled transformer, another model, a fake in a test."""

    @property
    def name(self) -> str:
        """``model@revision``: stored with every score, so a new model means new scores."""
        ...

    def score(
        self,
        texts: Sequence[str],
        languages: Sequence[str | None] | None = None,
        kinds: Sequence[str | None] | None = None,
    ) -> list[TextScore]:
        """Score texts.

        Args:
            texts: Posts as they were written; any string is allowed, the empty one too.
            languages: The language code each post's network gave, or None where it gave none.
            kinds: ``post`` or ``review`` where the network tells it, else None: models may be calibrated for each.

        Returns:
            As many scores as texts, in their order; a text scores the same alone and in any batch.
        """
        ...


class ModelError(Exception):
    """A model that cannot be loaded or used; the message says what to fix."""
