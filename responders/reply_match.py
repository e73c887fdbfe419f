"""Whom one of our own posts answers, and which draft it came from. Pure."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from storage.models import Draft
from storage.threads import Post

ALIKE = 0.5
"""Similarity (0 to 1) from which a native reply is taken for a handed-off draft, however it was polished."""

CLOCK_SKEW = timedelta(minutes=2)
"""A reply this long before the hand-off was recorded may still be the handed-off one."""

COMPARED = 2_000
"""Characters of each text that are compared."""

_NAMES = re.compile(r"@([\w.-]{1,64})")


class ThreadIndex(NamedTuple):
    """Look-ups over one thread."""

    by_native: Mapping[str, Post]
    by_handle: Mapping[str, str]
    """Lower-case handle to author key."""
    customers: Sequence[Post]
    """Inbound posts, oldest first."""


def index_thread(posts: Iterable[Post]) -> ThreadIndex:
    """Prepare a thread for `addressees`."""
    listed = list(posts)
    customers = sorted((post for post in listed if post.inbound), key=lambda post: (post.posted_at, post.id))
    return ThreadIndex(
        {post.native_id: post for post in listed},
        {post.handle.lstrip("@").lower(): post.author_key for post in customers if post.handle},
        customers,
    )


def addressees(post: Post, thread: ThreadIndex, root: str) -> frozenset[str]:
    """The author keys one of our posts answers; empty where it answers nobody.

    What it quotes and what it hangs under decide, through our own posts in between (an answer in two parts). Only
    where neither is known do the people it @-names count, and then, where it says nothing about its place, a
    thread with a single customer. A post of ours that begins a thread, or speaks on under our own announcement,
    answers nobody; neither does one under a post we have not heard, until we hear it.
    """
    quoted = thread.by_native.get(post.quoted_native_id or "")
    if quoted is not None and quoted.inbound:
        return frozenset({quoted.author_key})
    above = _above(post, thread)
    if above is not None and above.inbound:
        return frozenset({above.author_key})
    named = {
        thread.by_handle[name]
        for name in (found.rstrip(".-").lower() for found in _NAMES.findall(post.text))
        if name in thread.by_handle
    }
    if named:
        return frozenset(named)
    if above is not None or post.parent_native_id or post.native_id == root:
        return frozenset()
    before = {one.author_key for one in thread.customers if one.posted_at <= post.posted_at or not post.time_known}
    return frozenset(before) if len(before) == 1 else frozenset()


def _above(post: Post, thread: ThreadIndex) -> Post | None:
    """The first known post above that is not ours, or our own one where the chain ends; None if unknown."""
    seen = {post.native_id}
    current: Post | None = None
    parent = post.parent_native_id
    while parent and parent not in seen:
        found = thread.by_native.get(parent)
        if found is None:
            return None if current is None or current.parent_native_id else current
        if found.inbound:
            return found
        seen.add(parent)
        current, parent = found, found.parent_native_id
    return current


def answered_mention(post: Post, inbound: Sequence[Post], thread: ThreadIndex) -> Post | None:
    """Which of one author's posts (oldest first) ours answers: the one it points at, else the latest before it.

    None where all of them are younger.
    """
    for native_id in (post.quoted_native_id, post.parent_native_id):
        pointed = thread.by_native.get(native_id or "")
        if pointed is not None and any(one.id == pointed.id for one in inbound):
            return pointed
    above = _above(post, thread)
    if above is not None and any(one.id == above.id for one in inbound):
        return above
    if not post.time_known:
        return inbound[-1] if inbound else None
    before = [one for one in inbound if one.posted_at <= post.posted_at]
    return before[-1] if before else None


def link_drafts(drafts: Sequence[Draft], replies: Sequence[Post]) -> dict[int, int]:
    """Which handed-off draft each newly heard reply is: `{reply mention id: draft id}`.

    The most alike reply after the hand-off, or, where a person rewrote it beyond recognition, the first one.
    """
    linked: dict[int, int] = {}
    for draft in sorted(drafts, key=lambda one: (one.handed_off_at or one.created_at, one.id or 0)):
        if draft.status != "handed_off" or draft.handed_off_at is None or draft.id is None:
            continue
        since: datetime = draft.handed_off_at - CLOCK_SKEW
        free = [r for r in replies if r.id not in linked and (r.posted_at >= since or not r.time_known)]
        if not free:
            continue
        best = max(free, key=lambda reply: _alike(draft.text, reply.text))
        if _alike(draft.text, best.text) < ALIKE:
            best = min(free, key=lambda reply: (reply.posted_at, reply.id))
        linked[best.id] = draft.id
    return linked


def _alike(draft: str, reply: str) -> float:
    first, second = (" ".join(_NAMES.sub("", text[:COMPARED]).split()).casefold() for text in (draft, reply))
    return difflib.SequenceMatcher(None, first, second, autojunk=False).ratio()
