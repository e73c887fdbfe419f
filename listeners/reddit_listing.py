"""How far Reddit's listings and threads have been read: pure arithmetic on the cursor.

A listing's state is `{"heard_at", "from", "pending": null or {"after", "floor", "started_at", ...}}`. A stretch
begins at the newest thing and is complete once a page ends in things older than its floor, or with the listing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from listeners.clients.http import utc
from listeners.ports import Gap, Interval

State = dict[str, Any]

MOST = 950
"""Reddit lists about a thousand things, then ends; a listing this long may have lost its tail."""
TAIL = 5
"""So many things in a row must be older than the floor before we believe to have reached it."""
MOST_WATCHED = 1_000
MOST_IN_TREE = 20_000
"""Comments of one thread asked for in one reading."""


def fresh() -> State:
    """The state of a listing never read."""
    return {"heard_at": None, "from": None, "pending": None}


def begin(state: State, now: datetime, first: timedelta, overlap: timedelta) -> str | None:
    """Make sure there is a stretch to read; returns the full name to go on after."""
    if state["pending"] is None:
        last = _time(state["heard_at"])
        floor = last - overlap if last is not None else now - first
        state["from"] = state["from"] or _text(floor)
        state["pending"] = {
            "after": None, "floor": _text(floor), "started_at": _text(now), "read": 0, "oldest": None,
            "restarted": False,
        }  # fmt: skip
    after: str | None = state["pending"]["after"]
    return after


def wanted(state: State, things: Sequence[object]) -> list[object]:
    """The things of a page that are not older than the floor; what has no time is kept, to be told of."""
    floor = _time(state["pending"]["floor"])
    return [thing for thing in things if floor is None or (made := _created(thing)) is None or made >= floor]


def step(state: State, things: Sequence[object], after: object) -> tuple[bool, list[Gap]]:
    """Take one page in. Returns whether the stretch is complete, and what Reddit would not list."""
    pending = state["pending"]
    floor = _time(pending["floor"])
    if not things and pending["after"] is not None and not pending["restarted"]:
        # The thing we were to go on after is gone itself, and Reddit then lists nothing: begin at the top again.
        pending.update(after=None, restarted=True, read=0)
        return False, []
    times = [moment for thing in things if (moment := _created(thing)) is not None]
    pending["read"] += len(things)
    if times:
        oldest = _time(pending["oldest"])
        pending["oldest"] = _text(min([*times, *([oldest] if oldest else [])]))
    tail = times[-TAIL:]
    reached = bool(tail) and floor is not None and max(tail) < floor
    if isinstance(after, str) and after and not reached:
        pending["after"] = after
        return False, []
    gaps = []
    oldest = _time(pending["oldest"])
    if not reached and pending["read"] >= MOST and oldest is not None and floor is not None and oldest > floor:
        gaps = [Gap(Interval(floor, oldest), "Reddit lists only about the newest 1,000")]
    state["heard_at"] = pending["started_at"]
    state["pending"] = None
    return True, gaps


def heard(cursor: State, names: Iterable[str]) -> Interval | None:
    """The interval that is now heard on every listing, or None where nothing was added; moves `heard_until`."""
    states = [cursor["streams"].get(name) for name in names]
    ends = [_time(state["heard_at"]) for state in states if state and state["pending"] is None]
    known = [end for end in ends if end is not None]
    if not known or len(known) < len(states):
        return None
    until = min(known)
    starts = [start for state in states if state and (start := _time(state["from"])) is not None]
    start = _time(cursor.get("heard_until")) or max(starts, default=until)
    if until <= start:
        return None
    cursor["heard_until"] = _text(until)
    return Interval(start, until)


@dataclass(slots=True)
class Threads:
    """Which posts are watched, which threads wait to be read, and what is left of the one being read."""

    watching: dict[str, dict[str, Any]] = field(default_factory=dict)
    queue: list[str] = field(default_factory=list)
    tree: dict[str, Any] | None = None

    @classmethod
    def load(cls, cursor: Mapping[str, Any]) -> "Threads":
        """From a cursor; anything that is none of ours begins anew."""
        watch, queue, tree = cursor.get("watch"), cursor.get("queue"), cursor.get("tree")
        ours = isinstance(tree, dict) and {"link", "more", "deep", "asked", "comments"} <= tree.keys()
        return cls(
            watch if isinstance(watch, dict) else {},
            queue if isinstance(queue, list) else [],
            tree if ours else None,
        )

    def dump(self) -> dict[str, Any]:
        """As part of a cursor."""
        return {"watch": self.watching, "queue": self.queue, "tree": self.tree}

    def watched(self) -> list[str]:
        """Full names, oldest first."""
        return list(self.watching)

    def watch(self, link: str, posted_at: datetime, topic: str | None) -> None:
        """Watch a post from now on. Beyond the limit the oldest are let go."""
        if link not in self.watching:
            self.watching[link] = {
                "posted_at": _text(posted_at), "topic": topic, "comments": None, "read_at": None,
            }  # fmt: skip
        for name in sorted(self.watching, key=lambda each: str(self.watching[each]["posted_at"]))[:-MOST_WATCHED]:
            del self.watching[name]

    def topic(self, link: str) -> str | None:
        """The topic a watched post was found by."""
        found: str | None = self.watching.get(link, {}).get("topic")
        return found

    def forget(self, oldest: datetime) -> None:
        """Let go posts from before a moment."""
        limit = _text(oldest)
        self.watching = {
            name: known for name, known in self.watching.items() if str(known.get("posted_at")) >= limit
        }

    def queue_changed(self, things: Iterable[object], stale: datetime) -> None:
        """Queue the threads whose number of comments changed or that were read before `stale`."""
        for thing in things:
            data = thing.get("data") if isinstance(thing, dict) else None
            known = self.watching.get(str(data.get("name"))) if isinstance(data, dict) else None
            if known is None or not isinstance(data, dict) or data["name"] in self.queue:
                continue
            read_at = _time(known.get("read_at"))
            never_needed = read_at is None and not data.get("num_comments")
            if (read_at is None or read_at <= stale or data.get("num_comments") != known.get("comments")) and (
                not never_needed
            ):
                self.queue.append(str(data["name"]))

    def next_link(self) -> str | None:
        """The thread to read next, or None."""
        return self.queue[0] if self.queue else None

    def drop(self, link: str) -> None:
        """A thread that cannot be read."""
        self.queue = [name for name in self.queue if name != link]
        self.watching.pop(link, None)
        if self.tree is not None and self.tree["link"] == link:
            self.tree = None

    def start(self, link: str, posts: Sequence[Any], now: datetime) -> None:
        """The first answer of a thread has come."""
        data = posts[0].get("data") if posts and isinstance(posts[0], dict) else None
        comments = data.get("num_comments") if isinstance(data, dict) else None
        self.queue = [name for name in self.queue if name != link]
        self.tree = {
            "link": link, "more": [], "deep": [], "asked": 0, "comments": comments, "started_at": _text(now),
        }  # fmt: skip

    def add(self, more: Iterable[str], deep: Iterable[str]) -> int:
        """Remember where more comments are. Returns how many are given up because the thread is endless."""
        assert self.tree is not None
        more, deep = list(more), list(deep)
        room: int = max(0, MOST_IN_TREE - self.tree["asked"] - len(self.tree["more"]) - len(self.tree["deep"]))
        self.tree["more"] += more[:room]
        self.tree["deep"] += deep[: max(0, room - len(more))]
        return max(0, len(more) + len(deep) - room)

    def take(self, size: int) -> tuple[str, list[str], str] | None:
        """The thread, and its next comments or its next deep branch to ask for; None where nothing is left."""
        if self.tree is None:
            return None
        more = list(self.tree["more"][:size])
        deep = "" if more else next(iter(self.tree["deep"]), "")
        return (str(self.tree["link"]), more, str(deep)) if more or deep else None

    def taken(self, more: Sequence[str], deep: str) -> None:
        """What was asked for has come."""
        assert self.tree is not None
        self.tree["more"] = self.tree["more"][len(more) :]
        self.tree["deep"] = [name for name in self.tree["deep"] if name != deep]
        self.tree["asked"] += len(more) or 1

    def finish_if_done(self, now: datetime) -> None:
        """Where nothing is left of the thread, note when and with how many comments it was read."""
        if self.tree is None or self.tree["more"] or self.tree["deep"]:
            return
        known = self.watching.get(self.tree["link"])
        if known is not None:
            known.update(comments=self.tree["comments"], read_at=_text(now))
        self.tree = None


def _created(thing: object) -> datetime | None:
    data = thing.get("data") if isinstance(thing, dict) else None
    seconds = data.get("created_utc") if isinstance(data, dict) else None
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    try:
        return utc(seconds)
    except ValueError:
        return None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
