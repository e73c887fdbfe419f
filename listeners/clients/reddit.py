"""Reddit through praw: sign-in, time limits, pacing, and one table from what goes wrong to what happens next.

praw is asked for plain JSON: its objects fetch missing fields behind one's back, in the middle of a conversion.
It never retries here (it would send a reply twice) and never sleeps: the scheduler waits instead.
"""

from collections.abc import Callable, Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

import praw
import prawcore
import requests
from praw.config import Config
from praw.exceptions import PRAWException
from prawcore.rate_limit import RateLimiter
from prawcore.sessions import RetryStrategy
from requests.exceptions import RequestException, TooManyRedirects

from listeners.clients.http import hush, number, open_session, wait_until
from listeners.errors import AuthFailed, RateLimited, SourceError, Transient

WINDOW = timedelta(minutes=10)
"""Reddit counts requests in windows of this length."""
DEFAULT_WAIT = timedelta(minutes=2)
"""The wait where a 429 does not say how long."""
RESERVE = 3
"""Requests of a window left untouched, so that a person can still answer while we listen."""


@dataclass(frozen=True, slots=True, repr=False)
class RedditAccess:
    """Who asks. Without user or refresh token it is the app alone: no inbox."""

    client_id: str
    client_secret: str
    user_agent: str
    username: str = ""
    password: str = ""
    refresh_token: str = ""
    reddit_url: str = "https://www.reddit.com"
    oauth_url: str = "https://oauth.reddit.com"
    timeout: float = 20


class _Once(RetryStrategy):
    """One attempt. Prawcore's own strategy with no retries would sleep two seconds before the first."""

    def _sleep_seconds(self) -> float | None:
        return None

    def consume_available_retry(self) -> "_Once":
        return self

    def should_retry_on_failure(self) -> bool:
        return False


class _Pace(RateLimiter):
    """Remembers what the headers say about the window; never sleeps and never trips over a broken header."""

    def __init__(self) -> None:
        super().__init__(window_size=int(WINDOW.total_seconds()))
        self.left: float | None = None
        self.reset_seconds: float | None = None
        self.response: requests.Response | None = None
        self.asking = False
        """Whether the request itself was sent: before it, a sign-in may be needed."""

    def delay(self) -> None:
        """Nothing: see `RedditClient.pause`."""

    def call(
        self,
        *,
        method: str,
        request_function: Callable[..., requests.Response],
        set_header_callback: Callable[[], dict[str, str]],
        url: str,
        **kwargs: Any,
    ) -> requests.Response:
        """Send, and keep the response for the error table."""
        self.response, self.asking = None, False
        kwargs["headers"] = set_header_callback()
        self.asking = True
        self.response = request_function(method, url, **kwargs)
        self.update(response_headers=self.response.headers)
        return self.response

    def update(self, *, response_headers: Mapping[str, str]) -> None:
        """Take the window's figures from the headers, where they are figures."""
        self.left = number(response_headers.get("x-ratelimit-remaining"))
        self.reset_seconds = number(response_headers.get("x-ratelimit-reset"))


class RedditClient:
    """Reads Reddit's JSON. Opens no connection until asked."""

    def __init__(self, access: RedditAccess) -> None:
        hush("praw", "prawcore")
        self._pace = _Pace()
        self._pause: datetime | None = None
        self.signed_in = bool(access.username or access.refresh_token)
        self.reddit = _open(access, self._pace)
        """The praw object, for posters: one attempt a request, no sleeping."""

    def pause(self, now: datetime) -> datetime | None:
        """When to go on, where this window is as good as used up; else None."""
        return self._pause if self._pause is not None and self._pause > now else None

    def get(self, path: str, now: datetime, **params: str | int) -> Any:
        """The JSON at a path.

        Raises:
            SourceError: RateLimited, Transient or AuthFailed.
        """
        waiting = self.pause(now)
        if waiting is not None:
            raise RateLimited("Reddit: the requests of this window are used up", waiting)
        body, problem = self._ask(path, now, params)
        if problem is not None and self._status() == 401:
            # A token can end early; praw has thrown it away by now and fetches another for one more attempt.
            body, problem = self._ask(path, now, params)
        if problem is not None:
            raise problem
        if self._pace.left is not None and self._pace.left <= RESERVE:
            self._pause = wait_until(now, self._pace.reset_seconds, WINDOW)
        return body

    @property
    def _signing_in(self) -> bool:
        return not self._pace.asking

    def _status(self) -> int | None:
        return self._pace.response.status_code if self._pace.response is not None else None

    def _ask(self, path: str, now: datetime, params: dict[str, str | int]) -> tuple[Any, SourceError | None]:
        """The body, or what went wrong. Returned, not raised: no trace of the request and its token stays."""
        self._pace.response, self._pace.asking = None, False
        try:
            body = self.reddit.request(method="GET", path=path, params=dict(params))
        except prawcore.OAuthException as error:
            return None, AuthFailed(f"Reddit refuses to sign us in ({_word(error.error)})")
        except prawcore.ResponseException as error:
            place = "sign-in" if self._signing_in else path
            return None, problem_of(error.response, now, place, signing_in=self._signing_in)
        except (prawcore.RequestException, RequestException) as error:
            cause = getattr(error, "original_exception", error)
            found = getattr(cause, "response", None)
            if isinstance(cause, TooManyRedirects) and found is not None and not self._signing_in:
                return None, problem_of(found, now, path)
            return None, Transient(f"Reddit could not be read ({type(cause).__name__}); asked again later")
        except (
            prawcore.PrawcoreException,
            PRAWException,
            KeyError,
            ValueError,
            TypeError,
            AttributeError,
        ) as error:
            # prawcore reads some headers and bodies without checking them; the status tells what was meant.
            if self._pace.response is not None and self._pace.response.status_code >= 300:
                return None, problem_of(self._pace.response, now, path)
            return None, Transient(f"Reddit answered in a form that cannot be read ({type(error).__name__})")
        if not isinstance(body, dict | list):
            return None, Transient("Reddit answered with nothing; asked again later")
        return body, None


class PlaceClosed(AuthFailed):
    """One place (a thread, a subreddit) cannot be read; others may."""


_PARKED = {
    400: "Reddit refused the request as wrong",
    401: "Reddit does not accept our token",
}
_CLOSED = {
    403: "Reddit does not let us read this (private, banned, or the app lacks the right)",
    404: "Reddit knows no such place",
    451: "Reddit withholds this for legal reasons",
}


def problem_of(response: requests.Response, now: datetime, place: str, *, signing_in: bool = False) -> SourceError:
    """The one table: a response that is no success, as what happens next. Holds neither token nor text."""
    status = response.status_code
    if status == 429:
        seconds = number(response.headers.get("retry-after"))
        if seconds is None:
            seconds = number(response.headers.get("x-ratelimit-reset"))
        return RateLimited("Reddit: too many requests (HTTP 429)", wait_until(now, seconds, DEFAULT_WAIT))
    if signing_in and status in (400, 401, 403):
        return AuthFailed(f"Reddit does not accept the app's id or secret (HTTP {status})")
    if 300 <= status < 400:
        return PlaceClosed(f"Reddit knows no such place: {place} (HTTP {status})")
    if status in _CLOSED:
        return PlaceClosed(f"{_CLOSED[status]}: {place} (HTTP {status})")
    if status in _PARKED:
        return AuthFailed(f"{_PARKED[status]}: {place} (HTTP {status})")
    return Transient(f"Reddit is in trouble (HTTP {status}); asked again later")


def _word(text: object) -> str:
    return "".join(letter for letter in str(text)[:40] if letter.isascii() and (letter.isalpha() or letter == "_"))


def _open(access: RedditAccess, pace: _Pace) -> praw.Reddit:
    """A praw with every setting given as keyword: no `praw.ini` lying about and no environment has a say."""
    with Config.LOCK:
        Config.CONFIG = ConfigParser(interpolation=None)
        Config.CONFIG.read_string(files("praw").joinpath("praw.ini").read_text(encoding="utf-8"))
    reddit = praw.Reddit(
        "DEFAULT",
        requestor_kwargs={"session": open_session(access.timeout)},
        check_for_updates=False,
        check_for_async=False,
        client_id=access.client_id,
        client_secret=access.client_secret,
        user_agent=access.user_agent,
        username=access.username or None,
        password=access.password or None,
        refresh_token=access.refresh_token or None,
        redirect_uri=None,
        reddit_url=access.reddit_url,
        oauth_url=access.oauth_url,
        ratelimit_seconds=-1,
    )
    for core in (reddit._core, reddit._read_only_core, reddit._authorized_core):
        if core is not None:
            core._rate_limiter = pace
            core._retry_strategy_class = _Once
    return reddit
