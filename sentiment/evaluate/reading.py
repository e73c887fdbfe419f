"""What a scorer says about many rows, as columns of numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from sentiment.evaluate.intervals import Bools, Floats
from sentiment.ports import Scorer, TextScore
from sentiment.urgency import AGGRAVATING, RELIEVING, SEVERE

SIGNALS = frozenset((*SEVERE, *AGGRAVATING, *RELIEVING, "request", "question"))
"""The factors of the urgency that rest on words of the lexicon."""
_CHUNK = 4096
_SURELY = 1e-6


@dataclass(frozen=True, slots=True)
class Said:
    """What one scorer said about the rows, in their order.

    Attributes:
        scorer: Its name.
        languages: The language each text was read as.
        probabilities: Of negative, neutral, positive [rows, 3].
        answered: Where it did not abstain [rows].
        urgency: 0 to 1 [rows].
        reply: How sure it is that a reply is needed, 0 to 1; above 0.5 where it says so [rows].
        heads: The probability of each further head [rows].
        signals: The points of each factor of the urgency, 0 where it did not speak [rows].
    """

    scorer: str
    languages: list[str]
    probabilities: Floats
    answered: Bools
    urgency: Floats
    reply: Floats
    heads: dict[str, Floats] = field(default_factory=dict)
    signals: dict[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """One way in which a scorer answers a yes-or-no question.

    Attributes:
        source: ``head`` (its own output), ``decision`` (reply needed, as triage uses it), ``negative`` (the
            probability of a negative sentiment stands in) or ``signals`` (the words of the urgency lexicon).
        scores: The higher, the more a yes [rows].
        threshold: From which score on it is a yes.
        probability: The scores are probabilities.
    """

    source: str
    scores: Floats
    threshold: float
    probability: bool

    @property
    def yes(self) -> Bools:
        """Where the answer is yes [rows]."""
        said: Bools = self.scores >= self.threshold
        return said


def ask(
    scorer: Scorer,
    texts: Sequence[str],
    languages: Sequence[str | None] | None = None,
    kinds: Sequence[str | None] | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> Said:
    """Score texts.

    Args:
        scorer: Scores them.
        texts: One or more.
        languages: The language code each one's source gave.
        kinds: ``post`` or ``review`` each, for scorers that tell them apart.
        advance: Is told how many texts are done, again and again.
    """
    parts = []
    for start in range(0, len(texts), _CHUNK):
        end = start + _CHUNK
        given = languages[start:end] if languages is not None else None
        if kinds is not None and takes_kinds(scorer):
            scores = scorer.score(texts[start:end], given, kinds=kinds[start:end])
        else:
            scores = scorer.score(texts[start:end], given)
        parts.append(_columns(scorer.name, scores))
        advance(len(scores))
    return _joined(parts)


def takes_kinds(scorer: Scorer) -> bool:
    """Say whether a scorer wants to know what kind of text it reads."""
    return "kinds" in inspect.signature(scorer.score).parameters


def _columns(name: str, scores: Sequence[TextScore]) -> Said:
    heads: dict[str, Floats] = {}
    signals: dict[str, Floats] = {}
    for row, score in enumerate(scores):
        for head, probability in score.heads:
            heads.setdefault(head, np.full(len(scores), np.nan))[row] = probability
        for factor in score.factors:
            signals.setdefault(factor.name, np.zeros(len(scores)))[row] += factor.points
    sure = np.array([max(score.reply_confidence, 0.5 + _SURELY) for score in scores])
    needed = np.array([score.reply_needed for score in scores], dtype=np.bool_)
    return Said(
        scorer=name,
        languages=[score.language for score in scores],
        probabilities=np.array([score.probabilities for score in scores], dtype=np.float64).reshape(-1, 3),
        answered=np.array([not score.abstained for score in scores], dtype=np.bool_),
        urgency=np.array([score.urgency for score in scores], dtype=np.float64),
        reply=np.where(needed, sure, 1 - sure),
        heads=heads,
        signals=signals,
    )


def _joined(parts: Sequence[Said]) -> Said:
    if len(parts) == 1:
        return parts[0]
    sizes = [len(part.urgency) for part in parts]

    def merge(columns: Sequence[dict[str, Floats]], missing: float) -> dict[str, Floats]:
        names = dict.fromkeys(name for column in columns for name in column)
        return {
            name: np.concatenate(
                [c[name] if name in c else np.full(size, missing) for c, size in zip(columns, sizes, strict=True)]
            )
            for name in names
        }

    return Said(
        scorer=parts[0].scorer,
        languages=[language for part in parts for language in part.languages],
        probabilities=np.concatenate([part.probabilities for part in parts]),
        answered=np.concatenate([part.answered for part in parts]),
        urgency=np.concatenate([part.urgency for part in parts]),
        reply=np.concatenate([part.reply for part in parts]),
        heads=merge([part.heads for part in parts], float("nan")),
        signals=merge([part.signals for part in parts], 0.0),
    )


def answers(said: Said, name: str, threshold: float | None = None) -> list[Answer]:
    """Return every way in which a scorer answers a question, its best first; none where it has no answer.

    Args:
        said: What it said.
        name: The head's name.
        threshold: From which probability on an answer is yes; None takes 0.5.
    """
    line = 0.5 if threshold is None else threshold
    found = []
    if name in said.heads:
        # A text without letters is not read: no head speaks, which is a no.
        found.append(Answer("head", np.nan_to_num(said.heads[name], nan=0.0), line, probability=True))
    if name == "reply_needed":
        found.append(Answer("decision", said.reply, line, probability=False))
    if name == "complaint":
        found.append(Answer("negative", said.probabilities[:, 0], line, probability=True))
    if name in SIGNALS:
        points = said.signals.get(name, np.zeros(len(said.urgency)))
        found.append(Answer("signals", points, _SURELY, probability=False))
    return found
