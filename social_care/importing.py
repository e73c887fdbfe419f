"""Reading a file into a database: `import` keeps it, `try` throws it away; both say what they guessed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from social_care import pipeline
from social_care.cli import exits, show
from social_care.understanding import understand
from social_care.workspace import Workspace
from storage.errors import ConfigError

if TYPE_CHECKING:
    from listeners.files import Options, Reading, Source
    from listeners.files.guess import Guess
    from storage.pages import Page

PAGE = 1000
HISTORY = timedelta(hours=24)
"""A post older than this when it is imported is history: it runs in no team clock."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """One call of `import`."""

    source: str
    preset: str | None = None
    brand: str | None = None
    zone: str | None = None
    time_format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    score: bool = True
    dry_run: bool = False


def make_reading(
    source: "Source", *, preset: str | None, columns: Mapping[str, str], options: "Options"
) -> "tuple[Reading, Guess | None]":
    """How a file will be read: by preset, by the columns named, or by a guess to be shown.

    Raises:
        ConfigError: unknown preset, role or column; or something the file does not say must be said.
    """
    from listeners.files import Reading
    from listeners.files.guess import guess_table
    from listeners.files.mapping import ROLES
    from listeners.files.presets import recognise
    from listeners.files.table import open_table
    from social_care.config import check_part

    if preset and columns:
        raise ConfigError("give either --preset or --map, not both")
    for role in columns:
        if role not in ROLES:
            raise ConfigError(f"there is no role {role!r}; one of {', '.join(ROLES)}")
    table = open_table(source)
    if preset or (not columns and recognise(table)):
        return Reading(source, preset=preset, options=options), None
    guess = guess_table(table)
    if not columns:
        return Reading(source, mapping=guess.mapping(source.name), options=options), guess
    from listeners.files import Mapping as Columns

    known = {
        role: choice.column for role, choice in guess.choices.items() if choice.column not in columns.values()
    }
    mapping = check_part(Columns, {**known, **columns}, source.name, Path())
    mapping.check(table.columns, source.name)
    return Reading(source, mapping=mapping, options=options), guess


def pages(reading: "Reading", now: datetime, limit: int | None = None) -> "Iterator[Page]":
    """The rows of a file in pages; history and fresh posts apart, since one page is one or the other."""
    from storage.models import MentionData
    from storage.pages import Deletion, Interval, Page, Rejection

    rows = reading.rows() if limit is None else islice(reading.rows(), limit)
    skipped: dict[str, int] = {}
    oldest: datetime | None = None
    newest: datetime | None = None
    done = 0
    while batch := list(islice(rows, PAGE)):
        done += len(batch)
        items = [item for row in batch for item in row]
        mentions = [item for item in items if isinstance(item, MentionData)]
        times = [mention.posted_at for mention in mentions if mention.time_known]
        oldest = min([*times, *([oldest] if oldest else [])], default=None)
        newest = max([*times, *([newest] if newest else [])], default=None)
        news = {reason: count - skipped.get(reason, 0) for reason, count in reading.report.skipped.items()}
        skipped = dict(reading.report.skipped)
        history = [mention for mention in mentions if now - mention.posted_at > HISTORY]
        fresh = [mention for mention in mentions if now - mention.posted_at <= HISTORY]
        if fresh:
            yield Page(mentions=fresh, cursor={"rows": done - len(batch)})
        yield Page(
            mentions=history,
            cursor={"rows": done},
            deletions=[item for item in items if isinstance(item, Deletion)],
            rejections=[item for item in items if isinstance(item, Rejection)],
            skipped={reason: count for reason, count in news.items() if count},
            backfilled=True,
        )
    if oldest and newest:
        yield Page(cursor={"rows": done}, heard=Interval(oldest, min(newest, now)) if oldest < now else None)


def say_guess(guess: "Guess | None", reading: "Reading") -> None:
    """Tell how the file is read, column by column."""
    if guess is None:
        show.hint(f"read as {reading.preset.name if reading.preset else 'mapped'}: {reading.table.described}")
        return
    show.hint(f"columns guessed ({reading.table.described}); correct one with --map ROLE=COLUMN")
    for role, choice in guess.choices.items():
        doubt = "" if choice.confidence >= 0.5 else "  (unsure: please check)"
        show.hint(f"  {role:<12} {choice.column}  — {choice.reason}{doubt}")


def findings(reading: "Reading") -> list[dict[str, Any]]:
    """What a person should know about the file, JSON-ready."""
    return [
        {"kind": f.kind, "message": f.message, "severity": f.severity, "count": f.count, "lines": f.lines}
        for f in reading.report.findings
    ]


def say_findings(reading: "Reading") -> None:
    """Tell what a person should know about the file."""
    for finding in reading.report.findings:
        count = f"{finding.count:,} " if finding.count > 1 else ""
        where = f" (line {', '.join(str(line) for line in finding.lines)}…)" if finding.lines else ""
        tell = show.hint if finding.severity == "note" else show.warn
        tell(f"{finding.severity}: {count}{finding.message}{where}")
    for reason, number in reading.report.rejected.most_common():
        show.warn(f"kept aside: {number:,} × {reason}")


def run_import(workspace: Workspace, request: ImportRequest, *, now: datetime, as_json: bool) -> int:
    """Read, store, score and triage one file; returns the exit code.

    Raises:
        ConfigError: the file or the call needs mending; nothing was stored.
    """
    from listeners.files import open_source

    name = "import:" + ("-" if request.source == "-" else Path(request.source).name)
    with open_source(request.source) as source:
        reading, guess = make_reading(
            source, preset=request.preset, columns=request.columns, options=_options(workspace, request, now)
        )
        if not as_json:
            say_guess(guess, reading)
        if request.dry_run:
            for _ in reading.rows():
                pass
            heard = pipeline.Heard(new=reading.report.mentions, rejected=reading.report.rejected.total())
        else:
            from social_care.worker import enqueue_hook

            with show.progress("reading") as advance:
                heard = pipeline.store_pages(
                    workspace.database,
                    pages(reading, now),
                    listener=name,
                    network=reading.network,
                    clock=lambda: now,
                    advance=advance,
                    enqueue=enqueue_hook(workspace),
                )
    scored = triaged = 0
    if request.score and not request.dry_run:
        scored, triaged = understand(workspace, now=now)
    _tell_import(reading, heard, scored, triaged, dry_run=request.dry_run, as_json=as_json)
    return exits.PARTLY if heard.rejected else exits.OK


def _options(workspace: Workspace, request: ImportRequest, now: datetime) -> "Options":
    from listeners.files import Options

    brands = workspace.settings.brands
    brand = request.brand or (brands[0].name if len(brands) == 1 else None)
    named = [item for item in brands if brand in (None, item.name)]
    accounts = frozenset(
        account for item in named for network in item.accounts for account in item.accounts_on(network)
    )
    formats = (request.time_format,) if request.time_format else ()
    zone = request.zone or (workspace.zone if workspace.zone != "UTC" else None)
    return Options(brand=brand, our_accounts=accounts, zone=zone, time_format=formats, now=now)


def _tell_import(
    reading: "Reading", heard: pipeline.Heard, scored: int, triaged: int, *, dry_run: bool, as_json: bool
) -> None:
    report = reading.report
    if as_json:
        show.print_json(
            {
                "dry_run": dry_run,
                "preset": reading.preset.name if reading.preset else None,
                "rows": report.rows,
                "mentions": report.mentions,
                "own_replies": report.ours,
                "skipped": dict(report.skipped),
                "kept_aside": dict(report.rejected),
                "new": heard.new,
                "updated": heard.updated,
                "unchanged": heard.unchanged,
                "deleted": heard.deleted,
                "scored": scored,
                "triaged": triaged,
                "findings": findings(reading),
            }
        )
        return
    say_findings(reading)
    show.say(show.coloured("read    ", "bold"), report.summary())
    show.say(show.coloured("would store " if dry_run else "stored  ", "bold"), pipeline.say_heard(heard))
    if scored or triaged:
        show.say(show.coloured("scored  ", "bold"), f"{scored:,} on this machine, {triaged:,} sorted into cases")
    if not dry_run:
        show.hint("next: social-care inbox")
