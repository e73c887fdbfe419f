"""The X listener against its contract server."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from clock import NOW
from servers import loopback
from servers.x_server import TOKEN, XServer, post

from listeners.clients.x import _by_id, _list
from listeners.ports import Listener, ListenerContext, TopicQuery
from listeners.x import XListener, XSettings
from listeners.x_posts import Surroundings, to_mention

PAGE = 5


class Harness:
    """Mentions of @acme and posts about parcels, ten to a page."""

    remote = True
    secrets = (TOKEN,)

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.server = XServer(NOW + timedelta(minutes=10))
        self.server.page_size = PAGE
        self._timeout = 10.0
        self._good: set[str] = set()

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.__exit__(kind, error, trace)

    def listener(self) -> Listener:
        settings = XSettings(api_url=self.server.url, timeout=self._timeout, max_pages=3)
        topics = [TopicQuery("parcels", "acme AND parcel")]
        context = ListenerContext(
            "x-care", "Acme", frozenset({"acme"}), topics, {"x-bearer-token": TOKEN}.__getitem__
        )
        return XListener.build(settings, context)

    def publish(self, count: int, *, before: datetime) -> None:
        for number in range(count):
            moment = before - timedelta(seconds=3 * (number + 1))
            handle = "@acme" if number % 3 == 0 else "Acme"
            item = post(moment, f"{handle} parcel {number} is late", salt=len(self._good))
            self.server.posts.append(item)
            self._good.add(item["id"])

    def publish_bad(self) -> None:
        item = post(self.now - timedelta(seconds=70), "Acme parcel broken", salt=999)
        item["created_at"] = "the day before yesterday"
        self.server.posts.append(item)

    def expected(self) -> set[str]:
        return set(self._good)

    def fail(self, fault: str, request: int) -> None:
        reset = str(int(self.now.timestamp()) + 300)
        faults = {
            "429": loopback.status(429, x_rate_limit_reset=reset),
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
        includes = raw.get("includes", {})
        around = Surroundings(
            "Acme", frozenset({"acme"}), _by_id(_list(includes, "users")), _by_id(_list(includes, "tweets"))
        )
        return [to_mention(item, around).model_dump(mode="json", exclude={"raw"}) for item in _list(raw, "data")]
