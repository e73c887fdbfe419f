"""JSON and JSONL into values with their line, one value at a time.

Long numbers and fractions stay the text they are written as, so that an id never passes through a float.
"""

import json
from collections.abc import Iterator
from typing import Any

from listeners.files.records import Broken, Record
from listeners.files.source import Source


def _whole(text: str) -> int | str:
    """Counts as numbers, ids as text: what a float column would round stays as it is written."""
    return int(text) if len(text) < 16 else text


_DECODER = json.JSONDecoder(strict=False, parse_float=str, parse_int=_whole, parse_constant=str)
_CHUNK = 1 << 16
_LONGEST = 64 << 20
_ENVELOPES = ("data", "items", "results", "records", "reviews", "posts", "messages", "comments", "mentions")
_DEEPEST = 4


def is_line_framed(source: Source) -> bool:
    """Whether most of the first lines are complete JSON values of their own."""
    whole = lines = 0
    with source.text() as text:
        for line in text:
            if not line.strip("\ufeff \t\r\n"):
                continue
            lines += 1
            whole += not isinstance(_parse(line), str)
            if lines == 20:
                break
    return whole * 2 > lines and not (lines == 1 and _first_character(source) == "[")


def _first_character(source: Source) -> str:
    with source.text() as text:
        return text.read(4096).lstrip("\ufeff \t\r\n")[:1]


def _parse(line: str) -> dict[str, Any] | list[Any] | str:
    """The object or array a line holds, else the reason why it holds none."""
    try:
        value = _DECODER.decode(line.strip("\ufeff \t\r\n\x00"))
    except json.JSONDecodeError as error:
        return f"broken JSON: {error.msg} at character {error.pos + 1}"
    except (RecursionError, ValueError) as error:
        return f"broken JSON: {error}"
    return value if isinstance(value, dict | list) else "not a JSON object: a row needs named fields"


def read_values(source: Source) -> Iterator[tuple[int, Any] | Broken]:
    """Yield each object with its line; an array at the top is opened, also on a line of JSONL."""
    for found in _lines(source) if source.format == "jsonl" else _stream(source):
        if isinstance(found, Broken) or not isinstance(found[1], list):
            yield found
        else:
            yield from ((found[0], value) for value in found[1])


def _lines(source: Source) -> Iterator[tuple[int, Any] | Broken]:
    with source.text() as text:
        for number, line in enumerate(text, 1):
            if not line.strip("\ufeff \t\r\n\x00"):
                continue
            value = _parse(line)
            yield Broken(number, value, line) if isinstance(value, str) else (number, value)


class _Window:
    """A sliding piece of the text that knows which line it begins on."""

    def __init__(self, text: Any) -> None:
        self._text = text
        self.buffer = ""
        self.line = 1
        self.ended = False

    def more(self) -> None:
        """Read on; doubles, so that one long value costs a handful of attempts."""
        piece = self._text.read(max(_CHUNK, len(self.buffer)))
        self.ended = not piece
        self.buffer += piece

    def drop(self, count: int) -> None:
        """Forget what has been dealt with."""
        self.line += self.buffer.count("\n", 0, count)
        self.buffer = self.buffer[count:]


def _stream(source: Source) -> Iterator[tuple[int, Any] | Broken]:
    with source.text() as text:
        window, depth = _Window(text), 0
        window.more()
        while True:
            blank = len(window.buffer) - len(window.buffer.lstrip("\ufeff \t\r\n,\x00"))
            window.drop(blank)
            if not window.buffer:
                if window.ended:
                    return
                window.more()
            elif window.buffer[0] == "[" and depth == 0:
                depth = 1
                window.drop(1)
            elif window.buffer[0] == "]" and depth == 1:
                depth = 0
                window.drop(1)
            else:
                yield _next_value(window)


def _next_value(window: _Window) -> tuple[int, Any] | Broken:
    while True:
        try:
            value, end = _DECODER.raw_decode(window.buffer)
        except (json.JSONDecodeError, RecursionError) as error:
            if window.ended or _is_real(error, window.buffer):
                return _resync(window, error)
            window.more()
        else:
            if end == len(window.buffer) and not window.ended:
                window.more()
                continue
            line = window.line
            window.drop(end)
            if isinstance(value, dict):
                return line, value
            return Broken(line, "not a JSON object: a row needs named fields", json.dumps(value)[:4000])


def _is_real(error: Exception, buffer: str) -> bool:
    """Whether the text is wrong, rather than cut off at the end of the window."""
    if not isinstance(error, json.JSONDecodeError) or len(buffer) > _LONGEST:
        return True
    return not error.msg.startswith("Unterminated string") and error.pos < len(buffer) - 16


def _resync(window: _Window, error: Exception) -> Broken:
    """Leave out the broken value: go on at the next line that begins with an object."""
    message = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    broken_at = window.line
    searched = 1
    while True:
        place = window.buffer.find("\n{", searched)
        if place < 0 and window.ended:
            place = len(window.buffer)
        if place >= 0:
            raw = window.buffer[: min(place, 4000)]
            window.drop(place)
            return Broken(broken_at, f"broken JSON: {message}", raw)
        searched = max(1, len(window.buffer) - 1)
        window.more()


def read_json(source: Source) -> Iterator[Record | Broken]:
    """Yield each object as a record: nested fields become `outer.inner`, lists their JSON text."""
    for found in read_values(source):
        if isinstance(found, Broken):
            yield found
            continue
        line, value = found
        for item in _open_envelope(value):
            if isinstance(item, dict):
                yield Record(line, flatten(item), item)
            else:
                yield Broken(line, "not a JSON object: a row needs named fields", json.dumps(item)[:4000])


def _open_envelope(value: Any) -> list[Any]:
    if isinstance(value, dict):
        for name in _ENVELOPES:
            inner = value.get(name)
            if isinstance(inner, list) and inner and isinstance(inner[0], dict):
                return inner
    return [value]


def flatten(value: dict[str, Any], prefix: str = "", depth: int = 0) -> dict[str, str]:
    """Cells of a JSON object by dotted path; null is an empty cell."""
    cells: dict[str, str] = {}
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, dict) and depth < _DEEPEST:
            cells.update(flatten(inner, f"{name}.", depth + 1))
        elif isinstance(inner, str):
            cells[name] = inner
        elif inner is None:
            cells[name] = ""
        else:
            cells[name] = json.dumps(inner, ensure_ascii=False)
    return cells
