"""A workspace whose listener serves a written timeline, whose scorer is a rule, whose clock is moved by hand."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Protocol

from clock import NOW
from pydantic import BaseModel
from sqlmodel import SQLModel, select

from listeners.ports import Cursor, Gap, Interval, ListenerContext, Page
from sentiment.ports import Factor, Probabilities, TextScore
from social_care.config import make_settings
from social_care.scheduler import Ticker
from social_care.workspace import Workspace
from storage.errors import ConfigError
from storage.models import AuthorData, MentionData


def post(number: int, at: datetime | None = None, words: str | None = None, **fields: Any) -> MentionData:
    """Post `number`, by an author of its own, addressed to us."""
    author = fields.pop("author", f"a{number}")
    values: dict[str, Any] = {
        "network": "x",
        "native_id": f"p{number}",
        "brand": "Acme",
        "author": AuthorData(native_id=author, handle=author),
        "text": words or f"my order {number} never came, please help",
        "posted_at": at or NOW + timedelta(minutes=number),
        "addressed": True,
    }
    return MentionData(**(values | fields))


@dataclass
class Script:
    """What the network has, and how it behaves, poll by poll."""

    posts: list[MentionData] = field(default_factory=list)
    """Oldest first; what lies in the future of a poll is not seen by it."""
    size: int = 10
    failures: list[Exception | None] = field(default_factory=list)
    """What each coming poll raises after `good_pages` pages; None: nothing."""
    good_pages: int = 0
    retry_after: datetime | None = None
    gaps: list[Gap] = field(default_factory=list)
    on_page: Callable[[int], object] = lambda number: None
    polls: list[datetime] = field(default_factory=list)
    reads_left: list[int | None] = field(default_factory=list)
    """The budget each poll was given."""


class ScriptedListener:
    """Serves its script from a cursor that counts posts. Each post costs one read of the budget."""

    network: ClassVar[str] = "x"
    scripts: ClassVar[dict[str, Script]] = {}

    class Settings(BaseModel):
        """It has none."""

    def __init__(self, context: ListenerContext) -> None:
        self.context = context

    @classmethod
    def build(cls, settings: Any, context: ListenerContext) -> "ScriptedListener":
        return cls(context)

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[Page]:
        script = self.scripts[self.context.name]
        script.polls.append(now)
        left = self.context.reads_left
        script.reads_left.append(left)
        failure = script.failures.pop(0) if script.failures else None
        if failure is not None and script.good_pages == 0:
            raise failure
        start = int(cursor["next"]) if cursor else 0
        since = datetime.fromisoformat(cursor["heard"]) if cursor and "heard" in cursor else NOW
        visible = [item for item in script.posts if item.posted_at <= now]
        if left is not None:
            visible = visible[: start + left]
        for page, first in enumerate(range(start, len(visible), script.size)):
            if failure is not None and page >= script.good_pages:
                raise failure
            batch = visible[first : first + script.size]
            script.on_page(page)
            yield Page(
                mentions=batch,
                cursor={"next": first + len(batch), "heard": since.isoformat()},
                reads=len(batch),
            )
        if failure is not None:
            raise failure
        yield Page(
            cursor={"next": max(start, len(visible)), "heard": now.isoformat()},
            heard=Interval(since, now),
            gaps=script.gaps,
            retry_after=script.retry_after,
        )


@dataclass
class RuleScorer:
    """A scorer that is a rule: what mentions `never` is negative and needs a reply."""

    name: str = "rule@1"
    scored: list[str] = field(default_factory=list)

    def score(
        self,
        texts: Sequence[str],
        languages: Sequence[str | None] | None = None,
        kinds: Sequence[str | None] | None = None,
    ) -> list[TextScore]:
        self.scored += texts
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> TextScore:
        bad = "never" in text
        return TextScore(
            language="en",
            sentiment="negative" if bad else "positive",
            probabilities=Probabilities(0.9, 0.05, 0.05) if bad else Probabilities(0.05, 0.05, 0.9),
            abstained=False,
            urgency=0.5 if bad else 0.1,
            reply_needed=bad,
            reply_reason="complaint" if bad else "praise_without_ask",
            factors=(Factor("complaint", 0.5, "never"),) if bad else (),
            scorer=self.name,
        )


@dataclass
class Clock:
    """A clock that only moves when it is told to."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **step: float) -> datetime:
        self.now += timedelta(**step)
        return self.now


@dataclass
class LineWorld:
    """One workspace on a fresh database, with its scripts."""

    workspace: Workspace
    clock: Clock
    said: list[str] = field(default_factory=list)

    def script(self, name: str = "acme-x") -> Script:
        return ScriptedListener.scripts[name]

    def ticker(self, owner: str = "one", **more: Any) -> Ticker:
        return Ticker(self.workspace, self.clock, owner=owner, tell=self.said.append, **more)

    def rows(self, table: str) -> list[dict[str, Any]]:
        source = SQLModel.metadata.tables[table]
        with self.workspace.database.read() as session:
            found = session.execute(select(source).order_by(next(iter(source.c))))
            return [dict(row) for row in found.mappings()]

    def digests(self) -> list[dict[str, Any]]:
        """The days whose digest is claimed; other daily steps have slots of their own."""
        return [row for row in self.rows("slot") if row["name"] == "digest"]

    def row(self, name: str = "acme-x") -> dict[str, Any]:
        (found,) = [row for row in self.rows("listenerstate") if row["name"] == name]
        return found

    def row_or_new(self) -> dict[str, Any]:
        return next(iter(self.rows("listenerstate")), {"parked_at": None})

    def ids(self) -> list[str]:
        return [row["native_id"] for row in self.rows("mention")]


class MakeWorld(Protocol):
    """Makes a world: `listeners` by name, each a table of settings."""

    def __call__(self, listeners: dict[str, dict[str, Any]] | None = None, **config: Any) -> LineWorld: ...


def make_workspace(folder: Path, url: str, scorer: RuleScorer | None = None, **config: Any) -> Workspace:
    """A workspace for Acme on the database at `url`, scoring by rule."""
    data: dict[str, Any] = {"database": url, "brands": [{"name": "Acme", "accounts": {"x": ["AcmeCares"]}}]}
    workspace = Workspace(folder, make_settings(data | config, "test"))
    chosen = scorer or RuleScorer()
    # The two parts that load the model, replaced by a scorer that is a rule.
    workspace.__dict__.update(scorer=chosen, scorer_name=chosen.name)
    return workspace


def load_scripted(name: str) -> Any:
    """Stands in for the registry: there is one type of listener."""
    if name != "scripted":
        raise ConfigError(f"there is no listener type {name!r}")
    return ScriptedListener
