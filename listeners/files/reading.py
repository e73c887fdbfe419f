"""One reading of one file: rows in, mentions out, every row accounted for."""

from collections.abc import Iterator

from listeners.files.guess import guess_table
from listeners.files.mapping import Mapping
from listeners.files.presets import Preset, preset_named, recognise
from listeners.files.records import Broken, Record, Skip, rejection
from listeners.files.report import ImportReport
from listeners.files.rows import Options
from listeners.files.source import Source
from listeners.files.surveyed import by_mapping
from listeners.files.table import open_table
from storage.models import MentionData
from storage.pages import Deletion, Rejection

Row = list[MentionData | Deletion | Rejection]


class Reading:
    """Iterate over it for mentions, deletions and rejections; `report` is complete at the end.

    Raises (when made):
        ConfigError: the file is not of the format, a column is missing, or something must be said first.
    """

    def __init__(
        self,
        source: Source,
        *,
        preset: str | None = None,
        mapping: Mapping | None = None,
        options: Options | None = None,
    ) -> None:
        self.table = open_table(source)
        self.report = ImportReport(name=source.name, findings=list(self.table.findings))
        self._options = options or Options()
        self._finished = False
        self.preset: Preset | None = preset_named(preset) if preset else None
        if self.preset is None and mapping is None:
            self.preset = recognise(self.table)
        if self.preset:
            self.preset.check(self.table, self._options)
            self._converter = self.preset.prepare(self.table, self._options, self.report)
            self.network = self.preset.network
        else:
            mapping = mapping or guess_table(self.table).mapping(source.name)
            self._converter = by_mapping(mapping, self.table, self._options, self.report)
            self.network = mapping.constants.get("network") or self._options.network or "file"

    def _records(self) -> Iterator[Record | Broken]:
        return self.preset.records(self.table) if self.preset else self.table.records()

    def rows(self) -> Iterator[Row]:
        """What each row of the file gave, row by row; rows left out on purpose give an empty list."""
        report = self.report
        for record in self._records():
            report.rows += 1
            if isinstance(record, Broken):
                items: Row = [rejection(record.line, record.reason, record.raw)]
            else:
                items = []
                for item in self._converter.convert(record):
                    if isinstance(item, Skip):
                        report.skipped[item.reason] += 1
                    else:
                        items.append(item)
            self._count(items)
            yield items
        self.finish()

    def finish(self) -> None:
        """Complete the report; called by itself when every row was read."""
        if not self._finished:
            self._finished = True
            self._converter.finish()

    def _count(self, items: Row) -> None:
        report, mentions = self.report, 0
        for item in items:
            if isinstance(item, MentionData):
                mentions += 1
                report.ours += item.is_ours
            elif isinstance(item, Deletion):
                report.deletions += 1
            else:
                report.reject(item)
        report.mentions += mentions
        report.mentioning += mentions > 0

    def __iter__(self) -> Iterator[MentionData | Deletion | Rejection]:
        for items in self.rows():
            yield from items
