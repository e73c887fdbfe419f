"""From one row to its mentions, by a mapping. The hot path of an import: plain dictionaries and one validation."""

import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from listeners.files.cells import (
    is_blank,
    is_rounded,
    is_scientific,
    read_flag,
    read_id,
    read_network,
    read_rating,
)
from listeners.files.identity import Identities, Spoiled, fingerprint
from listeners.files.mapping import Mapping
from listeners.files.records import Record, Skip, raw_row, rejection
from listeners.files.report import ImportReport
from listeners.files.times import TimeReader, UnreadableTime, zone_of
from storage.models import MentionData
from storage.pages import Deletion, Rejection
from storage.text import clean

Item = MentionData | Deletion | Rejection | Skip
_KINDS = ("post", "comment", "review", "dm", "repost", "quote")
_FUTURE = timedelta(days=1)
"""A file may be written in a zone ahead of ours; more than a day ahead is a wrong date."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller knows that the file does not say."""

    brand: str | None = None
    network: str | None = None
    our_accounts: frozenset[str] = frozenset()
    """Handles and ids, lower case, without `@`."""
    zone: str | None = None
    time_format: tuple[str, ...] = ()
    now: datetime | None = None
    """Times more than a day after this are refused."""
    undated_at: datetime | None = None
    """Rows of a file without a time column get this time, marked as unknown; else such a file is an error."""


def account(name: str) -> str:
    """A handle or id as accounts are compared: lower case, without `@` or `u/`."""
    return name.strip().removeprefix("@").casefold().removeprefix("u/")


def explain(error: ValidationError) -> str:
    """A validation error in one line, without the value."""
    return "; ".join(
        f"{'.'.join(str(part) for part in entry['loc']) or 'row'} cannot be stored: {entry['msg']}"
        for entry in error.errors(include_url=False, include_input=False, include_context=False)[:3]
    )


class RowMapper:
    """Turns records into mentions by a mapping; keeps what must be remembered between rows."""

    def __init__(self, mapping: Mapping, options: Options, report: ImportReport, spoiled: Spoiled | None) -> None:
        self._map = mapping
        self._options = options
        self._report = report
        self._trust_ids = mapping.id is not None and spoiled is None
        self._id_pattern = re.compile(mapping.id_pattern) if mapping.id_pattern else None
        self._identities = Identities(numbered=not (mapping.author or mapping.author_id))
        self._ours_values = frozenset(value.casefold() for value in mapping.ours_values)
        self._our_accounts = options.our_accounts | {account(name) for name in mapping.our_accounts}
        # A mapping, and a heading such as `Timestamp (ET)`, know this file better than the workspace does.
        zone_name = mapping.zone or options.zone
        formats = options.time_format or mapping.time_format or ("iso",)
        latest = options.now + _FUTURE if options.now else None
        self.times = TimeReader(formats, zone_of(zone_name) if zone_name else None, latest)
        mapped = set(mapping.columns().values())
        self._kept: Callable[[str], bool] = lambda column: column not in mapped

    def convert(self, record: Record) -> Iterable[Item]:
        """The mentions of one row: the customer's and, where the row holds it, our answer."""
        try:
            return self._convert(record)
        except UnreadableTime as error:
            return (rejection(record.line, str(error), raw_row(record.cells)),)
        except ValidationError as error:
            return (rejection(record.line, explain(error), raw_row(record.cells)),)

    def _cell(self, record: Record, column: str | None) -> str:
        return record.cells.get(column, "").strip() if column else ""

    def _convert(self, record: Record) -> Iterable[Item]:
        cells, mapping = record.cells, self._map
        text = cells.get(mapping.text, "") if mapping.text else ""
        title = self._cell(record, mapping.title)
        rating = self._rating(record)
        gone = mapping.deleted_means == "purge" and read_flag(self._cell(record, mapping.deleted))
        if not (text.strip() or title or gone or rating is not None):
            return (rejection(record.line, "the row has no text", raw_row(cells)),)
        brand = self._cell(record, mapping.brand) or mapping.constants.get("brand") or self._options.brand
        if not brand:
            return (rejection(record.line, "the row names no brand", raw_row(cells)),)
        posted_at = self._time(record)
        native_id, content = self._identify(record, text, title)
        state = self._identities.seen(f"{brand}\x1f{native_id}", content)
        if state == "repeat":
            return (Skip(record.line, "repeat within the file"),)
        if state == "changed":
            self._report.find("changed", "an id comes again with other content; the later row wins", record.line)
        if gone:
            return (Deletion(native_id, "deleted at the source"),)
        data = self._facts(record, brand, native_id, posted_at)
        shown = html.unescape(text) if mapping.html_entities and "&" in text else text
        data.update(text=shown, title=title or None, rating=rating)
        mention = MentionData(**data)
        if not mapping.reply:
            return (mention,)
        return (mention, *self._answer(record, mention))

    def _time(self, record: Record) -> datetime:
        if self._map.time is None:
            assert self._options.undated_at is not None
            return self._options.undated_at
        value = self._cell(record, self._map.time)
        if not value:
            raise UnreadableTime("the row has no time")
        return self.times.read(value)

    def _rating(self, record: Record) -> float | None:
        value = self._cell(record, self._map.rating)
        if not value:
            return None
        rating = read_rating(value, self._map.rating_scale)
        if rating is None:
            self._report.find("rating", "a rating cannot be read and is left out", record.line)
        return rating

    def _identify(self, record: Record, text: str, title: str) -> tuple[str, int]:
        """The id of the row, and a fingerprint that differs when its content does."""
        mapping = self._map
        author = self._cell(record, mapping.author_id) or self._cell(record, mapping.author)
        time = self._cell(record, mapping.time)
        content = fingerprint(author, time, title, text, self._cell(record, mapping.rating))
        native_id = self._own_id(record) if self._trust_ids else ""
        if native_id:
            return native_id, content
        if mapping.identity:
            return self._identities.of_content(*(self._cell(record, name) for name in mapping.identity)), content
        return self._identities.of_content(author, time, title, text), content

    def _own_id(self, record: Record) -> str:
        value = self._cell(record, self._map.id)
        if self._id_pattern:
            found = self._id_pattern.search(value)
            value = unquote(found[1]) if found else ""
        return read_id(value) if value and not is_scientific(value) else ""

    def _facts(self, record: Record, brand: str, native_id: str, posted_at: datetime) -> dict[str, Any]:
        mapping, cells = self._map, record.cells
        parent = self._link(record, mapping.parent)
        data: dict[str, Any] = {
            "network": read_network(self._cell(record, mapping.network)) or self.network,
            "native_id": native_id,
            "brand": brand,
            "kind": self._kind(record, parent),
            "author": self._author(record),
            "posted_at": posted_at,
            "url": self._cell(record, mapping.url) or None,
            "lang": self._cell(record, mapping.lang) or mapping.constants.get("lang"),
            "parent_native_id": parent,
            "thread_native_id": self._link(record, mapping.thread),
            "quoted_native_id": self._link(record, mapping.quoted),
            "is_ours": self._is_ours(record),
            "time_known": mapping.time is not None,
            "raw": {clean(name): clean(value) for name, value in cells.items() if value and self._kept(name)},
        }
        if mapping.edited:
            data["edited_at"] = self._edited(record, posted_at)
        if mapping.metrics:
            data["metrics"] = dict(self._metrics(record))
        if read_flag(self._cell(record, mapping.deleted)):
            data["permissions"] = {"removed_at_source": True}
        data["addressed"] = data["kind"] == "review" and not data["is_ours"]
        return data

    @property
    def network(self) -> str:
        """The network of rows that name none."""
        return self._map.constants.get("network") or self._options.network or "file"

    def _link(self, record: Record, column: str | None) -> str | None:
        """The id of another post; a spoiled one links to nothing rather than to the wrong post."""
        value = self._cell(record, column)
        if is_blank(value):
            return None
        if is_scientific(value) or is_rounded(value):
            self._report.find(
                "link", f"ids in {column!r} were spoiled by a spreadsheet; links left out", record.line
            )
            return None
        return read_id(value)

    def _kind(self, record: Record, parent: str | None) -> str:
        named = self._cell(record, self._map.kind).lower()
        if named in _KINDS:
            return named
        if fixed := self._map.constants.get("kind"):
            return fixed
        if self._map.rating:
            return "review"
        return "comment" if parent else "post"

    def _author(self, record: Record) -> dict[str, Any] | None:
        handle = self._cell(record, self._map.author).removeprefix("@")
        name = self._cell(record, self._map.author_name)
        native_id = read_id(self._cell(record, self._map.author_id)) or handle or name
        if not native_id:
            return None
        author: dict[str, Any] = {"native_id": native_id, "handle": handle or None, "name": name or None}
        if self._map.followers and (count := _count(self._cell(record, self._map.followers))) is not None:
            author["followers"] = count
        return author

    def _is_ours(self, record: Record) -> bool:
        if self._map.ours and self._cell(record, self._map.ours).casefold() in self._ours_values:
            return True
        if not self._our_accounts:
            return False
        names = (self._cell(record, self._map.author_id), self._cell(record, self._map.author))
        return any(name and account(name) in self._our_accounts for name in names)

    def _edited(self, record: Record, posted_at: datetime) -> datetime | None:
        value = self._cell(record, self._map.edited)
        try:
            edited = self.times.read(value) if value else None
        except UnreadableTime:
            self._report.find("edited", "an edit time cannot be read and is left out", record.line)
            return None
        return edited if edited and edited > posted_at else None

    def _metrics(self, record: Record) -> Iterator[tuple[str, int]]:
        for name, column in self._map.metrics.items():
            if (count := _count(self._cell(record, column))) is not None:
                yield name, count

    def _answer(self, record: Record, mention: MentionData) -> Iterator[MentionData]:
        text = record.cells.get(self._map.reply or "", "")
        if is_blank(text):
            return
        answered_at = None
        value = self._cell(record, self._map.reply_time)
        if value:
            try:
                answered_at = self.times.read(value)
            except UnreadableTime:
                self._report.find("reply time", "a reply time cannot be read; the reply counts, its delay not",
                                  record.line)  # fmt: skip
        yield MentionData(
            network=mention.network,
            native_id=read_id(self._cell(record, self._map.reply_id)) or f"{mention.native_id}:reply",
            brand=mention.brand,
            kind="comment",
            text=text,
            posted_at=answered_at or mention.posted_at,
            time_known=answered_at is not None,
            parent_native_id=mention.native_id,
            thread_native_id=mention.thread_native_id or mention.native_id,
            is_ours=True,
        )


def _count(text: str) -> int | None:
    """A count such as `1,234` or `12.0`; None where there is none."""
    digits = text.strip().replace(",", "").removesuffix(".0")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else None
