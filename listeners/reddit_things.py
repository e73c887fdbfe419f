"""Reddit's things (a post is `t3`, a comment is `t1`) as mentions: pure conversion, no network.

The full name (`t1_abc`) is the native id. A thing whose author or moderators took it away keeps its place in the
thread with `[deleted]` or `[removed]` for a text: that is a deletion to us.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from listeners.clients.http import utc
from listeners.errors import BadItem
from storage.models import AuthorData, MentionData
from storage.pages import Deletion

Json = Mapping[str, Any]
SITE = "https://www.reddit.com"
DELETED = "[deleted]"
REMOVED = "[removed]"
HELD_BACK = "automod_filtered"

_FULL_NAME = re.compile(r"t[1-9]_[0-9a-z]{1,13}")
_THREAD_IN_PATH = re.compile(r"/comments/([0-9a-z]{1,13})(?:/|$)")
# What is worth keeping of the hundred fields of a thing; its text is in the mention.
_KEPT = (
    "name", "subreddit", "author", "author_fullname", "created_utc", "edited", "permalink", "context", "link_id",
    "parent_id", "link_title", "url", "domain", "is_self", "score", "num_comments", "locked", "archived",
    "over_18", "distinguished", "stickied", "removed_by_category", "link_flair_text", "is_submitter",
    "crosspost_parent",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Whose brand this is. `authors` holds who wrote the things around, by full name; handles are lower case."""

    brand: str
    ours: frozenset[str] = frozenset()
    authors: Mapping[str, str] = field(default_factory=dict)


def data_of(thing: object) -> dict[str, Any]:
    """The data of a post or comment.

    Raises:
        BadItem: it is neither, or has no full name.
    """
    data = thing.get("data") if isinstance(thing, dict) else None
    if not isinstance(data, dict) or not isinstance(thing, dict) or thing.get("kind") not in ("t1", "t3"):
        raise BadItem("neither a post nor a comment")
    if not data.get("name") and data.get("id"):
        data = {**data, "name": f"{thing['kind']}_{data['id']}"}
    if not _FULL_NAME.fullmatch(str(data.get("name"))):
        raise BadItem("the thing has no full name")
    return data


def is_held_back(data: Json) -> bool:
    """Whether a post waits for its moderators: not to be read now, and not gone either."""
    return data.get("removed_by_category") == HELD_BACK


def to_deletion(data: Json) -> Deletion | None:
    """The deletion a thing stands for, or None where it is still there."""
    text = str(data.get("body", data.get("selftext")) or "").strip()
    nobody = data.get("author") in (DELETED, None, "")
    category = data.get("removed_by_category")
    name = str(data["name"])
    if category == HELD_BACK:
        return None
    if category == "deleted" or (text == DELETED and nobody):
        return Deletion(name, "deleted by its author")
    if category or (text == REMOVED and (nobody or "selftext" in data)):
        return Deletion(name, "removed by Reddit or its moderators")
    return None


def to_mention(
    data: Json, around: Surroundings, *, addressed: bool = False, topic: str | None = None
) -> MentionData:
    """One thing as a mention.

    Raises:
        BadItem: no time, or another shape than Reddit documents.
    """
    try:
        return _convert(data, around, addressed, topic)
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # pydantic's error is a ValueError
        fields = {".".join(map(str, each["loc"])) for each in getattr(error, "errors", list)()}
        reason = f"{type(error).__name__}: {', '.join(sorted(fields)) or str(error)[:80]}"
        raise BadItem(f"the thing has another shape than Reddit documents ({reason})") from None


def _convert(data: Json, around: Surroundings, addressed: bool, topic: str | None) -> MentionData:
    name = str(data["name"])
    comment = name.startswith("t1_")
    text = str(data["body"] if comment else data.get("selftext") or "")
    parent = str(data["parent_id"]) if comment else None
    author = _author(data)
    is_ours = author is not None and bool({author.native_id.lower(), str(author.handle).lower()} & around.ours)
    path = _path(data, name)
    edited = data.get("edited")
    answers_us = comment and around.authors.get(str(parent), "").lower() in around.ours
    return MentionData(
        network="reddit",
        native_id=name,
        brand=around.brand,
        kind="comment" if comment else "post",
        author=author,
        text=text,
        title=None if comment else str(data.get("title") or "") or None,
        url=SITE + path if path.startswith("/") else None,
        posted_at=_time(data["created_utc"]),
        edited_at=_time(edited) if edited and edited is not True else None,
        parent_native_id=parent,
        thread_native_id=_thread(data, path) if comment else name,
        is_ours=is_ours,
        addressed=not is_ours and (addressed or answers_us or _names_us(text, around.ours)),
        metrics={key: data[key] for key in ("score", "num_comments") if type(data.get(key)) is int},
        permissions={key: True for key in ("locked", "archived", "quarantine") if data.get(key)},
        raw={key: data[key] for key in _KEPT if data.get(key) not in (None, "", False)},
        topic=topic,
    )


def _path(data: Json, name: str) -> str:
    """The link to a thing, without what the listing added to it; made where `api/info` leaves it out."""
    path = str(data.get("permalink") or data.get("context") or "").split("?")[0]
    link = str(data.get("link_id") or "")
    if not path.startswith("/") and link.startswith("t3_"):
        return f"/comments/{link.removeprefix('t3_')}/_/{name.removeprefix('t1_')}/"
    return path


def _time(seconds: object) -> datetime:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise ValueError("created_utc is no number")
    return utc(seconds).astimezone(UTC)


def _author(data: Json) -> AuthorData | None:
    handle = str(data.get("author") or "")
    if handle in ("", DELETED):
        return None
    return AuthorData(native_id=str(data.get("author_fullname") or handle), handle=handle)


def _thread(data: Json, path: str) -> str | None:
    """The post a comment stands under; inbox items say it in their link only."""
    if data.get("link_id"):
        return str(data["link_id"])
    found = _THREAD_IN_PATH.search(path)
    parent = str(data.get("parent_id") or "")
    return f"t3_{found.group(1)}" if found else parent if parent.startswith("t3_") else None


def _names_us(text: str, ours: frozenset[str]) -> bool:
    return any(name.lower() in ours for name in re.findall(r"(?<![\w/])/?u/([\w-]{2,32})", text))


@dataclass(slots=True)
class Branches:
    """What one answer of a thread held: comments in order, and where more of them are."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    more: list[str] = field(default_factory=list)
    deep: list[str] = field(default_factory=list)
    broken: list[object] = field(default_factory=list)


def walk(things: object) -> Branches:
    """All comments below a listing's children, however deep, without recursion."""
    found = Branches()
    waiting = list(reversed(things)) if isinstance(things, list) else []
    while waiting:
        thing = waiting.pop()
        kind = thing.get("kind") if isinstance(thing, dict) else None
        data = thing.get("data") if isinstance(thing, dict) else None
        if kind == "more" and isinstance(data, dict):
            _take_more(data, found)
        elif kind == "t1" and isinstance(data, dict):
            found.comments.append(thing)
            waiting.extend(reversed(list(children_of(data.get("replies")))))
        else:
            found.broken.append(thing)
    return found


def _take_more(data: Json, found: Branches) -> None:
    children = [str(each) for each in data.get("children") or [] if str(each).isalnum()]
    found.more.extend(children)
    parent = str(data.get("parent_id") or "")
    if not children and parent.startswith("t1_"):  # "continue this thread": only its top is told
        found.deep.append(parent)


def children_of(listing: object) -> Iterator[Any]:
    """The children of a listing; none where there is no listing (Reddit writes an empty string)."""
    data = listing.get("data") if isinstance(listing, dict) else None
    children = data.get("children") if isinstance(data, dict) else None
    yield from children if isinstance(children, list) else ()
