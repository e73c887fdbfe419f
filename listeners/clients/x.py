"""X API v2 through tweepy: one client, one table from what goes wrong to what happens next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import requests
from requests.exceptions import RequestException
from tweepy.client import Client
from tweepy.errors import HTTPException

from listeners.clients.http import harden, hush, number, wait_until
from listeners.errors import AuthFailed, RateLimited, SourceError, Transient

API_URL = "https://api.x.com"
WINDOW = timedelta(minutes=15)
"""X counts requests in windows of this length; the wait where a 429 does not say when it ends."""
USAGE_CAP_WAIT = timedelta(hours=6)
"""The wait where X says the month's posts are used up: that ends by time or by a purchase, not in minutes."""

# What tweepy writes into every URL; the adapter mounted there sends to the configured host.
_TWEEPY_HOST = "https://api.twitter.com"

POST_FIELDS = (
    "author_id", "conversation_id", "created_at", "edit_controls", "edit_history_tweet_ids", "entities",
    "in_reply_to_user_id", "lang", "note_tweet", "possibly_sensitive", "public_metrics", "referenced_tweets",
    "reply_settings", "withheld",
)  # fmt: skip
USER_FIELDS = ("name", "protected", "public_metrics", "username", "verified")
EXPANSIONS = ("author_id", "referenced_tweets.id", "referenced_tweets.id.author_id")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One response of X. `wait_until` is set where this window has no request left."""

    posts: Sequence[Any]
    users: Mapping[str, Json]
    referenced: Mapping[str, Json]
    errors: Sequence[Json]
    meta: Json = field(default_factory=dict)
    wait_until: datetime | None = None

    @property
    def reads(self) -> int:
        """Posts X may bill for this answer: those asked for and those they refer to, each once."""
        ids = {post.get("id") for post in self.posts if isinstance(post, dict)}
        return len(self.posts) + len(set(self.referenced) - ids)


class XClient:
    """Reads posts with an app's bearer token. Opens no connection until asked."""

    def __init__(self, bearer_token: str, *, api_url: str = API_URL, timeout: float = 20) -> None:
        hush("tweepy", "tweepy.client")
        # False: with True and no reset header tweepy calls itself until the stack ends.
        client = Client(  # type: ignore[no-untyped-call]
            bearer_token=bearer_token, return_type=requests.Response, wait_on_rate_limit=False
        )
        harden(client.session, timeout, {_TWEEPY_HOST: api_url})
        client.session.hooks["response"].append(self._remember)
        self._client: Any = client
        self._last: requests.Response | None = None

    def _remember(self, response: requests.Response, **_: object) -> None:
        self._last = response

    def mentions(self, user_id: str, now: datetime, **params: Any) -> Answer:
        """One page of posts that mention an account, newest first; `next_token` is X's `pagination_token`."""
        if "next_token" in params:
            params["pagination_token"] = params.pop("next_token")
        return self._posts(now, lambda: self._client.get_users_mentions(user_id, **_fields(), **params))

    def search(self, query: str, now: datetime, **params: Any) -> Answer:
        """One page of the last seven days' posts for a query, newest first."""
        return self._posts(now, lambda: self._client.search_recent_tweets(query, **_fields(), **params))

    def posts(self, ids: Sequence[str], now: datetime) -> Answer:
        """Up to 100 posts by id; those that are gone are in `errors`."""
        return self._posts(now, lambda: self._client.get_tweets(list(ids), **_fields()))

    def user_ids(self, handles: Sequence[str], now: datetime) -> dict[str, str]:
        """The ids of up to 100 handles; a handle X does not know is left out."""
        body, _ = self._ask(now, lambda: self._client.get_users(usernames=list(handles)))
        users = [user for user in _list(body, "data") if isinstance(user, dict)]
        return {str(user.get("username", "")).lower(): str(user["id"]) for user in users if user.get("id")}

    def _posts(self, now: datetime, call: Callable[[], Any]) -> Answer:
        body, headers = self._ask(now, call)
        includes = body.get("includes")
        includes = includes if isinstance(includes, dict) else {}
        meta = body.get("meta")
        return Answer(
            posts=_list(body, "data"),
            users=_by_id(_list(includes, "users")),
            referenced=_by_id(_list(includes, "tweets")),
            errors=[item for item in _list(body, "errors") if isinstance(item, dict)],
            meta=meta if isinstance(meta, dict) else {},
            wait_until=_window_end(headers, now) if number(headers.get("x-rate-limit-remaining")) == 0 else None,
        )

    def _ask(self, now: datetime, call: Callable[[], Any]) -> tuple[Json, Mapping[str, str]]:
        problem: SourceError
        self._last = None
        try:
            response = cast(requests.Response, call())
            body = response.json()
            if isinstance(body, dict):
                return body, response.headers
            problem = Transient(f"X answered HTTP {response.status_code} with something that is no API answer")
        except HTTPException as error:
            problem = problem_of(error.response, now)
        except RequestException as error:
            # JSON errors are RequestExceptions too; the message of either may hold a URL or a body: name it only.
            problem = Transient(f"X could not be read ({type(error).__name__}); asked again later")
        except (ValueError, AttributeError, TypeError, KeyError) as error:
            # tweepy reads the reset header and the bodies of errors without checking them.
            problem = self._unreadable(error, now)
        # Raised here, not above: no trace of the SDK's error, which holds the request and its token.
        raise problem

    def _unreadable(self, error: Exception, now: datetime) -> SourceError:
        if self._last is not None and self._last.status_code >= 300:
            return problem_of(self._last, now)
        return Transient(f"X answered in a form that cannot be read ({type(error).__name__})")


def _fields() -> dict[str, Any]:
    return {
        "tweet_fields": list(POST_FIELDS),
        "user_fields": list(USER_FIELDS),
        "expansions": list(EXPANSIONS),
    }


_PARKED = {
    400: "X refused the request as wrong; if it names a query, see: social-care topic test",
    401: "X does not accept the bearer token (missing, wrong or revoked)",
    402: "X wants to be paid: the app has no credits left",
    403: "X does not let this app do that (its access level or its project)",
    404: "X knows no such account or address",
    410: "X has closed this address",
}


def problem_of(response: requests.Response, now: datetime) -> SourceError:
    """The one table: a response of X that is no success, as what happens next. Holds neither token nor text."""
    status = response.status_code
    title = _title(response)
    if status == 429:
        if "UsageCap" in title:
            return RateLimited("X: the posts of this billing period are used up (HTTP 429)", now + USAGE_CAP_WAIT)
        return RateLimited("X: too many requests (HTTP 429)", _window_end(response.headers, now))
    if status in _PARKED:
        return AuthFailed(f"{_PARKED[status]} (HTTP {status}{title and ', ' + title})")
    return Transient(f"X is in trouble (HTTP {status}); asked again later")


def _title(response: requests.Response) -> str:
    """The kind of problem as X names it (`UsageCapExceeded`), letters only: bodies may quote posts."""
    try:
        body = response.json()
    except ValueError:
        return ""
    title = body.get("title") if isinstance(body, dict) else None
    return "".join(letter for letter in str(title or "")[:40] if letter.isascii() and letter.isalpha())


def _window_end(headers: Mapping[str, str], now: datetime) -> datetime:
    reset = number(headers.get("x-rate-limit-reset"))
    if reset is None:
        return wait_until(now, number(headers.get("retry-after")), WINDOW)
    return wait_until(now, reset - now.timestamp() + 1, WINDOW)


def _list(body: Json, key: str) -> list[Any]:
    value = body.get(key)
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else []


def _by_id(items: list[Any]) -> dict[str, Json]:
    return {str(item["id"]): item for item in items if isinstance(item, dict) and item.get("id")}
