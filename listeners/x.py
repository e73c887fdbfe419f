"""Hear X: posts that mention our accounts first, then recent search for each topic.

X hands out pages newest first. `since_id` therefore moves only when a whole stretch down to it has been read;
until then the cursor carries, per stream, how far down the stretch we are:

    {"streams": {"mentions:42": {"since_id": "...", "heard_at": "...", "pending": {...} or null}}, ...}

A page cap, a used-up budget, a 429 or a crash stops in mid-stretch; the next poll goes on with the older pages.
"""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from listeners.errors import AuthFailed, BadItem
from listeners.ports import Cursor, Deletion, Gap, ListenerContext, Page, Rejection
from listeners.topics import Topic, first_match, parse_topic, x_query
from listeners.x_posts import Surroundings, edit_history, to_deletion, to_mention, withheld_everywhere
from listeners.x_stretch import begin, fresh, heard, request, step
from storage.errors import ConfigError
from storage.models import MentionData

if TYPE_CHECKING:
    from listeners.clients.x import Answer, XClient

PAGE_SIZE = 100
LOOKUP_SIZE = 100
SOON = timedelta(minutes=1)
"""When to go on after the page cap stopped a poll in mid-stretch."""


class XSettings(BaseModel):
    """The keys of an X listener in `social-care.toml`."""

    model_config = ConfigDict(extra="forbid")

    credentials: str = Field(default="x", pattern=r"^[a-z0-9-]+$")
    """The secret is called `<credentials>-bearer-token`."""
    mentions: bool = True
    search: bool = True
    reposts: bool = False
    """Search reposts too; they are billed like posts. Their number is in each post's metrics either way."""
    first_hours: int = Field(default=24, ge=1, le=160)
    max_pages: int = Field(default=10, ge=1, le=1000)
    """Pages of 100 posts per poll and stream; what is left is read by the next poll."""
    query_limit: int = Field(default=512, ge=64, le=4096)
    api_url: str = "https://api.x.com"
    timeout: float = Field(default=20.0, gt=0, le=300)

    @field_validator("api_url")
    @classmethod
    def _https(cls, value: str) -> str:
        from listeners.clients.http import checked_url

        try:
            return checked_url(value, "api_url")
        except ConfigError as error:
            raise ValueError(str(error)) from None


@dataclass(frozen=True, slots=True)
class _Stream:
    """One endlessly growing list of posts, newest first."""

    name: str
    smallest: int
    ask: "Callable[..., Answer]"
    topic: Topic | None = None
    checked: bool = False
    """Whether each post must be matched here, because X could not be asked for all of the topic."""
    window: timedelta | None = None
    """How far back X lets us ask."""
    most: int | None = None
    """How many posts back X lets us go."""


@dataclass(slots=True)
class _Poll:
    """What one poll keeps in hand."""

    now: datetime
    cursor: dict[str, Any]
    reads_left: int | None
    names: list[str] = field(default_factory=list)

    def state(self, stream: str) -> dict[str, Any]:
        streams: dict[str, Any] = self.cursor["streams"]
        found = streams.get(stream)
        if not isinstance(found, dict) or not fresh().keys() <= found.keys():
            found = streams[stream] = fresh()
        return found


class XListener:
    """Hears one brand on X."""

    network: ClassVar[str] = "x"
    Settings = XSettings

    def __init__(self, settings: XSettings, context: ListenerContext, client: "XClient") -> None:
        self._settings = settings
        self._context = context
        self._client = client
        self._topics = [parse_topic(topic.query, topic.name) for topic in context.topics]

    @classmethod
    def build(cls, settings: XSettings, context: ListenerContext) -> "XListener":
        """Make a listener; opens no connection.

        Raises:
            ConfigError: no bearer token, nothing to listen for, or a topic X cannot search.
        """
        from listeners.clients.x import XClient

        token = context.secret(f"{settings.credentials}-bearer-token")
        if not token or not token.isprintable() or " " in token.strip():
            raise ConfigError(f"the secret '{settings.credentials}-bearer-token' is empty or no token")
        if not (settings.mentions and context.our_accounts) and not (settings.search and context.topics):
            raise ConfigError(
                f"listener {context.name!r} has nothing to listen for: "
                "give the brand its accounts on x, or a topic"
            )
        client = XClient(token.strip(), api_url=settings.api_url, timeout=settings.timeout)
        listener = cls(settings, context, client)
        listener._search_streams()
        return listener

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[Page]:
        """Yield pages from `cursor` on: mentions of our accounts, then each topic.

        Raises:
            SourceError: RateLimited, Transient or AuthFailed.
        """
        poll = _Poll(now, _read_cursor(cursor), self._context.reads_left)
        # The topic heard longest ago first: one endless topic never keeps the others waiting for ever.
        searches = sorted(self._search_streams(), key=lambda each: str(poll.state(each.name)["heard_at"] or ""))
        streams = [*self._mention_streams(poll), *searches]
        poll.names = [stream.name for stream in streams]
        poll.cursor["streams"] = {
            name: state for name, state in poll.cursor["streams"].items() if name in poll.names
        }
        for stream in streams:
            for page in self._hear(stream, poll):
                yield page
                if page.retry_after is not None and page.retry_after > now + SOON:
                    return

    def recheck(self, ids: list[str], now: datetime) -> Page:
        """Look up to 100 known posts up again: edits as mentions, posts that are gone as deletions.

        Raises:
            ValueError: more than 100 ids.
            SourceError: as `poll`.
        """
        if len(ids) > LOOKUP_SIZE:
            raise ValueError(f"{len(ids)} ids; X looks up {LOOKUP_SIZE} at once")
        if not ids:
            return Page()
        poll = _Poll(now, _read_cursor(None), self._context.reads_left)
        answer = self._client.posts(ids, now)
        page = self._page(answer, poll, None, asked_for=True)
        # X answers an old id with the old text of an edited post; its newest id has the newest text.
        newer = {edit_history(post)[-1] for post in answer.posts if _has_id(post)} - {
            str(post["id"]) for post in answer.posts if _has_id(post)
        }
        if not newer:
            return page
        second = self._page(self._client.posts(sorted(newer), now), poll, None, asked_for=True)
        renewed = {mention.native_id for mention in second.mentions}
        return Page(
            mentions=[*(old for old in page.mentions if old.native_id not in renewed), *second.mentions],
            deletions=[*page.deletions, *second.deletions],
            rejections=[*page.rejections, *second.rejections],
            reads=page.reads + second.reads,
        )

    def _mention_streams(self, poll: _Poll) -> list[_Stream]:
        if not self._settings.mentions:
            return []
        known: dict[str, str] = poll.cursor["accounts"]
        asked = sorted(name for name in self._context.our_accounts if not name.isdigit())
        missing = [name for name in asked if name not in known]
        if missing:
            known.update(self._client.user_ids(missing, poll.now))
            lost = [name for name in missing if name not in known]
            if lost:
                handles = ", ".join(f"@{name}" for name in lost)
                raise AuthFailed(f"X knows no account {handles}; correct the brand's accounts on x")
        ids = [name for name in self._context.our_accounts if name.isdigit()]
        ids += [known[name] for name in asked]
        return [
            _Stream(f"mentions:{user}", 5, _asker(self._client.mentions, user), most=800)
            for user in sorted(set(ids))
        ]

    def _search_streams(self) -> list[_Stream]:
        if not self._settings.search:
            return []
        suffix = "" if self._settings.reposts else " -is:retweet"
        streams = []
        for topic in self._topics:
            compiled = x_query(topic, self._settings.query_limit, suffix)
            if compiled.text is not None:
                ask = _asker(self._client.search, compiled.text)
                name = f"search:{topic.name}"
                streams.append(_Stream(name, 10, ask, topic, bool(compiled.notes), timedelta(days=7)))
        return streams

    def _hear(self, stream: _Stream, poll: _Poll) -> Iterator[Page]:
        """One stream: the rest of an interrupted stretch first, then what is new since."""
        state = poll.state(stream.name)
        first = timedelta(hours=self._settings.first_hours)
        resumed = state["pending"] is not None
        asked: dict[str, str] = {}
        for _ in range(self._settings.max_pages):
            size = self._size(stream, poll)
            if size is None:
                yield Page(cursor=copy.deepcopy(poll.cursor), retry_after=_next_day(poll.now))
                return
            gaps: list[Gap] = []
            if not asked:
                gaps = begin(state, poll.now, first, stream.window)
                if state["pending"] is None:  # what was left of an old stretch can no longer be asked for
                    yield self._finished(Page(gaps=gaps), poll)
                    resumed = False
                    continue
                asked = request(state, poll.now, stream.window)
            answer = stream.ask(now=poll.now, max_results=size, **asked)
            page = self._page(answer, poll, stream)
            complete, unseen = step(state, answer.posts, answer.meta, stream.most)
            if poll.reads_left is not None:
                poll.reads_left -= page.reads
            limited = None if complete else answer.wait_until
            yield self._finished(replace(page, gaps=[*gaps, *unseen], retry_after=limited), poll)
            if limited is not None or (complete and not resumed):
                return
            # Within a poll X's own token goes on; a later poll goes on below the oldest id, which never expires.
            asked = {} if complete else {**asked, "next_token": state["pending"]["next_token"]}
            resumed = resumed and not complete
        if state["pending"] is not None:
            yield Page(cursor=copy.deepcopy(poll.cursor), retry_after=poll.now + SOON)

    def _size(self, stream: _Stream, poll: _Poll) -> int | None:
        """How many posts to ask for, or None where the budget does not pay for the smallest page."""
        if poll.reads_left is None:
            return PAGE_SIZE
        return min(PAGE_SIZE, poll.reads_left) if poll.reads_left >= stream.smallest else None

    def _finished(self, page: Page, poll: _Poll) -> Page:
        """The page with the cursor that is now true, and what has been heard once every stream is complete."""
        interval = heard(poll.cursor, poll.names)
        return replace(page, cursor=copy.deepcopy(poll.cursor), heard=interval)

    def _page(self, answer: "Answer", poll: _Poll, stream: _Stream | None, asked_for: bool = False) -> Page:
        around = Surroundings(
            self._context.brand,
            self._context.our_accounts | frozenset(poll.cursor["accounts"].values()),
            answer.users,
            answer.referenced,
        )
        mentions: dict[str, MentionData] = {}
        rejections: list[Rejection] = []
        gone = [to_deletion(problem, asked_for) for problem in answer.errors]
        deletions = {item.native_id: item for item in gone if item is not None}
        skipped: dict[str, int] = {}
        for number, post in enumerate(answer.posts, 1):
            try:
                if not isinstance(post, dict):
                    raise BadItem("not an object")
                if withheld_everywhere(post):
                    native_id = edit_history(post)[0]
                    deletions[native_id] = Deletion(native_id, "withheld on X")
                    continue
                mention = to_mention(post, around)
            except (BadItem, AttributeError) as error:
                place = f"{stream.name if stream else 'lookup'} post {number}"
                rejections.append(Rejection(place, str(error), json.dumps(post, ensure_ascii=False)[:4000]))
                continue
            reason = self._reason_to_skip(mention, stream, mentions)
            if reason is None:
                mentions[mention.native_id] = self._with_topic(mention, stream)
            else:
                skipped[reason] = skipped.get(reason, 0) + 1
        return Page(
            mentions=list(mentions.values()),
            deletions=list(deletions.values()),
            rejections=rejections,
            reads=answer.reads,
            skipped=skipped,
        )

    def _reason_to_skip(
        self, mention: MentionData, stream: _Stream | None, before: dict[str, MentionData]
    ) -> str | None:
        twin = before.get(mention.native_id)
        if twin is not None and (twin.edited_at or twin.posted_at) >= (mention.edited_at or mention.posted_at):
            return "twice in one page"
        if stream is not None and stream.checked and stream.topic is not None and not mention.is_ours:
            return None if stream.topic.matches(mention) else "does not fit the topic"
        return None

    def _with_topic(self, mention: MentionData, stream: _Stream | None) -> MentionData:
        mention.topic = first_match(self._topics, mention)
        if mention.topic is None and stream is not None and stream.topic is not None:
            mention.topic = stream.topic.name
        return mention


def _asker(method: "Callable[..., Answer]", what: str) -> "Callable[..., Answer]":
    return lambda now, **params: method(what, now, **params)


def _has_id(post: object) -> bool:
    return isinstance(post, dict) and str(post.get("id", "")).isdigit()


def _next_day(now: datetime) -> datetime:
    """Budgets count a UTC day."""
    return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _read_cursor(cursor: Cursor | None) -> dict[str, Any]:
    """A copy to work on; anything that is no cursor of ours begins anew (posts heard before are stored once)."""
    found = copy.deepcopy(dict(cursor)) if cursor else {}
    streams, accounts = found.get("streams"), found.get("accounts")
    return {
        "streams": streams if isinstance(streams, dict) else {},
        "accounts": accounts if isinstance(accounts, dict) else {},
        "heard_until": found.get("heard_until"),
    }
