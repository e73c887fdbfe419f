"""Find what a post says: the signal lexicon, read once and matched in one pass over the words."""

from __future__ import annotations

import html
import itertools
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

Found = Mapping[str, tuple[str, ...]]
"""For each signal that a text gives, the words that gave it, in their order; at most three."""

_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w@])@[\w.·-]{1,50}")
_HASHTAG = re.compile(r"#(\w+)")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)")
_TOKEN = re.compile(r"[^\W_]+(?:['.][^\W_]+)*|[$%+]|[.,!?;:\n。，！？；]+")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_GROUP = re.compile(r"\(([^)]*)\)\??")
_LATIN_LISTS = ("en", "fr", "de", "es", "pt", "it")
_CJK_LISTS = ("ja", "zh_hans", "zh_hant", "yue")
_NEGATIONS = frozenset(
    {
        *(
            "not",
            "no",
            "never",
            "without",
            "nothing",
            "nobody",
            "isnt",
            "wasnt",
            "dont",
            "didnt",
            "doesnt",
            "wont",
        ),
        *("cant", "couldnt", "hasnt", "havent", "arent", "werent"),
        *("pas", "ne", "jamais", "sans", "aucun", "aucune", "nicht", "kein", "keine", "keinen", "ohne", "nie"),
        *("sin", "nunca", "ningún", "não", "sem", "non", "senza", "mai"),
    }
)
_CJK_NEGATIONS = frozenset("不没沒未無无别別冇唔非免勿")
_MAX_GAP = 3
_LONGEST_PREFIX = 40
_MAX_EVIDENCE = 3
EVIDENCE_CHARACTERS = 60
"""Characters of one quotation; a longer one is cut."""
_BREAKS = ".,!?;:\n。，！？；"


def prepare(text: str) -> str:
    """Return a post as the lexicon reads it: no links, handles or hidden characters, hashtags as words."""
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'")
    if "http" in text or "www." in text:
        text = _URL.sub(" ", text)
    if "@" in text:
        text = _HANDLE.sub(" ", text)
    if "#" in text:
        text = _HASHTAG.sub(lambda tag: _CAMEL.sub(" ", tag[1]), text)
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    return text


@dataclass(frozen=True, slots=True)
class _Slot:
    """One word of a phrase: the forms it may take. A gap has none."""

    words: frozenset[str]
    prefixes: tuple[str, ...]

    def fits(self, word: str) -> bool:
        return word in self.words or (bool(self.prefixes) and word.startswith(self.prefixes))


_GAP = _Slot(frozenset(), ())


@dataclass(frozen=True, slots=True)
class _Phrase:
    """One entry of the lexicon for words, or (with `pattern`) for Chinese and Japanese characters."""

    signal: str
    cancels: bool
    slots: tuple[_Slot, ...] = ()
    literal: str = ""
    pattern: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class _Hit:
    phrase: _Phrase
    start: int
    end: int


@dataclass(slots=True)
class _WordIndex:
    """The phrases of one Latin-script language by their first word."""

    exact: dict[str, list[_Phrase]] = field(default_factory=dict)
    prefixed: dict[str, list[_Phrase]] = field(default_factory=dict)
    seen: dict[str, tuple[_Phrase, ...]] = field(default_factory=dict)

    def add(self, phrase: _Phrase) -> None:
        for word in phrase.slots[0].words:
            self.exact.setdefault(word, []).append(phrase)
        for prefix in phrase.slots[0].prefixes:
            self.prefixed.setdefault(prefix, []).append(phrase)

    def starting(self, word: str) -> tuple[_Phrase, ...]:
        known = self.seen.get(word)
        if known is None:
            chosen = list(self.exact.get(word, ()))
            for size in range(1, min(len(word), _LONGEST_PREFIX) + 1):
                chosen += self.prefixed.get(word[:size], ())
            known = tuple(chosen)
            if len(self.seen) < 50_000:  # words recur; strangers' inventions must not fill the memory
                self.seen[word] = known
        return known


class Lexicon:
    """Signals, how to spot them, and their default weights.

    Args:
        data: The parsed ``signals.toml``; its head explains the patterns.

    Raises:
        ValueError: A pattern starts with a gap or is empty.
    """

    def __init__(self, data: Mapping[str, object]) -> None:
        self.version = int(str(data["version"]))
        self.weights = _weights(data["weights"])
        self._words = {language: _WordIndex() for language in _LATIN_LISTS}
        self._characters: dict[str, list[_Phrase]] = {}
        self._negatable: set[str] = set()
        signals = data["signal"]
        assert isinstance(signals, dict)
        self.names = tuple(signals)
        for name, entry in signals.items():
            if entry.get("negatable"):
                self._negatable.add(name)
            for cancels, lists in ((False, entry), (True, entry.get("not", {}))):
                self._add(name, lists, cancels=cancels)

    def _add(self, signal: str, lists: Mapping[str, Sequence[str]], *, cancels: bool) -> None:
        for language in _LATIN_LISTS:
            for pattern in lists.get(language, ()):
                self._words[language].add(_Phrase(signal, cancels, slots=_slots(pattern)))
        for language in _CJK_LISTS:
            for pattern in lists.get(language, ()):
                for phrase in _character_phrases(signal, pattern, cancels=cancels):
                    self._characters.setdefault(phrase.literal[0], []).append(phrase)

    def find(self, text: str, language: str) -> dict[str, tuple[str, ...]]:
        """Find the signals in a post.

        Args:
            text: The result of `prepare`.
            language: What `sentiment.language.detect` said; languages without lists of their own are read with
                the English ones, and every text with Chinese characters with the Chinese ones too.

        Returns:
            The signals found with their evidence, in the lexicon's order.
        """
        found: dict[str, list[str]] = {}
        self._find_words(text, language if language in self._words else "en", found)
        if not text.isascii() and _CJK.search(text):
            self._find_characters(text.lower(), found)
        return {name: tuple(found[name]) for name in self.names if name in found}

    def entry_at(self, text: str) -> int:
        """Return the length of the longest Chinese or Japanese entry that `text` begins with; 0 for none."""
        entries = self._characters.get(text[:1], ())
        fitting = (len(p.literal) for p in entries if p.pattern is None and text.startswith(p.literal))
        return max(fitting, default=0)

    def _find_words(self, text: str, language: str, found: dict[str, list[str]]) -> None:
        index = self._words[language]
        matches = list(_TOKEN.finditer(text))
        tokens = [m[0].lower() for m in matches]
        hits = [
            _Hit(phrase, start, end)
            for start, token in enumerate(tokens)
            for phrase in index.starting(token)
            if (end := _end(tokens, start + 1, phrase.slots, 1)) > 0
        ]
        for hit in _valid(hits):
            if hit.phrase.signal in self._negatable and _negated(tokens, hit):
                continue
            _note(found, hit.phrase.signal, text[matches[hit.start].start() : matches[hit.end - 1].end()])

    def _find_characters(self, text: str, found: dict[str, list[str]]) -> None:
        hits: list[_Hit] = []
        for start, character in enumerate(text):
            for phrase in self._characters.get(character, ()):
                if phrase.pattern is None:
                    if text.startswith(phrase.literal, start):
                        hits.append(_Hit(phrase, start, start + len(phrase.literal)))
                elif match := phrase.pattern.match(text, start):
                    hits.append(_Hit(phrase, start, match.end()))
        for hit in _valid(hits):
            before = text[max(0, hit.start - 3) : hit.start]
            if hit.phrase.signal in self._negatable and not _CJK_NEGATIONS.isdisjoint(before):
                continue
            _note(found, hit.phrase.signal, text[hit.start : hit.end])


@lru_cache(maxsize=1)
def bundled_lexicon() -> Lexicon:
    """Return the lexicon that ships in the package."""
    return Lexicon(tomllib.loads((Path(__file__).parent / "data" / "signals.toml").read_text(encoding="utf-8")))


def _weights(table: object) -> dict[str, float]:
    assert isinstance(table, dict)
    return {str(name): float(value) for name, value in table.items()}


def _slots(pattern: str) -> tuple[_Slot, ...]:
    slots = tuple(_GAP if part == "~" else _slot(part) for part in pattern.split())
    if not slots or slots[0] is _GAP or slots[-1] is _GAP:
        raise ValueError(f"the pattern {pattern!r} must begin and end with a word")
    return slots


def _slot(part: str) -> _Slot:
    forms = part.split("|")
    return _Slot(
        words=frozenset(form for form in forms if not form.endswith("*")),
        prefixes=tuple(form[:-1] for form in forms if form.endswith("*")),
    )


def _character_phrases(signal: str, pattern: str, *, cancels: bool) -> Iterable[_Phrase]:
    """Spell out the alternatives of a pattern; one without a gap is matched as plain text."""
    parts: list[list[str]] = []
    last = 0
    for group in _GROUP.finditer(pattern):
        parts += [[pattern[last : group.start()]], group[1].split("|")]
        if group[0].endswith("?"):
            parts[-1].append("")
        last = group.end()
    parts.append([pattern[last:]])
    for chosen in itertools.product(*parts):
        phrase = unicodedata.normalize("NFKC", "".join(chosen)).lower()
        pieces = phrase.split("~")
        if not pieces[0] or not pieces[-1]:
            raise ValueError(f"the pattern {pattern!r} must begin and end with characters")
        gap = "[^。!?;\n]{0,8}?"
        compiled = re.compile(gap.join(map(re.escape, pieces))) if len(pieces) > 1 else None
        yield _Phrase(signal, cancels, literal=phrase, pattern=compiled)


def _end(tokens: Sequence[str], at: int, slots: tuple[_Slot, ...], slot: int) -> int:
    """Return the index after the last word if the rest of the phrase follows from `at`, else -1."""
    while slot < len(slots):
        if slots[slot] is _GAP:
            for skipped in range(_MAX_GAP + 1):
                if any(t[0] in _BREAKS for t in tokens[at : at + skipped]):
                    return -1
                if (end := _end(tokens, at + skipped, slots, slot + 1)) > 0:
                    return end
            return -1
        if at >= len(tokens) or not slots[slot].fits(tokens[at]):
            return -1
        at += 1
        slot += 1
    return at


def _valid(hits: list[_Hit]) -> list[_Hit]:
    """Drop what only looks like a signal, and of two matches of one signal at one place keep the longer."""
    if not hits:
        return hits
    cancelled = [h for h in hits if h.phrase.cancels]
    kept: dict[str, _Hit] = {}
    result: list[_Hit] = []
    for hit in hits:
        signal = hit.phrase.signal
        if hit.phrase.cancels or any(
            c.phrase.signal == signal and c.start < hit.end and hit.start < c.end for c in cancelled
        ):
            continue
        last = kept.get(signal)
        if last is not None and hit.start < last.end:
            if hit.end - hit.start > last.end - last.start:
                result[result.index(last)] = kept[signal] = hit
            continue
        kept[signal] = hit
        result.append(hit)
    return result


def _negated(tokens: Sequence[str], hit: _Hit) -> bool:
    """Look for a negation in the three words before a match, and in the gaps of it ("the card was not stolen")."""
    if _GAP in hit.phrase.slots and any(_negates(token) for token in tokens[hit.start + 1 : hit.end]):
        return True
    for token in reversed(tokens[max(0, hit.start - 3) : hit.start]):
        if token[0] in _BREAKS:
            return False
        if _negates(token):
            return True
    return False


def _negates(token: str) -> bool:
    return token in _NEGATIONS or token.endswith("n't")


def _note(found: dict[str, list[str]], signal: str, words: str) -> None:
    evidence = found.setdefault(signal, [])
    words = " ".join(words.split())[:EVIDENCE_CHARACTERS]
    if len(evidence) < _MAX_EVIDENCE and words.lower() not in (e.lower() for e in evidence):
        evidence.append(words)
