"""Which conversation a mention belongs to, also when its parent is heard later than it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, case, literal, select, update
from sqlmodel import Session

from storage.bulk import chunks
from storage.tables import CASE, MENTION


@dataclass(frozen=True, slots=True)
class Place:
    """What a mention says about its place: the root its platform names, and the post it answers."""

    root: str | None
    parent: str | None


def find_roots(
    session: Session, brand_id: int, network: str, places: Mapping[str, Place], known: Mapping[str, str]
) -> dict[str, str]:
    """The root of each mention in `places` (by native id).

    A root the platform names wins. Otherwise parents are followed through this page and the store as far as they
    are known; the last id reached is the root. `known` holds roots already settled.
    """
    roots = dict(known)
    outside = {
        place.parent for place in places.values() if place.parent and not place.root and place.parent not in places
    }
    roots.update(_stored_roots(session, brand_id, network, outside - roots.keys()))
    for native_id in places:
        _walk(native_id, places, roots)
    return {native_id: roots[native_id] for native_id in places}


def _walk(native_id: str, places: Mapping[str, Place], roots: dict[str, str]) -> None:
    path: dict[str, None] = {}
    current = native_id
    while current not in roots:
        place = places.get(current)
        if current in path:
            roots[current] = min(path)  # posts that answer each other in a circle: any fixed one will do
        elif place is None or not (place.root or place.parent):
            roots[current] = current
        elif place.root:
            roots[current] = place.root
        else:
            path[current] = None
            current = place.parent or current
    for passed in path:
        roots[passed] = roots[current]


def _stored_roots(session: Session, brand_id: int, network: str, native_ids: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for chunk in chunks(sorted(native_ids)):
        rows = session.connection().execute(
            select(MENTION.c.native_id, MENTION.c.thread_native_id).where(
                MENTION.c.brand_id == brand_id, MENTION.c.network == network, MENTION.c.native_id.in_(chunk)
            )
        )
        found.update((row[0], row[1]) for row in rows)
    return found


def move_threads(session: Session, brand_id: int, network: str, moves: Mapping[str, str]) -> int:
    """Give every stored mention of thread `old` the root `new`, and its cases with it; returns how many mentions.

    Our own posts among them are handed to triage again: they may now answer a case.
    """
    moves = {old: _end_of(old, moves) for old in moves}
    moves = {old: new for old, new in moves.items() if old != new}
    occupied: list[str] = []
    for chunk in chunks(sorted(moves)):
        rows = session.connection().execute(
            select(MENTION.c.thread_native_id)
            .where(MENTION.c.brand_id == brand_id, MENTION.c.network == network)
            .where(MENTION.c.thread_native_id.in_(chunk))
            .distinct()
        )
        occupied.extend(row[0] for row in rows)
    if not occupied:
        return 0
    moved = session.connection().execute(
        update(MENTION)
        .where(MENTION.c.brand_id == brand_id, MENTION.c.network == network)
        .where(MENTION.c.thread_native_id == bindparam("old"))
        .values(
            thread_native_id=bindparam("new"),
            triaged_version=case((MENTION.c.is_ours, literal(0)), else_=MENTION.c.triaged_version),
        ),
        [{"old": old, "new": moves[old]} for old in occupied],
    )
    _move_cases(session, brand_id, network, {old: moves[old] for old in occupied})
    return moved.rowcount


def _end_of(old: str, moves: Mapping[str, str]) -> str:
    seen = {old}
    new = moves[old]
    while new in moves and new not in seen:
        seen.add(new)
        new = moves[new]
    return new


def _move_cases(session: Session, brand_id: int, network: str, moves: Mapping[str, str]) -> None:
    """Cases follow their thread, unless the same author already has one under the new root: then both stay."""
    rows: list[Any] = []
    for chunk in chunks(sorted({*moves, *moves.values()})):
        rows += session.connection().execute(
            select(CASE.c.id, CASE.c.author_key, CASE.c.thread_native_id, CASE.c.sequence)
            .where(CASE.c.brand_id == brand_id, CASE.c.network == network)
            .where(CASE.c.thread_native_id.in_(chunk))
        )
    taken = {(author_key, thread, sequence) for _, author_key, thread, sequence in rows}
    going = []
    for number, author_key, thread, sequence in sorted(rows):
        target = (author_key, moves.get(thread, thread), sequence)
        if target not in taken:
            taken.add(target)
            going.append({"number": number, "new": moves[thread]})
    if going:
        session.connection().execute(
            update(CASE)
            .where(CASE.c.id == bindparam("number"))
            .values(thread_native_id=bindparam("new"), revision=CASE.c.revision + 1),
            going,
        )
