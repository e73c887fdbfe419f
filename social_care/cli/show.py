"""How answers look: tables that fit 80 columns, colours that mean something, JSON on request.

Colours: red is breached or P1, yellow is at risk or P2, green is kept, cyan is a command to type, dim is detail.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from social_care.safe import safe_json, safe_text


class _Console(Console):
    """A console whose reader may leave early (`| head`): that is no error."""

    def on_broken_pipe(self) -> None:
        """Write what is left to nowhere and stop."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0)


out = _Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)

STYLES = {
    "P1": "bold red", "P2": "yellow", "P3": "default", "none": "dim",
    "negative": "red", "neutral": "dim", "positive": "green",
    "breached": "bold red", "breached_open": "bold red", "breached_on_arrival": "red", "breached_answered": "red",
    "at risk": "yellow", "pending": "yellow", "met": "green", "open": "default", "answered": "green",
    "resolved": "green", "dismissed": "dim", "withdrawn": "dim", "exempt": "dim", "parked": "bold red",
}  # fmt: skip


def coloured(word: str, style: str | None = None) -> Text:
    """A word in the colour it means."""
    return Text(safe_text(word).replace("\n", " "), style=style or STYLES.get(word, ""))


def say(*parts: str | Text, style: str = "") -> None:
    """One line for people, on standard output. Interprets neither markup nor escapes: a post may hold both."""
    line = Text(style=style)
    for part in parts:
        line.append_text(part if isinstance(part, Text) else Text(safe_text(part)))
    out.print(line)


def one_line(line: Text) -> None:
    """One line, cut at the screen's edge instead of wrapped."""
    out.print(line, no_wrap=True, overflow="ellipsis", crop=True)


def hint(text: str) -> None:
    """What to type next, dim, on standard error so that pipes stay clean."""
    err.print(Text(safe_text(text), style="dim"))


def warn(text: str) -> None:
    """Something the reader should know, on standard error."""
    err.print(Text(safe_text(text), style="yellow"))


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(safe_json(value, indent=2 if sys.stdout.isatty() else None) + "\n")


def table(
    columns: Sequence[str | tuple[str, dict[str, Any]]], rows: Iterable[Sequence[Any]], *, title: str = ""
) -> None:
    """A plain table: no frame, a rule under the heading."""
    grid = Table(
        box=None, pad_edge=False, padding=(0, 1), title=title or None, title_justify="left", header_style="bold"
    )
    for column in columns:
        name, options = column if isinstance(column, tuple) else (column, {})
        grid.add_column(name, **options)
    for row in rows:
        grid.add_row(*[cell if isinstance(cell, Text) else Text(safe_text(str(cell))) for cell in row])
    out.print(grid)


def local(moment: datetime | None, zone: str, pattern: str = "%a %d %b %H:%M") -> str:
    """A time in the workspace's zone; `-` for none."""
    return "-" if moment is None else moment.astimezone(ZoneInfo(zone)).strftime(pattern)


def _nothing(count: int = 1) -> None:
    del count


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Any]:
    """A progress bar on standard error, silent where nobody watches. Yields `advance(count)`."""
    if not err.is_terminal:
        yield _nothing
        return
    columns = [
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    ]
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda count=1: bar.advance(task, count)
