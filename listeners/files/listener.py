"""The listener for files: a file, a folder or a pattern, read in pages with a cursor that names the row."""

import glob
from collections.abc import Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from listeners.errors import Transient
from listeners.files.mapping import Mapping
from listeners.files.presets import preset_named
from listeners.files.reading import Reading, Row
from listeners.files.rows import Options
from listeners.files.source import Format, Source, open_source
from listeners.files.times import zone_of
from listeners.ports import ListenerContext
from storage.errors import ConfigError
from storage.models import MentionData
from storage.pages import Cursor, Deletion, Interval, Page, Rejection

_FRESH = timedelta(hours=24)
_SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson")


class FilesSettings(BaseModel):
    """One `[listeners.NAME]` table of `social-care.toml` with `type = "files"`."""

    model_config = ConfigDict(extra="forbid")

    path: str
    """A file, a folder (every CSV, JSON and JSONL file in it) or a pattern such as `exports/*.csv`."""
    preset: str | None = None
    mapping: Mapping | None = None
    network: str | None = Field(default=None, min_length=1, max_length=64)
    """Network of rows that name none; a preset knows its own."""
    format: Format | None = None
    encoding: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    zone: str | None = None
    time_format: tuple[str, ...] = ()
    backfill: bool | Literal["auto"] = True
    """Imported posts are history and in no team clock; `auto`: only those older than 24 hours when read."""
    page_size: int = Field(default=1000, ge=1, le=100_000)

    @field_validator("time_format", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file was left: what the cursor holds for it."""

    path: str
    sha256: str
    size: int
    mtime_ns: int
    row: int = 0
    done: bool = False
    oldest: str | None = None
    newest: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass
class FilesListener:
    """Reads exported posts. A killed import goes on at the row behind the last page that was stored."""

    settings: FilesSettings
    context: ListenerContext
    network: str = "file"
    findings: dict[str, list[Any]] = field(default_factory=dict)
    """What the last poll found out about each file, by path."""

    Settings: ClassVar[type[FilesSettings]] = FilesSettings

    @classmethod
    def build(cls, settings: FilesSettings, context: ListenerContext) -> "FilesListener":
        """Make a listener; opens nothing.

        Raises:
            ConfigError: the preset or zone does not exist, or preset and mapping are both given.
        """
        if settings.preset and settings.mapping:
            raise ConfigError(f"listener {context.name!r}: give either a preset or a mapping, not both")
        if settings.zone:
            zone_of(settings.zone)
        network = settings.network or "file"
        if settings.preset:
            network = preset_named(settings.preset).network
        elif settings.mapping:
            network = settings.mapping.constants.get("network", network)
        return cls(settings, context, network)

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[Page]:
        """Yield the rows of every file that is new or has changed, in pages.

        Raises:
            ConfigError: nothing is at the path, or a file is not of the format.
        """
        places = _places(cursor)
        paths = self._paths()
        for gone in places.keys() - {str(path) for path in paths}:
            del places[gone]
        for path in paths:
            try:
                yield from self._hear(path, places, now)
            except ConfigError as error:
                if len(paths) == 1:
                    raise
                # In a folder, one foreign file must not keep the others from being heard.
                status = path.stat()
                places[str(path)] = _Place(str(path), "", status.st_size, status.st_mtime_ns, done=True)
                yield Page(cursor=_cursor(places), rejections=[_refused_file(path, str(error))])
            except OSError as error:
                raise Transient(f"listener {self.context.name!r}: {path} cannot be read now: {error}") from error

    def _hear(self, path: Path, places: dict[str, _Place], now: datetime) -> Iterator[Page]:
        place = places.get(str(path))
        status = path.stat()
        if place and place.done and (place.size, place.mtime_ns) == (status.st_size, status.st_mtime_ns):
            return
        with self._open(path) as source:
            if place is None or place.sha256 != source.sha256:
                place = _Place(str(path), source.sha256, source.size, source.mtime_ns)
            if not place.done:
                yield from self._read(source, place, places, now)
                return
        # Touched, not changed: remember its new date, so that it is not examined at every poll.
        places[place.path] = replace(place, size=status.st_size, mtime_ns=status.st_mtime_ns)
        yield Page(cursor=_cursor(places))

    def _paths(self) -> list[Path]:
        where = Path(self.settings.path).expanduser()
        if where.is_dir():
            return sorted(
                path for path in where.iterdir()
                if path.is_file() and path.name.lower().removesuffix(".gz").endswith(_SUFFIXES)
            )  # fmt: skip
        if where.exists():
            return [where]
        names = glob.glob(str(where), recursive=True)  # noqa: PTH207 - the pattern may be absolute
        found = sorted(Path(name) for name in names if Path(name).is_file())
        if not found and not glob.has_magic(self.settings.path):
            raise ConfigError(f"listener {self.context.name!r}: there is no file {self.settings.path}")
        return found

    def _open(self, path: Path) -> Source:
        settings = self.settings
        return open_source(path, encoding=settings.encoding, delimiter=settings.delimiter, format=settings.format)

    def _reading(self, source: Source, now: datetime) -> Reading:
        options = Options(
            brand=self.context.brand,
            network=self.settings.network,
            our_accounts=self.context.our_accounts,
            zone=self.settings.zone,
            time_format=self.settings.time_format,
            now=now,
        )
        return Reading(source, preset=self.settings.preset, mapping=self.settings.mapping, options=options)

    def _read(self, source: Source, place: _Place, places: dict[str, _Place], now: datetime) -> Iterator[Page]:
        reading = self._reading(source, now)
        rows = reading.rows()
        # The rows stored already are read again, not handed out: repeats within the file must stay known.
        for _ in islice(rows, place.row):
            pass
        skipped = dict(reading.report.skipped)
        done = False
        while not done:
            batch = list(islice(rows, self.settings.page_size))
            done = len(batch) < self.settings.page_size
            place = _advance(place, batch, done)
            before, places[place.path] = _cursor(places), place
            news = {name: count - skipped.get(name, 0) for name, count in reading.report.skipped.items()}
            skipped = dict(reading.report.skipped)
            page = _page(batch, _cursor(places), {name: count for name, count in news.items() if count})
            yield from self._aged(replace(page, heard=_heard(place) if done else None), before, now)
        self.findings[place.path] = list(reading.report.findings)

    def _aged(self, page: Page, before: Cursor, now: datetime) -> Iterator[Page]:
        """Mark the page as history or not; with `auto`, split it: the old part first, under the old cursor."""
        if self.settings.backfill != "auto":
            yield replace(page, backfilled=self.settings.backfill)
            return
        old = [mention for mention in page.mentions if now - mention.posted_at > _FRESH]
        if old:
            yield Page(mentions=old, cursor=before, backfilled=True)
        yield replace(page, mentions=[mention for mention in page.mentions if now - mention.posted_at <= _FRESH])


def _refused_file(path: Path, reason: str) -> Rejection:
    """A whole file that could not be understood."""
    return Rejection(place=str(path), reason=reason, raw=path.name)


def _page(batch: list[Row], cursor: Cursor, skipped: Dict[str, int]) -> Page:
    items = [item for row in batch for item in row]
    return Page(
        mentions=[item for item in items if isinstance(item, MentionData)],
        cursor=cursor,
        deletions=[item for item in items if isinstance(item, Deletion)],
        rejections=[item for item in items if isinstance(item, Rejection)],
        skipped=skipped,
    )


def _advance(place: _Place, batch: list[Row], done: bool) -> _Place:
    times = [item.posted_at for row in batch for item in row if isinstance(item, MentionData) and item.time_known]
    marks = [datetime.fromisoformat(mark) for mark in (place.oldest, place.newest) if mark] + times
    return replace(
        place,
        row=place.row + len(batch),
        done=done,
        oldest=min(marks).isoformat() if marks else None,
        newest=max(marks).isoformat() if marks else None,
    )


def _heard(place: _Place) -> Interval | None:
    """From the oldest to the newest post of the file: what it covers, as far as a file can say."""
    if not place.oldest or not place.newest:
        return None
    return Interval(
        datetime.fromisoformat(place.oldest).astimezone(UTC), datetime.fromisoformat(place.newest).astimezone(UTC)
    )


def _cursor(places: Dict[str, _Place]) -> Cursor:
    return {"files": [place.as_json() for place in places.values()]}


def _places(cursor: Cursor | None) -> dict[str, _Place]:
    entries = (cursor or {}).get("files", [])
    return {entry["path"]: _Place(**entry) for entry in entries}
