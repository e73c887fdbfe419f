"""Why a post got its score: the words that drove it, and the smallest change that would have changed the outcome.

Nothing is guessed: every figure and every claim is the scorer's own answer to a changed text (see
`sentiment.occlusion` and `sentiment.counterfactual`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sentiment.counterfactual import Counterfactual, Decide, Desk, search
from sentiment.occlusion import (
    WORK,
    Bench,
    Influence,
    Sentence,
    cost,
    heads_of,
    leave_out_sentences,
    leave_out_words,
)
from sentiment.ports import Factor, Scorer, TextScore
from sentiment.words import Places, Span, pieces, sentences

READ = 100_000
"""Characters of a post in which words and sentences are looked for."""
SPOKE = 0.5
"""The probability from which a head has spoken."""
MOST_CHANGES = 48
"""Changed texts that are scored in search of a counterfactual, besides those without one word."""
_FIGURES = frozenset({"base", "limit", "partly_read"})


def by_itself(score: TextScore) -> dict[str, str]:
    """Return what a score alone decides: whether to reply, and the sentiment (``unsure`` where it abstained)."""
    return {
        "reply_needed": "yes" if score.reply_needed else "no",
        "sentiment": "unsure" if score.abstained else score.sentiment,
    }


@dataclass(frozen=True, slots=True)
class Evidence:
    """A factor, and where the words stand that it quotes; none where it rests on a figure."""

    factor: Factor
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a text got its score.

    Attributes:
        text: The text as written.
        score: Its score.
        decisions: What was decided because of it.
        words: Every word that was left out, with what that changed.
        evidence: The factors with the places of their words; the largest points first.
        sentences: Of a long post the strongest sentences; empty where all words of the post were left out.
        counterfactuals: For each decision the smallest change that changes it, where one was found.
        words_in_all: How many different words there are.
        sentences_in_all: How many sentences there are.
        sentences_read: How many of them were weighed; 0 where it was not necessary.
        tried: How many changes of the text were tried; 0 where it is too long for that.
    """

    text: str
    score: TextScore
    decisions: Mapping[str, str]
    words: tuple[Influence, ...]
    evidence: tuple[Evidence, ...]
    sentences: tuple[Sentence, ...]
    counterfactuals: tuple[Counterfactual, ...]
    words_in_all: int
    sentences_in_all: int
    sentences_read: int
    tried: int

    @property
    def heads(self) -> dict[str, float]:
        """The heads that spoke with their probabilities, the surest first."""
        spoke = {name: p for name, p in heads_of(self.score).items() if p >= SPOKE}
        return dict(sorted(spoke.items(), key=lambda item: -item[1]))

    def drivers(self, name: str, most: int = 5) -> list[Influence]:
        """Return the words without which a figure falls, the strongest first."""
        found = [word for word in self.words if word.fall(name) > 0 and word.moves(name)]
        return sorted(found, key=lambda word: -word.pull(name))[:most]

    def opponents(self, name: str, most: int = 3) -> list[Influence]:
        """Return the words without which a figure rises, the strongest first."""
        found = [word for word in self.words if word.fall(name) < 0 and word.moves(name)]
        return sorted(found, key=lambda word: word.pull(name))[:most]


def explain(
    scorer: Scorer,
    text: str,
    *,
    language: str | None = None,
    kind: str | None = None,
    decide: Decide = by_itself,
    targets: Sequence[str] | None = None,
    score: TextScore | None = None,
) -> Explanation:
    """Say why a text gets its score, by scoring what it would be without some of its words.

    Args:
        scorer: Any scorer; only its `score` is used.
        text: The post, as the scorer is given it.
        language: The language code its network gave.
        kind: ``post`` or ``review`` where the network tells it.
        decide: What is decided because of a score; pure, asked once for each different score.
        targets: The decisions for which a counterfactual is looked for; None takes all that `decide` names.
        score: The post's score, where it is known already.

    Returns:
        The explanation; of a text without words its lists are empty.
    """
    bench = Bench(scorer, language, kind)
    if score is not None:
        bench.known[text] = score
    score = bench.score([text])[0]
    seen = text[:READ]
    words, spans, evidence = pieces(seen), sentences(seen), _evidence(seen, score)
    influences = leave_out_words(bench, text, words)
    strongest: list[Sentence] = []
    weighed = 0
    if influences is None:
        quoted = [span for item in evidence for span in item.spans]
        strongest, influences, weighed = leave_out_sentences(bench, text, spans, quoted)
    desk = Desk(text, bench, decide, dict(decide(score)))
    found, tried = search(
        desk,
        [target for target in desk.decisions if targets is None or target in targets],
        [word for word in influences if word.whole is score],
        [(item.factor.name, item.spans) for item in evidence if item.spans],
        [sentence.span for sentence in strongest] or spans,
        min(MOST_CHANGES, WORK // max(1, cost(seen))),
    )
    return Explanation(
        text=text,
        score=score,
        decisions=desk.decisions,
        words=tuple(influences),
        evidence=evidence,
        sentences=tuple(strongest),
        counterfactuals=tuple(found),
        words_in_all=len(words),
        sentences_in_all=len(spans),
        sentences_read=weighed,
        tried=tried,
    )


def _evidence(text: str, score: TextScore) -> tuple[Evidence, ...]:
    places = Places(text)
    return tuple(
        Evidence(factor, _quoted(places, factor)) for factor in sorted(score.factors, key=lambda f: -f.points)
    )


def _quoted(places: Places, factor: Factor) -> tuple[Span, ...]:
    if factor.name in _FIGURES:
        return ()
    return tuple(dict.fromkeys(span for quote in factor.evidence.split(" · ") for span in places.of(quote)))
