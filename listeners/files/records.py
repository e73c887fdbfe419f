"""What reading a file yields: records with their line, or the reason why there is none."""

from dataclasses import dataclass, field
from typing import Any

from storage.pages import Deletion, Rejection
from storage.text import clean

MAX_RAW = 2_000
"""Characters of a refused row kept aside; the line number leads to the rest."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row: the line it starts on (1 is the first line of the file) and its cells by column name."""

    line: int
    cells: dict[str, str]
    value: Any = field(default=None, compare=False)
    """The JSON value the cells came from, where the file is JSON."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A stretch of the file that is no row: its first line, why, and its text."""

    line: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Skip:
    """A row left out on purpose, with the reason it is counted under."""

    line: int
    reason: str


@dataclass(slots=True)
class Finding:
    """Something a person should know about the file before trusting figures made from it."""

    kind: str
    message: str
    severity: str = "note"
    """`note`, `warning` or `error`; an error means that the file should not be imported as it is."""
    count: int = 0
    lines: list[int] = field(default_factory=list)
    """The first few lines concerned."""


def rejection(line: int, reason: str, raw: object) -> Rejection:
    """A row kept aside, with a bounded copy of what it held.

    The part of the reason before the first colon is what rejections are counted by.
    """
    text: str = clean(raw if isinstance(raw, str) else str(raw))
    if len(text) > MAX_RAW:
        text = f"{text[:MAX_RAW]}… ({len(text):,} characters in all)"
    return Rejection(place=f"line {line}", reason=reason, raw=text)


def raw_row(cells: dict[str, str]) -> str:
    """The filled cells of a row as one short text for a rejection."""
    return "; ".join(f"{name}={value[:300]}" for name, value in cells.items() if value)


__all__ = ["MAX_RAW", "Broken", "Deletion", "Finding", "Record", "Rejection", "Skip", "raw_row", "rejection"]
