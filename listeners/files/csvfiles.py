"""CSV into records: true line numbers, one broken row never costs the next one.

A quote that is opened and never closed makes an ordinary reader swallow the following rows without a word. Here
a row that spans lines must come out whole; if it does not, its first line is refused with the reason and reading
goes on with the next line.
"""

import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from listeners.files.headings import HEADINGS, fold
from listeners.files.records import Broken, Finding, Record
from listeners.files.source import Source
from storage.errors import ConfigError
from storage.models.facts import MAX_TEXT

if TYPE_CHECKING:
    from _csv import Reader as _CsvReader

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_LINES = 120
_SAMPLE_CHARACTERS = 4_000_000
_LONGEST_CELL = 2 * MAX_TEXT
_LONGEST_PREAMBLE = 20
_HEADINGS = frozenset(name for names in HEADINGS.values() for name in names)


@dataclass(slots=True)
class Dialect:
    """How one CSV file is written."""

    delimiter: str
    columns: list[str]
    header_line: int
    """Line the headings end on; everything up to it is no data."""
    findings: list[Finding] = field(default_factory=list)


class _Lines:
    """Hands out lines, remembers those of the row being read, and takes them back after a broken row."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._back: deque[str] = deque()
        self.taken: list[str] = []
        self.number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._lines)
        self.number += 1
        self.taken.append(line)
        return line

    def give_back_all_but_first(self) -> None:
        """Rewind to just behind the first line of the row."""
        self._back.extendleft(reversed(self.taken[1:]))
        self.number -= len(self.taken) - 1
        del self.taken[1:]


def find_dialect(source: Source) -> Dialect:
    """Guess the delimiter and find the headings, past a preamble as some exports write it.

    Raises:
        ConfigError: there are no headings.
    """
    head = _head(source)
    start = 0
    if head[0].lower().startswith("sep=") and len(head[0].strip()) == 5:
        start = 1
    delimiter = source.delimiter or (head[0][4] if start else _guess_delimiter(head))
    rows = list(_sample_rows(head[start:], delimiter))
    index = _header_index(rows)
    if not rows or not any(cell.strip() for cell in rows[index][0]):
        raise ConfigError(f"{source.name} has no headings in its first line; each column needs a name")
    findings = []
    if index:
        message = f"{index} rows above the headings are no data and are left out"
        findings.append(Finding("preamble", message, "note", index))
    columns = _name_columns(rows[index][0], findings)
    return Dialect(delimiter, columns, start + rows[index][1], findings)


def _head(source: Source) -> list[str]:
    """The first lines, enough to see how the file is written."""
    head: list[str] = []
    characters = 0
    with source.text() as text:
        for line in text:
            head.append(line)
            characters += len(line)
            if len(head) == _SAMPLE_LINES or characters > _SAMPLE_CHARACTERS:
                break
    return head


def is_plain_text(source: Source) -> bool:
    """Whether the file has no columns at all: each line is a post, the first one included."""
    head = [line for line in _head(source) if line.strip()]
    delimiter = source.delimiter or _guess_delimiter(head)
    rows = [row for row, _ in _sample_rows(head, delimiter)]
    widths = Counter(map(len, rows))
    if not rows or any(fold(cell) in _HEADINGS for cell in rows[_header_index([(row, 0) for row in rows])]):
        return False
    first = head[0].strip()
    is_sentence = len(first.split()) > 3 or sum("\u3400" <= character <= "\u9fff" for character in first) > 8
    steady = max(widths, key=lambda width: widths[width])
    return is_sentence and (steady == 1 or widths[steady] < 0.9 * len(rows) or len(rows) == 1)


def read_lines(source: Source) -> Iterator[Record | Broken]:
    """Every line that is not blank as a record with one cell, `text`."""
    with source.text() as text:
        for number, line in enumerate(text, 1):
            if line.strip():
                yield Record(number, {"text": line.strip("\r\n")})


def _reader(lines: Iterable[str], delimiter: str, strict: bool) -> "_CsvReader":
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    return csv.reader(lines, delimiter=delimiter, strict=strict)


def _sample_rows(lines: list[str], delimiter: str) -> Iterator[tuple[list[str], int]]:
    reader = _reader(lines, delimiter, strict=False)
    while True:
        try:
            yield next(reader), reader.line_num
        except StopIteration:
            return
        except csv.Error:
            continue


def _guess_delimiter(head: list[str]) -> str:
    """The delimiter that cuts the most rows into the same number of cells, and into more than one."""
    best, best_score = ",", 0.0
    for delimiter in _DELIMITERS:
        widths = Counter(len(row) for row, _ in _sample_rows(head, delimiter) if row)
        if not widths:
            continue
        width, rows = max(widths.items(), key=lambda entry: (entry[0] > 1, entry[1] * (entry[0] > 1), entry[0]))
        score = (width > 1) * (rows / widths.total() + min(width, 50) / 1000)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _header_index(rows: list[tuple[list[str], int]]) -> int:
    widths = Counter(len(row) for row, _ in rows if len(row) > 1)
    if not widths:
        return 0
    usual = max(widths, key=lambda width: (widths[width] * width, width))
    first = sum(1 for cell in rows[0][0] if cell.strip())
    if usual < 3 or first > usual / 2:
        return 0
    for index, (row, _) in enumerate(rows[:_LONGEST_PREAMBLE]):
        if len(row) == usual and all(cell.strip() for cell in row[: max(2, usual // 2)]):
            return index
    return 0


def _name_columns(header: list[str], findings: list[Finding]) -> list[str]:
    columns: list[str] = []
    for position, cell in enumerate(header, 1):
        name = cell.replace("\x00", "").strip().lstrip("\ufeff").strip() or f"column {position}"
        if name in columns:
            fresh = f"{name} ({position})"
            findings.append(Finding("repeated heading", f"two columns are called {name!r}; this one is {fresh!r}"))
            name = fresh
        columns.append(name)
    return columns


def read_csv(source: Source, dialect: Dialect) -> Iterator[Record | Broken]:
    """Yield every row behind the headings, in order, broken ones with their reason."""
    with source.text() as text:
        lines = _Lines(iter(text))
        for _ in range(dialect.header_line):
            next(lines, None)
        yield from _rows(lines, dialect)


def _rows(lines: _Lines, dialect: Dialect) -> Iterator[Record | Broken]:
    columns, width = dialect.columns, len(dialect.columns)
    reader = _reader(lines, dialect.delimiter, strict=True)
    resyncing = False
    while True:
        lines.taken.clear()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            row = []
            problem: str | None = _explain(error)
        else:
            problem = _misfit(row, width, len(lines.taken)) if len(row) != width else None
        spans = len(lines.taken)
        start = lines.number - spans + 1
        if problem and spans > 1:
            lines.give_back_all_but_first()
            reader = _reader(lines, dialect.delimiter, strict=True)
        if problem:
            repaired = _repair(lines.taken[0], dialect) if not row else None
            if repaired is None:
                resyncing = not row or len(lines.taken) != spans
                yield Broken(start, problem, "".join(lines.taken))
                continue
            row = repaired
        if not row or (len(row) == 1 and not row[0].strip()):
            continue
        if resyncing and len(row) < width:
            yield Broken(start, "the rest of a broken row", "".join(lines.taken))
            continue
        resyncing = False
        yield Record(start, dict(zip(columns, row + [""] * (width - len(row)), strict=False)))


def _misfit(row: list[str], width: int, spans: int) -> str | None:
    """Why a row with the wrong number of cells cannot be trusted; None where only trailing cells differ."""
    if len(row) > width and any(cell.strip() for cell in row[width:]):
        return f"too many cells: {len(row)} where the headings name {width} (a delimiter or quote in a text?)"
    if 1 < len(row) < width and spans > 1:
        return "a row over several lines has too few cells: is a quote opened and never closed?"
    return None


def _explain(error: csv.Error) -> str:
    text = str(error)
    if "field limit" in text:
        return f"a cell is longer than {_LONGEST_CELL:,} characters, or a quote is opened and never closed"
    if "unexpected end" in text:
        return "a quote is opened and never closed"
    return "broken quotes"


def _repair(line: str, dialect: Dialect) -> list[str] | None:
    """Read one line with stray quotes leniently; only a result with the right number of cells is believed."""
    try:
        rows = list(_reader([line], dialect.delimiter, strict=False))
    except csv.Error:
        return None
    if len(rows) == 1 and len(rows[0]) == len(dialect.columns) and not rows[0][-1].endswith("\n"):
        return rows[0]
    return None
