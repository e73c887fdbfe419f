"""Look at a file before trusting it: format, columns, what was guessed and why, what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from listeners.files.guess import Guess, guess_table
from listeners.files.identity import IdSurvey, fingerprint
from listeners.files.mapping import Mapping
from listeners.files.presets import preset_named, recognise
from listeners.files.reading import Reading
from listeners.files.records import Broken, Finding, Record
from listeners.files.report import ImportReport
from listeners.files.rows import Options
from listeners.files.source import Source
from listeners.files.table import Table, open_table
from listeners.files.times import TimeReader, UnreadableTime
from storage.errors import ConfigError
from storage.models import MentionData
from storage.pages import Deletion, Rejection


@dataclass(slots=True)
class Inspection:
    """What a file is, before anything of it is stored."""

    name: str
    described: str
    """Format, delimiter and encoding in words."""
    format: str
    encoding: str
    rows: int
    columns: list[str]
    preset: str | None
    """The preset asked for or recognised."""
    guess: Guess | None
    """Columns chosen and why; None where a preset knows them."""
    findings: list[Finding] = field(default_factory=list)
    report: ImportReport | None = None
    """What a reading of the first rows would give; None where an error stands in its way."""

    @property
    def errors(self) -> list[Finding]:
        """Findings that keep the file from being imported as it is."""
        return [finding for finding in self.findings if finding.severity == "error"]


def inspect(
    source: Source,
    preset: str | None = None,
    mapping: Mapping | None = None,
    brand: str | None = None,
    sample: int = 200,
    options: Options | None = None,
) -> Inspection:
    """Look at a whole file once and read its first `sample` rows; stores nothing.

    Raises:
        ConfigError: the preset does not exist or the file has no headings.
    """
    table = open_table(source)
    known = preset_named(preset) if preset else recognise(table) if mapping is None else None
    settings = options or Options(brand=brand or "(brand)")
    seen = None if known else guess_table(table)
    result = Inspection(
        source.name, table.described, source.format, source.encoding, 0, table.columns,
        known.name if known else None, None if mapping else seen, list(table.findings),
    )  # fmt: skip
    if known is None:
        _survey(table, mapping or _mapping(seen, source.name), result)
    else:
        result.rows = sum(1 for _ in known.records(table))
    _try_out(source, known.name if known else None, mapping, settings, sample, result)
    return result


def _mapping(seen: Guess | None, name: str) -> Mapping | None:
    assert seen is not None
    try:
        return seen.mapping(name)
    except ConfigError:
        # The trial reading meets the same error and reports it.
        return None


def _survey(table: Table, mapping: Mapping | None, result: Inspection) -> None:
    """Count rows, unreadable times and untrustworthy ids over the whole file."""
    ids = IdSurvey(mapping.id) if mapping and mapping.id else None
    reader = TimeReader(mapping.time_format) if mapping and mapping.time and mapping.time_format else None
    unreadable = Finding("unreadable times", "times cannot be read; these rows would be kept aside", "warning")
    for record in table.records():
        result.rows += 1
        if isinstance(record, Broken):
            _note(result, "broken rows", "rows are broken and would be kept aside", record.line)
            continue
        if ids and mapping:
            ids.add(record.cells.get(ids.column, ""), _content(record, mapping))
        if reader and mapping and mapping.time:
            try:
                reader.read(record.cells.get(mapping.time, ""))
            except UnreadableTime:
                unreadable.count += 1
                if len(unreadable.lines) < 5:
                    unreadable.lines.append(record.line)
    if unreadable.count:
        result.findings.append(unreadable)
    if ids:
        _judge_ids(ids, result)


def _content(record: Record, mapping: Mapping) -> int:
    columns = (mapping.author_id, mapping.author, mapping.time, mapping.text)
    return fingerprint(*(record.cells.get(column, "") for column in columns if column))


def _judge_ids(ids: IdSurvey, result: Inspection) -> None:
    if spoiled := ids.verdict():
        result.findings.append(Finding("spoiled ids", f"ids in {ids.column!r} are spoiled: {spoiled.reason}",
                                       "warning", spoiled.rows))  # fmt: skip
    elif ids.clashing:
        message = f"ids in {ids.column!r} come again with other content"
        result.findings.append(Finding("repeated ids", message, "warning", ids.clashing))
    if ids.repeated:
        message = "rows repeat an earlier one and would be left out"
        result.findings.append(Finding("repeated rows", message, "note", ids.repeated))


def _note(result: Inspection, kind: str, message: str, line: int) -> None:
    finding = next((known for known in result.findings if known.kind == kind), None)
    if finding is None:
        finding = Finding(kind, message, "warning")
        result.findings.append(finding)
    finding.count += 1
    if len(finding.lines) < 5:
        finding.lines.append(line)


def _try_out(
    source: Source,
    preset: str | None,
    mapping: Mapping | None,
    options: Options,
    sample: int,
    result: Inspection,
) -> None:
    try:
        reading = Reading(source, preset=preset, mapping=mapping, options=options)
    except ConfigError as error:
        result.findings.append(Finding("cannot be imported yet", str(error), "error"))
        return
    for _, _ in zip(range(sample), reading.rows(), strict=False):
        pass
    reading.finish()
    result.report = reading.report
    if result.rows > sample:
        for finding in reading.report.findings:
            if finding.count and finding.kind not in ("spoiled ids", "encoding"):
                finding.message += f" (counted in the first {sample} rows)"
    kinds = {finding.kind for finding in result.findings}
    result.findings += [finding for finding in reading.report.findings if finding.kind not in kinds]


def iter_mentions(
    source: Source,
    *,
    preset: str | None = None,
    mapping: Mapping | None = None,
    brand: str | None = None,
    options: Options | None = None,
) -> Iterator[MentionData | Deletion | Rejection]:
    """Every mention, deletion and refused row of a source, in file order.

    Use `Reading` where the report is wanted too.

    Raises:
        ConfigError: the file is not of the format, a column is missing, or something must be said first.
    """
    yield from Reading(source, preset=preset, mapping=mapping, options=options or Options(brand=brand))
