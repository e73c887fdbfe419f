"""Which columns of a file say what is right, and which rows can be used for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sentiment.evaluate import answers as read
from sentiment.evaluate.errors import EvaluationError
from sentiment.evaluate.intervals import Ints
from sentiment.evaluate.table import Table
from sentiment.language import normalise_code

_LABELS = ("label", "sentiment", "polarity", "标签", "標籤", "情感")
_STARS = ("stars", "rating", "评分", "評分")
_KINDS = ("post", "review")
_MOSTLY = 0.9


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is read and measured.

    Attributes:
        classes: 3, or 2: neutral rows are left out and the scorer chooses between the other two.
        stars: The labels are 1 to 5 stars.
        label: The heading of the labels; None takes ``label`` or another usual one.
        known: What further labels mean, see `sentiment.evaluate.answers.label_map`.
        kind: ``post`` or ``review``, for rows whose column ``kind`` does not say.
        threshold: From which probability on a head says yes; None takes 0.5.
        examples: How many differing rows a comparison shows.
    """

    classes: int = 3
    stars: bool = False
    label: str | None = None
    known: Mapping[str, int] | None = None
    kind: str | None = None
    threshold: float | None = None
    examples: int = 5


@dataclass(frozen=True, slots=True)
class Target:
    """One column of what is right.

    Attributes:
        column: Its heading.
        truth: What it says of each row of the table; `answers.UNREADABLE` where nothing usable.
        left_out: Why rows are not used.
    """

    column: str
    truth: Ints
    left_out: tuple[read.LeftOut, ...]

    @property
    def unused(self) -> int:
        """How many rows are not used."""
        return sum(reason.count for reason in self.left_out)


@dataclass(frozen=True, slots=True)
class Targets:
    """What a file can measure: sentiments, heads by name, urgency; None or nothing where it has no such column."""

    sentiment: Target | None
    heads: dict[str, Target]
    urgency: Target | None

    @property
    def every(self) -> list[Target]:
        """All of them."""
        alone = [target for target in (self.sentiment, self.urgency) if target is not None]
        return [*alone, *self.heads.values()]


def find_targets(table: Table, options: Options) -> Targets:
    """Find the columns that say what is right.

    Raises:
        EvaluationError: There is none, or none holds anything usable.
    """
    label = _label_column(table, options)
    sentiment = _sentiment(table, label, options) if label else None
    urgency = _urgency(table)
    taken = {table.text, label, "language", "lang", "kind", "urgency", "level", *_STARS}
    heads = {
        name: _target(table, name, read.yes_or_no(cells))
        for name, cells in table.columns.items()
        if name not in taken and _is_yes_or_no(cells)
    }
    if sentiment is None and urgency is None and not heads:
        raise EvaluationError(
            f"{table.name} needs the columns text and label (or urgency, or a head's name such as complaint); "
            f"missing: label; {table.described()}"
        )
    return Targets(sentiment, heads, urgency)


def _label_column(table: Table, options: Options) -> str | None:
    if options.label is not None:
        name = options.label.strip().lower()
        if name not in table.columns:
            raise EvaluationError(f"{table.name} has no column {options.label!r}; {table.described()}")
        return name
    usual = (*_LABELS, *_STARS) if options.stars else _LABELS
    return next((name for name in usual if name in table.columns), None)


def _sentiment(table: Table, column: str, options: Options) -> Target:
    two = options.classes == 2
    truth = read.sentiment_labels(table.columns[column], stars=options.stars, two=two, known=options.known)
    target = _target(table, column, truth)
    if not two:
        return target
    neutral = np.flatnonzero(target.truth == 1).tolist()
    reasons = (*target.left_out, *read.left_out("neutral: two classes are compared", neutral, table.lines))
    kept: Ints = np.where(target.truth == 1, read.UNREADABLE, target.truth)
    return Target(column, kept, reasons)


def _urgency(table: Table) -> Target | None:
    for column in ("urgency", "level"):
        if column in table.columns:
            target = _target(table, column, read.urgency_levels(table.columns[column]))
            if (target.truth != read.UNREADABLE).any():
                return target
    return None


def _target(table: Table, column: str, truth: Sequence[int]) -> Target:
    """Set aside the rows without a text and those whose cell cannot be read."""
    empty = [i for i, text in enumerate(table.texts) if not text.strip()]
    blank = set(empty)
    unread = [i for i, value in enumerate(truth) if value == read.UNREADABLE and i not in blank]
    values = np.array(truth, dtype=np.int64)
    values[empty] = read.UNREADABLE
    reasons = [
        *read.left_out("no text", empty, table.lines),
        *read.left_out(f"{column} not understood", unread, table.lines, table.columns[column]),
    ]
    return Target(column, values, tuple(reasons))


def _is_yes_or_no(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell.strip()]
    readable = sum(value != read.UNREADABLE for value in read.yes_or_no(filled))
    return bool(filled) and readable >= _MOSTLY * len(filled)


def languages_of(table: Table) -> list[str | None]:
    """Return the language code each row gives, in our form."""
    column = next((name for name in ("language", "lang", "语言", "語言") if name in table.columns), None)
    return [normalise_code(cell) for cell in table.columns[column]] if column else [None] * len(table.lines)


def kinds_of(table: Table, default: str | None) -> list[str | None]:
    """Return the kind each row gives, ``post`` or ``review``, else the default."""
    cells = table.columns.get("kind")
    if cells is None:
        return [default] * len(table.lines)
    words = [cell.strip().casefold().removesuffix("s") for cell in cells]
    return [word if word in _KINDS else default for word in words]
