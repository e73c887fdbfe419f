"""What the sentiment model is shown of a post: the one normaliser that training and scoring share."""

from __future__ import annotations

import html
import re
import unicodedata

MAX_CHARACTERS = 1_000
"""Characters of a post that are read; the model itself reads at most 96 tokens."""

_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\ud800-\udfff\ufff9-\ufffb\U0001f3fb-\U0001f3ff\U000e0000-\U000e007f]+"
)
_URL = re.compile(r"(?:https?://|www\.)[!-~]+", re.IGNORECASE)
_HANDLE = re.compile(
    r"(?<![\w.@])@(?:[A-Za-z0-9_]+(?:@[a-z0-9-]+(?:\.[a-z0-9-]+)+|(?:\.[a-z0-9-]+){2,})?"
    # A Chinese handle ends where a space, a colon or a slash says so; without one it cannot be told from the text.
    r"|[\w·-]{2,20}(?=[\s:/]))"
)
_LONG_RUN = re.compile(r"(.)\1{3,}", re.DOTALL)


def model_text(text: str) -> str:
    """Return the text as the model was trained to read it.

    Cuts to the first 1,000 characters, undoes HTML entities and compatibility forms (NFKC), drops control,
    bidirectional and other invisible characters, writes every link as ``http`` and every handle as ``@user``,
    shortens runs of one character to three and joins white space. Emoji and letter case stay: the tokenizer
    knows the frequent emoji and lowers case itself. Applying it twice changes nothing more for ordinary posts.

    Args:
        text: Any string: lone surrogates, NUL and megabytes included.

    Returns:
        One line without surrounding space; empty when nothing readable is left.
    """
    text = text[:MAX_CHARACTERS]
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)[:MAX_CHARACTERS]
        text = _HIDDEN.sub("", text)
    elif not text.isprintable():
        text = _HIDDEN.sub("", text)
    if "@" in text:
        text = _HANDLE.sub("@user", text)
    if "://" in text or "www." in text or "WWW." in text:
        text = _URL.sub("http", text)
    return " ".join(_LONG_RUN.sub(r"\1\1\1", text).split())
