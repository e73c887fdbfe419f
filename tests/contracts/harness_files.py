"""The listener for files: a CSV export that grows."""

import csv
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from clock import NOW

from listeners.files import FilesListener, FilesSettings
from listeners.ports import Listener, ListenerContext

PAGE = 10


class Harness:
    """One row a post, ten to a page."""

    remote = False
    secrets = ()

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self._path = folder / "export.csv"
        self._rows: list[list[str]] = []
        self._good: set[str] = set()
        self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""

    def listener(self) -> Listener:
        settings = FilesSettings(
            path=str(self._path), network="forum", page_size=PAGE, time_format=("%Y-%m-%dT%H:%M:%S%z",)
        )
        return FilesListener.build(settings, ListenerContext("exports", "Acme"))

    def publish(self, count: int, *, before: datetime) -> None:
        for number in range(count):
            post_id = f"post-{len(self._good) + 1}"
            moment = before - timedelta(seconds=3 * (number + 1))
            self._rows.append([post_id, "jane", f"Acme parcel {post_id} is late", moment.isoformat()])
            self._good.add(post_id)
        self._write()

    def publish_bad(self) -> None:
        self._rows.insert(3, ["post-bad", "jane", "Acme parcel", "the day before yesterday"])
        self._write()

    def expected(self) -> set[str]:
        return set(self._good)

    def fail(self, fault: str, request: int) -> None:
        pytest.skip("reads no network")

    @staticmethod
    def convert(raw: Any) -> list[Mapping[str, Any]]:
        raise NotImplementedError("the presets of files have their own pairs, in tests/listeners/files")

    def _write(self) -> None:
        with self._path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["id", "author", "text", "created_at"], *self._rows])
