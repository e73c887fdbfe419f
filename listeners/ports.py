"""The port every listener fills: poll from a cursor, yield pages. Small enough to fake in ten lines.

A listener is one file with a class and one line under `[project.entry-points."social_care.listeners"]`.
The class carries `Settings` (a pydantic model of its table in `social-care.toml`), `build` and `poll`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel

from storage.errors import ConfigError
from storage.pages import Cursor, Deletion, Gap, Interval, Page, Rejection

__all__ = [
    "Cursor",
    "Deletion",
    "Gap",
    "Interval",
    "Listener",
    "ListenerClass",
    "ListenerContext",
    "Page",
    "Rechecks",
    "Rejection",
    "TopicQuery",
]


def _no_secret(name: str) -> str:
    raise ConfigError(f"the secret {name!r} is needed, and this listener was built without a way to look it up")


@dataclass(frozen=True, slots=True)
class TopicQuery:
    """A topic as a listener sees it: its name and its boolean query (Lucene syntax)."""

    name: str
    query: str


@dataclass(frozen=True, slots=True)
class ListenerContext:
    """What a listener is told about the workspace it hears for."""

    name: str
    brand: str
    our_accounts: frozenset[str] = frozenset()
    """Handles and ids of the brand's own accounts on this network, lower case, without `@` or `u/`."""
    topics: Sequence[TopicQuery] = ()
    secret: Callable[[str], str] = field(default=_no_secret, repr=False)
    """Looks up one secret by name; raises ConfigError naming where it was looked for."""
    reads_left: int | None = None
    """Posts this poll may still read under today's budget; None means no budget is set."""


class Listener(Protocol):
    """Hears one source. `poll` opens no transaction and is told the time."""

    network: str

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[Page]:
        """Yield pages from `cursor` on.

        Raises:
            SourceError: RateLimited, Transient or AuthFailed; pages yielded before it stay stored.
        """
        ...


@runtime_checkable
class Rechecks(Protocol):
    """An optional ability: look known posts up again, so that those deleted where they stood are purged."""

    def recheck(self, ids: list[str], now: datetime) -> Page:
        """What became of up to 100 posts: edits as mentions, posts that are gone as deletions.

        Raises:
            SourceError: as `Listener.poll`.
        """
        ...


class ListenerClass(Protocol):
    """What the entry point names."""

    network: ClassVar[str]
    Settings: type[BaseModel]

    @classmethod
    def build(cls, settings: Any, context: ListenerContext) -> Listener:
        """Make a listener; opens no connection.

        Raises:
            ConfigError: a setting or secret is missing.
        """
        ...
