"""Cutting text into words, once, for every database: what is indexed and what is asked are cut the same way.

SQLite's and PostgreSQL's own tokenizers disagree about hyphens, links and accents, and neither finds a Chinese
word inside a sentence. So words are cut here and the databases only split at spaces:

* letters and digits make words, folded to one case and width, without Latin, Greek and Cyrillic accents;
* every character of a script written without spaces (Han, kana, Hangul, Thai, Lao, Khmer, Burmese) is a word
  of its own, so that any run of them can be found as a phrase, be it one, two or more characters long;
* every emoji is a word; skin tones and invisible joiners are not;
* everything else separates words.

Changing these rules means indexing again (`storage.search.rebuild`).
"""

import re
import unicodedata
from dataclasses import dataclass

MAX_WORDS = 16_000
"""Words indexed of one text; PostgreSQL counts places up to 16,383. The text itself is stored whole."""
MAX_WORD = 64
"""Longer words are cut, in texts and in questions alike."""
MAX_TERMS = 100
"""Terms of one question that count; a text pasted into the search box has thousands."""
MAX_PHRASE = 200
"""Words of one phrase that count."""
_MAX_INDEXED = 400_000  # characters looked at; with MAX_WORD it keeps a tsvector below its limit of 1 MB
_MAX_BYTES = 500_000

_ASCII_WORDS = re.compile(r"[a-z0-9]+")
# NFKC would glue these to the word before: "Acme™" must be found as "acme".
_MARKS = str.maketrans({"\u2122": " ", "\u2120": " ", "\u00ae": " ", "\u00a9": " "})

_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3040, 0x30FF),
    (0x3100, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA960, 0xA97F), (0xAC00, 0xD7FF), (0xF900, 0xFAFF),
    (0x1100, 0x11FF), (0x1B000, 0x1B16F), (0x20000, 0x3FFFF),
)  # fmt: skip
_ACCENTS = (0x0300, 0x036F)
_TATWEEL = 0x0640
_ARABIC_POINTS = (0x064B, 0x065F)


class _Folding(dict[int, str]):
    """What each character becomes; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold(code)
        return folded


def _fold(code: int) -> str:
    character = chr(code)
    category = unicodedata.category(character)
    if any(first <= code <= last for first, last in _UNSPACED):
        return f" {character} " if category[0] in "LN" else character if category[0] == "M" else " "
    if _ACCENTS[0] <= code <= _ACCENTS[1] or _ARABIC_POINTS[0] <= code <= _ARABIC_POINTS[1]:
        return ""
    if code == _TATWEEL or category == "Cf" or 0xFE00 <= code <= 0xFE0F or 0x1F3FB <= code <= 0x1F3FF:
        return ""  # stretched Arabic, joiners and direction marks, emoji style and skin tone
    if category[0] in "LN":
        decomposed = unicodedata.normalize("NFD", character)
        marked = len(decomposed) > 1 and all(_ACCENTS[0] <= ord(mark) <= _ACCENTS[1] for mark in decomposed[1:])
        return decomposed[0] if marked else character
    if category[0] == "M":
        return character  # vowel signs of Indic scripts belong to their word
    return f" {character} " if category == "So" and code >= 0x2190 else " "


_FOLDING = _Folding()


def words(text: str) -> list[str]:
    """The words of `text`, in order, as they are indexed."""
    if len(text) > _MAX_INDEXED:
        text = text[:_MAX_INDEXED]
    if text.isascii():
        found = _ASCII_WORDS.findall(text.lower())
    else:
        folded = unicodedata.normalize("NFKC", text.translate(_MARKS)).casefold()
        found = unicodedata.normalize("NFC", folded).translate(_FOLDING).split()
    if len(text) > MAX_WORD:
        found = _bounded(found)
    return found


def _bounded(found: list[str]) -> list[str]:
    found = [word[:MAX_WORD] for word in found[:MAX_WORDS]]
    if len(found) * MAX_WORD > _MAX_BYTES:
        size = 0
        for place, word in enumerate(found):
            size += len(word.encode()) + 8
            if size > _MAX_BYTES:
                return found[:place]
    return found


@dataclass(frozen=True, slots=True)
class Term:
    """One thing asked for: words that follow each other; `prefix` lets the last one go on."""

    words: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What a person typed, understood: every term in `wanted` and none in `unwanted`."""

    wanted: tuple[Term, ...]
    unwanted: tuple[Term, ...]

    def __bool__(self) -> bool:
        return bool(self.wanted or self.unwanted)


_PARTS = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)(?:"|$)|(?P<word>[^\s"]+))(?P<star>\*?)')
_TYPED = str.maketrans({"“": '"', "”": '"', "„": '"', "＂": '"', "「": '"', "」": '"', "－": "-", "＊": "*"})


def parse(typed: str) -> Question:
    """Understand what a person typed into a search box; nothing they type is an error.

    `late flight` asks for both words, `"late flight"` for the phrase, `-refund` leaves out, `refund*` accepts
    any ending. Chinese, Japanese, Korean and Thai need no quotation marks. Everything else is punctuation.
    """
    wanted: list[Term] = []
    unwanted: list[Term] = []
    for part in _PARTS.finditer(typed.translate(_TYPED)):
        body = part["phrase"] if part["phrase"] is not None else part["word"]
        found = tuple(words(body)[:MAX_PHRASE])
        if found and len(wanted) + len(unwanted) < MAX_TERMS:
            term = Term(found, prefix=bool(part["star"]) or (part["phrase"] is None and body.endswith("*")))
            (unwanted if part["minus"] else wanted).append(term)
    return Question(tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(unwanted)))
