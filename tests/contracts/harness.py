"""What a listener's harness gives the contract suite: `tests/contracts/harness_<entry point name>.py`.

Write a class named `Harness` with these members; the suite finds it by the name under
`[project.entry-points."social_care.listeners"]`. It is used as a context manager and serves one test.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from listeners.ports import Listener

FAULTS = ("429", "429 without headers", "401", "500", "html", "truncated", "not json", "hang")


class ListenerHarness(Protocol):
    """One source of a listener, under the suite's control."""

    now: datetime
    """When the first poll takes place. The source is filled with posts of shortly before."""
    remote: bool
    """Whether the source is asked over a network: only then are faults injected."""
    secrets: Sequence[str]
    """What must never be seen."""

    def __init__(self, folder: Path) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def listener(self) -> Listener:
        """A new listener, as after a restart of the process; small pages, so that a poll has several."""
        ...

    def publish(self, count: int, *, before: datetime) -> None:
        """Add so many good posts, the newest shortly before a moment."""
        ...

    def publish_bad(self) -> None:
        """Add one item that cannot be understood."""
        ...

    def expected(self) -> set[str]:
        """Native ids of all good posts published so far."""
        ...

    def fail(self, fault: str, request: int) -> None:
        """Let the n-th request from now on (1 is the next) go wrong once, in one of the ways of FAULTS.

        Listeners made after a `hang` give up within a fraction of a second.
        """
        ...

    @staticmethod
    def convert(raw: Any) -> list[Mapping[str, Any]]:
        """What the listener makes of a recorded payload: mentions as JSON (`model_dump(mode="json")`, no raw)."""
        ...
