"""Read single cells: ids, stars, yes and no."""

import re
import unicodedata

_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d{1,3}")
_FLOAT_TAIL = re.compile(r"(\d+)\.0+")
_FRACTION = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:/|out of|von|sur)\s*(\d+)")
_NUMBER = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:stars?|星级?|星級|颗星|顆星|分)?", re.IGNORECASE)
_CHINESE_DIGITS = {"零": 0, "一": 1, "二": 2, "两": 2, "兩": 2, "三": 3, "四": 4, "五": 5}
_YES = frozenset(("1", "true", "t", "yes", "y", "on", "是", "对", "對", "有"))


def is_scientific(text: str) -> bool:
    """Whether a spreadsheet has turned this id into a rounded number (`5.70306E+17`)."""
    return _SCIENTIFIC.fullmatch(text.strip()) is not None


def is_rounded(text: str) -> bool:
    """Whether only 15 digits of a longer number are left, the rest being zeros."""
    digits = text.strip().removesuffix(".0")
    return len(digits) > 15 and digits.isdigit() and not digits[15:].strip("0")


def read_id(text: str) -> str:
    """An id as its network writes it: `31.0`, a number that went through a float column, is `31`."""
    text = text.strip()
    found = _FLOAT_TAIL.fullmatch(text)
    return found[1] if found else text


_NETWORKS = {
    "twitter": "x", "x/twitter": "x", "x (twitter)": "x", "x (formerly twitter)": "x", "app store": "appstore",
    "apple app store": "appstore", "google play": "playstore", "play store": "playstore", "微博": "weibo",
    "新浪微博": "weibo", "小红书": "xiaohongshu", "小紅書": "xiaohongshu", "抖音": "douyin", "知乎": "zhihu",
}  # fmt: skip


def read_network(text: str) -> str:
    """A network as this project calls it: `Twitter` is `x`, `Google Play` is `playstore`."""
    folded = text.strip().casefold()
    return _NETWORKS.get(folded, folded)


def has_words(text: str) -> bool:
    """Whether a cell holds language rather than a number, a date or a mark."""
    return any(character.isalpha() for character in text[:200]) and not is_scientific(text)


_NOTHING = frozenset(("nan", "null", "none", "n/a", "\\n", "#n/a"))


def is_blank(text: str) -> bool:
    """Whether a cell holds nothing, also in the words in which programs write nothing."""
    return not text or text.isspace() or text.strip().casefold() in _NOTHING


def read_flag(text: str) -> bool:
    """Yes or no in the words exports use; anything else is no."""
    return text.strip().casefold().removesuffix(".0") in _YES


def read_rating(text: str, scale: float = 5.0) -> float | None:
    """Stars from 0 to 5, None where the cell holds none.

    Understands `4`, `4.5`, `4,5`, `4/5`, `8/10`, `★★★☆☆`, `5 stars`, `四星`. A bare number is on `scale`.
    """
    # Stars are counted before folding, which would turn some of them into other characters.
    stars = sum(text.count(star) for star in ("★", "⭐", "🌟"))
    if stars:
        return float(stars) if stars <= 5 else None
    folded = unicodedata.normalize("NFKC", text).strip()
    if found := _FRACTION.fullmatch(folded.lower()):
        top = float(found[2])
        return _within(5 * _decimal(found[1]) / top) if top else None
    if found := _NUMBER.fullmatch(folded):
        return _within(_decimal(found[1]) * 5 / scale)
    if folded and folded[0] in _CHINESE_DIGITS and folded[1:] in ("星", "星级", "星級", "颗星", "顆星", "分"):
        return float(_CHINESE_DIGITS[folded[0]])
    return None


def _decimal(text: str) -> float:
    return float(text.replace(",", "."))


def _within(value: float) -> float | None:
    return round(value, 3) if 0 <= value <= 5 else None
