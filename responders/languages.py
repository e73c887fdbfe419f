"""Language tags as this project writes them, which answer to fall back to, and the script a text is written in.

Simplified Chinese, traditional Chinese and Cantonese are three languages here: a reader notices at once.
"""

import re

_CHINESE = {
    "zh": "zh-Hans", "zh-cn": "zh-Hans", "zh-sg": "zh-Hans", "zh-my": "zh-Hans", "zh-hans": "zh-Hans",
    "cmn": "zh-Hans", "chs": "zh-Hans",
    "zh-tw": "zh-Hant", "zh-hk": "zh-Hant", "zh-mo": "zh-Hant", "zh-hant": "zh-Hant", "cht": "zh-Hant",
    "yue": "yue", "zh-yue": "yue", "zh-cantonese": "yue",
}  # fmt: skip
_FALLBACK = {
    "yue": ("yue", "zh-Hant", "zh-Hans", "en"),
    "zh-Hant": ("zh-Hant", "zh-Hans", "en"),
    "zh-Hans": ("zh-Hans", "zh-Hant", "en"),
}
_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")

# Frequent characters that exist in one of the two scripts only.
_SIMPLIFIED = frozenset(
    "们这个来时说对会过还没样发现实经问题应该买卖车东马见长开关门间听让认识请谢订单电话号码货运费险钱账户银联"
    "务员处理维护录视频网络链据质亲爱欢满愿为与从动两无边转达难紧张带迟误错帮丢损坏坚决断给终结绝级约"
)
_TRADITIONAL = frozenset(
    "們這個來時說對會過還沒樣發現實經問題應該買賣車東馬見長開關門間聽讓認識請謝訂單電話號碼貨運費險錢帳賬戶銀聯"
    "務員處理維護錄視頻網絡鏈據質親愛歡滿願為與從動兩無邊轉達難緊張帶遲誤錯幫丟損壞堅決斷給終結絕級約"
)
_ONLY_SIMPLIFIED = _SIMPLIFIED - _TRADITIONAL
_ONLY_TRADITIONAL = _TRADITIONAL - _SIMPLIFIED
_CANTONESE = re.compile("[嘅咗喺哋佢冇咁啲嚟攞唔]")
_SCRIPTS = (
    ("kana", re.compile("[\u3041-\u30ff]")),
    ("hangul", re.compile("[\u1100-\u11ff\uac00-\ud7a3]")),
    ("han", re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")),
    ("cyrillic", re.compile("[\u0400-\u04ff]")),
    ("arabic", re.compile("[\u0600-\u06ff]")),
    ("hebrew", re.compile("[\u0590-\u05ff]")),
    ("thai", re.compile("[\u0e00-\u0e7f]")),
    ("devanagari", re.compile("[\u0900-\u097f]")),
    ("greek", re.compile("[\u0370-\u03ff]")),
    ("latin", re.compile("[A-Za-z\u00c0-\u024f]")),
)
_SCRIPT_OF = {
    "ja": "kana", "ko": "hangul", "zh-Hans": "han", "zh-Hant": "han", "yue": "han", "ru": "cyrillic",
    "uk": "cyrillic", "bg": "cyrillic", "sr": "cyrillic", "ar": "arabic", "fa": "arabic", "ur": "arabic",
    "he": "hebrew", "th": "thai", "hi": "devanagari", "mr": "devanagari", "ne": "devanagari", "el": "greek",
}  # fmt: skip


def is_tag(tag: str) -> bool:
    """Whether it has the shape of a language tag."""
    return _TAG.fullmatch(tag.replace("_", "-").lower()) is not None


def normal_tag(tag: str | None) -> str:
    """A tag as this project writes it: `zh_TW` is `zh-Hant`, `EN-gb` is `en-GB`; nothing usable is `und`."""
    low = (tag or "").strip().replace("_", "-").lower()
    if not is_tag(low):
        return "und"
    if low in _CHINESE:
        return _CHINESE[low]
    parts = low.split("-")
    for prefix in ("-".join(parts[:2]), parts[0]):
        if prefix in _CHINESE:
            return _CHINESE[prefix]
    return "-".join([parts[0], *(part.upper() if len(part) == 2 else part.capitalize() for part in parts[1:])])


def fallbacks(tag: str | None) -> tuple[str, ...]:
    """The languages to answer in, best first: for `yue` traditional Chinese, then simplified, then English."""
    tag = normal_tag(tag)
    if tag in _FALLBACK:
        return _FALLBACK[tag]
    if tag == "und":
        return ("en",)
    main = tag.split("-", maxsplit=1)[0]
    return tuple(dict.fromkeys((tag, main, "en")))


def script_of(tag: str | None) -> str:
    """The script a language is written in; `latin` where nothing else is known."""
    tag = normal_tag(tag)
    return _SCRIPT_OF.get(tag) or _SCRIPT_OF.get(tag.split("-", maxsplit=1)[0], "latin")


def written_in(text: str) -> str | None:
    """The script most letters of a text belong to; Japanese counts as kana; None without letters."""
    counts = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS}
    if counts["kana"] and counts["kana"] * 10 >= counts["han"]:
        counts["kana"] += counts.pop("han")
    name, most = max(counts.items(), key=lambda pair: pair[1])
    # One Chinese character says about as much as a short Latin word.
    if name == "latin" and counts.get("han", 0) * 3 > most:
        return "han"
    return name if most else None


def chinese_variant(text: str) -> str | None:
    """`zh-Hans`, `zh-Hant` or `yue` where the characters tell them apart, else None."""
    simplified = sum(sign in _ONLY_SIMPLIFIED for sign in text)
    traditional = sum(sign in _ONLY_TRADITIONAL for sign in text)
    if traditional >= simplified and len(_CANTONESE.findall(text)) >= 2:
        return "yue"
    if simplified > 2 * traditional:
        return "zh-Hans"
    if traditional > 2 * simplified:
        return "zh-Hant"
    return None
