"""What a preset is: a name, the columns it needs, and how it makes a converter for one file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from listeners.files.mapping import list_columns, suggest
from listeners.files.records import Broken, Record
from listeners.files.report import ImportReport
from listeners.files.rows import Item, Options
from listeners.files.table import Table
from storage.errors import ConfigError


class Converter(Protocol):
    """Turns records into mentions, in file order; may remember what it saw."""

    def convert(self, record: Record) -> Iterable[Item]:
        """The mentions, deletions, rejections or skips of one row."""
        ...

    def finish(self) -> None:
        """Add to the report what is only known at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Preset:
    """One export format, known by heart."""

    name: str
    summary: str
    network: str
    required: tuple[str, ...]
    """Columns without which a file is not of this format."""
    prepare: Callable[[Table, Options, ImportReport], Converter]
    needs_brand: bool = False
    """Whether `--brand` must say whose mentions these are."""
    records: Callable[[Table], Iterator[Record | Broken]] = Table.records
    matches: Callable[[Table], bool] | None = None
    """Recognises the format where column names cannot."""

    def fits(self, table: Table) -> bool:
        """Whether the file is of this format."""
        if self.matches:
            return self.matches(table)
        return all(column in table.columns for column in self.required)

    def check(self, table: Table, options: Options) -> None:
        """Refuse a file of another format.

        Raises:
            ConfigError: says what is missing and what the file has.
        """
        if not self.fits(table):
            missing = [column for column in self.required if column not in table.columns]
            what = f"missing: {', '.join(missing)}{suggest(missing, table.columns)}; " if missing else ""
            raise ConfigError(
                f"{table.source.name} is not a {self.name} file ({self.summary}); "
                f"{what}{list_columns(table.columns)}"
            )
        if self.needs_brand and not options.brand:
            raise ConfigError(
                f"a {self.name} file does not say whose mentions these are: name the brand (--brand)"
            )


def present(columns: Sequence[str], *names: str) -> str | None:
    """The first of the names the file has a column for."""
    return next((name for name in names if name in columns), None)
