"""How long an answer may be on each network, counted the way that network counts."""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

LIMITS: Mapping[str, int] = MappingProxyType(
    {"x": 280, "reddit": 10_000, "appstore": 5_970, "play": 350, "mastodon": 500, "bluesky": 300}
)
"""Longest public answer: X in weighted characters, the others in characters."""

DM_LIMITS: Mapping[str, int] = MappingProxyType({"x": 10_000})
"""Longest direct message where it differs from the public answer."""

_ALIASES = {
    "twitter": "x", "app-store": "appstore", "apple": "appstore", "google-play": "play", "play-console": "play",
    "googleplay": "play", "playstore": "play", "play-store": "play", "ios": "appstore", "android": "play",
}  # fmt: skip

_LINK = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_LINK_LENGTH = 23
_BARE_LINK = re.compile(
    r"(?<![\w.@/-])(?:[a-z0-9-]+\.)+(?:com|org|net|io|co|app|dev|me|info|shop|store|uk|de|fr|eu|cn|hk|tw|jp)\b(?:/\S*)?",
    re.IGNORECASE,
)
# X counts these ranges as one, every other character as two.
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
_PICTURE = "[\U0001f300-\U0001faff\u2600-\u27bf\u2190-\u21ff\u2b00-\u2bff\u3030\u303d\u3297\u3299]"
_MODIFIER = "[\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
_EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_PICTURE}{_MODIFIER}(?:\u200d{_PICTURE}{_MODIFIER})*"
)


def network_key(network: str) -> str:
    """The network's name as the limits know it."""
    key = network.strip().lower().replace("_", "-")
    return _ALIASES.get(key, key)


def limit_for(network: str, kind: str = "post", limits: Mapping[str, int] = LIMITS) -> int | None:
    """The longest answer to a mention of this kind; None where no limit is known."""
    key = network_key(network)
    return DM_LIMITS.get(key, limits.get(key)) if kind == "dm" else limits.get(key)


def length_for(network: str, text: str) -> int:
    """The length of a text as the network counts it."""
    return x_length(text) if network_key(network) == "x" else len(text)


def x_length(text: str) -> int:
    """Weighted length on X: Chinese, Japanese and Korean characters and emoji count two, a link counts 23.

    X also links bare domains. Which ones depends on its own list, so the longer of both counts is taken.
    Source: docs.x.com, "Counting characters" (weights of version 3).
    """
    text = unicodedata.normalize("NFC", text)
    total = 0
    rest = []
    last = 0
    for found in sorted([*_LINK.finditer(text), *_BARE_LINK.finditer(text)], key=lambda found: found.start()):
        if found.start() < last:
            continue
        rest.append(text[last : found.start()])
        whole = found.group().lower().startswith("http")
        total += _LINK_LENGTH if whole else max(_LINK_LENGTH, _weight(found.group()))
        last = found.end()
    rest.append(text[last:])
    return total + sum(_weight(part) for part in rest)


def _weight(text: str) -> int:
    without, pictures = _EMOJI.subn("", text)
    light = sum(any(low <= ord(sign) <= high for low, high in _LIGHT) for sign in without)
    return light + 2 * (len(without) - light + pictures)
