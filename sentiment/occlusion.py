"""What each word of a post does to its score: leave it out and score the rest.

Occlusion (Zeiler & Fergus, 2014, *Visualizing and Understanding Convolutional Networks*): what a score loses
without a word is what the word gave. Of a post too long for that, sentences are weighed first, then the words of
the strongest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sentiment.ports import SENTIMENTS, Scorer, TextScore
from sentiment.words import Piece, Span, cut_out, pieces

WORK = 24_000
"""What one step may score again, in characters (a Chinese one counts `CJK_COST`): under a second of one core."""
CJK_COST = 4
MOST_WORDS = 80
MOST_SENTENCES = 40
STRONGEST = 3
"""Sentences of a long post whose words are left out one by one."""
NOTICED, NOTICED_ODDS = 0.03, 0.2
"""What a word must change to be worth telling: a probability, or near 0 and 1 its log odds."""
_FEWEST_WORDS = 12
_EDGE = 0.001


def heads_of(score: TextScore) -> dict[str, float]:
    """Return the probabilities of a score's further heads; empty for a scorer that has none."""
    return dict(score.heads)


def value(score: TextScore, name: str) -> float:
    """Return one figure of a score: the probability of a sentiment or of a head, or the urgency.

    Raises:
        KeyError: There is no such figure.
    """
    if name == "urgency":
        return score.urgency
    if name in SENTIMENTS:
        return float(getattr(score.probabilities, name))
    return heads_of(score)[name]


@dataclass(frozen=True, slots=True)
class Influence:
    """What one word does.

    Attributes:
        word: As first written.
        spans: Where it stands; it was left out everywhere at once.
        function: Whether it is a small word or a mark.
        whole: The score with it.
        without: The score without it.
    """

    word: str
    spans: tuple[Span, ...]
    function: bool
    whole: TextScore
    without: TextScore

    def fall(self, name: str) -> float:
        """Return by how much a figure falls without the word; negative where it rises."""
        return value(self.whole, name) - value(self.without, name)

    def pull(self, name: str) -> float:
        """Return the same in log odds, which tell words apart also where a probability is near 0 or 1."""
        return _log_odds(value(self.whole, name)) - _log_odds(value(self.without, name))

    def moves(self, name: str) -> bool:
        """Say whether a figure moves enough without the word to be worth telling."""
        moved = abs(self.fall(name))
        return moved >= NOTICED or (moved >= NOTICED / 3 and abs(self.pull(name)) >= NOTICED_ODDS)

    def speaks_for(self) -> str:
        """Return the sentiment that loses most without the word."""
        return max(SENTIMENTS, key=self.fall)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a long post: its place, and what it says when it stands alone."""

    span: Span
    score: TextScore


@dataclass
class Bench:
    """Scores texts for an explanation: each text once, all of a step in one batch."""

    scorer: Scorer
    language: str | None = None
    kind: str | None = None
    known: dict[str, TextScore] = field(default_factory=dict)

    def score(self, texts: Sequence[str]) -> list[TextScore]:
        """Return the scores of texts, in their order."""
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        if new:
            self.known |= zip(new, self._scored(new), strict=True)
        return [self.known[text] for text in texts]

    def alone(self, text: str) -> TextScore:
        """Score one text by itself, as anyone would who checks a claim."""
        return self._scored([text])[0]

    def _scored(self, texts: Sequence[str]) -> list[TextScore]:
        languages = [self.language] * len(texts)
        if self.kind is None:
            return self.scorer.score(texts, languages)
        return self.scorer.score(texts, languages, [self.kind] * len(texts))


def cost(text: str) -> int:
    """Return what it costs to score a text, in characters; see `WORK`."""
    return len(text) + (0 if text.isascii() else (CJK_COST - 1) * sum("\u3040" <= c <= "\uffef" for c in text))


def leave_out_words(bench: Bench, text: str, words: Sequence[Piece]) -> list[Influence] | None:
    """Leave each word out of a text and score the rest.

    Returns:
        What each word does; None where the text is too long for that.
    """
    if len(words) > MOST_WORDS or len(words) * cost(text) > WORK:
        return None
    return _influences(bench, text, words)


def leave_out_sentences(
    bench: Bench, text: str, spans: Sequence[Span], marked: Sequence[Span]
) -> tuple[list[Sentence], list[Influence], int]:
    """Weigh the sentences of a long text, each by itself, then leave each word out of the strongest ones.

    A sentence left out of a long text hardly moves its score, so a sentence is weighed by what it says alone; its
    words are left out of the whole text where that can be afforded, else out of the sentence.

    Args:
        bench: What scores.
        text: The text.
        spans: Its sentences.
        marked: Spans that make a sentence worth reading, where there are too many to read all.

    Returns:
        The strongest sentences, the strongest first; what their words do; how many sentences were weighed.
    """
    chosen = _affordable(text, spans, marked)
    whole = bench.score([text])[0]
    scores = bench.score([text[slice(*span)] for span in chosen])
    read = [Sentence(span, score) for span, score in zip(chosen, scores, strict=True)]
    strongest = sorted(read, key=lambda item: -_strength(item.score, whole))[:STRONGEST]
    room = WORK // max(1, cost(text))
    influences: list[Influence] = []
    for sentence in strongest:
        words = pieces(text, *sentence.span)
        if room >= _FEWEST_WORDS:
            influences += _influences(bench, text, _weightiest(words, room // len(strongest)))
        else:
            start, end = sentence.span
            moved = [Piece(w.text, tuple((a - start, b - start) for a, b in w.spans), w.function) for w in words]
            found = _influences(bench, text[start:end], _weightiest(moved, MOST_WORDS // STRONGEST))
            influences += [_moved(influence, start) for influence in found]
    return strongest, influences, len(read)


def _influences(bench: Bench, text: str, words: Sequence[Piece]) -> list[Influence]:
    whole, *without = bench.score([text, *(cut_out(text, word.spans) for word in words)])
    return [
        Influence(word.text, word.spans, word.function, whole, score)
        for word, score in zip(words, without, strict=True)
    ]


def _moved(influence: Influence, by: int) -> Influence:
    spans = tuple((start + by, end + by) for start, end in influence.spans)
    return Influence(influence.word, spans, influence.function, influence.whole, influence.without)


def _weightiest(words: Sequence[Piece], most: int) -> Sequence[Piece]:
    """Return the words that are not small ones first to go where there is no room for all."""
    if len(words) <= most:
        return words
    return [word for word in words if not word.function][:most]


def _affordable(text: str, spans: Sequence[Span], marked: Sequence[Span]) -> list[Span]:
    """Return the sentences that are weighed, each once: with evidence, and others evenly spread over the text."""
    spans = list({text[slice(*s)].casefold(): s for s in reversed(spans)}.values())[::-1]
    evident = [s for s in spans if any(s[0] <= start < s[1] for start, _ in marked[:MOST_SENTENCES])]
    rest = [s for s in spans if s not in set(evident)]
    room = max(1, MOST_SENTENCES - len(evident))
    step = max(1.0, len(rest) / room)
    evenly = [rest[int(i * step)] for i in range(min(room, len(rest)))]
    chosen: list[Span] = []
    left = WORK
    for span in _alternating(evident, evenly):
        left -= cost(text[slice(*span)])
        if left < 0 or len(chosen) == MOST_SENTENCES:
            break
        chosen.append(span)
    return sorted(chosen)


def _alternating(first: Sequence[Span], second: Sequence[Span]) -> Iterable[Span]:
    for i in range(max(len(first), len(second))):
        yield from first[i : i + 1]
        yield from second[i : i + 1]


def _strength(score: TextScore, whole: TextScore) -> float:
    """Return how much a sentence says of what the whole post was found to say."""
    heads = heads_of(score)
    spoke = [heads.get(name, 0.0) for name, probability in heads_of(whole).items() if probability >= 0.5]
    return value(score, whole.sentiment) + score.urgency + (sum(spoke) / len(spoke) if spoke else 0.0)


def _log_odds(probability: float) -> float:
    held = min(1 - _EDGE, max(_EDGE, probability))
    return math.log(held / (1 - held))
