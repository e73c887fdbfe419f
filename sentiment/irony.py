"""Where a post may mean the opposite of its words: the model is then less sure of itself, and says so.

A model of this size reads irony badly, and an emoji turns a sentence around as often as it stresses it. The label
stays; the probabilities move towards even, so that more of such posts are left to a person.
"""

from __future__ import annotations

import re

EMOJI_CALM, IRONY_CALM, WORDLESS_CALM = 0.85, 0.65, 0.5
"""What the logits are multiplied by: of a post with an emoji, with a mark of irony, without any word."""
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
_IRONY = re.compile(
    "[\U0001f643\U0001f644\U0001f612\U0001f60f\U0001f921]"  # upside down, rolling eyes, unamused, smirk, clown
    r"|(?<!\S)/s\s*$|#sarcas\w*|#irony|#not\b"
    r"|\b(?:yeah right|thanks for nothing|gee,? thanks)\b"
    r"|\b(?:oh,? (?:great|joy|wonderful)|just (?:great|wonderful|perfect))\b"
    r"|\bso (?:helpful|reliable) (?:of you|as always)\b|\bnice (?:job|going|work),? (?:guys|@)"
    r"|呵呵|\[微笑\]|\[doge\]|真是[谢謝][谢謝]|[谢謝][谢謝](?:喔|噢|哦|你喎|晒你)|真[系係]好嘢|好棒棒",
    re.IGNORECASE,
)


def calm(text: str) -> float:
    """Return the factor of a post's logits: 1 where nothing hints at irony."""
    if not any(map(str.isalnum, text)):
        return WORDLESS_CALM
    if _IRONY.search(text):
        return IRONY_CALM
    return EMOJI_CALM if has_emoji(text) else 1.0


def has_emoji(text: str) -> bool:
    """Whether a post holds a pictured sign that the model has learned."""
    return not text.isascii() and _EMOJI.search(text) is not None
