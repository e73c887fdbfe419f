"""What triage sees: whole threads, read with a constant number of statements whatever the size of the batch.

Everything here is a light value (a named tuple, not a model instance): a batch holds thousands.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select
from sqlmodel import Session, col
from sqlmodel import select as select_models

from storage.models import Draft
from storage.tables import AUTHOR, BRAND, CASE, CLOCK, LABEL, MENTION, REPLY, SCORE, VERSION

OWN_TEXT = 5_000
"""Characters of our own posts that are read, to find whom they name and which draft they came from."""


class ScoreState(NamedTuple):
    """The newest score of a mention's current version."""

    sentiment: str
    abstained: bool
    urgency: float
    reply_needed: bool
    reply_reason: str
    language: str
    factors: list[dict[str, Any]]


class Post(NamedTuple):
    """One mention as triage needs it; `text` only for our own posts."""

    id: int
    native_id: str
    kind: str
    author_id: int | None
    posted_at: datetime
    edited_at: datetime | None
    first_seen_at: datetime
    has_text: bool
    text: str
    lang: str | None
    rating: float | None
    url: str | None
    parent_native_id: str | None
    quoted_native_id: str | None
    ours: bool
    addressed: bool
    backfilled: bool
    time_known: bool
    permissions: Mapping[str, Any]
    version: int
    triaged_version: int
    deleted_at: datetime | None
    case_id: int | None
    handle: str | None = None
    followers: int | None = None
    opted_out: bool = False
    changed_at: datetime | None = None
    """When the current version was written (else: seen); None for a first version."""
    score: ScoreState | None = None
    labels: Mapping[str, str] = {}
    """Newest human label of each field."""

    @property
    def author_key(self) -> str:
        """The author's row number as text, or `anon:<native id>` where the source names no author."""
        return f"anon:{self.native_id}" if self.author_id is None else str(self.author_id)

    @property
    def inbound(self) -> bool:
        """Written by a customer; a bare repost says nothing of its own."""
        return not self.ours and self.kind != "repost"


class CaseState(NamedTuple):
    """The columns of a case that triage reads and writes."""

    id: int
    author_key: str
    sequence: int
    kind: str
    status: str
    priority: str
    urgency: float
    sentiment: str
    reply_needed: bool
    reply_reason: str
    reasons: list[dict[str, Any]]
    complaint: bool
    policy: str
    policy_version: str
    lead_mention_id: int | None
    opened_at: datetime
    first_seen_at: datetime
    last_inbound_at: datetime
    first_reply_at: datetime | None
    reply_time_known: bool
    backfilled: bool
    closed_at: datetime | None
    close_reason: str | None


class ClockState(NamedTuple):
    """One promise as stored."""

    id: int
    case_id: int
    mention_id: int
    metric: str
    policy: str
    policy_version: str
    target_seconds: int
    started_at: datetime
    seen_at: datetime
    due_at: datetime
    team_due_at: datetime | None
    stopped_at: datetime | None
    stop_reason: str | None
    warned_at: datetime | None
    breached_at: datetime | None


class ReplyState(NamedTuple):
    """One of our answers as stored."""

    id: int
    case_id: int
    native_id: str
    mention_id: int | None
    in_reply_to: int
    posted_at: datetime
    time_known: bool
    draft_id: int | None


ThreadKey = tuple[int, str, str]
"""Brand id, network, native id of the thread's root."""


@dataclass(slots=True)
class Thread:
    """One thread of one brand with all that was decided about it so far."""

    brand_id: int
    brand: str
    network: str
    native_id: str
    posts: list[Post] = field(default_factory=list)
    fresh: set[int] = field(default_factory=set)
    """Ids of the mentions this batch is about."""
    cases: list[CaseState] = field(default_factory=list)
    clocks: dict[int, list[ClockState]] = field(default_factory=dict)
    replies: dict[int, list[ReplyState]] = field(default_factory=dict)
    drafts: dict[int, list[Draft]] = field(default_factory=dict)


_POST = (
    MENTION.c.id, MENTION.c.native_id, MENTION.c.kind, MENTION.c.author_id, MENTION.c.posted_at,
    MENTION.c.edited_at, MENTION.c.first_seen_at,
    or_(func.trim(MENTION.c.text) != "", func.coalesce(MENTION.c.title, "") != ""),
    case((MENTION.c.is_ours, func.substr(MENTION.c.text, 1, OWN_TEXT)), else_=""),
    MENTION.c.lang, MENTION.c.rating, MENTION.c.url, MENTION.c.parent_native_id, MENTION.c.quoted_native_id,
    or_(MENTION.c.is_ours, func.coalesce(AUTHOR.c.is_ours, False)), MENTION.c.addressed, MENTION.c.backfilled,
    MENTION.c.time_known, MENTION.c.permissions, MENTION.c.version, MENTION.c.triaged_version,
    MENTION.c.deleted_at, MENTION.c.case_id, AUTHOR.c.handle, AUTHOR.c.followers,
    func.coalesce(AUTHOR.c.opted_out, False),
)  # fmt: skip
_CASE = tuple(CASE.c[name] for name in CaseState._fields)
_CLOCK = tuple(CLOCK.c[name] for name in ClockState._fields)
_REPLY = tuple(REPLY.c[name] for name in ReplyState._fields)
_SCORE = tuple(SCORE.c[name] for name in ScoreState._fields)


def load_threads(
    session: Session, mention_ids: Sequence[int], *, lock: bool = True, scorer: str | None = None
) -> list[Thread]:
    """The threads these mentions belong to, each with its posts, cases, clocks, replies and drafts.

    Scores, labels and drafts are read for the authors the batch is about only: for whoever wrote a mention of the
    batch, and, where one of our own posts is in the batch, for everybody in its thread. Without `lock` nothing is
    held on PostgreSQL: for whoever only asks. Of several scores of one version, that of `scorer` counts, else the
    newest.
    """
    keys, guests = _thread_keys(session, mention_ids)
    if not keys:
        return []
    threads, deep = _posts(session, keys, set(mention_ids), guests)
    _attach_understanding(session, threads, deep, scorer)
    _attach_care(session, threads, deep, lock=lock)
    return list(threads.values())


def among(columns: tuple[Any, Any, Any], keys: Iterable[ThreadKey]) -> ColumnElement[bool]:
    """`columns` (brand, network, a third) is one of `keys`, written so that SQLite too uses its index."""
    groups: dict[tuple[int, str], set[str]] = defaultdict(set)
    for brand_id, network, name in keys:
        groups[(brand_id, network)].add(name)
    brand, net, third = columns
    terms = [and_(brand == b, net == n, third.in_(sorted(names))) for (b, n), names in sorted(groups.items())]
    return or_(false(), *terms)


def _thread_keys(
    session: Session, mention_ids: Sequence[int]
) -> tuple[set[ThreadKey], dict[ThreadKey, list[int]]]:
    """The threads of the batch, and those our own quoting posts answer from elsewhere (with these posts)."""
    found = session.execute(
        select(
            MENTION.c.id, MENTION.c.brand_id, MENTION.c.network, MENTION.c.thread_native_id,
            MENTION.c.is_ours, MENTION.c.quoted_native_id,
        ).where(MENTION.c.id.in_(mention_ids))
    ).all()  # fmt: skip
    keys = {(brand_id, network, thread) for _, brand_id, network, thread, _, _ in found}
    quotes: dict[ThreadKey, list[int]] = defaultdict(list)
    for number, brand_id, network, _, ours, quoted in found:
        if ours and quoted:
            quotes[(brand_id, network, quoted)].append(number)
    guests: dict[ThreadKey, list[int]] = defaultdict(list)
    if quotes:
        identity = (MENTION.c.brand_id, MENTION.c.network, MENTION.c.native_id)
        for brand_id, network, native_id, thread in session.execute(
            select(*identity, MENTION.c.thread_native_id).where(among(identity, quotes))
        ):
            guests[(brand_id, network, thread)] += quotes[(brand_id, network, native_id)]
    return keys | set(guests), guests


def _posts(
    session: Session, keys: set[ThreadKey], fresh: set[int], guests: Mapping[ThreadKey, Sequence[int]]
) -> tuple[dict[ThreadKey, Thread], set[int]]:
    """Threads with their posts, and the ids of the mentions whose details are needed."""
    thread = (MENTION.c.brand_id, MENTION.c.network, MENTION.c.thread_native_id)
    statement = (
        select(*thread, BRAND.c.name, *_POST)
        .select_from(MENTION.join(BRAND, BRAND.c.id == MENTION.c.brand_id).outerjoin(AUTHOR))
        .where(among(thread, keys))
    )
    threads: dict[ThreadKey, Thread] = {}
    by_id: dict[int, Post] = {}
    for row in session.execute(statement):
        key: ThreadKey = (row[0], row[1], row[2])
        found = threads.get(key)
        if found is None:
            found = threads[key] = Thread(key[0], row[3], key[1], key[2])
        post = Post(*row[4:])
        found.posts.append(post)
        if post.id in fresh:
            found.fresh.add(post.id)
            by_id[post.id] = post
    for key, numbers in guests.items():
        if key in threads:
            present = {post.id for post in threads[key].posts}
            visiting = [by_id[number] for number in numbers if number in by_id and number not in present]
            threads[key].posts += visiting
            threads[key].fresh |= {post.id for post in visiting}
    return threads, _deep(threads.values(), fresh)


def _deep(threads: Iterable[Thread], fresh: set[int]) -> set[int]:
    """Inbound posts whose case may change: those of the batch's authors, or all where we spoke."""
    deep: set[int] = set()
    for thread in threads:
        batch = [post for post in thread.posts if post.id in fresh]
        authors = None if any(post.ours for post in batch) else {post.author_key for post in batch}
        deep |= {p.id for p in thread.posts if p.inbound and (authors is None or p.author_key in authors)}
    return deep


def _attach_understanding(
    session: Session, threads: Mapping[ThreadKey, Thread], deep: set[int], scorer: str | None
) -> None:
    scores = {
        (row[0], row[1]): ScoreState(*row[2:])
        for row in session.execute(
            select(SCORE.c.mention_id, SCORE.c.mention_version, *_SCORE)
            .where(SCORE.c.mention_id.in_(deep))
            .order_by(case((SCORE.c.scorer == scorer, 1), else_=0), SCORE.c.scored_at, SCORE.c.id)
        )
    }
    labels: dict[int, dict[str, str]] = defaultdict(dict)
    for number, name, value in session.execute(
        select(LABEL.c.mention_id, LABEL.c.field, LABEL.c.value)
        .where(LABEL.c.mention_id.in_(deep))
        .order_by(LABEL.c.at, LABEL.c.id)
    ):
        labels[number][name] = value
    changed = _changes(
        session, [p.id for t in threads.values() for p in t.posts if p.version > 1 and p.id in deep]
    )
    for thread in threads.values():
        thread.posts = [
            post._replace(
                score=scores.get((post.id, post.version)),
                labels=labels.get(post.id, {}),
                changed_at=(post.edited_at or changed.get((post.id, post.version))) if post.version > 1 else None,
            )
            if post.id in deep
            else post
            for post in thread.posts
        ]


def _changes(session: Session, edited: Sequence[int]) -> dict[tuple[int, int], datetime]:
    if not edited:
        return {}
    rows = session.execute(
        select(VERSION.c.mention_id, VERSION.c.version, VERSION.c.seen_at).where(VERSION.c.mention_id.in_(edited))
    )
    return {(number, version): seen_at for number, version, seen_at in rows}


def _attach_care(session: Session, threads: Mapping[ThreadKey, Thread], deep: set[int], *, lock: bool) -> None:
    identity = (CASE.c.brand_id, CASE.c.network, CASE.c.author_key, CASE.c.thread_native_id)
    authors = {
        (brand, network, post.author_key)
        for (brand, network, _), thread in threads.items()
        for post in thread.posts
        if post.id in deep
    }
    # A case may stand under a root its thread has left since; it stays with its mentions.
    attached = {p.case_id: key for key, t in threads.items() for p in t.posts if p.id in deep and p.case_id}
    theirs = session.execute(_locked(select(*identity, *_CASE).where(among(identity[:3], authors)), lock))
    found = [row for row in theirs if row[4] in attached or (row[0], row[1], row[3]) in threads]
    found += session.execute(_locked(select(*identity, *_CASE).where(CASE.c.id.in_(list(attached))), lock))
    home: dict[int, Thread] = {}
    for row in found:
        state = CaseState(*row[4:])
        if state.id not in home:
            home[state.id] = threads[attached.get(state.id) or (row[0], row[1], row[3])]
            home[state.id].cases.append(state)
    if home:
        _attach_history(session, home)


def _locked(statement: Select[Any], lock: bool) -> Select[Any]:
    """On PostgreSQL nobody changes these cases until we commit; SQLite's writer is alone anyway."""
    return statement.with_for_update() if lock else statement


def _attach_history(session: Session, home: Mapping[int, Thread]) -> None:
    numbers = list(home)

    def rows(columns: Sequence[Any], of: Any) -> Iterable[Any]:
        return session.execute(select(*columns).where(of.in_(numbers)).order_by(columns[0]))

    _spread(home, (ClockState(*row) for row in rows(_CLOCK, CLOCK.c.case_id)), lambda t: t.clocks)
    _spread(home, (ReplyState(*row) for row in rows(_REPLY, REPLY.c.case_id)), lambda t: t.replies)
    drafts = session.exec(select_models(Draft).where(col(Draft.case_id).in_(numbers)).order_by(col(Draft.id)))
    _spread(home, drafts, lambda t: t.drafts)


def _spread(home: Mapping[int, Thread], rows: Iterable[Any], place: Callable[[Thread], dict[int, Any]]) -> None:
    for row in rows:
        place(home[row.case_id]).setdefault(row.case_id, []).append(row)
