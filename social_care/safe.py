"""Post text is hostile: what may reach a terminal or a JSON line, and in which form.

The store keeps what the platform said; every way out goes through here.
"""

import json
import re
from typing import Any

# C0 but newline, DEL and C1, bidi marks and overrides, separators, tag characters, BOM, surrogates.
_UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_JSON_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ud800-\udfff]")
_SPACES = re.compile(r"\s+")
# More than three marks on one letter is decoration that spills over other lines of the screen.
_STACKED = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{3})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+"
)


def safe_text(text: str) -> str:
    """Text without terminal escapes, control and bidi characters; newlines stay, tabs become spaces."""
    return _STACKED.sub(r"\1", _UNSAFE.sub("", text.replace("\t", " ").replace("\r\n", "\n")))


def safe_indices(text: str) -> list[int]:
    """Where the characters stand that `safe_text` keeps of a text: for parts of it in colours of their own."""
    kept = [i for i, character in enumerate(text) if character == "\t" or not _UNSAFE.match(character)]
    spilling = {
        i for match in _STACKED.finditer("".join(text[i] for i in kept)) for i in range(match.end(1), match.end())
    }
    return [place for i, place in enumerate(kept) if i not in spilling]


def safe_line(text: str, limit: int | None = None) -> str:
    """The same on one line, cut at `limit` characters with an ellipsis."""
    # Cutting first keeps a 1 MB post from costing 1 MB of work for one table cell.
    line = _SPACES.sub(" ", safe_text(text if limit is None else text[: limit * 4 + 64])).strip()
    return line if limit is None or len(line) <= limit else line[: max(limit - 1, 0)].rstrip() + "…"


def safe_json(value: Any, *, indent: int | None = None) -> str:
    """JSON whose strings hold nothing a terminal would obey: such characters are written as escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    return _JSON_UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
