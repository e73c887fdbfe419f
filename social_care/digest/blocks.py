"""The parts a digest is laid out with, the same for every renderer: no renderer decides what to say.

Customers' words stand only in `Cell.text` and `Item.quote` with `foreign` true, and in `Item.who`; each renderer
makes them safe in the way its format needs.
"""

from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["plain", "good", "warn", "bad", "quiet"]
Align = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure to see first: what it is, its value, one line beneath."""

    label: str
    value: str
    tone: Tone = "plain"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Figures side by side."""

    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table. `parts`: shares of a bar drawn in it, by tone; they add up to at most 1."""

    text: str
    tone: Tone = "plain"
    foreign: bool = False
    parts: tuple[tuple[Tone, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column. The one that is `flexible` gives way where room is short."""

    name: str
    align: Align = "left"
    flexible: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a heading row."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """Counts over time. `high` are the positions that stand out."""

    counts: tuple[int, ...]
    high: frozenset[int]
    first: str
    last: str
    caption: str


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to look at: a head line, what it rests on, the customer's words, where to go."""

    head: str
    tone: Tone = "plain"
    badge: str = ""
    who: str = ""
    facts: tuple[str, ...] = ()
    quote: str = ""
    url: str | None = None
    commands: tuple[str, ...] = ()
    foreign_head: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list of things to look at."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence the reader should have beside the figures."""

    text: str
    tone: Tone = "quiet"
    foreign: bool = False


Block = Tiles | Table | Bars | Items | Note


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part. `commands` reproduce its figures: (which figures, command line)."""

    title: str
    blocks: tuple[Block, ...]
    commands: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Page:
    """A digest ready to be rendered: `quiet` is its one line where there is nothing to report."""

    title: str
    period: str
    lead: tuple[str, ...]
    sections: tuple[Section, ...]
    foot: tuple[str, ...]
    foot_commands: tuple[tuple[str, str], ...]
    quiet: str | None = None


@dataclass(frozen=True, slots=True)
class Footnote:
    """One command and the figures it reproduces, wherever they stand."""

    number: int
    command: str
    what: tuple[str, ...]


def footnotes(page: Page) -> tuple[Footnote, ...]:
    """Every command of the page once, numbered in the order of the sections."""
    found: dict[str, list[str]] = {}
    for title, commands in [(item.title, item.commands) for item in page.sections] + [("", page.foot_commands)]:
        for what, command in commands:
            found.setdefault(command, []).append(f"{title}: {what}" if title else what)
    return tuple(
        Footnote(number, command, tuple(what)) for number, (command, what) in enumerate(found.items(), start=1)
    )


def numbers(section: Section, notes: tuple[Footnote, ...]) -> tuple[int, ...]:
    """The footnotes of a section."""
    wanted = {command for _, command in section.commands}
    return tuple(note.number for note in notes if note.command in wanted)
