"""Cut a post into the words that can be left out of it, its sentences, and find quoted evidence in it again.

Everything works on the post as written: spans are character offsets, ``text[start:end]``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sentiment.language import function_words
from sentiment.signals import EVIDENCE_CHARACTERS, bundled_lexicon

Span = tuple[int, int]

_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MARKED = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff"
)
"""Vowel signs and other marks of letters, which Python does not count as parts of a word."""
_HIDDEN = "\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_LETTER = rf"(?:[^\W_{_CJK}]|[{_MARKED}])"
_PICTURE = "[\U0001f000-\U0001f1e5\U0001f200-\U0001faff\u2600-\u27bf\u2b00-\u2bff]"
_TONE = "[\ufe0f\U0001f3fb-\U0001f3ff]*"
_PIECE = re.compile(
    r"(?P<skip>(?:https?://|www\.)[^\s\u3000-\uffef]+|(?<![\w@])@[\w.·-]{1,50}|&\#?\w{2,8};)"
    rf"|(?P<word>{_LETTER}(?:[{_HIDDEN}]*(?:['’.\-][{_HIDDEN}]*)?{_LETTER})*)"
    rf"|(?P<run>[{_CJK}]+)"
    rf"|(?P<emoji>[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTURE}{_TONE}(?:\u200d{_PICTURE}{_TONE})*"
    r"|\[\w{1,8}\]|[:;=]['-]?[()DP/|]+)"
    r"|(?P<mark>[!?！？؟]+)",
    re.IGNORECASE,
)
_BREAK = re.compile(
    r"(?:(?<=[.!?…؟।])|(?<=[.!?…؟।][\"'”’)]))\s+|(?<=[。！？])(?![。！？”」』）)])|(?<=[!?…])(?=[\u3040-\u9fff])|\n+"
)
_ADDRESS = re.compile(r"(?:\s|@[\w.·-]{1,50}(?=\s))*")
_PAUSE = re.compile(r"[,;:，；：、\s]")
LONGEST_SENTENCE = 300
"""Characters; what goes on without a full stop is cut at a pause."""
_KATAKANA = re.compile("[\u30a1-\u30ff]+")
_ALONE = frozenset(
    "的了是我你您他她它们這这那就都也很太真再还還又和与與在有把被让讓给給多才只又更最得着著要会會能想一两兩几幾种"
    "種叫吗嗎呢吧啊呀啦嘅咗喺係唔啲咁佢我哋個个不没沒冇未无無別别"
)
"""Chinese characters that are words of their own, so that they are not taken for half of another."""
_NEGATIONS = frozenset(
    {
        *("no", "not", "never", "without", "nothing", "nobody", "none", "don't", "didn't", "doesn't", "won't"),
        *("can't", "isn't", "wasn't", "pas", "jamais", "sans", "nicht", "kein", "keine", "nie", "ohne", "sin"),
        *("nunca", "não", "nem", "sem", "non", "mai", *"不没沒冇唔未无無别別"),
    }
)
_LONGEST_ENTRY = 6
_QUOTED = re.compile(rf"[^\W_{_CJK}]+|[{_CJK}]+|[!?！？]+|[^\w\s]")
_TAG = re.compile(r"#\w*\Z")
_LONGEST_TAG = 100
_BETWEEN = r"(?:\W{0,20}(?:&#?\w{2,8};|@[\w.·-]{1,50}|https?://\S{1,200})){0,3}\W{0,20}"


@dataclass(frozen=True, slots=True)
class Piece:
    """A word of a post and every place where it stands.

    Attributes:
        text: The word as first written.
        spans: Where it stands, in order.
        function: A small word such as "the" or 的, or a mark; negations are none.
    """

    text: str
    spans: tuple[Span, ...]
    function: bool = False


def pieces(text: str, start: int = 0, end: int | None = None) -> tuple[Piece, ...]:
    """Return the words of a text, each once with all its places, in the order in which they first occur.

    Words are cut at spaces and punctuation; runs of Chinese and Japanese into entries of the signal lexicon,
    characters that are words of their own, and two characters at a time. An emoji, an emoticon such as ``[doge]``
    and a run of exclamation or question marks are words too. Links and handles are not: a model sees only that
    there is one.

    Args:
        text: Any text.
        start: Where to begin.
        end: Where to stop.
    """
    places: dict[str, list[Span]] = {}
    kinds: dict[str, str] = {}
    for kind, span in _scan(text, start, len(text) if end is None else end):
        word = text[slice(*span)]
        key = "".join(sorted(set(word))) if kind == "mark" else word.casefold()
        places.setdefault(key, []).append(span)
        kinds.setdefault(key, kind)
    return tuple(
        Piece(text[slice(*spans[0])], tuple(spans), kinds[key] == "mark" or is_function_word(key))
        for key, spans in places.items()
    )


def _scan(text: str, start: int, end: int) -> Iterable[tuple[str, Span]]:
    for match in _PIECE.finditer(text, start, end):
        kind = match.lastgroup or "skip"
        if kind == "run":
            yield from (("word", span) for span in _cut_run(text, *match.span()))
        elif kind != "skip":
            yield kind, match.span()


def _cut_run(text: str, start: int, end: int) -> Iterable[Span]:
    """Cut a run of Chinese or Japanese characters."""
    lexicon = bundled_lexicon()
    while start < end:
        size = lexicon.entry_at(text[start : min(end, start + _LONGEST_ENTRY)])
        if not size and (katakana := _KATAKANA.match(text, start, end)):
            size = len(katakana[0])
        if not size:
            after = text[start + 1 : min(end, start + 1 + _LONGEST_ENTRY)]
            alone = text[start] in _ALONE or not after or after[0] in _ALONE or lexicon.entry_at(after)
            size = 1 if alone else 2
        yield start, start + size
        start += size


@lru_cache(maxsize=4096)
def is_function_word(word: str) -> bool:
    """Say whether a word (lower case) only holds others together; negations do more than that."""
    word = word.replace("’", "'")
    return word not in _NEGATIONS and (word in function_words() or word in _ALONE)


def sentences(text: str) -> tuple[Span, ...]:
    """Return the sentences of a text, without handles at their heads; only those that hold a word."""
    ends = [*(match.span() for match in _BREAK.finditer(text)), (len(text), len(text))]
    found: list[Span] = []
    start = 0
    for end, following in ends:
        found += _shorter(text, start, end)
        start = following
    return tuple(found)


def _shorter(text: str, start: int, end: int) -> Iterable[Span]:
    """Cut at pauses what is longer than a sentence should be."""
    while start < end:
        stop = min(end, start + LONGEST_SENTENCE)
        if stop < end:
            pauses = [match.end() for match in _PAUSE.finditer(text, start + LONGEST_SENTENCE // 2, stop)]
            stop = pauses[-1] if pauses else stop
        first = _ADDRESS.match(text, start, stop).end()  # type: ignore[union-attr]  # matches nothing as well
        words = text[first:stop].rstrip()
        if next(iter(_scan(words, 0, len(words))), None):
            yield first, first + len(words)
        start = stop


class Places:
    """Finds quoted evidence in a post again.

    The lexicon quotes what it read: entities undone, forms and case folded, handles and links left out.

    Args:
        text: The post as written.
    """

    def __init__(self, text: str) -> None:
        self._origin: list[int] | None = None
        if text.isascii():
            self._plain = text.lower()
            return
        plain: list[str] = []
        self._origin = []
        for place, character in enumerate(text):
            folded = unicodedata.normalize("NFKC", character).lower()
            plain.append(folded)
            self._origin += [place] * len(folded)
        self._origin.append(len(text))
        self._plain = "".join(plain).replace("’", "'").replace("‘", "'")

    def of(self, evidence: str) -> tuple[Span, ...]:
        """Return every place where the words of one quotation stand in their order; empty where they do not."""
        words = _QUOTED.findall(evidence.lower())
        if not words:
            return ()
        between = _BETWEEN.join(map(re.escape, words))
        border = r"(?<!\w)" if words[0][0].isascii() and words[0][0].isalnum() else ""
        # The lexicon cuts long quotations, maybe in a word.
        cut = len(evidence) >= EVIDENCE_CHARACTERS
        end = r"(?!\w)" if words[-1][-1].isascii() and words[-1][-1].isalnum() and not cut else ""
        found = list(re.finditer(border + between + end, self._plain))
        if not found and "#" in self._plain:  # hashtags are read as the words they are made of
            found = [match for match in re.finditer(between, self._plain) if self._tagged(match)]
        return tuple(self._back(*match.span()) for match in found)

    def _tagged(self, match: re.Match[str]) -> bool:
        """Say whether a match begins or ends in a hashtag."""
        ends = (match.start(), match.end())
        return any(_TAG.search(self._plain, max(0, end - _LONGEST_TAG), end) for end in ends)

    def _back(self, start: int, end: int) -> Span:
        if self._origin is None:
            return start, end
        return self._origin[start], self._origin[end - 1] + 1


def cut_out(text: str, spans: Sequence[Span]) -> str:
    """Return a text without some of its words; where one is gone, one space stays."""
    kept: list[str] = []
    last = 0
    for start, end in merged(spans):
        kept.append(text[last:start])
        last = end
        if (not kept[-1] or kept[-1][-1].isspace()) and text[end : end + 1] == " ":
            last += 1
    kept.append(text[last:])
    return "".join(kept)


def merged(spans: Sequence[Span]) -> list[Span]:
    """Return spans in order, those that touch or overlap made one."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result
