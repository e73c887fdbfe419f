"""Guess which column is what, with the reason and how sure: headings first, then what the cells look like."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from listeners.files.cells import has_words, is_rounded, is_scientific, read_rating
from listeners.files.headings import HEADINGS, fold, zone_in
from listeners.files.mapping import Mapping, list_columns
from listeners.files.records import Record
from listeners.files.table import Table
from listeners.files.times import TimeGuess, guess_format
from storage.errors import ConfigError

_HEADLESS = " (the first line looks like data: is the line with the headings missing?)"

_SURE, _LIKELY, _PERHAPS = 0.95, 0.7, 0.4


@dataclass(frozen=True, slots=True)
class Choice:
    """One role and the column chosen for it."""

    role: str
    column: str
    reason: str
    confidence: float
    """0 to 1; below a half, a person should look."""


@dataclass(slots=True)
class Guess:
    """What a file seems to hold."""

    columns: list[str]
    choices: dict[str, Choice] = field(default_factory=dict)
    time: TimeGuess | None = None
    zone: str | None = None
    """Zone named by the heading of the time column."""
    scale: float = 5.0
    ours_values: tuple[str, ...] = ()

    def column(self, role: str) -> str | None:
        """The column chosen for a role."""
        choice = self.choices.get(role)
        return choice.column if choice else None

    def mapping(self, name: str = "the file") -> Mapping:
        """The guess as a mapping.

        Raises:
            ConfigError: no column seems to hold what people wrote; lists the columns there are.
        """
        if not ({"text", "rating", "title"} & self.choices.keys()):
            hint = _HEADLESS if any(guess_format([column]) for column in self.columns) else ""
            raise ConfigError(
                f"no column of {name} looks like what people wrote; name it, for example text = 'comment'"
                f"{hint}; {list_columns(self.columns)}"
            )
        settings: dict[str, Any] = {role: choice.column for role, choice in self.choices.items()}
        if self.time and not self.time.ambiguous:
            settings["time_format"] = (*self.time.formats, *(("iso",) if "iso" not in self.time.formats else ()))
        settings.update(zone=self.zone, rating_scale=self.scale)
        if self.ours_values:
            settings["ours_values"] = self.ours_values
        return Mapping(**settings)


def guess_table(table: Table) -> Guess:
    """Guess from the headings and the first rows of a table."""
    return guess(table.columns, table.sample())


def guess(columns: Sequence[str], sample_rows: Sequence[Record]) -> Guess:
    """Guess from headings and sample rows; pure."""
    cells = {name: [row.cells.get(name, "") for row in sample_rows] for name in columns}
    result = Guess(list(columns))
    taken: set[str] = set()
    for role in HEADINGS:
        for column, rank in _candidates(role, columns, taken):
            choice = _fits(role, column, rank, cells[column])
            if choice:
                result.choices[role] = choice
                taken.add(column)
                break
    _by_content(result, cells, taken)
    _settle(result, cells)
    return result


def _candidates(role: str, columns: Sequence[str], taken: set[str]) -> list[tuple[str, int]]:
    """Columns whose heading speaks for the role, exact headings before those that merely contain one."""
    names = HEADINGS[role]
    exact, partial = [], []
    for column in columns:
        if column in taken:
            continue
        folded = fold(column)
        if folded in names:
            exact.append((column, names.index(folded)))
        elif role in _PARTIAL and not folded.startswith(_ABOUT_PEOPLE) and _owner(folded) is None:
            part = _contained(folded, names)
            if part is not None:
                partial.append((column, len(names) + part))
    return sorted(exact, key=lambda entry: entry[1]) + sorted(partial, key=lambda entry: entry[1])


_PARTIAL = frozenset(("text", "time", "author", "url", "rating", "reply"))


_ABOUT_PEOPLE = ("author_", "user_", "account_", "sender_", "profile_")
"""`author_created_at` is when the author joined, not when the post was written."""


def _contained(folded: str, names: Sequence[str]) -> int | None:
    words = folded.split("_")
    for rank, name in enumerate(names):
        wide = not name.isascii() and len(name) > 1 and name in folded
        if wide or (len(name) > 3 and name in words):
            return rank
    return None


def _owner(folded: str) -> str | None:
    """The role a heading names exactly, so that `reply_date` is never half a `date`."""
    return next((role for role, names in HEADINGS.items() if folded in names), None)


def _fits(role: str, column: str, rank: int, values: list[str]) -> Choice | None:
    """Whether the cells bear the heading out."""
    exact = rank < len(HEADINGS[role])
    reason = "heading" if exact else "heading contains the word"
    confidence = _SURE if exact else _LIKELY
    filled = [value for value in values if value.strip()]
    if not filled:
        return Choice(role, column, f"{reason}, no value in the sample", _PERHAPS) if exact else None
    if role in ("time", "edited", "reply_time"):
        found = guess_format(filled)
        if found is None:
            return (
                Choice(role, column, f"{reason}, but its values are no times", 0.2)
                if role == "time" and exact
                else None
            )
        return Choice(role, column, f"{reason}; {found.reason}", confidence)
    if role == "rating":
        readable = sum(_is_rating(value) for value in filled) / len(filled)
        return (
            Choice(role, column, f"{reason}; {readable:.0%} are ratings", confidence) if readable >= 0.8 else None
        )
    if role == "ours" and not _ours_values(filled):
        return None
    if role == "deleted" and not {value.strip().casefold() for value in filled} <= _FLAGS:
        return None
    if role in ("text", "reply", "title"):
        worded = sum(map(has_words, filled)) / len(filled)
        if worded < 0.5 or (not exact and guess_format(filled)):
            return None
    if role == "id" and any(is_scientific(value) or is_rounded(value) for value in filled):
        return Choice(role, column, f"{reason}, but a spreadsheet has spoiled its values", 0.2)
    return Choice(role, column, reason, confidence)


_FLAGS = frozenset(("0", "1", "true", "false", "yes", "no", "y", "n", "是", "否", "0.0", "1.0"))
_OURS = frozenset(("outgoing", "outbound", "out", "agent", "sent", "ours", "brand", "我方", "客服", "发出"))
_THEIRS = frozenset(
    ("incoming", "inbound", "in", "customer", "contact", "user", "received", "客户", "客戶", "用户", "收到")
)


def _ours_values(filled: Sequence[str]) -> tuple[str, ...]:
    values = {value.strip().casefold() for value in filled}
    if values <= _FLAGS:
        return ("1", "true", "yes", "y", "是", "1.0")
    return tuple(sorted(_OURS)) if values <= _OURS | _THEIRS else ()


def _is_rating(value: str) -> bool:
    return any(read_rating(value, scale) is not None for scale in (5.0, 100.0))


def _by_content(result: Guess, cells: dict[str, list[str]], taken: set[str]) -> None:
    """Find text and time by what the cells hold, where no heading gave them away."""
    free = {
        name: [value for value in values if value.strip()] for name, values in cells.items() if name not in taken
    }
    if "time" not in result.choices:
        for name, values in free.items():
            found = guess_format(values)
            # Bare numbers are too often something else to be called times without a heading.
            if found and found.readable > 0.9 and not {"epoch", "epoch_ms", "excel"} & set(found.formats):
                result.choices["time"] = Choice("time", name, f"its values are times; {found.reason}", _PERHAPS)
                taken.add(name)
                break
    if "text" not in result.choices:
        lengths = {
            name: sum(map(_weight, values)) / len(values)
            for name, values in free.items()
            if values and name not in taken
        }
        longest = max(lengths, key=lambda name: lengths[name], default=None)
        if longest and lengths[longest] >= 15:
            result.choices["text"] = Choice("text", longest, "its values are the longest texts", _PERHAPS)


def _weight(value: str) -> float:
    """Length in letters; a Chinese character says about as much as three. Links and numbers weigh nothing."""
    if value.startswith(("http://", "https://")) or not any(character.isalpha() for character in value):
        return 0.0
    return sum(3.0 if "\u3400" <= character <= "\u9fff" else 1.0 for character in value[:400])


def _settle(result: Guess, cells: dict[str, list[str]]) -> None:
    """Work out what follows from the choices: time format, zone, scale, whose posts are ours."""
    if column := result.column("time"):
        result.time = guess_format(cells[column])
        result.zone = zone_in(column)
    if column := result.column("rating"):
        plain = [value for value in cells[column] if value.strip().replace(".", "", 1).isdigit()]
        highest = max((float(value) for value in plain), default=0.0)
        result.scale = 5.0 if highest <= 5 else 10.0 if highest <= 10 else 100.0
    if column := result.column("ours"):
        if fold(column) == "inbound":
            result.ours_values = ("0", "false", "no", "n", "否", "0.0")
        else:
            result.ours_values = _ours_values([value for value in cells[column] if value.strip()])
