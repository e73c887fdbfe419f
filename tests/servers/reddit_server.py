"""A contract server for Reddit: sign-in, listings with `after`, search, threads with `more`, and `api/info`."""

import base64
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from servers.loopback import LoopbackServer, Reply, Request

CLIENT_ID = "client-id-of-the-app"
SECRETS = {
    "reddit-client-id": CLIENT_ID,
    "reddit-client-secret": "client-secret-nobody-may-see",
    "reddit-password": "password-nobody-may-see",
    "reddit-refresh-token": "refresh-token-nobody-may-see",
}
ACCESS = "access-token-nobody-may-see"
CAP = 1000

Thing = dict[str, Any]


def submission(number: int, moment: datetime, text: str = "Acme parcel is late", **more: Any) -> Thing:
    """A post (`t3`) as Reddit sends it."""
    name = _base36(1_000_000 + number)
    return {
        "kind": "t3",
        "data": {
            "id": name, "name": f"t3_{name}", "title": "Acme?", "selftext": text, "author": "jane",
            "author_fullname": "t2_77", "created_utc": moment.timestamp(), "edited": False, "num_comments": 0,
            "score": 5, "subreddit": "parcels", "permalink": f"/r/parcels/comments/{name}/acme/", "locked": False,
            "archived": False, "removed_by_category": None, "is_self": True, **more,
        },
    }  # fmt: skip


def comment(number: int, moment: datetime, link: str, parent: str, text: str = "same here", **more: Any) -> Thing:
    """A comment (`t1`) as Reddit sends it."""
    name = _base36(9_000_000 + number)
    return {
        "kind": "t1",
        "data": {
            "id": name, "name": f"t1_{name}", "body": text, "author": "joe", "author_fullname": "t2_78",
            "created_utc": moment.timestamp(), "edited": False, "score": 1, "link_id": link, "parent_id": parent,
            "permalink": f"/r/parcels/comments/{link.removeprefix('t3_')}/acme/{name}/", "replies": "",
            "subreddit": "parcels", **more,
        },
    }  # fmt: skip


def deleted(thing: Thing, word: str = "[deleted]") -> None:
    """Turn a thing into what Reddit leaves of it."""
    data = thing["data"]
    data["author"] = "[deleted]"
    data.pop("author_fullname", None)
    data["body" if "body" in data else "selftext"] = word


class RedditServer(LoopbackServer):
    """Serves `posts`, and `comments` in threads that show `shown` comments at once and hide the rest."""

    def __init__(self, now: datetime, posts: Iterable[Thing] = (), comments: Iterable[Thing] = ()) -> None:
        super().__init__()
        self.now = now
        self.posts = list(posts)
        self.comments = list(comments)
        self.inbox: dict[str, list[Thing]] = {"mentions": [], "comments": [], "selfreply": []}
        self.shown = 2
        self.page_size: int | None = None
        self.remaining: list[float] = []
        self.tokens = 0
        self.sign_in: Reply | None = None
        self.closed: set[str] = set()

    def is_api(self, request: Request) -> bool:
        return request.path != "/api/v1/access_token"

    def answer(self, request: Request) -> Reply:
        if request.path == "/api/v1/access_token":
            return self._token(request)
        if request.headers.get("authorization") != f"bearer {ACCESS}-{self.tokens}":
            return Reply(401, {"message": "Unauthorized", "error": 401})
        left = self.remaining.pop(0) if self.remaining else 600.0
        reply = self._read(request)
        reply.headers |= {"x-ratelimit-remaining": str(left), "x-ratelimit-used": "0", "x-ratelimit-reset": "300"}
        return reply

    def _token(self, request: Request) -> Reply:
        if self.sign_in is not None:
            return self.sign_in
        basic = base64.b64encode(f"{CLIENT_ID}:{SECRETS['reddit-client-secret']}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return Reply(401, {"message": "Unauthorized", "error": 401})
        if request.body.get("grant_type") == "password" and request.body["password"] != SECRETS["reddit-password"]:
            return Reply(200, {"error": "invalid_grant"})
        self.tokens += 1
        token = f"{ACCESS}-{self.tokens}"
        return Reply(200, {"access_token": token, "token_type": "bearer", "expires_in": 3600, "scope": "*"})

    def _read(self, request: Request) -> Reply:
        path = request.path
        if re.fullmatch(r"/r/[\w+]+/search", path):
            return self._listing(request, self.posts)
        if re.fullmatch(r"/r/[\w+]+/comments", path):
            return self._listing(request, self.comments)
        if found := re.fullmatch(r"/message/(\w+)", path):
            return self._listing(request, self.inbox[found.group(1)])
        if path == "/api/info":
            asked = request.query["id"].split(",")
            things = [thing for thing in self._everything() if thing["data"]["name"] in asked]
            return Reply(200, _listing([_bare(thing) for thing in things]))
        if path == "/api/morechildren":
            return self._more(request)
        if found := re.fullmatch(r"/comments/(\w+)(?:/_/(\w+))?", path):
            return self._thread(f"t3_{found.group(1)}", found.group(2))
        return Reply(404, {"message": "Not Found", "error": 404})

    def _everything(self) -> list[Thing]:
        return [*self.posts, *self.comments, *(thing for box in self.inbox.values() for thing in box)]

    def _listing(self, request: Request, things: list[Thing]) -> Reply:
        ordered = sorted(things, key=lambda thing: -float(thing["data"].get("created_utc") or 0))[:CAP]
        names = [thing["data"]["name"] for thing in ordered]
        after = request.query.get("after")
        if after is not None and after not in names:
            return Reply(200, _listing([]))
        start = names.index(after) + 1 if after else 0
        size = min(int(request.query.get("limit", 25)), self.page_size or 100)
        page = ordered[start : start + size]
        more = start + size < len(ordered)
        return Reply(200, _listing([_bare(thing) for thing in page], names[start + size - 1] if more else None))

    def _thread(self, link: str, below: str | None) -> Reply:
        if link in self.closed:
            return Reply(403, {"message": "Forbidden", "reason": "private", "error": 403})
        posts = [thing for thing in self.posts if thing["data"]["name"] == link]
        if not posts:
            return Reply(404, {"message": "Not Found", "error": 404})
        parent = f"t1_{below}" if below else link
        count = sum(1 for thing in self.comments if thing["data"]["link_id"] == link)
        post = {"kind": "t3", "data": {**posts[0]["data"], "num_comments": count}}
        branch = [thing for thing in self.comments if thing["data"]["name"] == parent]
        children = [self._nested(branch[0], 1)] if branch else self._children(parent, 1)
        return Reply(200, [_listing([post]), _listing(children)])

    def _children(self, parent: str, depth: int) -> list[Thing]:
        found = [thing for thing in self.comments if thing["data"]["parent_id"] == parent]
        if found and depth > 3:
            return [{"kind": "more", "data": {"count": 0, "id": "_", "parent_id": parent, "children": []}}]
        shown = [self._nested(thing, depth) for thing in found[: self.shown]]
        hidden = [thing["data"]["id"] for thing in found[self.shown :]]
        if hidden:
            more = {"count": len(hidden), "id": hidden[0], "parent_id": parent, "children": hidden}
            shown.append({"kind": "more", "data": more})
        return shown

    def _nested(self, thing: Thing, depth: int) -> Thing:
        children = self._children(thing["data"]["name"], depth + 1)
        replies = _listing(children) if children else ""
        return {"kind": "t1", "data": {**thing["data"], "replies": replies}}

    def _more(self, request: Request) -> Reply:
        asked = request.query["children"].split(",")
        if len(asked) > 100:
            return Reply(400, {"message": "Bad Request", "error": 400})
        found = [thing for thing in self.comments if thing["data"]["id"] in asked]
        things: list[Thing] = []
        for thing in found:
            things.append(_bare(thing))
            things += [part for part in self._children(thing["data"]["name"], 2) if part["kind"] == "more"]
            things += [_bare(part) for part in self._children(thing["data"]["name"], 2) if part["kind"] == "t1"]
        return Reply(200, {"json": {"errors": [], "data": {"things": things}}})


def _bare(thing: Thing) -> Thing:
    return {"kind": thing["kind"], "data": {**thing["data"], **({"replies": ""} if thing["kind"] == "t1" else {})}}


def _listing(things: list[Thing], after: str | None = None) -> dict[str, Any]:
    return {"kind": "Listing", "data": {"after": after, "before": None, "dist": len(things), "children": things}}


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits
