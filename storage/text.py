"""Small, pure text helpers that identity and search rest on."""

import hashlib
import json
import math
import re
import unicodedata
from typing import Any

# PostgreSQL cannot store NUL, and no database can encode a lone surrogate.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SPACES = re.compile(r"\s+")


def clean(value: Any) -> Any:
    """Replace what no database can store (NUL, lone surrogates) by U+FFFD; other types pass through."""
    if isinstance(value, str) and _UNSTORABLE.search(value):
        return _UNSTORABLE.sub("\ufffd", value)
    return value


def text_hash(text: str) -> str:
    """16 hex digits that are equal for texts equal after NFKC, case folding and white-space folding."""
    folded = _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()
    return hashlib.blake2b(folded.encode("utf-8", "replace"), digest_size=8).hexdigest()


def to_json(value: Any) -> str:
    """Compact JSON that every database takes: other types become text, numbers JSON does not know their names."""
    try:
        return json.dumps(value, separators=(",", ":"), default=str, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), separators=(",", ":"), default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
