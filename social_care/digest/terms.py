"""Cutting posts into terms and finding those that mark one group of posts off from another.

A term is a word, two words in a row, or, where a script is written without spaces (Han, kana), two to four
characters in a row. Which terms mark a group is told by the log-likelihood ratio of the numbers of posts
that hold them (Dunning 1993, "Accurate methods for the statistics of surprise and coincidence").
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

LOOKED_AT = 1000
"""Characters of a post that are looked at: what a post is about stands in its beginning."""
SIGNIFICANT = 10.83
"""Log-likelihood ratio a chance difference exceeds once in a thousand times: many terms are looked at."""

_LINK_OR_HANDLE = re.compile(r"https?://\S+|www\.\S+|[@＠]\w+|\S+@\S+\.\S+")
# Letters that can be broken out of a line without spaces: kana, Han with its extensions.
_UNSPACED = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_PIECE = re.compile(
    rf"(?P<run>[{_UNSPACED}]+)|(?P<word>(?:(?![{_UNSPACED}])\w)+(?:['’](?:(?![{_UNSPACED}])\w)+)*)"
)


_DENIALS = frozenset(
    {
        *("no", "not", "never", "without", "can't", "cannot", "won't", "doesn't", "isn't"),
        *("kein", "keine", "keinen", "ohne", "nicht", "sin", "pas", "sans", "sem"),
    }
)
"""Function words that turn the next word round: they name a theme together with it."""


@dataclass(frozen=True, slots=True)
class Term:
    """A term that marks a group: how many of its posts hold it, how many elsewhere, how surely."""

    text: str
    inside: int
    outside: int
    strength: float


@cache
def function_words() -> frozenset[str]:
    """Words no theme is named after."""
    text = files("social_care").joinpath("data", "function_words.txt").read_text(encoding="utf-8")
    return frozenset(
        word for line in text.splitlines() if not line.startswith("#") for word in line.casefold().split()
    )


def terms_of(text: str) -> frozenset[str]:
    """The terms of one post, without links, addresses and handles."""
    plain = _LINK_OR_HANDLE.sub(" \n ", text[:LOOKED_AT])
    plain = unicodedata.normalize("NFKC", plain).casefold().replace("’", "'")
    found: set[str] = set()
    for line in re.split(r"[.!?;:,，。！？；：、\n()（）「」『』\"“”…—|]+", plain):
        found |= _terms_of_line(line)
    return frozenset(found)


def _terms_of_line(line: str) -> set[str]:
    found: set[str] = set()
    previous: str | None = None
    for piece in _PIECE.finditer(line):
        run = piece["run"]
        if run is not None:
            found |= {run[at : at + size] for size in (2, 3, 4) for at in range(len(run) - size + 1)}
            previous = None
            continue
        word = piece["word"]
        telling = _telling(word)
        if telling:
            found.add(word)
        if previous is not None and telling and (_telling(previous) or previous in _DENIALS):
            found.add(f"{previous} {word}")
        previous = word
    return {term for term in found if not _empty(term)}


def _telling(word: str) -> bool:
    return len(word) > 1 and len(word) <= 40 and word not in function_words() and not word.isdigit()


def _empty(term: str) -> bool:
    """Grammar only: a function word, or a Chinese or Japanese run made of nothing else."""
    words = function_words()
    if term in words:
        return True
    if " " in term or not re.fullmatch(rf"[{_UNSPACED}]+", term):
        return False
    # A run that begins or ends in a particle, or spans a grammar word, is pieces of two words.
    return term[0] in words or term[-1] in words or _grammar().search(term) is not None


@cache
def _grammar() -> re.Pattern[str]:
    """The function words of two and more Han or kana characters, anywhere in a run."""
    long = [word for word in function_words() if len(word) > 1 and re.fullmatch(rf"[{_UNSPACED}]+", word)]
    return re.compile("|".join(map(re.escape, sorted(long, key=len, reverse=True))))


def likelihood_ratio(inside: int, group: int, outside: int, rest: int) -> float:
    """Dunning's G²: how surely `inside` of `group` differs from `outside` of `rest`; 0 where it is no more.

    Args:
        inside: posts of the group with the term.
        group: posts of the group.
        outside: other posts with the term.
        rest: other posts.
    """
    if not group or not rest or inside * rest <= outside * group:
        return 0.0
    share = (inside + outside) / (group + rest)
    return 2 * (_gain(inside, group, share) + _gain(outside, rest, share))


def _gain(count: int, total: int, share: float) -> float:
    gain = 0.0
    if count:
        gain += count * math.log(count / (total * share))
    if total - count:
        gain += (total - count) * math.log((total - count) / (total * (1 - share)))
    return gain


def counted(posts: Iterable[Collection[str]]) -> Counter[str]:
    """How many posts hold each term."""
    counts: Counter[str] = Counter()
    for terms in posts:
        counts.update(terms)
    return counts


def keyness(
    group: Sequence[Collection[str]], rest: Sequence[Collection[str]], *, least: int = 3, limit: int = 200
) -> list[Term]:
    """Terms that mark `group` off from `rest`, the surest first.

    Args:
        group: the terms of each post of the group.
        rest: the terms of each other post.
        least: posts of the group that must hold a term.
        limit: how many at most.
    """
    inside = counted(group)
    wanted = {term: count for term, count in inside.items() if count >= least}
    outside: Counter[str] = Counter()
    for terms in rest:
        outside.update(term for term in terms if term in wanted)
    found = []
    for term, count in wanted.items():
        strength = likelihood_ratio(count, len(group), outside[term], len(rest))
        if strength >= SIGNIFICANT:
            found.append(Term(term, count, outside[term], strength))
    found.sort(key=lambda term: (-term.strength, -len(term.text), term.text))
    return found[:limit]


def without_echoes(terms: Sequence[Term]) -> list[Term]:
    """Drop terms that only repeat another: a part of a longer one in as many posts, or a longer one in fewer."""
    kept: list[Term] = []
    for term in terms:
        echo = next((at for at, other in enumerate(kept) if _overlap(term.text, other.text)), None)
        if echo is None:
            kept.append(term)
        elif _says_more(term, kept[echo]):
            kept[echo] = term
    # A longer term that took a place may now hold one that was kept before it came.
    texts = list(dict.fromkeys(term.text for term in kept))
    whole = {text for text in texts if not any(text in other and text != other for other in texts)}
    return [term for term in {term.text: term for term in kept}.values() if term.text in whole]


def _overlap(one: str, other: str) -> bool:
    if " " in one or " " in other:
        words, others = set(one.split()), set(other.split())
        return not words.isdisjoint(others)
    if one in other or other in one:
        return True
    # Two windows on one run: 没信号 and 信号了 share 信号.
    return _sliding(one, other) and not one.isascii()


def _sliding(one: str, other: str) -> bool:
    return any(
        left[-size:] == right[:size]
        for left, right in ((one, other), (other, one))
        for size in range(2, min(len(one), len(other)))
    )


def _says_more(term: Term, other: Term) -> bool:
    """The longer of two overlapping terms, where it is nearly as frequent."""
    return len(term.text) > len(other.text) and other.text in term.text and term.inside >= 0.75 * other.inside
