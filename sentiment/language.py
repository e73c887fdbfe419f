"""Which language a post is in: what its network says, then the script, then small words, then n-grams."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

UNKNOWN = "und"
"""No letters, or nothing to tell the language by."""

_ALIASES = {
    "in": "id", "iw": "he", "ji": "yi", "jp": "ja", "kr": "ko", "cn": "zh-Hans", "tw": "zh-Hant",
    "zh-cn": "zh-Hans", "zh-sg": "zh-Hans", "zh-my": "zh-Hans", "zh-hans": "zh-Hans", "zh-chs": "zh-Hans",
    "zh-tw": "zh-Hant", "zh-mo": "zh-Hant", "zh-hant": "zh-Hant", "zh-cht": "zh-Hant", "zh-hk": "zh-Hant",
    "zh-yue": "yue", "yue": "yue", "cmn": "zh", "zho": "zh", "chi": "zh",
    "eng": "en", "fra": "fr", "fre": "fr", "deu": "de", "ger": "de", "spa": "es", "por": "pt", "ita": "it",
    "jpn": "ja",
}  # fmt: skip
# Codes by which X marks posts of media, mentions, hashtags or links only, and ISO's "none", "many", "missing".
_NO_LANGUAGE = frozenset(["und", "qme", "qam", "qct", "qht", "qst", "art", "zxx", "mul", "mis", "xx"])
_CODE = re.compile(r"([a-z]{2,3})(?:[-_]([a-z0-9]{2,8}))?(?:[-_].*)?", re.IGNORECASE)

_NOISE = re.compile(r"(?:https?://|www\.)\S+|(?<!\w)[@#][\w.-]+|&[a-z]+;", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile("[\u3040-\u309f\u30a1-\u30fa\u31f0-\u31ff\uff66-\uff9d]")
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_OTHER_SCRIPTS = re.compile("[\u0370-\u1cff\u2c00-\u2dff\ua640-\ua69f\ufb1d-\ufdff\ufe70-\ufeff]")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


@dataclass(frozen=True, slots=True)
class _Signs:
    """What tells languages apart: votes of words and letters, characters of one script only."""

    votes: dict[str, dict[str, float]]
    marks: frozenset[str]
    simplified: frozenset[str]
    traditional: frozenset[str]
    cantonese: re.Pattern[str]


@lru_cache(maxsize=1)
def _signs() -> _Signs:
    data = tomllib.loads((Path(__file__).parent / "data" / "languages.toml").read_text(encoding="utf-8"))
    speakers: dict[str, list[str]] = {mark: of.split() for mark, of in data["marks"].items()}
    for language, words in data["small_words"].items():
        for word in words.split():
            speakers.setdefault(word, []).append(language)
    chinese = data["chinese"]
    words = "|".join(map(re.escape, chinese["cantonese_words"]))
    return _Signs(
        # A word of several languages says less for each of them; a marked letter speaks for all of its own.
        votes={
            sign: dict.fromkeys(of, 1.0 if sign in data["marks"] else 1 / len(of)) for sign, of in speakers.items()
        },
        marks=frozenset(data["marks"]),
        simplified=frozenset(chinese["simplified"]),
        traditional=frozenset(chinese["traditional"]),
        cantonese=re.compile(f"[{chinese['cantonese']}]|{words}"),
    )


@lru_cache(maxsize=1)
def function_words() -> frozenset[str]:
    """Return the small words (lower case) by which languages are told apart."""
    return frozenset(_signs().votes) - _signs().marks


_MIN_VOTES = 1.0
_MIN_LETTERS = 16
_DIALECTS = {"arz": "ar", "ary": "ar", "nb": "no"}
_READ_CHARACTERS = 600


@lru_cache(maxsize=512)
def normalise_code(code: str | None) -> str | None:
    """Return a network's language code in our form, or None where it names no language.

    Args:
        code: Such as ``en-GB``, ``zh_TW``, ``in``, ``qme`` or an empty string.

    Returns:
        ``en``, ``zh-Hant``, ``id``; ``zh`` where the script is not said; None for codes of no language.
    """
    match = _CODE.fullmatch((code or "").strip())
    if match is None or match[1].lower() in _NO_LANGUAGE:
        return None
    base, region = match[1].lower(), (match[2] or "").lower()
    return _ALIASES.get(f"{base}-{region}", _ALIASES.get(base, base))


def detect(text: str, code: str | None = None, default: str = "en") -> str:
    """Tell the language of a post.

    Args:
        text: The post; links, handles and hashtags are not looked at.
        code: What its network says; believed unless the script of the text contradicts it.
        default: The workspace's language, taken for Latin text too short to tell, and for Han characters that
            both scripts share.

    Returns:
        A code such as ``en``, ``zh-Hans``, ``zh-Hant``, ``yue``, ``ja``; ``und`` for a text without letters.
    """
    given = normalise_code(code)
    plain = _NOISE.sub(" ", text[:_READ_CHARACTERS]).strip()
    if plain.isascii():  # the usual post: no script to look for
        if given is not None and not given.startswith(("zh", "yue", "ja", "ko")):
            return given if _LETTERS.search(plain) else UNKNOWN
        return _latin(plain, default) if _LETTERS.search(plain) else UNKNOWN
    if not _LETTERS.search(plain):
        return UNKNOWN
    script = _script(plain, given, default)
    if script is not None:
        return script
    if given is not None and not given.startswith(("zh", "yue", "ja", "ko")):
        return given
    return _classify(plain, default) if _OTHER_SCRIPTS.search(plain) else _latin(plain, default)


def _script(text: str, given: str | None, default: str) -> str | None:
    """Return the language of a text in an East Asian script; None where another script prevails."""
    han, kana, hangul = (len(p.findall(text)) for p in (_HAN, _KANA, _HANGUL))
    # A Chinese character says about as much as a word, so two of them outweigh a few Latin letters.
    latin = len(_LETTERS.findall(text)) - han - kana - hangul
    if (han + kana + hangul) * 3 < latin:
        return None
    if hangul > han + kana:
        return "ko"
    # Chinese posts borrow a kana or two (の); Japanese cannot do without.
    if kana * 5 > han + kana:
        return "ja"
    if not han:
        return None
    if given == "ja" and not _signs().cantonese.search(text):
        return "ja"
    return _chinese(text, han, given, default)


def _chinese(text: str, han: int, given: str | None, default: str) -> str:
    """Tell Cantonese, traditional and simplified Chinese apart."""
    cantonese = len(_signs().cantonese.findall(text))
    if given == "yue" or (cantonese and cantonese >= han * 0.04):
        return "yue"
    if given in {"zh-Hans", "zh-Hant"}:
        return given
    signs = _signs()
    simplified = sum(c in signs.simplified for c in text)
    traditional = sum(c in signs.traditional for c in text)
    if simplified == traditional:
        return "zh-Hant" if default in {"zh-Hant", "yue"} else "zh-Hans"
    return "zh-Hans" if simplified > traditional else "zh-Hant"


def _latin(text: str, default: str) -> str:
    lower = text.lower().replace("’", "'")
    words = _WORD.findall(lower)
    signs = _signs()
    marks = () if lower.isascii() else (c for c in lower if c in signs.marks)
    scores: dict[str, float] = {}
    for sign in (*words, *marks):
        for language, vote in signs.votes.get(sign, {}).items():
            scores[language] = scores.get(language, 0.0) + vote
    ranked = sorted(scores.values(), reverse=True)
    letters = sum(map(len, words))
    wanted = _MIN_VOTES if letters >= _MIN_LETTERS else 2 * _MIN_VOTES
    if ranked and ranked[0] >= wanted and (len(ranked) == 1 or ranked[0] >= 1.5 * ranked[1]):
        return max(scores, key=lambda language: scores[language])
    if letters < _MIN_LETTERS:
        return default
    return _classify(text, default, 0.9 if letters < 40 else 0.6)


@lru_cache(maxsize=1)
def _identifier() -> Any:
    """Load the n-gram model; only texts that nothing else decides pay for it."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)  # type: ignore[no-untyped-call]


def _classify(text: str, default: str, wanted: float = 0.0) -> str:
    language, probability = _identifier().classify(text)
    if language == "zh":  # Chinese would have shown by its script
        return default
    return _DIALECTS.get(language, str(language)) if probability >= wanted else default
