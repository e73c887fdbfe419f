"""Deletions: the words go, from every table and index; that there was a mention stays.

SQLite overwrites freed bytes (`secure_delete`), but its write-ahead log and full-text segments keep old pages
until `Database.compact` folds them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, RowMapping, Table, bindparam, select, update
from sqlmodel import Session

from storage.bulk import chunks, insert_ignoring
from storage.pages import Deletion
from storage.search import remove_from_index
from storage.tables import BRAND, CASE, MENTION, SCORE, TOMBSTONE, VERSION


def purge(
    session: Session, deletions: Sequence[Deletion], *, network: str, brand_ids: Iterable[int], now: datetime
) -> list[int]:
    """Purge what `deletions` name and leave tombstones; returns the ids of mentions that were live until now.

    A mention that was never heard gets a tombstone for each of `brand_ids` (for every brand where that is empty),
    so that a copy arriving late is not stored.
    """
    if not deletions:
        return []
    said = {deletion.native_id: deletion for deletion in deletions}
    everywhere = [row[0] for row in session.connection().execute(select(BRAND.c.id).order_by(BRAND.c.id))]
    heard: dict[str, set[int]] = {}
    live: list[RowMapping] = []
    for chunk in chunks(sorted(said)):
        rows = session.connection().execute(
            select(
                MENTION.c.id, MENTION.c.brand_id, MENTION.c.native_id, MENTION.c.deleted_at,
            )
            .where(MENTION.c.brand_id.in_(everywhere), MENTION.c.network == network)
            .where(MENTION.c.native_id.in_(chunk))
        )  # fmt: skip
        for row in rows.mappings():
            heard.setdefault(row["native_id"], set()).add(row["brand_id"])
            if row["deleted_at"] is None:
                live.append(row)
    fallback = sorted(set(brand_ids)) or everywhere
    tombstones = [
        {
            "brand_id": brand_id,
            "network": network,
            "native_id": native_id,
            "deleted_at": deletion.deleted_at or now,
            "reason": deletion.reason,
        }
        for native_id, deletion in sorted(said.items())
        for brand_id in sorted(heard.get(native_id) or fallback)
    ]
    insert_ignoring(session, TOMBSTONE, tombstones)
    _purge_rows(session, live, {row["id"]: said[row["native_id"]].deleted_at or now for row in live})
    return [row["id"] for row in live]


def _purge_rows(session: Session, live: Sequence[RowMapping], times: Mapping[int, datetime]) -> None:
    if not live:
        return
    remove_from_index(session, times)
    connection = session.connection()
    connection.execute(
        update(MENTION)
        .where(MENTION.c.id == bindparam("number"))
        .values(
            text="", title=None, text_hash="", raw={}, deleted_at=bindparam("gone"), version=MENTION.c.version + 1
        ),
        [{"number": number, "gone": gone} for number, gone in sorted(times.items())],
    )
    for chunk in chunks(sorted(times)):
        connection.execute(update(VERSION).where(VERSION.c.mention_id.in_(chunk)).values(text="", title=None))
        _purge_evidence(session, chunk)


def _purge_evidence(session: Session, mention_ids: Sequence[int]) -> None:
    """Scores, and the cases that show them, quote the words they rest on; the points stay, the words go.

    Triage, which looks at deleted mentions again, puts back what the living ones of a case say.
    """
    cases = select(MENTION.c.case_id).where(MENTION.c.id.in_(mention_ids))
    _bare(session, SCORE, SCORE.c.factors, SCORE.c.mention_id.in_(mention_ids))
    _bare(session, CASE, CASE.c.reasons, CASE.c.id.in_(cases))


def _bare(session: Session, table: Table, column: Column[Any], where: ColumnElement[bool]) -> None:
    """Empty the evidence of every factor in a column."""
    connection = session.connection()
    rows = [
        {"number": number, "bare": [{**factor, "evidence": ""} for factor in factors]}
        for number, factors in connection.execute(select(table.c.id, column).where(where)).all()
        if any(factor.get("evidence") for factor in factors)
    ]
    if rows:
        changed = {column.name: bindparam("bare", type_=column.type)}
        connection.execute(update(table).where(table.c.id == bindparam("number")).values(changed), rows)
