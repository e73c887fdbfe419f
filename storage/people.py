"""Brands and authors of a page: one row each, found or made."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlmodel import Session

from storage.bulk import chunks, insert_ignoring
from storage.models import MentionData
from storage.tables import AUTHOR, BRAND

AuthorKey = tuple[str, str]
"""Network and native id."""

_MOST_FOLLOWERS = 2**31 - 1  # what an integer column holds; nobody has more


def brand_numbers(session: Session, names: Iterable[str], now: datetime) -> dict[str, int]:
    """The row number of each brand, made where it is new."""
    wanted = sorted(set(names))
    found = _brands(session, wanted)
    missing = [name for name in wanted if name not in found]
    if missing:
        insert_ignoring(session, BRAND, [{"name": name, "created_at": now} for name in missing])
        found |= _brands(session, missing)
    return found


def _brands(session: Session, names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in chunks(names):
        rows = session.connection().execute(select(BRAND.c.name, BRAND.c.id).where(BRAND.c.name.in_(chunk)))
        found.update((row[0], row[1]) for row in rows)
    return found


def author_numbers(
    session: Session, mentions: Sequence[MentionData], now: datetime, *, history: bool
) -> dict[AuthorKey, int]:
    """The row number of each mention's author, made where new and brought up to date where known.

    `history` marks imported posts: they fill what is missing and overwrite nothing newer.
    """
    said = _latest_words(mentions, now)
    known = _authors(session, said)
    missing = [key for key in sorted(said) if key not in known]
    if missing:
        insert_ignoring(session, AUTHOR, [said[key] for key in missing])
        known |= _authors(session, dict.fromkeys(missing, said[missing[0]]))
    changes = [
        change
        for key in sorted(known.keys() - set(missing))
        if (change := _change(known[key], said[key], history=history))
    ]
    if changes:
        session.connection().execute(
            update(AUTHOR)
            .where(AUTHOR.c.id == bindparam("number"))
            .values({field: bindparam(f"new_{field}") for field in _FIELDS}),
            changes,
        )
    return {key: row["id"] for key, row in known.items()}


_FIELDS = ("handle", "name", "followers", "is_ours")


def _latest_words(mentions: Sequence[MentionData], now: datetime) -> dict[AuthorKey, dict[str, Any]]:
    """What the page's newest post of each author says about them."""
    said: dict[AuthorKey, dict[str, Any]] = {}
    for mention in sorted(mentions, key=lambda item: item.edited_at or item.posted_at):
        author = mention.author
        if author is None:
            continue
        key = (mention.network, author.native_id)
        earlier = said.get(key, {})
        followers = author.followers if author.followers is not None else earlier.get("followers")
        said[key] = {
            "network": mention.network,
            "native_id": author.native_id,
            "handle": author.handle or earlier.get("handle"),
            "name": author.name or earlier.get("name"),
            "followers": None if followers is None else min(followers, _MOST_FOLLOWERS),
            "is_ours": mention.is_ours or earlier.get("is_ours", False),
            "opted_out": False,
            "first_seen_at": now,
        }
    return said


def _authors(session: Session, keys: Iterable[AuthorKey]) -> dict[AuthorKey, Mapping[str, Any]]:
    by_network: dict[str, list[str]] = {}
    for network, native_id in sorted(keys):
        by_network.setdefault(network, []).append(native_id)
    found: dict[AuthorKey, Mapping[str, Any]] = {}
    columns = [AUTHOR.c[name] for name in ("id", "native_id", *_FIELDS)]
    for network, native_ids in by_network.items():
        for chunk in chunks(native_ids):
            rows = session.connection().execute(
                select(*columns).where(AUTHOR.c.network == network, AUTHOR.c.native_id.in_(chunk))
            )
            found.update(((network, row["native_id"]), dict(row)) for row in rows.mappings())
    return found


def _change(row: Mapping[str, Any], said: Mapping[str, Any], *, history: bool) -> dict[str, Any] | None:
    new = dict(row)
    for field in ("handle", "name", "followers"):
        if said[field] is not None and (row[field] is None or not history):
            new[field] = said[field]
    new["is_ours"] = row["is_ours"] or said["is_ours"]
    if new == row:
        return None
    return {"number": row["id"], **{f"new_{field}": new[field] for field in _FIELDS}}
