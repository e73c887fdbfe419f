"""The smallest change of a post that would have changed a decision about it.

The search follows Martens & Provost (2014, *Explaining Data-Driven Document Classifications*, MIS Quarterly): the
fewest words without which the decision is another one. Every claim is the decision about the changed text, scored
again.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sentiment.occlusion import Bench, Influence
from sentiment.ports import TextScore
from sentiment.words import Span, cut_out, pieces

MOST_PARTS = 6
"""Words that are left out together at most."""
_FEW = 3
_ASKS = ("question", "request")
_PAIRED = 6
_SHORT = 2_000
"""Characters up to which a claim is scored once more, by itself: in a batch figures may differ a little."""

Decide = Callable[[TextScore], Mapping[str, str]]
"""What is decided because of a score: a name such as ``priority`` to a value such as ``P2``. Pure."""


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """One change and what it would have changed.

    Attributes:
        target: The decision, such as ``priority``.
        was: Its value.
        becomes: Its value without the words.
        without: The words left out, in the order of the text.
        spans: Where they stand.
        kind: ``words``, ``factor`` (all evidence of one), ``question`` (a whole question) or ``sentences``.
        factor: Of kind ``factor``: its name.
        text: The changed text, which was scored.
        urgency: The urgency of the changed text.
    """

    target: str
    was: str
    becomes: str
    without: tuple[str, ...]
    spans: tuple[Span, ...]
    kind: str
    factor: str | None
    text: str
    urgency: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A set of places to leave out.

    Attributes:
        tier: 0 a word, 1 a factor's evidence or a question, 2 a small word or a mark, 3 two or three words,
            4 sentences, 5 more words: a reader follows a sentence rather than a list.
        parts: Words left out.
        spans: Where they stand.
        kind: See `Counterfactual.kind`.
        factor: See `Counterfactual.factor`.
        atoms: What it is made of, where fewer of them may do.
        weight: Of two equally small changes the weightier is told.
    """

    tier: int
    parts: int
    spans: tuple[Span, ...]
    kind: str = "words"
    factor: str | None = None
    atoms: tuple[tuple[Span, ...], ...] = ()
    weight: float = 0.0

    @property
    def size(self) -> tuple[int, int, float]:
        """The order of candidates, the smallest change first."""
        return self.tier, self.parts, -self.weight


@dataclass
class Desk:
    """Decides about changed texts, once for each different score."""

    text: str
    bench: Bench
    decide: Decide
    decisions: Mapping[str, str]
    _known: dict[TextScore, Mapping[str, str]] = field(default_factory=dict)

    def after(self, spans: Iterable[Sequence[Span]]) -> list[Mapping[str, str]]:
        """Return the decisions without each of these sets of places; nothing is decided about an empty text."""
        texts = [cut_out(self.text, places) for places in spans]
        return [self._decided(score) for score in self.bench.score(texts)]

    def _decided(self, score: TextScore) -> Mapping[str, str]:
        if score not in self._known:
            self._known[score] = self.decide(score)
        return self._known[score]

    def claim(self, candidate: Candidate, target: str) -> Counterfactual | None:
        """Score the changed text by itself; None where the decision then stays as it was."""
        changed = cut_out(self.text, candidate.spans)
        score = self.bench.alone(changed) if len(changed) < _SHORT else self.bench.score([changed])[0]
        becomes = self.decide(score)[target]
        if becomes == self.decisions[target]:
            return None
        return Counterfactual(
            target,
            self.decisions[target],
            becomes,
            _quotes(self.text, candidate.spans),
            candidate.spans,
            candidate.kind,
            candidate.factor,
            changed,
            score.urgency,
        )


def search(
    desk: Desk,
    targets: Sequence[str],
    words: Sequence[Influence],
    factors: Sequence[tuple[str, tuple[Span, ...]]],
    parts: Sequence[Span],
    most: int,
) -> tuple[list[Counterfactual], int]:
    """Look for the smallest change that changes each decision.

    Args:
        desk: What decides.
        targets: The decisions to change.
        words: What single words do in the whole text; they were scored already.
        factors: The factors' names with the places of their evidence, the strongest first.
        parts: Sentences that may be left out whole, the strongest first.
        most: How many further changed texts may be scored.

    Returns:
        At most one change a target; how many changes were tried.
    """
    tried = [c for c in (_single(word, factors) for word in words) if _leaves_words(desk.text, c)]
    results = desk.after(candidate.spans for candidate in tried)
    if most and any(not _succeeding(desk, target, tried, results, below=1) for target in targets):
        room = [c for c in _further(desk.text, words, factors, parts) if _leaves_words(desk.text, c)][:most]
        tried += room
        results += desk.after(candidate.spans for candidate in room)
    found = []
    for target in targets:
        for candidate in _succeeding(desk, target, tried, results)[:3]:
            claim = desk.claim(_pruned(desk, candidate, target), target) or desk.claim(candidate, target)
            if claim is not None:
                found.append(claim)
                break
    return found, len(tried)


def _succeeding(
    desk: Desk, target: str, tried: Sequence[Candidate], results: Sequence[Mapping[str, str]], below: int = 9
) -> list[Candidate]:
    """Return the candidates that change a decision, the smallest first."""
    changing = [
        candidate
        for candidate, decided in zip(tried, results, strict=True)
        if candidate.tier < below and decided[target] != desk.decisions[target]
    ]
    return sorted(changing, key=lambda candidate: candidate.size)


def _leaves_words(text: str, candidate: Candidate) -> bool:
    """A change that leaves no word of a post explains nothing."""
    left = cut_out(text, candidate.spans)[:1000]
    return any(any(map(str.isalnum, piece.text)) for piece in pieces(left))


def _single(word: Influence, factors: Sequence[tuple[str, tuple[Span, ...]]]) -> Candidate:
    quoted = any(_overlap(span, place) for _, places in factors for place in places for span in word.spans)
    weight = abs(word.fall("urgency")) + abs(word.fall(word.whole.sentiment)) + (1.0 if quoted else 0.0)
    return Candidate(2 if word.function else 0, 1, word.spans, weight=weight)


def _further(
    text: str,
    words: Sequence[Influence],
    factors: Sequence[tuple[str, tuple[Span, ...]]],
    parts: Sequence[Span],
) -> list[Candidate]:
    """Return what else may be left out: evidence, questions, several words, sentences."""
    asked = [span for name, places in factors if name in _ASKS for span in places]
    found = [_unit(text, 1, tuple(places), "factor", name) for name, places in factors]
    found += [
        replace(_unit(text, 1, (span,), "question"), parts=1)
        for span in parts
        if _is_question(text[slice(*span)]) or any(_overlap(span, place) for place in asked)
    ]
    found += _growing([places for _, places in factors])
    found += [c for order in _orders(words) for c in _growing([word.spans for word in order])]
    found += [
        _several([one.spans, other.spans])
        for order in _orders(words)
        for one, other in itertools.combinations(order[:_PAIRED], 2)
    ]
    if len(parts) > 1:
        found += [_unit(text, 4, tuple(parts[:size]), "sentences") for size in range(1, min(4, len(parts)))]
        found += [_unit(text, 4, (span,), "sentences") for span in parts[1:MOST_PARTS]]
    return list({candidate.spans: candidate for candidate in reversed(found)}.values())[::-1]


def _orders(words: Sequence[Influence]) -> list[list[Influence]]:
    """Return the words in the orders in which it may pay to leave them out: those that help."""
    if not words:
        return []
    label = words[0].whole.sentiment

    def by(gain: Callable[[Influence], float]) -> list[Influence]:
        return sorted((word for word in words if gain(word) > 0.005), key=lambda w: -gain(w))[:MOST_PARTS]

    return [
        by(lambda word: word.pull(label)),
        by(lambda word: word.fall("urgency") + word.fall("negative")),
        by(lambda word: -word.fall("urgency") - word.fall("negative")),
    ]


def _growing(atoms: Sequence[tuple[Span, ...]]) -> list[Candidate]:
    """Return the first two, three, four ... together."""
    return [_several(atoms[:size]) for size in range(2, min(len(atoms), MOST_PARTS) + 1)]


def _several(atoms: Sequence[tuple[Span, ...]]) -> Candidate:
    spans = tuple(dict.fromkeys(span for places in atoms for span in places))
    return Candidate(3 if len(atoms) <= _FEW else 5, len(atoms), spans, atoms=tuple(atoms))


def _unit(text: str, tier: int, spans: tuple[Span, ...], kind: str, factor: str | None = None) -> Candidate:
    count = sum(len(piece.spans) for span in spans for piece in pieces(text, *span))
    return Candidate(tier, count, spans, kind, factor)


def _pruned(desk: Desk, candidate: Candidate, target: str) -> Candidate:
    """Drop every word that is not needed for the change."""
    while len(candidate.atoms) > 1:
        fewer = [_several([*candidate.atoms[:i], *candidate.atoms[i + 1 :]]) for i in range(len(candidate.atoms))]
        results = desk.after(one.spans for one in fewer)
        enough = _succeeding(desk, target, fewer, results)
        if not enough:
            break
        candidate = enough[0]
    return candidate


def _quotes(text: str, spans: Sequence[Span]) -> tuple[str, ...]:
    """Return the words left out, each once; neighbours that stand nowhere else as one quotation."""
    ordered = sorted(set(spans))
    often = Counter(text[slice(*span)].casefold() for span in ordered)
    joined: list[Span] = []
    for start, end in ordered:
        last = joined[-1] if joined else None
        apart = [text[slice(*span)] for span in (last, (start, end)) if span is not None]
        touching = last is not None and (start < last[1] or not text[last[1] : start].strip())
        if last is not None and touching and all(often[w.casefold()] <= 1 and w[-1].isalnum() for w in apart):
            joined[-1] = (last[0], max(last[1], end))
        else:
            joined.append((start, end))
    words = [text[slice(*span)] for span in joined]
    return tuple({word.casefold(): word for word in reversed(words)}.values())[::-1]


def _is_question(sentence: str) -> bool:
    return any(mark in sentence for mark in "?？؟")


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
