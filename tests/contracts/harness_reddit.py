"""The Reddit listener against its contract server."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from clock import NOW
from servers import loopback
from servers.reddit_server import ACCESS, SECRETS, RedditServer, comment, submission

from listeners.ports import Listener, ListenerContext, TopicQuery
from listeners.reddit import RedditListener, RedditSettings
from listeners.reddit_things import Surroundings, data_of, to_deletion, to_mention

PAGE = 5


class Harness:
    """Posts about parcels, five to a page, with threads of comments."""

    remote = True
    secrets = (*(value for name, value in SECRETS.items() if name != "reddit-client-id"), ACCESS)

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.server = RedditServer(NOW)
        self.server.page_size = PAGE
        self._timeout = 10.0
        self._numbers = 0

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.__exit__(kind, error, trace)

    def listener(self) -> Listener:
        settings = RedditSettings(
            reddit_url=self.server.url,
            oauth_url=self.server.url,
            timeout=self._timeout,
            username="acme",
            max_requests=12,
        )
        topics = [TopicQuery("parcels", "acme AND parcel")]
        return RedditListener.build(
            settings, ListenerContext("r-care", "Acme", frozenset({"acme"}), topics, SECRETS.__getitem__)
        )

    def publish(self, count: int, *, before: datetime) -> None:
        """Every fourth post gets a thread of five comments, one of them an answer to another."""
        for number in range(count):
            self._numbers += 10
            moment = before - timedelta(seconds=30 * (number + 1))
            item = submission(self._numbers, moment)
            name = item["data"]["name"]
            if number % 4 == 0:
                made = [
                    comment(self._numbers + each, moment + timedelta(seconds=each), name, name)
                    for each in range(4)
                ]
                below = made[0]["data"]["name"]
                made.append(comment(self._numbers + 4, moment + timedelta(seconds=9), name, below))
                self.server.comments += made
                item["data"]["num_comments"] = len(made)
            self.server.posts.append(item)

    def publish_bad(self) -> None:
        item = submission(7, self.now - timedelta(seconds=70))
        item["data"]["created_utc"] = "yesterday"
        self.server.posts.append(item)
        item["data"]["created_utc"] = None

    def expected(self) -> set[str]:
        things = [*self.server.posts, *self.server.comments]
        return {thing["data"]["name"] for thing in things if thing["data"]["created_utc"]}

    def fail(self, fault: str, request: int) -> None:
        if fault == "401":
            # One 401 only means that a token ended; revoked for good is what parks a listener.
            self.server.fail_next(loopback.status(401), after=request)
        faults = {
            "429": loopback.status(429, retry_after="300"),
            "429 without headers": loopback.status(429),
            "401": loopback.status(401),
            "500": loopback.status(503),
            "html": loopback.html(),
            "truncated": loopback.truncated(),
            "not json": loopback.garbage(),
            "hang": loopback.hang(),
        }
        self._timeout = 0.2 if fault == "hang" else 10.0
        self.server.fail_next(faults[fault], after=request - 1)

    @staticmethod
    def convert(raw: Any) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for thing in raw["data"]["children"]:
            data = data_of(thing)
            gone = to_deletion(data)
            if gone is not None:
                found.append({"native_id": gone.native_id, "reason": gone.reason})
            else:
                mention = to_mention(data, Surroundings("Acme", frozenset({"acme"})))
                found.append(mention.model_dump(mode="json", exclude={"raw"}))
        return found
