"""One transport for SDKs built on requests: every call has a time limit, and the host can be chosen.

tweepy has no time limit and a fixed host; praw ignores the limit it is given. Both let a session be mounted.
"""

import ipaddress
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from urllib.request import getproxies

import requests
from requests.adapters import HTTPAdapter

from storage.errors import ConfigError

MAX_WAIT = timedelta(hours=24)
"""No network is believed when it asks for a longer pause than this."""


class TimedAdapter(HTTPAdapter):
    """Sends with a time limit and, where `base` is given, to that host instead of the one the SDK wrote.

    Args:
        timeout: seconds without a byte, for connecting and for each read.
        base: scheme and host to send to, such as `https://api.x.com`.
    """

    def __init__(self, timeout: float, base: str | None = None) -> None:
        super().__init__(max_retries=0)
        self._timeout = timeout
        self._base = urlsplit(base) if base else None

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send one request; what the caller says about time is overruled."""
        if self._base is not None and request.url:
            parts = urlsplit(request.url)
            prefix = self._base.path.rstrip("/")
            request.url = urlunsplit(
                (self._base.scheme, self._base.netloc, prefix + parts.path, parts.query, parts.fragment)
            )
        kwargs["timeout"] = self._timeout
        if _is_loopback(urlsplit(request.url or "").hostname):
            kwargs["proxies"] = {}
        return super().send(request, *args, **kwargs)


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def open_session(timeout: float) -> requests.Session:
    """A session with a time limit that follows no redirect and reads no password file.

    requests would replace our Authorization header by what `~/.netrc` holds for the host; the proxies of the
    environment still count.
    """
    session = requests.Session()
    harden(session, timeout)
    return session


def harden(session: requests.Session, timeout: float, hosts: Mapping[str, str] | None = None) -> None:
    """Give a session its time limit; `hosts` maps a prefix the SDK writes to the base it shall go to."""
    session.max_redirects = 0
    session.proxies.update(getproxies())
    session.trust_env = False
    for scheme in ("https://", "http://"):
        session.mount(scheme, TimedAdapter(timeout))
    for prefix, base in (hosts or {}).items():
        session.mount(prefix, TimedAdapter(timeout, base))


def checked_url(url: str, setting: str) -> str:
    """The URL without its last slash.

    Raises:
        ConfigError: not https (http is allowed to this machine only), no host, or a password in it.
    """
    parts = urlsplit(url.strip())
    if parts.username or parts.password:
        raise ConfigError(f"{setting}: no name or password in a URL; secrets come from the environment or keyring")
    plain = parts.scheme == "http" and _is_loopback(parts.hostname)
    if not parts.hostname or not (parts.scheme == "https" or plain):
        raise ConfigError(f"{setting}: {url!r} is no https address; write for example https://api.example.org")
    return url.strip().rstrip("/")


class KeepQuiet(logging.Filter):
    """Lets warnings and errors pass only: at DEBUG tweepy writes the bearer token, prawcore reply texts."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may pass."""
        return record.levelno >= logging.WARNING


_QUIET = KeepQuiet()


def hush(*names: str) -> None:
    """Hold loggers at WARNING, whatever level somebody sets later."""
    for name in names:
        logging.getLogger(name).addFilter(_QUIET)


def wait_until(now: datetime, seconds: float | None, default: timedelta) -> datetime:
    """When to ask again: after `seconds`, at least 1 and at most a day; after `default` where nothing was said."""
    if seconds is None:
        return now + default
    return now + timedelta(seconds=min(max(seconds, 1), MAX_WAIT.total_seconds()))


def number(text: str | None) -> float | None:
    """A header as a finite number, or None."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None


def utc(seconds: float) -> datetime:
    """A Unix time as an aware time.

    Raises:
        ValueError: not a time.
    """
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, TypeError) as error:
        raise ValueError(f"{seconds!r} is not a time") from error
