"""Read texts out of a stream of any shape: lines, CSV or JSONL, in any usual encoding, in constant memory."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Protocol, cast

TEXT_HEADINGS = (
    *("text", "full_text", "tweet", "tweet_text", "content", "body", "message", "comment", "review"),
    *("review_text", "review content", "post", "内容", "內容", "文本", "正文", "评论", "評論", "留言", "评论内容"),
    *("評論內容", "微博", "微博正文", "貼文", "帖子"),
)
"""Headings of the column that holds the text, the most telling first."""
_LONE_HEADINGS = ("text", "内容", "內容", "文本")
"""What makes a table of a first line with one word only."""
LANGUAGE_HEADINGS = ("lang", "language", "语言", "語言")
_SNIFF_BYTES = 64 * 1024
_MAX_RECORD = 8 * 1024 * 1024
_MAX_LINES_PER_ROW = 2000
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class StreamError(Exception):
    """The stream as a whole cannot be read; the message says what to fix."""


@dataclass(frozen=True, slots=True)
class Record:
    """One text of the stream, the line it starts on (from 1), and the language its source gave."""

    line: int
    text: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """One record that could not be read: the line it starts on (from 1) and why."""

    line: int
    reason: str


OnBroken = Callable[[Broken], None]


def records(source: IO[bytes] | IO[str], name: str, on_broken: OnBroken) -> Iterator[Record]:
    """Yield the texts of a stream in order.

    The shape is told from the name's ending (``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson``, ``.txt``) or from
    the first line: a first line that is a JSON object means JSONL, a first line with a known heading means CSV,
    anything else one text a line. Empty lines between texts are passed over.

    Args:
        source: A file opened in binary or text mode, or standard input.
        name: Its file name, or ``-``.
        on_broken: Is told of every record that could not be read.

    Raises:
        StreamError: The stream is no text, or a CSV without a column of texts.
    """
    lines = _lines(source, name)
    head: list[str] = []
    for line in lines:
        head.append(line)
        if line.strip():
            break
    if not head:
        return
    shape = _shape(head[-1], name)
    rest = _chain(head, lines)
    if shape == "jsonl":
        yield from _jsonl(rest, on_broken)
    elif shape == "csv":
        yield from _csv(rest, name, on_broken)
    else:
        yield from _plain(rest, on_broken)


def _chain(head: list[str], lines: Iterator[str]) -> Iterator[str]:
    yield from head
    yield from lines


def _lines(source: IO[bytes] | IO[str], name: str) -> Iterator[str]:
    r"""Yield lines with their ends; only \n, \r\n and \r end a line."""
    first = source.read(_SNIFF_BYTES)
    text: _Readable
    if isinstance(first, str):
        text = _Joined(first.removeprefix("\ufeff"), cast("IO[str]", source))
    else:
        encoding = guess_encoding(first, name)
        raw = io.BufferedReader(_Rewound(first, cast("IO[bytes]", source)), _SNIFF_BYTES)
        text = io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline="")
    while line := text.readline(_MAX_RECORD):
        yield line
        while len(line) == _MAX_RECORD and not line.endswith(("\n", "\r")):
            line = text.readline(_MAX_RECORD)  # the rest of a line that was reported as too long


class _Readable(Protocol):
    def readline(self, size: int, /) -> str: ...


def guess_encoding(first: bytes, name: str) -> str:
    """Guess the encoding from the first bytes.

    Raises:
        StreamError: They are no text.
    """
    for bom, encoding in _BOMS:
        if first.startswith(bom):
            return encoding
    nulls = first.count(0)
    if nulls > len(first) * 0.2:
        for encoding, odd in (("utf-16-le", 1), ("utf-16-be", 0)):
            if first[odd::2].count(0) > len(first) * 0.2 and first[1 - odd :: 2].count(0) < len(first) * 0.02:
                return encoding
        raise StreamError(f"{name} is not text (it is full of zero bytes); export it as UTF-8 text, CSV or JSONL")
    if first.startswith((b"PK\x03\x04", b"\x1f\x8b", b"%PDF", b"\xd0\xcf\x11\xe0", b"SQLite format 3")):
        raise StreamError(f"{name} is an archive, workbook or database; export it as UTF-8 text, CSV or JSONL")
    if _decodes(first, "utf-8"):
        return "utf-8"
    text = first.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    if sum(c > "\x7f" for c in text) > 2 * damaged:
        return "utf-8"  # with damaged places, which become U+FFFD
    return next((encoding for encoding in _by_frequency(first) if _decodes(first, encoding)), "utf-8")


def _by_frequency(first: bytes) -> list[str]:
    """Put the encodings of Chinese in the order in which the bytes look more like everyday Chinese."""
    everyday = set(
        "的一是不了在人有我他这這个們们来來到时時大地为為子中你说說生国國年着就那和要她出也得里裡后後以会會很好没沒嗎吗，。！？、"
    )
    scored = []
    for encoding in ("gb18030", "big5hkscs", "utf-16-le", "utf-16-be"):
        text = first.decode(encoding, errors="replace")
        scored.append((sum(c in everyday for c in text) - 3 * text.count("\ufffd"), encoding))
    scored.sort(key=lambda pair: -pair[0])
    return [encoding for score, encoding in scored if score > 0] + ["cp1252"]


def _decodes(first: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(first, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _shape(first_line: str, name: str) -> str:
    ending = name.lower().rpartition(".")[2]
    if ending in {"jsonl", "ndjson"} or first_line.lstrip().startswith('{"'):
        return "jsonl"
    if ending in {"csv", "tsv"}:
        return "csv"
    if ending == "txt":
        return "plain"
    if first_line.lstrip().startswith("[") and ending == "json":
        raise StreamError(f"{name} is one JSON list; write one JSON object a line, for example with jq -c '.[]'")
    # A text line may hold a comma as well: only a heading makes a table of it.
    cells = _cells(first_line)
    return "csv" if _column(cells, TEXT_HEADINGS if len(cells) > 1 else _LONE_HEADINGS) is not None else "plain"


def _cells(line: str) -> list[str]:
    return next(csv.reader([line.rstrip("\r\n")], delimiter=_delimiter(line)), [])


def _delimiter(line: str) -> str:
    return max(",\t;|", key=line.count)


def _column(headings: list[str], wanted: tuple[str, ...]) -> int | None:
    plain = [heading.strip().strip("\ufeff").lower() for heading in headings]
    return next((plain.index(name) for name in wanted if name in plain), None)


def _plain(lines: Iterator[str], on_broken: OnBroken) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        if not _complete(line):
            on_broken(Broken(number, f"the line is longer than {_MAX_RECORD:,} characters"))
        elif text := line.strip("\r\n"):
            yield Record(number, text)


def _complete(line: str) -> bool:
    return len(line) < _MAX_RECORD


def _jsonl(lines: Iterator[str], on_broken: OnBroken) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", None) or type(error).__name__
            on_broken(Broken(number, f"no JSON object: {reason}"))
            continue
        text = _text_of(value)
        if isinstance(text, str):
            language = next((value[key] for key in LANGUAGE_HEADINGS if isinstance(value.get(key), str)), None)
            yield Record(number, text, language)
        else:
            on_broken(Broken(number, text.reason))


def _text_of(value: object) -> str | Broken:
    if not isinstance(value, dict):
        return Broken(0, f"a JSON {type(value).__name__} where an object with `text` is needed")
    for key in TEXT_HEADINGS:
        if key in value:
            text = value[key]
            return text if isinstance(text, str) else Broken(0, f"`{key}` is {type(text).__name__}, not text")
    return Broken(0, "the object has no `text`")


def _csv(lines: Iterator[str], name: str, on_broken: OnBroken) -> Iterator[Record]:
    headings, rows = csv_rows(lines, on_broken)
    column = _column(headings, TEXT_HEADINGS)
    if column is None:
        found = ", ".join(repr(h[:30]) for h in headings[:8])
        raise StreamError(f"{name} has no column of texts: name one `text` (found {found})")
    language = _column(headings, LANGUAGE_HEADINGS)
    for start, row in rows:
        if len(row) <= column:
            on_broken(Broken(start, f"the row has {len(row)} of {len(headings)} columns, and no text"))
            continue
        code = row[language] if language is not None and language < len(row) else None
        yield Record(start, row[column], code or None)


def csv_rows(lines: Iterator[str], on_broken: OnBroken) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Read a CSV: its headings, and its rows, each with the line it starts on (from 1); empty lines are no rows.

    Args:
        lines: Lines with their ends; the delimiter is told from the first that is not blank.
        on_broken: Is told of every row that could not be read; the next line is a row again.
    """
    heading = next((line for line in lines if line.strip()), "")
    return _cells(heading), _csv_rows(lines, _delimiter(heading), on_broken)


def _csv_rows(lines: Iterator[str], delimiter: str, on_broken: OnBroken) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_RECORD))
    counted = _Counted(lines)
    rows = csv.reader(counted, delimiter=delimiter)
    while True:
        start = counted.begin()
        try:
            row = next(rows)
        except StopIteration:
            return
        except (csv.Error, _NeverClosed) as error:
            on_broken(Broken(start, f"no CSV row: {error}"))
            counted.give_back()
            rows = csv.reader(counted, delimiter=delimiter)
            continue
        if row:
            yield start, row


class _NeverClosed(Exception):
    """A quote opens and does not close: without this, the rest of the file would become one text."""


class _Counted:
    """Feeds a CSV reader, counts the lines it takes, and takes back those of a row that failed."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._line = 1  # the heading
        self._taken: list[str] = []
        self._given_back: list[str] = []

    def begin(self) -> int:
        """Start a row; return its line number."""
        self._taken = []
        return self._line + 1

    def give_back(self) -> None:
        """Offer the lines of the failed row again, all but its first."""
        self._given_back = self._taken[1:] + self._given_back
        self._line -= len(self._taken) - 1

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> str:
        line = self._given_back.pop(0) if self._given_back else next(self._lines, "")
        if not line and not self._taken:
            raise StopIteration
        # The reader asks for a further line only inside quotes.
        if not line or len(self._taken) >= _MAX_LINES_PER_ROW:
            if line:
                self._given_back.insert(0, line)
            raise _NeverClosed("a quote opens in it and does not close")
        self._line += 1
        self._taken.append(line)
        return line


class _Rewound(io.RawIOBase):
    """A binary stream with the bytes already read put back in front."""

    def __init__(self, first: bytes, rest: IO[bytes]) -> None:
        self._first = first
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = self._first or self._rest.read(len(buffer))
        size = min(len(block), len(buffer))
        buffer[:size] = block[:size]
        self._first = block[size:]
        return size


class _Joined:
    """A text stream with the characters already read put back in front."""

    def __init__(self, first: str, rest: IO[str]) -> None:
        self._first = io.StringIO(first, newline="")
        self._rest = rest

    def readline(self, size: int, /) -> str:
        line = self._first.readline(size)
        if line.endswith("\n"):
            return line
        return line + self._rest.readline(size)
