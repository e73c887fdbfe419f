"""Pairs of a customer's post and a brand's reply: ids, times and accounts, no text.

A post may have several replies: it becomes one mention for each brand that answered it, and every reply one
answer of ours. Each customer post is a thread of its own.
"""

from collections.abc import Iterable, Iterator

from listeners.files.cells import is_rounded, is_scientific, read_id
from listeners.files.identity import fingerprint
from listeners.files.presets.base import Converter, Preset
from listeners.files.records import Record, Skip, raw_row, rejection
from listeners.files.report import ImportReport
from listeners.files.rows import Item, Options
from listeners.files.table import Table
from listeners.files.times import TimeReader, UnreadableTime, zone_of
from storage.models import AuthorData, MentionData


class _Pairs:
    def __init__(self, options: Options) -> None:
        self._times = TimeReader(("iso", "ymd", "named"), zone_of(options.zone) if options.zone else None)
        self._mentions: set[int] = set()
        self._replies: set[int] = set()

    def convert(self, record: Record) -> Iterable[Item]:
        try:
            return tuple(self._convert(record))
        except (UnreadableTime, ValueError) as error:
            reason = str(error) if isinstance(error, UnreadableTime) else "the row cannot be stored"
            return (rejection(record.line, reason, raw_row(record.cells)),)

    def _convert(self, record: Record) -> Iterator[Item]:
        cells = record.cells
        asked, answered = cells["customer_tweet_id"].strip(), cells["reply_tweet_id"].strip()
        brand = cells["agent_id"].strip().removeprefix("@")
        if not asked or not answered or not brand:
            yield rejection(record.line, "a pair needs both ids and the agent", raw_row(cells))
            return
        if any(is_scientific(name) or is_rounded(name) for name in (asked, answered)):
            yield rejection(
                record.line, "the ids were rounded by a spreadsheet: pairs cannot be told apart", raw_row(cells)
            )
            return
        asked, answered = read_id(asked), read_id(answered)
        posted_at, replied_at = (
            self._times.read(cells["created_at_customer"]),
            self._times.read(cells["created_at_reply"]),
        )
        # Built before anything is remembered, so that a row that fails leaves no trace.
        answer = MentionData(
            network="x", native_id=answered, brand=brand, kind="comment", posted_at=replied_at, is_ours=True,
            author=AuthorData(native_id=brand, handle=brand), parent_native_id=asked, thread_native_id=asked,
        )  # fmt: skip
        customer = read_id(cells.get("customer_id", ""))
        mention = MentionData(
            network="x", native_id=asked, brand=brand, kind="post", posted_at=posted_at, addressed=True,
            author=AuthorData(native_id=customer) if customer else None, thread_native_id=asked,
        )  # fmt: skip
        if fingerprint(answered, asked, brand) in self._replies:
            yield Skip(record.line, "repeat within the file")
            return
        self._replies.add(fingerprint(answered, asked, brand))
        if fingerprint(asked, brand) not in self._mentions:
            self._mentions.add(fingerprint(asked, brand))
            yield mention
        yield answer

    def finish(self) -> None:
        """Nothing is left to say: every pair was handed out."""


def _prepare(_table: Table, options: Options, _report: ImportReport) -> Converter:
    return _Pairs(options)


SUPPORT_REPLY_PAIRS = Preset(
    "support-reply-pairs",
    "customer posts paired with brand replies: ids and times, no text",
    "x",
    ("customer_tweet_id", "created_at_customer", "reply_tweet_id", "agent_id", "created_at_reply"),
    _prepare,
)
