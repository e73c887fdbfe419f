"""The conditions of a topic, and whether one mention meets them: no network, no parser.

Words match whole words in any case and width, except in scripts written without spaces (Chinese, Japanese,
Thai and others), where a word may stand anywhere. Straight and curly apostrophes are the same.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from storage.models import MentionData

# Han, kana, hangul, Thai, Lao, Myanmar, Khmer: no spaces between words, or particles glued to them.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3100-\u312f"
    "\u3130-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_LETTER = f"[^\\W{_UNSPACED}]"
_IS_LETTER = re.compile(_LETTER)
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
# Bounded, so that a word with stars cannot make a one-megabyte post slow.
_STAR = r"\w{0,40}"


@dataclass(frozen=True, slots=True)
class Word:
    """A word or an exact phrase, in text and title or in one of them."""

    text: str
    phrase: bool = False
    field: str | None = None
    wild: bool = False


@dataclass(frozen=True, slots=True)
class Attribute:
    """A fact beside the text: `lang`, `network`, `author` or `kind`."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Rating:
    """Stars between two bounds; None is open."""

    low: float | None
    high: float | None
    include_low: bool
    include_high: bool

    def holds(self, value: float | None) -> bool:
        """Whether a rating lies inside; a post without a rating never does."""
        if value is None:
            return False
        if self.low is not None and (value < self.low or (value == self.low and not self.include_low)):
            return False
        return self.high is None or value < self.high or (value == self.high and self.include_high)

    def say(self) -> str:
        """In words."""
        if self.low is not None and self.low == self.high:
            return f"rating is {self.low:g}"
        low = None if self.low is None else f"{'at least' if self.include_low else 'more than'} {self.low:g}"
        high = None if self.high is None else f"{'at most' if self.include_high else 'less than'} {self.high:g}"
        return "rating is " + (" and ".join(part for part in (low, high) if part) or "given")


@dataclass(frozen=True, slots=True)
class All:
    """Every part must hold."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part must hold."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part must not hold."""

    part: "Node"


Node = Word | Attribute | Rating | All | AnyOf | Not
Match = Callable[[MentionData], bool | None]
"""True, False, or None where the source does not say."""


@lru_cache(maxsize=256)
def matcher(node: Node) -> Match:
    """A function that tests one mention."""
    if isinstance(node, Not):
        inner = matcher(node.part)
        return lambda mention: None if (found := inner(mention)) is None else not found
    if isinstance(node, All | AnyOf):
        return _group([matcher(part) for part in node.parts], decides=isinstance(node, AnyOf))
    if isinstance(node, Rating):
        return lambda mention: node.holds(mention.rating)
    if isinstance(node, Attribute):
        return lambda mention: _attribute(node, mention)
    pattern = word_pattern(node)
    return lambda mention: any(pattern.search(fold(part)) for part in _places(node, mention))


def _group(parts: list[Match], decides: bool) -> Match:
    """An OR is decided by one True, an AND by one False; else one unknown part leaves it unknown."""

    def test(mention: MentionData) -> bool | None:
        unknown = False
        for part in parts:
            found = part(mention)
            if found is decides:
                return decides
            unknown = unknown or found is None
        return None if unknown else not decides

    return test


def _places(word: Word, mention: MentionData) -> list[str]:
    places = [mention.title if word.field != "text" else None, mention.text if word.field != "title" else None]
    return [place for place in places if place]


def _attribute(node: Attribute, mention: MentionData) -> bool | None:
    if node.field == "lang":
        if not mention.lang:
            return None
        said = mention.lang.lower().replace("_", "-")
        wanted = node.value.replace("_", "-")
        return said == wanted or said.startswith(wanted + "-")
    if node.field == "author":
        author = mention.author
        wanted = node.value.removeprefix("u/")
        return author is not None and wanted in {
            (author.handle or "").lower(), (author.name or "").lower(), author.native_id.lower()
        }  # fmt: skip
    return str(getattr(mention, node.field)).lower() == node.value


def fold(text: str) -> str:
    """The form texts and words are compared in: one case, one width, one apostrophe."""
    return unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")


def word_pattern(word: Word) -> re.Pattern[str]:
    """A pattern for folded text."""
    parts = fold(word.text).split() or [fold(word.text)]
    source = _part(parts[0], word.wild)
    for before, part in itertools.pairwise(parts):
        glued = _IS_UNSPACED.match(before[-1]) and _IS_UNSPACED.match(part[0])
        source += (r"\W*" if glued else r"\W+") + _part(part, word.wild)
    left = f"(?<!{_LETTER})" if _IS_LETTER.match(parts[0][0]) else ""
    right = f"(?!{_LETTER})" if _IS_LETTER.match(parts[-1][-1]) else ""
    if word.wild:  # a star at an edge lets the word go on there
        left = left or f"(?<!{_LETTER})" if parts[0][0] in "*?" else left
        right = right or f"(?!{_LETTER})" if parts[-1][-1] in "*?" else right
    return re.compile(left + source + right)


def _part(text: str, wild: bool) -> str:
    if not wild:
        return re.escape(text)
    signs = {"*": _STAR, "?": r"\w"}
    return "".join(signs.get(letter) or re.escape(letter) for letter in text)
