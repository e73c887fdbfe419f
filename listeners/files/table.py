"""A file as rows with named columns, whatever it is written in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from listeners.files.csvfiles import Dialect, find_dialect, read_csv, read_lines
from listeners.files.jsonfiles import read_json
from listeners.files.records import Broken, Finding, Record
from listeners.files.source import Source

SAMPLE = 200
"""Rows looked at to learn the columns of a JSON file, and to guess what a column holds."""


@dataclass(slots=True)
class Table:
    """The rows of one source. `records` may be called again and begins anew."""

    source: Source
    columns: list[str]
    findings: list[Finding] = field(default_factory=list)
    dialect: Dialect | None = None

    def records(self) -> Iterator[Record | Broken]:
        """Every row in order, broken ones with their reason."""
        if self.source.format == "lines":
            return read_lines(self.source)
        if self.dialect is None:
            return read_json(self.source)
        return read_csv(self.source, self.dialect)

    def sample(self, count: int = SAMPLE) -> list[Record]:
        """The first whole rows."""
        return list(islice((record for record in self.records() if isinstance(record, Record)), count))

    def learn_all_columns(self) -> None:
        """Look for columns in every row: a field that is rarely filled may be missing from the sample."""
        columns = dict.fromkeys(self.columns)
        for record in self.records():
            if isinstance(record, Record):
                columns.update(dict.fromkeys(record.cells))
        self.columns = list(columns)

    @property
    def described(self) -> str:
        """Format, delimiter and encoding in a few words."""
        form = "plain text" if self.source.format == "lines" else self.source.format.upper()
        if self.dialect:
            form += f" with {_NAMES.get(self.dialect.delimiter, repr(self.dialect.delimiter))}"
        return f"{form}, {self.source.encoding} ({self.source.encoding_reason})"


_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def open_table(source: Source) -> Table:
    """Find the columns of a source.

    Raises:
        ConfigError: there are none.
    """
    if source.format == "csv":
        dialect = find_dialect(source)
        return Table(source, dialect.columns, source.findings + dialect.findings, dialect)
    if source.format == "lines":
        finding = Finding("plain text", "the file has no columns: each line is read as one post", "note")
        return Table(source, ["text"], [*source.findings, finding])
    columns: dict[str, None] = {}
    for record in islice(read_json(source), SAMPLE):
        if isinstance(record, Record):
            columns.update(dict.fromkeys(record.cells))
    return Table(source, list(columns), list(source.findings))
