"""Writing out what is stored, as JSON lines or CSV, a batch at a time.

JSON gives back every text exactly; what a terminal would obey is written as an escape. CSV knows no escapes:
control and bidi characters are left out, and a cell a spreadsheet would run as a formula gets an apostrophe.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, TextIO

from sqlalchemy import Select, func, select
from sqlmodel import Session

from storage.errors import ConfigError
from storage.tables import AUTHOR, BRAND, CASE, MENTION, REPLY

Subject = Literal["mentions", "cases", "replies"]
Form = Literal["jsonl", "csv"]

_BATCH = 1000
# What a spreadsheet takes for a formula, full-width forms included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# C1 and bidi controls, line separators, BOM: legal in JSON as they are, obeyed by terminals.
_QUIET = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff"
_JSON_UNSAFE = re.compile(f"[{_QUIET}]")
_CSV_UNSAFE = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f{_QUIET}]")


def defuse(cell: str) -> str:
    """`cell` with an apostrophe before it where a spreadsheet would run it as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def export(
    session: Session,
    subject: str,
    form: str,
    out: TextIO,
    *,
    brand: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Write every row of `subject` to `out`, oldest number first; returns how many.

    Args:
        session: a reading session.
        subject: `mentions`, `cases` or `replies`.
        form: `jsonl` or `csv`; times are ISO 8601 in UTC in both.
        out: where to; for CSV open files with `newline=""`.
        brand: only this brand's.
        since: only what was posted (cases: opened) at or after this time.
        until: only what was posted (cases: opened) before this time.

    Raises:
        ConfigError: an unknown subject or form.
    """
    if subject not in _STATEMENTS or form not in ("jsonl", "csv"):
        raise ConfigError(
            f"Cannot export {subject} as {form}; choose one of {', '.join(_STATEMENTS)} and one of jsonl, csv."
        )
    statement, number, moment = _STATEMENTS[subject]
    if brand is not None:
        statement = statement.where(BRAND.c.name == brand)
    if since is not None:
        statement = statement.where(moment >= since)
    if until is not None:
        statement = statement.where(moment < until)
    names = [column.name for column in statement.selected_columns]
    write = _csv_writer(out, names) if form == "csv" else _json_writer(out)
    count = 0
    for row in _batches(session, statement, number):
        write(row)
        count += 1
    return count


def _batches(session: Session, statement: Select[Any], number: Any) -> Iterator[Mapping[str, Any]]:
    """Rows by growing number, so that memory stays flat whatever the table's size."""
    last = 0
    while True:
        rows = session.connection().execute(statement.where(number > last).order_by(number).limit(_BATCH))
        batch = [dict(row) for row in rows.mappings()]
        if not batch:
            return
        yield from batch
        last = batch[-1]["id"]


def _plain(value: object) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _json_writer(out: TextIO) -> Any:
    def write(row: Mapping[str, Any]) -> None:
        text = json.dumps({name: _plain(value) for name, value in row.items()}, ensure_ascii=False)
        out.write(_JSON_UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text) + "\n")

    return write


def _csv_writer(out: TextIO, names: list[str]) -> Any:
    writer = csv.writer(out)
    writer.writerow(names)

    def write(row: Mapping[str, Any]) -> None:
        writer.writerow([_cell(row[name]) for name in names])

    return write


def _cell(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return _CSV_UNSAFE.sub("", json.dumps(value, ensure_ascii=False))
    value = _plain(value)
    # Controls go first: one before the equals sign would hide the formula.
    return defuse(_CSV_UNSAFE.sub("", value)) if isinstance(value, str) else value


_MENTIONS = (
    select(
        MENTION.c.id, BRAND.c.name.label("brand"), MENTION.c.network, MENTION.c.native_id, MENTION.c.kind,
        AUTHOR.c.native_id.label("author_native_id"), AUTHOR.c.handle.label("author_handle"),
        AUTHOR.c.name.label("author_name"), AUTHOR.c.followers.label("author_followers"), MENTION.c.title,
        MENTION.c.text, MENTION.c.url, MENTION.c.posted_at, MENTION.c.edited_at, MENTION.c.first_seen_at,
        MENTION.c.lang, MENTION.c.rating, MENTION.c.parent_native_id, MENTION.c.thread_native_id,
        MENTION.c.is_ours, MENTION.c.addressed, MENTION.c.backfilled, MENTION.c.metrics, MENTION.c.topic,
        MENTION.c.listener, MENTION.c.version, MENTION.c.deleted_at, MENTION.c.case_id,
    )
    .join(BRAND, BRAND.c.id == MENTION.c.brand_id)
    .outerjoin(AUTHOR, AUTHOR.c.id == MENTION.c.author_id)
)  # fmt: skip
_CASES = (
    select(
        CASE.c.id, BRAND.c.name.label("brand"), CASE.c.network, CASE.c.kind, CASE.c.status, CASE.c.priority,
        CASE.c.urgency, CASE.c.sentiment, CASE.c.complaint, CASE.c.reply_needed, CASE.c.reply_reason,
        CASE.c.reasons, func.coalesce(AUTHOR.c.handle, AUTHOR.c.name).label("author"), CASE.c.thread_native_id,
        CASE.c.lead_mention_id, CASE.c.policy, CASE.c.policy_version, CASE.c.opened_at, CASE.c.first_seen_at,
        CASE.c.last_inbound_at, CASE.c.first_reply_at, CASE.c.reply_time_known, CASE.c.backfilled,
        CASE.c.assigned_to, CASE.c.snoozed_until, CASE.c.closed_at, CASE.c.close_reason,
    )
    .join(BRAND, BRAND.c.id == CASE.c.brand_id)
    .outerjoin(AUTHOR, AUTHOR.c.id == CASE.c.author_id)
)  # fmt: skip
_REPLIES = (
    select(
        REPLY.c.id, BRAND.c.name.label("brand"), REPLY.c.network, REPLY.c.native_id, REPLY.c.case_id,
        REPLY.c.in_reply_to, REPLY.c.mention_id, MENTION.c.text, REPLY.c.url, REPLY.c.posted_at,
        REPLY.c.time_known, REPLY.c.by, REPLY.c.draft_id,
    )
    .join(BRAND, BRAND.c.id == REPLY.c.brand_id)
    .outerjoin(MENTION, MENTION.c.id == REPLY.c.mention_id)
)  # fmt: skip
_STATEMENTS: dict[str, tuple[Select[Any], Any, Any]] = {
    "mentions": (_MENTIONS, MENTION.c.id, MENTION.c.posted_at),
    "cases": (_CASES, CASE.c.id, CASE.c.opened_at),
    "replies": (_REPLIES, REPLY.c.id, REPLY.c.posted_at),
}
