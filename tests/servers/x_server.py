"""A contract server for X API v2: recent search, mentions and lookups with X's paging and window rules."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from servers.loopback import LoopbackServer, Reply, Request

from listeners.x_posts import id_at

TOKEN = "AAAA-bearer-token-nobody-may-see-1234567890"
WINDOW = timedelta(days=7)


def post(moment: datetime, text: str = "Acme, my parcel is late", *, salt: int = 0, **more: Any) -> dict[str, Any]:
    """A post of that moment as X sends it; `salt` keeps ids of one millisecond apart."""
    post_id = more.pop("id", str(id_at(moment) + salt))
    return {
        "id": post_id,
        "text": text,
        "author_id": "77",
        "conversation_id": post_id,
        "created_at": moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "edit_history_tweet_ids": [post_id],
        "lang": "en",
        "public_metrics": {"retweet_count": 1, "reply_count": 2, "like_count": 3, "quote_count": 0},
        "reply_settings": "everyone",
        "possibly_sensitive": False,
        **more,
    }


def timeline(end: datetime, count: int, step: timedelta = timedelta(seconds=2)) -> list[dict[str, Any]]:
    """`count` posts before `end`, oldest first."""
    return [
        post(end - step * (count - number), f"Acme parcel {number}", salt=number % 1000) for number in range(count)
    ]


class XServer(LoopbackServer):
    """Serves `posts` as search results and, where they name @acme, as mentions of account 42."""

    def __init__(self, now: datetime, posts: Iterable[dict[str, Any]] = ()) -> None:
        super().__init__()
        self.now = now
        self.posts = list(posts)
        self.gone: dict[str, str] = {}
        self.users: dict[str, dict[str, Any]] = {
            "42": {"id": "42", "username": "Acme", "name": "Acme", "public_metrics": {"followers_count": 900}},
            "77": {"id": "77", "username": "jane", "name": "Jane", "public_metrics": {"followers_count": 12}},
        }
        self.page_size: int | None = None
        self.remaining: list[int] = []
        self.replay: dict[str, Any] | None = None

    def answer(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Reply(
                401, {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}
            )
        if self.replay is not None and request.path.startswith("/2/"):
            return Reply(200, self.replay)
        if request.path == "/2/tweets/search/recent":
            return self._search(request)
        if found := re.fullmatch(r"/2/users/(\d+)/mentions", request.path):
            wanted = f"@{self.users[found.group(1)]['username']}".lower()
            return self._page(request, [item for item in self.posts if wanted in item["text"].lower()], 5)
        if request.path == "/2/tweets":
            return self._lookup(request.query["ids"].split(","))
        if request.path == "/2/users/by":
            asked = request.query["usernames"].lower().split(",")
            return Reply(
                200, {"data": [user for user in self.users.values() if user["username"].lower() in asked]}
            )
        return Reply(404, {"title": "Not Found", "status": 404})

    def _search(self, request: Request) -> Reply:
        query = request.query
        if len(query.get("query", "")) > 512:
            return _refused("query")
        oldest = id_at(self.now - WINDOW)
        for name in ("since_id", "until_id"):
            if name in query and int(query[name]) < oldest and int(query[name]) > 10**15:
                return _refused(name)
        if "start_time" in query and datetime.fromisoformat(query["start_time"]) < self.now - WINDOW:
            return _refused("start_time")
        return self._page(request, [item for item in self.posts if int(item["id"]) >= oldest], 10)

    def _page(self, request: Request, posts: list[dict[str, Any]], smallest: int) -> Reply:
        query = request.query
        size = int(query.get("max_results", 10))
        if not smallest <= size <= 100:
            return _refused("max_results")
        token = query.get("next_token") or query.get("pagination_token")
        below = int(query.get("until_id", 10**19))
        if token:
            if not token.startswith("below-"):
                return _refused("next_token")
            below = min(below, int(token.removeprefix("below-")))
        start = datetime.fromisoformat(query["start_time"]) if "start_time" in query else None
        found = [
            item
            for item in sorted(posts, key=lambda item: -int(item["id"]))
            if int(query.get("since_id", 0)) < int(item["id"]) < below
            and (start is None or int(item["id"]) >= id_at(start))
        ]
        size = min(size, self.page_size or size)
        page, more = found[:size], len(found) > size
        meta: dict[str, Any] = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": page[0]["id"], "oldest_id": page[-1]["id"]}
        if more:
            meta["next_token"] = f"below-{page[-1]['id']}"
        return self._posts(page, meta)

    def _posts(self, page: list[dict[str, Any]], meta: dict[str, Any] | None = None) -> Reply:
        body: dict[str, Any] = {"meta": meta} if meta is not None else {}
        if page:
            body["data"] = page
            body["includes"] = {"users": [self.users[key] for key in sorted({item["author_id"] for item in page})]}
        left = self.remaining.pop(0) if self.remaining else 299
        reset = str(int(self.now.timestamp()) + 600)
        return Reply(200, body, {"x-rate-limit-remaining": str(left), "x-rate-limit-reset": reset})

    def _lookup(self, ids: list[str]) -> Reply:
        by_id = {each: item for item in self.posts for each in item["edit_history_tweet_ids"]}
        page = [by_id[each] for each in ids if each in by_id and each not in self.gone]
        reply = self._posts(page)
        errors = [
            _problem(each, self.gone.get(each, "resource-not-found"))
            for each in ids
            if each not in by_id or each in self.gone
        ]
        if errors:
            reply.body["errors"] = errors
        return reply


def _problem(post_id: str, kind: str) -> dict[str, Any]:
    return {
        "value": post_id, "resource_id": post_id, "resource_type": "tweet", "parameter": "ids",
        "title": "Not Found Error", "detail": f"Could not find tweet with ids: [{post_id}].",
        "type": f"https://api.twitter.com/2/problems/{kind}",
    }  # fmt: skip


def _refused(parameter: str) -> Reply:
    return Reply(
        400, {"title": "Invalid Request", "errors": [{"parameters": {parameter: ["?"]}, "message": "bad"}]}
    )
