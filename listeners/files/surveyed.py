"""A mapping put to work on one file: columns checked, formats settled, ids surveyed before the first row."""

from collections.abc import Iterable

from listeners.files.identity import IdSurvey, Spoiled, fingerprint
from listeners.files.mapping import Mapping
from listeners.files.records import Finding, Record
from listeners.files.report import ImportReport
from listeners.files.rows import Item, Options, RowMapper
from listeners.files.table import Table
from listeners.files.times import guess_format
from storage.errors import ConfigError

_TIME_SAMPLE = 2_000


class MappedRows:
    """A converter by mapping that says at the end what had to be assumed."""

    def __init__(self, mapper: RowMapper, report: ImportReport) -> None:
        self._mapper = mapper
        self._report = report

    def convert(self, record: Record) -> Iterable[Item]:
        """The mentions of one row."""
        return self._mapper.convert(record)

    def finish(self) -> None:
        """Say how many times were taken to be UTC."""
        if count := self._mapper.times.assumed:
            message = "times name no zone and are taken to be UTC; set a zone if they are not"
            self._report.findings.append(Finding("zone", message, "note", count))


def by_mapping(mapping: Mapping, table: Table, options: Options, report: ImportReport) -> MappedRows:
    """Make the converter.

    Raises:
        ConfigError: a column is missing, no brand can be told, or the time format cannot.
    """
    if table.source.format in ("json", "jsonl") and not set(mapping.columns().values()) <= set(table.columns):
        table.learn_all_columns()
    mapping.check(table.columns, table.source.name)
    if not (mapping.brand or mapping.constants.get("brand") or options.brand):
        raise ConfigError(f"{table.source.name} names no brand; say whose mentions these are (--brand)")
    mapping = _settle_time(mapping, table, options)
    spoiled = _survey(mapping, table)
    if spoiled:
        rule = ", ".join(mapping.identity) or "author, time, title and text"
        message = f"ids in column {spoiled.column!r} are not used: {spoiled.reason}. Identity: {rule}"
        report.findings.append(Finding("spoiled ids", message, "warning", spoiled.rows))
    return MappedRows(RowMapper(mapping, options, report, spoiled), report)


def _settle_time(mapping: Mapping, table: Table, options: Options) -> Mapping:
    """Fix the format of the time column, from the mapping, the caller or a sample.

    Raises:
        ConfigError: there is no time column, no format fits, or day and month cannot be told apart.
    """
    name = table.source.name
    if mapping.time is None:
        if options.undated_at is None:
            raise ConfigError(
                f"no column of {name} is mapped to time; name the one that says when posts were written"
            )
        return mapping
    if formats := options.time_format or mapping.time_format:
        return mapping.model_copy(update={"time_format": formats})
    values = [record.cells.get(mapping.time, "") for record in table.sample(_TIME_SAMPLE)]
    guess = guess_format(values)
    if not any(value.strip() for value in values):
        # Nothing to read and nothing to lose: every row there may be is refused for having no time.
        return mapping.model_copy(update={"time_format": ("iso",)})
    if guess is None:
        raise ConfigError(
            f"the times in column {mapping.time!r} of {name} cannot be read; "
            "say their format, for example time_format = '%d.%m.%Y %H:%M'"
        )
    if guess.ambiguous:
        raise ConfigError(
            f"{name}: {guess.reason}; say time_format = 'dmy' or 'mdy' (on the command line: --time-format dmy)"
        )
    return mapping.model_copy(update={"time_format": guess.formats})


def _survey(mapping: Mapping, table: Table) -> Spoiled | None:
    """Look at the whole id column once; ids taken out of links cannot be spoiled by a spreadsheet."""
    if mapping.id is None or mapping.id_pattern:
        return None
    survey = IdSurvey(mapping.id)
    content = [column for column in (mapping.author_id, mapping.author, mapping.time, mapping.text) if column]
    for record in table.records():
        if isinstance(record, Record):
            cells = record.cells
            survey.add(cells.get(mapping.id, ""), fingerprint(*(cells.get(column, "") for column in content)))
    return survey.verdict()
