"""A labelled CSV in memory: any usual encoding and delimiter, its columns by name, its broken rows counted."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sentiment.evaluate.errors import EvaluationError
from sentiment.records import TEXT_HEADINGS, Broken, StreamError, csv_rows, guess_encoding

_SAMPLE = 256 * 1024
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file.

    Attributes:
        name: The file's name.
        lines: The line each row starts on (from 1).
        columns: Each column's cells, by its heading in small letters; all as long as `lines`.
        text: The heading of the column of texts.
        encoding: How the bytes were read.
        damaged: Characters that could not be read and became U+FFFD.
        broken: Records that were no CSV row.
        filtered: Rows that a condition left out.
    """

    name: str
    lines: list[int]
    columns: dict[str, list[str]]
    text: str = "text"
    encoding: str = "utf-8"
    damaged: int = 0
    broken: list[Broken] = field(default_factory=list)
    filtered: int = 0

    @property
    def texts(self) -> list[str]:
        """The texts, in order."""
        return self.columns[self.text]

    def where(self, conditions: Sequence[Condition]) -> Table:
        """Return the rows that meet every condition.

        Raises:
            EvaluationError: A condition names a column that is not there, or no row meets them all.
        """
        if not conditions:
            return self
        for condition in conditions:
            if condition.column not in self.columns:
                raise EvaluationError(f"{self.name} has no column {condition.column!r}; {self.described()}")
        kept = [
            i
            for i in range(len(self.lines))
            if all((self.columns[c.column][i].strip().casefold() in c.values) is c.wanted for c in conditions)
        ]
        if not kept:
            raise EvaluationError(f"no row of {self.name} meets {' and '.join(map(str, conditions))}")
        columns = {name: [cells[i] for i in kept] for name, cells in self.columns.items()}
        left = self.filtered + len(self.lines) - len(kept)
        lines = [self.lines[i] for i in kept]
        return Table(self.name, lines, columns, self.text, self.encoding, self.damaged, self.broken, left)

    def described(self) -> str:
        """Name the columns there are."""
        names = [repr(name[:30]) for name in self.columns]
        return f"its columns: {', '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''}"


@dataclass(frozen=True, slots=True)
class Condition:
    """Rows whose cell is one of the values, or is not (`wanted` false); capitals do not matter."""

    column: str
    values: frozenset[str]
    wanted: bool = True

    def __str__(self) -> str:
        return f"{self.column}{'=' if self.wanted else '≠'}{','.join(sorted(self.values))}"

    @classmethod
    def parse(cls, said: str, *, wanted: bool = True) -> Condition:
        """Read ``column=value`` or ``column=one,other``; an empty value means an empty cell.

        Raises:
            EvaluationError: There is no equals sign, or no column before it.
        """
        column, sign, values = said.partition("=")
        if not sign or not column.strip():
            raise EvaluationError(f"write a condition as COLUMN=VALUE or COLUMN=ONE,OTHER, not {said!r}")
        kept = frozenset(value.strip().casefold() for value in values.split(","))
        return cls(column.strip().lower(), kept, wanted)


def table_of(rows: Iterable[tuple[str, str]], name: str = "rows") -> Table:
    """Return pairs of text and label as a table."""
    pairs = list(rows)
    columns = {"text": [text for text, _ in pairs], "label": [label for _, label in pairs]}
    return Table(name, list(range(1, len(pairs) + 1)), columns)


def read_table(
    path: Path, *, text: str | None = None, encoding: str | None = None, texts_elsewhere: bool = False
) -> Table:
    """Read a labelled CSV (or one with tabs, semicolons or bars) whole.

    Args:
        path: The file.
        text: The heading of its texts; None takes ``text`` or another usual one.
        encoding: Its encoding; None tells it: a byte-order mark, else UTF-8, else what the bytes look most like.
        texts_elsewhere: The file need not hold texts, see `sentiment.evaluate.joined`.

    Raises:
        EvaluationError: The file cannot be read as text, has no rows or no texts, or the encoding is unknown.
    """
    try:
        data = path.read_bytes()
        codec = _codec(data, path.name, encoding)
        decoded = data.decode(codec, errors="replace").removeprefix("\ufeff")
    except (OSError, LookupError, StreamError, UnicodeError) as error:
        raise EvaluationError(f"cannot read {path} as text: {error}") from error
    damaged = decoded.count("\ufffd") - data.count("\ufffd".encode(codec, errors="ignore") or b"\0\0\0\0")
    broken: list[Broken] = []
    headings, rows = csv_rows(iter(io.StringIO(decoded, newline="")), broken.append)
    names = [heading.strip().strip("\ufeff").lower() for heading in headings]
    lines: list[int] = []
    cells: list[list[str]] = []
    for line, row in rows:
        lines.append(line)
        # A row may lack cells at its end, as spreadsheets leave them out, or have more than there are headings.
        cells.append((row + [""] * (len(names) - len(row)))[: len(names)])
    # Of two columns of one name the first counts, as in a spreadsheet's own look-ups.
    columns = {name: [row[i] for row in cells] for i, name in reversed(list(enumerate(names))) if name}
    columns = dict(reversed(columns.items()))
    column = "text" if texts_elsewhere else _text_column(path, columns, text)
    if not lines:
        raise EvaluationError(f"{path} has no rows below its heading")
    return Table(path.name, lines, columns, column, codec, max(0, damaged), broken)


def _text_column(path: Path, columns: dict[str, list[str]], wanted: str | None) -> str:
    names = [wanted.strip().lower()] if wanted else list(TEXT_HEADINGS)
    found = next((name for name in names if name in columns), None)
    if found is None:
        missing = ", ".join(name for name in ("label", "text") if name not in columns)
        told = repr(wanted) if wanted else f"text and label; missing: {missing}"
        shown = ", ".join(repr(name[:30]) for name in list(columns)[:_SHOWN])
        if {"file", "row"} <= columns.keys():
            raise EvaluationError(f"{path} names its texts by file and row: say with --data where these files are")
        raise EvaluationError(f"{path} needs the columns {told} (it has {shown or 'none'})")
    return found


def _codec(data: bytes, name: str, wanted: str | None) -> str:
    if wanted:
        return codecs.lookup(wanted).name
    head = data[:_SAMPLE]
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        # The telling bytes may lie far behind an English beginning.
        strange = b"".join(line for line in data.splitlines(keepends=True) if not line.isascii())[:_SAMPLE]
        return guess_encoding(
            head if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head else strange, name
        )
    guessed = guess_encoding(head, name)  # refuses what is no text; knows UTF-16 by its zero bytes
    return guessed if guessed.startswith(("utf-16", "utf-32")) else "utf-8"
