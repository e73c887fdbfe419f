"""Customer support threads: one post a row, linked by the id it answers, in any order.

Two passes. The first remembers who answers whom (some 200 bytes a row); the second hands out the mentions. Whose
mention a customer's post is, is decided by the first of these that gives an answer:

1. the brands that answered it (one mention for each);
2. the brand it answers;
3. the brands it names with `@`, among those that write in this file;
4. what its parent was found to be about;
5. the only brand in its thread;
6. the brand given by the caller.
"""

import html
import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from pydantic import ValidationError

from listeners.files.cells import is_rounded, is_scientific, read_flag, read_id
from listeners.files.identity import Identities, fingerprint
from listeners.files.presets.base import Converter, Preset
from listeners.files.records import Finding, Record, Skip, raw_row, rejection
from listeners.files.report import ImportReport
from listeners.files.rows import Item, Options, explain
from listeners.files.table import Table
from listeners.files.times import TimeReader, UnreadableTime, guess_format, zone_of
from storage.errors import ConfigError
from storage.models import AuthorData, MentionData
from storage.text import clean

_MAPPED = frozenset(("tweet_id", "author_id", "inbound", "created_at", "text", "in_response_to_tweet_id"))
_HANDLE = re.compile(r"@(\w{1,50})")


class _Index:
    """Who answers whom in the whole file."""

    def __init__(self) -> None:
        self.parents: dict[str, str] = {}
        """Every id in the file with the id it answers, empty for a first post."""
        self.ours: dict[str, str] = {}
        self.answered_by: dict[str, tuple[str, ...]] = {}
        self.named: dict[str, tuple[str, ...]] = {}
        self.accounts: dict[str, str] = {}
        self._roots: dict[str, str] = {}
        self._brands_of_root: dict[str, set[str]] = {}

    def add(self, record: Record) -> None:
        cells = record.cells
        native_id, parent = read_id(cells["tweet_id"]), read_id(cells["in_response_to_tweet_id"])
        if not native_id:
            return
        self.parents[native_id] = parent if parent != native_id else ""
        if read_flag(cells["inbound"]):
            if names := tuple(dict.fromkeys(name.casefold() for name in _HANDLE.findall(cells["text"]))):
                self.named[native_id] = names
            return
        brand = cells["author_id"].strip().removeprefix("@")
        brand = self.accounts.setdefault(brand.casefold(), brand)
        self.ours[native_id] = brand
        if parent and brand not in self.answered_by.get(parent, ()):
            self.answered_by[parent] = (*self.answered_by.get(parent, ()), brand)

    def close(self) -> None:
        for native_id, brand in self.ours.items():
            self._brands_of_root.setdefault(self.root(native_id), set()).add(brand)

    def root(self, native_id: str) -> str:
        """The first post of the thread, even where only its id is known; posts in a ring share the smallest id."""
        path: list[str] = []
        here = native_id
        while here not in self._roots and self.parents.get(here) and here not in path:
            path.append(here)
            here = self.parents[here]
        root = min(path[path.index(here) :]) if here in path else self._roots.get(here, here)
        for step in path:
            self._roots[step] = root
        return root

    def brands(self, native_id: str) -> tuple[str, ...]:
        """Whose mention a customer's post is, by the rules above; empty where the file does not say."""
        here, steps = native_id, 0
        while here and steps <= len(self.parents):
            if found := self._brands_here(here):
                return found
            here, steps = self.parents.get(here, ""), steps + 1
        only = self._brands_of_root.get(self.root(native_id), set())
        return tuple(only) if len(only) == 1 else ()

    def _brands_here(self, native_id: str) -> tuple[str, ...]:
        if brand := self.ours.get(native_id):
            return (brand,)
        if found := self.answered_by.get(native_id):
            return found
        if brand := self.ours.get(self.parents.get(native_id, "")):
            return (brand,)
        return tuple(self.accounts[name] for name in self.named.get(native_id, ()) if name in self.accounts)


class _Threads:
    def __init__(self, index: _Index, times: TimeReader, options: Options, report: ImportReport) -> None:
        self._index = index
        self._times = times
        self._fallback = options.brand
        self._report = report
        self._identities = Identities(numbered=False)
        self._answered_elsewhere = 0

    def convert(self, record: Record) -> Iterable[Item]:
        try:
            return tuple(self._convert(record))
        except UnreadableTime as error:
            return (rejection(record.line, str(error), raw_row(record.cells)),)
        except ValidationError as error:
            return (rejection(record.line, explain(error), raw_row(record.cells)),)

    def _convert(self, record: Record) -> Iterator[Item]:
        cells = record.cells
        native_id, author = read_id(cells["tweet_id"]), cells["author_id"].strip().removeprefix("@")
        if not native_id or not author:
            yield rejection(record.line, "the row lacks its id or author", raw_row(cells))
            return
        posted_at = self._times.read(cells["created_at"])
        inbound = read_flag(cells["inbound"])
        brands = self._brands(native_id, record.line) if inbound else (self._index.ours[native_id],)
        if not brands:
            yield rejection(
                record.line, "no brand: the post neither names, answers nor is answered by one", raw_row(cells)
            )
            return
        mentions = [self._mention(record, native_id, author, brand, inbound, posted_at) for brand in brands]
        state = self._identities.seen(native_id, fingerprint(author, cells["created_at"], cells["text"]))
        if state == "repeat":
            yield Skip(record.line, "repeat within the file")
            return
        if state == "changed":
            self._report.find("changed", "an id comes again with other content; the later row wins", record.line)
        responses = [read_id(name) for name in cells.get("response_tweet_id", "").split(",") if name.strip()]
        if inbound and responses and not any(name in self._index.parents for name in responses):
            self._answered_elsewhere += 1
        yield from mentions

    def _brands(self, native_id: str, line: int) -> tuple[str, ...]:
        found = self._index.brands(native_id)
        if not found and self._fallback:
            self._report.find(
                "brand", f"posts that point to no brand are taken as mentions of {self._fallback}", line, "note"
            )
            return (self._fallback,)
        return found

    def _mention(
        self, record: Record, native_id: str, author: str, brand: str, inbound: bool, posted_at: datetime
    ) -> MentionData:
        index = self._index
        parent = index.parents.get(native_id) or None
        handle = None if author.isdigit() else author
        text = record.cells["text"]
        named = brand.casefold() in index.named.get(native_id, ())
        return MentionData(
            network="x",
            native_id=native_id,
            brand=brand,
            kind="comment" if parent else "post",
            author=AuthorData(native_id=author, handle=handle),
            text=html.unescape(text) if "&" in text else text,
            posted_at=posted_at,
            parent_native_id=parent,
            thread_native_id=index.root(native_id),
            is_ours=not inbound,
            raw={name: clean(value) for name, value in record.cells.items() if value and name not in _MAPPED},
            addressed=inbound and (named or index.ours.get(parent or "") == brand),
        )

    def finish(self) -> None:
        """Say how many links lead out of the file."""
        index = self._index
        if self._answered_elsewhere:
            message = (
                "posts have responses that are not in the file; they count as unanswered until those are heard"
            )
            self._report.findings.append(
                Finding("responses outside", message, "warning", self._answered_elsewhere)
            )
        outside = sum(parent not in index.parents for parent in index.parents.values() if parent)
        if outside:
            message = "posts answer one that is not in the file; its id still names their thread"
            self._report.findings.append(Finding("outside", message, "note", outside))


def _prepare(table: Table, options: Options, report: ImportReport) -> Converter:
    index = _Index()
    spoiled = 0
    for record in table.records():
        if isinstance(record, Record):
            index.add(record)
            ids = (record.cells["tweet_id"], record.cells["in_response_to_tweet_id"])
            spoiled += any(is_scientific(name) or is_rounded(name) for name in ids)
    if spoiled:
        raise ConfigError(
            f"{table.source.name}: {spoiled:,} ids were rounded by a spreadsheet, "
            "so threads cannot be put together; export the file again with ids as text"
        )
    index.close()
    guess = guess_format(record.cells["created_at"] for record in table.sample())
    formats = options.time_format or (guess.formats if guess and not guess.ambiguous else ("named", "iso", "ymd"))
    return _Threads(index, TimeReader(formats, zone_of(options.zone) if options.zone else None), options, report)


SUPPORT_THREADS = Preset(
    "support-threads",
    "support posts in threads: tweet_id, author_id, inbound, created_at, text, in_response_to_tweet_id",
    "x",
    ("tweet_id", "author_id", "inbound", "created_at", "text", "in_response_to_tweet_id"),
    _prepare,
)
