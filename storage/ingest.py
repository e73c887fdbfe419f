"""One page in, one transaction: mentions, versions, deletions, rejections, cursor and coverage commit together.

Hearing something again changes nothing, in whatever order and however often pages arrive:

* a copy older than what is stored (by `edited_at`) is ignored;
* new words, title or stars make a new version, which is scored and triaged again;
* counters, permissions and names are brought up to date in place;
* what was deleted never comes back;
* a post that carries the id of another one (other author, other time) is rejected aloud, never merged.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b

from sqlmodel import Session

from storage import coverage, listening
from storage.bulk import insert_ignoring, lock_names
from storage.mentions import Change, Key, compare, find_stored, find_tombstones, insert_new, is_other_post, rewrite
from storage.models import MentionData
from storage.pages import Page, Rejection
from storage.people import author_numbers, brand_numbers
from storage.purge import purge
from storage.tables import REJECTED
from storage.text import clean

AfterStore = Callable[[Session, Sequence[int]], None]
"""Called inside the transaction with the ids that need scoring or triage now."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a page.

    Every mention is counted once: as new, updated, unchanged, tombstoned, rejected, or skipped (duplicates).
    """

    new: int = 0
    updated: int = 0
    """Heard before, now with other words, title or stars (or known to be ours or addressed to us)."""
    unchanged: int = 0
    """Heard before, with the same words."""
    refreshed: int = 0
    """Of the unchanged, those whose counters, permissions or links were brought up to date."""
    deleted: int = 0
    """Purged now because the platform says they are gone."""
    tombstoned: int = 0
    """Not stored because they were deleted before."""
    rejected: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    ids: tuple[int, ...] = ()
    """Mentions that are new, updated or deleted: those that need scoring or triage."""

    def __add__(self, other: "Stored") -> "Stored":
        """The sum of two pages."""
        skipped = dict(self.skipped)
        for reason, count in other.skipped.items():
            skipped[reason] = skipped.get(reason, 0) + count
        return Stored(
            self.new + other.new,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.refreshed + other.refreshed,
            self.deleted + other.deleted,
            self.tombstoned + other.tombstoned,
            self.rejected + other.rejected,
            skipped,
            self.ids + other.ids,
        )


def store_page(
    session: Session,
    page: Page,
    *,
    listener: str,
    network: str,
    now: datetime,
    after_store: AfterStore | None = None,
    next_poll_at: datetime | None = None,
    brand: str | None = None,
) -> Stored:
    """Store a page and what is true once it is stored. Call it in a `Database.write()` of its own.

    Args:
        session: a writing session.
        page: what the listener handed over.
        listener: the listener's name, whose cursor and coverage this is.
        network: the network the page's deletions are about.
        now: our time; becomes `first_seen_at` of what is new.
        after_store: called in the same transaction with `Stored.ids`.
        next_poll_at: when the listener is due again, where the caller knows; a later `page.retry_after` wins.
        brand: whose listener it is, so that deletions of posts never heard are remembered for that brand.
    """
    session.flush()
    lock_names(
        session, {f"listener {listener}", f"network {network}", *(f"network {m.network}" for m in page.mentions)}
    )
    chosen = _choose(page, network)
    names = {mention.brand for mention in chosen.mentions.values()} | ({brand} if brand else set())
    brands = brand_numbers(session, names, now)
    stored = _store_mentions(session, chosen, brands, page=page, listener=listener, now=now)
    deleted = purge(session, page.deletions, network=network, brand_ids=brands.values(), now=now)
    rejections = [*page.rejections, *chosen.rejections]
    _keep_rejections(session, rejections, listener, now)
    skipped = dict(page.skipped)
    if chosen.duplicates:
        skipped["duplicate in page"] = skipped.get("duplicate in page", 0) + chosen.duplicates
    outcome = replace(
        stored,
        deleted=len(deleted),
        tombstoned=stored.tombstoned + chosen.tombstoned,
        rejected=len(rejections),
        skipped=skipped,
        ids=(*stored.ids, *deleted),
    )
    coverage.record(session, listener, page.heard, page.gaps, now)
    listening.record_page(session, page, listener=listener, network=network, now=now, next_poll_at=next_poll_at)
    if after_store is not None and outcome.ids:
        after_store(session, outcome.ids)
    return outcome


@dataclass(slots=True)
class _Chosen:
    """The page's mentions, one for each identity, and what was left out."""

    mentions: dict[tuple[str, str, str], MentionData] = field(default_factory=dict)
    duplicates: int = 0
    tombstoned: int = 0
    rejections: list[Rejection] = field(default_factory=list)


def _choose(page: Page, network: str) -> _Chosen:
    gone = {deletion.native_id for deletion in page.deletions}
    chosen = _Chosen()
    for mention in page.mentions:
        identity = (mention.brand, mention.network, mention.native_id)
        other = chosen.mentions.get(identity)
        if mention.native_id in gone and mention.network == network:
            chosen.tombstoned += 1
        elif other is None:
            chosen.mentions[identity] = mention
        elif is_other_post(_author_of(mention), mention.posted_at, _author_of(other), other.posted_at):
            chosen.rejections.append(_clash(mention))
        else:
            chosen.duplicates += 1
            if _edit_time(mention) >= _edit_time(other):
                chosen.mentions[identity] = mention
    return chosen


def _author_of(mention: MentionData) -> str | None:
    return mention.author.native_id if mention.author else None


def _edit_time(mention: MentionData) -> datetime:
    return mention.edited_at or datetime.min.replace(tzinfo=UTC)


def _clash(mention: MentionData) -> Rejection:
    return Rejection(
        place=mention.native_id,
        reason=(
            f"the id {mention.native_id} already names another post (other author, other time); "
            "ids must be unique: look whether a spreadsheet rounded them"
        ),
        raw=mention.model_dump_json(),
    )


def _store_mentions(
    session: Session, chosen: _Chosen, brands: Mapping[str, int], *, page: Page, listener: str, now: datetime
) -> Stored:
    mentions: dict[Key, MentionData] = {
        (brands[brand], network, native_id): mention
        for (brand, network, native_id), mention in chosen.mentions.items()
    }
    stored = find_stored(session, mentions)
    tombstones = find_tombstones(session, [key for key in mentions if key not in stored])
    authors = author_numbers(session, list(mentions.values()), now, history=page.backfilled)
    fresh: dict[Key, MentionData] = {}
    changes: list[Change] = []
    tombstoned = unchanged = 0
    for key, mention in mentions.items():
        row = stored.get(key)
        if key in tombstones or (row is not None and row["deleted_at"] is not None):
            tombstoned += 1
        elif row is None:
            fresh[key] = mention
        elif is_other_post(
            authors.get((mention.network, _author_of(mention) or "")), mention.posted_at,
            row["author_id"], row["posted_at"],
        ):  # fmt: skip
            chosen.rejections.append(_clash(mention))
        elif (change := compare(row, mention, authors)) is not None:
            changes.append(change)
        else:
            unchanged += 1
    ids = insert_new(
        session, fresh, authors, listener=listener, backfilled=page.backfilled, now=now, stored=stored
    )
    rewrite(session, changes, now)
    selected = [change.number for change in changes if change.selected]
    return Stored(
        new=len(ids),
        updated=len(selected),
        unchanged=unchanged + len(changes) - len(selected),
        refreshed=len(changes) - len(selected),
        tombstoned=tombstoned,
        ids=(*ids, *selected),
    )


def _keep_rejections(session: Session, rejections: Sequence[Rejection], listener: str, now: datetime) -> None:
    rows = {}
    for rejection in rejections:
        place, raw = clean(rejection.place), clean(rejection.raw)
        digest = blake2b(json.dumps([place, raw]).encode(), digest_size=16).hexdigest()
        rows[digest] = {
            "listener": listener,
            "place": place,
            "reason": clean(rejection.reason),
            "raw": raw,
            "digest": digest,
            "seen_at": now,
        }
    insert_ignoring(session, REJECTED, [rows[digest] for digest in sorted(rows)])
