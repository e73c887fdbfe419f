"""Hear Reddit: our inbox first, then posts found by topic, new comments of chosen subreddits, and whole threads.

Listings come newest first and are read down to a floor a little before the last complete reading. The cursor says
how far down we are, per listing, and what is left of the thread we stopped in:

    {"streams": {...}, "watch": {"t3_abc": {...}}, "queue": ["t3_abc"], "tree": {...} or null}

Posts found stay watched for `lag_hours`: within them edits, deletions and new comments are heard.
"""

import copy
import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from listeners.errors import BadItem
from listeners.ports import Cursor, Deletion, ListenerContext, Page, Rejection
from listeners.reddit_listing import State, Threads, begin, fresh, heard, step, wanted
from listeners.reddit_settings import RedditSettings, access_of
from listeners.reddit_things import (
    Surroundings,
    children_of,
    data_of,
    is_held_back,
    to_deletion,
    to_mention,
    walk,
)
from listeners.topics import Topic, first_match, parse_topic, reddit_query
from storage.errors import ConfigError
from storage.models import MentionData

if TYPE_CHECKING:
    from listeners.clients.reddit import RedditClient

BATCH = 100
_WHOLE: dict[str, Any] = {"limit": 500, "sort": "new", "depth": 10}
SOON = timedelta(minutes=1)
"""When to go on after a cap stopped a poll."""


@dataclass(frozen=True, slots=True)
class _Stream:
    """One listing, newest first."""

    name: str
    path: str
    params: dict[str, str | int] = field(default_factory=dict)
    topic: Topic | None = None
    checked: bool = False
    """Whether each thing must be matched here."""
    inbox: bool = False


@dataclass(slots=True)
class _Poll:
    """What one poll keeps in hand."""

    now: datetime
    cursor: dict[str, Any]
    threads: Threads
    requests_left: int
    for_threads: int
    """Requests the listings leave to the threads."""
    names: list[str] = field(default_factory=list)

    def state(self, stream: str) -> State:
        streams: dict[str, Any] = self.cursor["streams"]
        found = streams.get(stream)
        if not isinstance(found, dict) or not fresh().keys() <= found.keys():
            found = streams[stream] = fresh()
        return found

    @property
    def unfinished(self) -> bool:
        """Whether a listing was left in mid-stretch."""
        return any(state["pending"] is not None for state in self.cursor["streams"].values())

    def page(self, page: Page | None = None) -> Page:
        """The page with the cursor that is now true."""
        self.cursor.update(self.threads.dump())
        return replace(page or Page(), cursor=copy.deepcopy(self.cursor))


class RedditListener:
    """Hears one brand on Reddit."""

    network: ClassVar[str] = "reddit"
    Settings = RedditSettings

    def __init__(self, settings: RedditSettings, context: ListenerContext, client: "RedditClient") -> None:
        self._settings = settings
        self._context = context
        self._client = client
        self._topics = [parse_topic(topic.query, topic.name) for topic in context.topics]
        self._around = Surroundings(context.brand, context.our_accounts)
        self._all = self._streams()

    @classmethod
    def build(cls, settings: RedditSettings, context: ListenerContext) -> "RedditListener":
        """Make a listener; opens no connection.

        Raises:
            ConfigError: a secret is missing, there is nothing to listen for, or a topic Reddit cannot search.
        """
        from listeners.clients.reddit import RedditClient

        listener = cls(settings, context, RedditClient(access_of(settings, context)))
        if not listener._all:
            raise ConfigError(
                f"listener {context.name!r} has nothing to listen for: give it a topic, or a username whose inbox "
                "is read"
            )
        return listener

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[Page]:
        """Yield pages from `cursor` on.

        Raises:
            SourceError: RateLimited, Transient or AuthFailed.
        """
        found = copy.deepcopy(dict(cursor)) if cursor else {}
        threads, most = Threads.load(found), self._settings.max_requests
        threads.forget(now - timedelta(hours=self._settings.lag_hours))
        poll = _Poll(now, {"streams": {}}, threads, most, most // 2 if threads.watching else 0)
        if isinstance(found.get("streams"), dict):
            poll.cursor["streams"] = found["streams"]
        poll.cursor["heard_until"] = found.get("heard_until")
        poll.names = [stream.name for stream in self._all]
        poll.cursor["streams"] = {
            name: state for name, state in poll.cursor["streams"].items() if name in poll.names
        }
        for page in self._line(poll):
            yield page
            pause = self._client.pause(now)
            if pause is not None or poll.requests_left <= 0:
                yield replace(poll.page(), retry_after=pause or now + SOON)
                return
        if poll.unfinished:
            yield replace(poll.page(), retry_after=now + SOON)

    def recheck(self, ids: Sequence[str], now: datetime) -> Page:
        """Look up to 100 known things up again: edits as mentions, things that are gone as deletions.

        Raises:
            ValueError: more than 100 ids.
            SourceError: as `poll`.
        """
        if len(ids) > BATCH:
            raise ValueError(f"{len(ids)} ids; Reddit looks up {BATCH} at once")
        if not ids:
            return Page()
        listing = self._client.get("api/info", now, id=",".join(ids))
        return self._convert(list(children_of(listing)), "lookup", self._around)

    def _streams(self) -> list[_Stream]:
        streams = []
        if self._settings.username or self._settings.refresh:
            boxes = ("mentions", "comments", "selfreply")
            streams += [_Stream(f"inbox:{box}", f"message/{box}", inbox=True) for box in boxes]
        places = "+".join(self._settings.subreddits)
        for topic in self._topics:
            compiled = reddit_query(topic)
            if compiled.text is not None:
                params: dict[str, str | int] = {"q": compiled.text, "sort": "new", "t": "all", "type": "link"}
                params |= {"restrict_sr": 1} if places else {}
                path = f"r/{places or 'all'}/search"
                streams.append(_Stream(f"search:{topic.name}", path, params, topic, bool(compiled.notes)))
        if places and self._topics:
            streams.append(_Stream("comments", f"r/{places}/comments", checked=True))
        return streams

    def _line(self, poll: _Poll) -> Iterator[Page]:
        yield from self._rest_of_tree(poll)
        waiting = poll.threads.next_link()
        if waiting is not None:  # one first, so that many listings never keep threads waiting for ever
            yield from self._read_tree(waiting, poll)
        # The listing heard longest ago first, for the same reason; else our inbox first.
        for stream in sorted(self._all, key=lambda each: str(poll.state(each.name)["heard_at"] or "")):
            if poll.requests_left > poll.for_threads:
                yield from self._hear(stream, poll)
        yield from self._check_watched(poll)
        while (link := poll.threads.next_link()) is not None:
            yield from self._read_tree(link, poll)

    # --- listings ---

    def _hear(self, stream: _Stream, poll: _Poll) -> Iterator[Page]:
        """One listing: the rest of an interrupted stretch first, then what is new since."""
        state = poll.state(stream.name)
        resumed = state["pending"] is not None
        first, overlap = (
            timedelta(hours=self._settings.first_hours),
            timedelta(minutes=self._settings.overlap_minutes),
        )
        while True:
            after = begin(state, poll.now, first, overlap)
            asked = {**stream.params, "limit": BATCH, **({"after": after} if after else {})}
            listing = self._get(poll, stream.path, asked)
            things = list(children_of(listing))
            recent = wanted(state, things)
            page = self._convert(recent, stream.name, self._around, stream)
            self._watch(stream, page, poll)
            told = listing.get("data", {}).get("after") if isinstance(listing, dict) else None
            complete, gaps = step(state, things, told)
            interval = heard(poll.cursor, poll.names)
            yield poll.page(replace(page, gaps=gaps, heard=interval))
            if (complete and not resumed) or poll.requests_left <= poll.for_threads:
                return
            resumed = resumed and not complete

    def _get(self, poll: _Poll, path: str, params: dict[str, Any]) -> Any:
        poll.requests_left -= 1
        return self._client.get(path, poll.now, **params)

    def _watch(self, stream: _Stream, page: Page, poll: _Poll) -> None:
        """Remember posts that were found, so that their threads are read."""
        if stream.topic is None:
            return
        oldest = poll.now - timedelta(hours=self._settings.lag_hours)
        for mention in page.mentions:
            if mention.kind == "post" and mention.posted_at >= oldest:
                poll.threads.watch(mention.native_id, mention.posted_at, mention.topic)

    def _convert(
        self,
        things: Sequence[object],
        place: str,
        around: Surroundings,
        stream: _Stream | None = None,
        whole: bool = False,
    ) -> Page:
        """Things as a page. `whole`: all of a thread belongs to us, whatever its words."""
        mentions: dict[str, MentionData] = {}
        deletions: dict[str, Deletion] = {}
        rejections: list[Rejection] = []
        skipped: dict[str, int] = {}
        for number, thing in enumerate(things, 1):
            try:
                data = data_of(thing)
                gone = to_deletion(data)
                if gone is not None:
                    deletions[gone.native_id] = gone
                    continue
                if is_held_back(data):
                    skipped["held back by moderators"] = skipped.get("held back by moderators", 0) + 1
                    continue
                mention = to_mention(data, around, addressed=stream is not None and stream.inbox)
            except BadItem as error:
                raw = json.dumps(thing, ensure_ascii=False)[:4000]
                rejections.append(Rejection(f"{place} item {number}", str(error), raw))
                continue
            mention.topic = first_match(self._topics, mention)
            if mention.native_id in mentions:
                skipped["twice in one page"] = skipped.get("twice in one page", 0) + 1
            elif self._fits(mention, stream) or whole:
                mention.topic = mention.topic or (stream.topic.name if stream and stream.topic else None)
                mentions[mention.native_id] = mention
            else:
                skipped["does not fit the topic"] = skipped.get("does not fit the topic", 0) + 1
        return Page(
            mentions=list(mentions.values()),
            deletions=list(deletions.values()),
            rejections=rejections,
            skipped=skipped,
        )

    def _fits(self, mention: MentionData, stream: _Stream | None) -> bool:
        if stream is None or not stream.checked or mention.is_ours or mention.addressed:
            return True
        return stream.topic.matches(mention) if stream.topic is not None else mention.topic is not None

    # --- threads ---

    def _check_watched(self, poll: _Poll) -> Iterator[Page]:
        """Ask for the watched posts, and queue the threads with new comments or due for a reading."""
        stale = poll.now - timedelta(minutes=self._settings.reread_minutes)
        names = poll.threads.watched()
        for start in range(0, len(names), BATCH):
            listing = self._get(poll, "api/info", {"id": ",".join(names[start : start + BATCH])})
            things = list(children_of(listing))
            poll.threads.queue_changed(things, stale)
            yield poll.page(self._convert(things, "watched", self._around, whole=True))

    def _read_tree(self, link: str, poll: _Poll) -> Iterator[Page]:
        answer = yield from self._ask_thread(poll, link, f"comments/{link.removeprefix('t3_')}", _WHOLE)
        if answer is None:
            return
        posts, comments = (list(children_of(part)) for part in (answer if _is_pair(answer) else ({}, {})))
        poll.threads.start(link, posts, poll.now)
        yield self._branch(posts, comments, link, poll)
        yield from self._rest_of_tree(poll)

    def _rest_of_tree(self, poll: _Poll) -> Iterator[Page]:
        """The comments a thread keeps behind `more`, a hundred a request, and behind `continue this thread`."""
        while (following := poll.threads.take(BATCH)) is not None:
            link, more, deep = following
            if more:
                params = {
                    "link_id": link, "children": ",".join(more), "api_type": "json", "sort": "new",
                    "limit_children": "false",
                }  # fmt: skip
                answer = yield from self._ask_thread(poll, link, "api/morechildren", params)
            else:
                path = f"comments/{link.removeprefix('t3_')}/_/{deep.removeprefix('t1_')}"
                answer = yield from self._ask_thread(poll, link, path, _WHOLE)
            if answer is None:
                return
            poll.threads.taken(more, deep)
            yield self._branch([], _comments_of(answer), link, poll)

    def _ask_thread(self, poll: _Poll, link: str, path: str, params: dict[str, Any]) -> Generator[Page, None, Any]:
        """The answer; or None, after a page that tells that this thread cannot be read."""
        from listeners.clients.reddit import PlaceClosed

        try:
            return self._get(poll, path, params)
        except PlaceClosed as error:
            poll.threads.drop(link)
            yield poll.page(Page(rejections=[Rejection(f"thread {link}", str(error), "")]))
            return None

    def _branch(self, posts: list[Any], comments: list[Any], link: str, poll: _Poll) -> Page:
        found = walk(comments)
        dropped = poll.threads.add(found.more, found.deep)
        around = replace(self._around, authors=_authors([*posts, *found.comments]))
        things = [*posts, *found.comments, *found.broken]
        page = self._convert(things, f"thread {link}", around, whole=True)
        for mention in page.mentions:
            mention.topic = mention.topic or poll.threads.topic(link)
        if dropped:
            page = replace(page, skipped={**page.skipped, "comments beyond the limit of a thread": dropped})
        poll.threads.finish_if_done(poll.now)
        return poll.page(page)


def _comments_of(answer: Any) -> list[Any]:
    """The comments of either answer: of a thread, or of `morechildren`."""
    if _is_pair(answer):
        return list(children_of(answer[1]))
    found = answer.get("json") if isinstance(answer, dict) else None
    data = found.get("data") if isinstance(found, dict) else None
    things = data.get("things") if isinstance(data, dict) else None
    return things if isinstance(things, list) else []


def _is_pair(answer: object) -> bool:
    return isinstance(answer, list) and len(answer) == 2


def _authors(things: Sequence[Any]) -> dict[str, str]:
    found = {}
    for thing in things:
        data = thing.get("data") if isinstance(thing, dict) else None
        if isinstance(data, dict):
            found[str(data.get("name"))] = str(data.get("author") or "")
    return found
