"""The rows of mentions: found, compared with what is heard now, inserted, rewritten."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Table, bindparam, insert, select, update
from sqlmodel import Session

from storage.bulk import chunks, insert_ignoring
from storage.models import MentionData
from storage.people import AuthorKey
from storage.roots import Place, find_roots, move_threads
from storage.search import add_to_index, remove_from_index
from storage.tables import MENTION, TOMBSTONE, VERSION
from storage.text import text_hash

Key = tuple[int, str, str]
"""Brand number, network, native id: what makes two records the same mention."""

_COMPARED = (
    "id", "brand_id", "network", "native_id", "text", "title", "rating", "posted_at", "edited_at", "deleted_at",
    "version", "triaged_version", "author_id", "parent_native_id", "thread_native_id", "quoted_native_id",
    "url", "lang", "is_ours", "addressed", "metrics", "permissions", "topic",
)  # fmt: skip
_FILLED = ("url", "lang", "quoted_native_id", "parent_native_id", "topic")


@dataclass(slots=True)
class Change:
    """What hearing a mention again changes."""

    number: int
    row: RowMapping
    values: dict[str, Any] = field(default_factory=dict)
    material: bool = False
    """Words, title or stars: a new version."""
    selected: bool = False
    """Triage has to look again."""
    place: Place | None = None
    """What is newly said about its conversation, where its root was only assumed."""


def is_other_post(author: object, posted_at: datetime, known_author: object, known_posted_at: datetime) -> bool:
    """Whether two records with one id are different posts: two named authors and two times."""
    return (
        author is not None and known_author is not None and author != known_author and posted_at != known_posted_at
    )


def find_stored(session: Session, keys: Iterable[Key]) -> dict[Key, RowMapping]:
    """The stored mentions among `keys`."""
    columns = [MENTION.c[name] for name in _COMPARED]
    return {
        (row["brand_id"], row["network"], row["native_id"]): row
        for rows in _by_key(session, MENTION, columns, keys)
        for row in rows
    }


def find_tombstones(session: Session, keys: Iterable[Key]) -> set[Key]:
    """Those of `keys` that were deleted before they were stored, or after."""
    columns = [TOMBSTONE.c.brand_id, TOMBSTONE.c.network, TOMBSTONE.c.native_id]
    return {
        (row["brand_id"], row["network"], row["native_id"])
        for rows in _by_key(session, TOMBSTONE, columns, keys)
        for row in rows
    }


def _by_key(
    session: Session, table: Table, columns: Sequence[Any], keys: Iterable[Key]
) -> Iterable[Collection[RowMapping]]:
    groups: dict[tuple[int, str], list[str]] = {}
    for brand_id, network, native_id in keys:
        groups.setdefault((brand_id, network), []).append(native_id)
    for (brand_id, network), native_ids in groups.items():
        for chunk in chunks(native_ids):
            statement = select(*columns).where(
                table.c.brand_id == brand_id, table.c.network == network, table.c.native_id.in_(chunk)
            )
            yield session.connection().execute(statement).mappings().all()


def compare(row: RowMapping, mention: MentionData, authors: Mapping[AuthorKey, int]) -> Change | None:
    """What `mention` changes in `row`, or None. A copy older than the row changes nothing."""
    if row["edited_at"] is not None and (mention.edited_at is None or mention.edited_at < row["edited_at"]):
        return None
    change = Change(row["id"], row)
    _compare_words(change, row, mention)
    _compare_details(change, row, mention)
    _compare_standing(change, row, mention, authors)
    change.place = _new_place(row, mention)
    if not change.values and change.place is None:
        return None
    change.values["raw"] = mention.raw
    return change


def _compare_words(change: Change, row: RowMapping, mention: MentionData) -> None:
    said = {"text": mention.text, "title": mention.title, "rating": mention.rating}
    change.values.update((name, new) for name, new in said.items() if new != row[name])
    change.material = change.selected = bool(change.values)
    if change.material:
        change.values["text_hash"] = text_hash(mention.text)
    if mention.edited_at != row["edited_at"]:
        change.values["edited_at"] = mention.edited_at


def _compare_details(change: Change, row: RowMapping, mention: MentionData) -> None:
    counted: dict[str, dict[str, Any]] = {"metrics": dict(mention.metrics), "permissions": mention.permissions}
    change.values.update((name, new) for name, new in counted.items() if new and new != row[name])
    for name in _FILLED:
        new = getattr(mention, name)
        if new is not None and new != row[name] and (row[name] is None or name in ("url", "lang")):
            change.values[name] = new


def _compare_standing(
    change: Change, row: RowMapping, mention: MentionData, authors: Mapping[AuthorKey, int]
) -> None:
    """Whose it is and whether it speaks to us: triage decides by these, so it looks again."""
    for name, new in (("is_ours", mention.is_ours), ("addressed", mention.addressed)):
        if new and not row[name]:
            change.values[name] = True
            change.selected = True
    if row["author_id"] is None and mention.author is not None:
        change.values["author_id"] = authors[mention.network, mention.author.native_id]
        change.selected = True


def _new_place(row: RowMapping, mention: MentionData) -> Place | None:
    assumed = row["thread_native_id"] in (row["native_id"], row["parent_native_id"])
    new_root = mention.thread_native_id is not None and mention.thread_native_id != row["thread_native_id"]
    new_parent = mention.parent_native_id is not None and row["parent_native_id"] is None
    if assumed and (new_root or (new_parent and mention.thread_native_id is None)):
        return Place(mention.thread_native_id, mention.parent_native_id)
    return None


def insert_new(
    session: Session,
    fresh: Mapping[Key, MentionData],
    authors: Mapping[AuthorKey, int],
    *,
    listener: str,
    backfilled: bool,
    now: datetime,
    stored: Mapping[Key, RowMapping],
) -> list[int]:
    """Insert mentions nobody has heard before, with version 1, their thread and their words in the index."""
    if not fresh:
        return []
    roots = _roots(session, fresh, stored)
    rows = [
        _row(key, fresh[key], roots[key], authors, listener=listener, backfilled=backfilled, now=now)
        for key in fresh
    ]
    insert_ignoring(session, MENTION, rows)
    numbers = {
        (row["brand_id"], row["network"], row["native_id"]): row["id"]
        for found in _by_key(
            session, MENTION, [MENTION.c[name] for name in ("id", "brand_id", "network", "native_id")], fresh
        )
        for row in found
    }
    session.connection().execute(insert(VERSION), [_version(numbers[key], 1, fresh[key], now) for key in fresh])
    add_to_index(session, [(numbers[key], mention.title, mention.text) for key, mention in fresh.items()])
    _move(session, {key: root for key, root in roots.items() if root != key[2]})
    return [numbers[key] for key in fresh]


def _roots(session: Session, fresh: Mapping[Key, MentionData], stored: Mapping[Key, RowMapping]) -> dict[Key, str]:
    known: dict[tuple[int, str], dict[str, str]] = {}
    for (brand_id, network, native_id), row in stored.items():
        known.setdefault((brand_id, network), {})[native_id] = row["thread_native_id"]
    groups: dict[tuple[int, str], dict[str, Place]] = {}
    for (brand_id, network, native_id), mention in fresh.items():
        place = Place(mention.thread_native_id, mention.parent_native_id)
        groups.setdefault((brand_id, network), {})[native_id] = place
    return {
        (*group, native_id): root
        for group, places in groups.items()
        for native_id, root in find_roots(session, *group, places, known.get(group, {})).items()
    }


def _move(session: Session, moves: Mapping[Key, str]) -> None:
    groups: dict[tuple[int, str], dict[str, str]] = {}
    for (brand_id, network, old), new in moves.items():
        groups.setdefault((brand_id, network), {})[old] = new
    for (brand_id, network), group in groups.items():
        move_threads(session, brand_id, network, group)


def _row(
    key: Key, mention: MentionData, root: str, authors: Mapping[AuthorKey, int], *,
    listener: str, backfilled: bool, now: datetime,
) -> dict[str, Any]:  # fmt: skip
    author = mention.author
    return {
        "brand_id": key[0],
        "network": mention.network,
        "native_id": mention.native_id,
        "kind": mention.kind,
        "author_id": authors[mention.network, author.native_id] if author else None,
        "text": mention.text,
        "title": mention.title,
        "text_hash": text_hash(mention.text),
        "url": mention.url,
        "posted_at": mention.posted_at,
        "edited_at": mention.edited_at,
        "first_seen_at": now,
        "lang": mention.lang,
        "rating": mention.rating,
        "parent_native_id": mention.parent_native_id,
        "thread_native_id": root,
        "quoted_native_id": mention.quoted_native_id,
        "is_ours": mention.is_ours,
        "addressed": mention.addressed,
        "backfilled": backfilled,
        "time_known": mention.time_known,
        "metrics": mention.metrics,
        "permissions": mention.permissions,
        "raw": mention.raw,
        "topic": mention.topic,
        "listener": listener,
        "version": 1,
        "triaged_version": 0,
    }


def _version(number: int, version: int, mention: MentionData, now: datetime) -> dict[str, Any]:
    return {
        "mention_id": number,
        "version": version,
        "text": mention.text,
        "title": mention.title,
        "rating": mention.rating,
        "edited_at": mention.edited_at,
        "seen_at": now,
    }


def rewrite(session: Session, changes: Sequence[Change], now: datetime) -> None:
    """Write what changed: one statement for each set of columns, versions and the index with it."""
    if not changes:
        return
    material = [change for change in changes if change.material]
    _write_versions(session, material, now)
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for change in sorted(changes, key=lambda item: item.number):
        values = dict(change.values)
        if change.material:
            values["version"] = change.row["version"] + 1
        elif change.selected:
            values["triaged_version"] = 0
        groups.setdefault(tuple(sorted(values)), []).append(
            {"number": change.number, **{f"new_{name}": value for name, value in values.items()}}
        )
    for names, parameters in groups.items():
        session.connection().execute(
            update(MENTION)
            .where(MENTION.c.id == bindparam("number"))
            .values({name: bindparam(f"new_{name}") for name in names}),
            parameters,
        )
    _move_changed(session, [change for change in changes if change.place is not None])


def _move_changed(session: Session, changes: Sequence[Change]) -> None:
    groups: dict[tuple[int, str], dict[str, Place]] = {}
    for change in changes:
        if change.place is not None:
            group = groups.setdefault((change.row["brand_id"], change.row["network"]), {})
            group[change.row["native_id"]] = change.place
    roots = {group: find_roots(session, *group, places, {}) for group, places in groups.items()}
    moves: dict[Key, str] = {}
    for change in changes:
        group_key = (change.row["brand_id"], change.row["network"])
        moves[(*group_key, change.row["thread_native_id"])] = roots[group_key][change.row["native_id"]]
    _move(session, moves)


def _write_versions(session: Session, material: Sequence[Change], now: datetime) -> None:
    if not material:
        return
    after = [{**change.row, **change.values} for change in material]
    session.connection().execute(
        insert(VERSION),
        [
            {
                "mention_id": row["id"],
                "version": row["version"] + 1,
                "text": row["text"],
                "title": row["title"],
                "rating": row["rating"],
                "edited_at": row["edited_at"],
                "seen_at": now,
            }
            for row in after
        ],
    )
    remove_from_index(session, [change.number for change in material])
    add_to_index(session, [(row["id"], row["title"], row["text"]) for row in after])
