"""What a listener hands over and one transaction stores: a page, with the cursor that is then true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storage.models import MentionData

Cursor = Mapping[str, Any]
"""Where a listener got to: JSON values only. Opaque to everybody else."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time, both ends aware and UTC."""

    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch the listener knows it has not heard, and why."""

    interval: Interval
    reason: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """A mention the platform says is gone. Its text is purged; a tombstone stays."""

    native_id: str
    reason: str
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """One row or item that could not be understood; kept aside with its reason."""

    place: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Page:
    """What one commit stores: mentions with the cursor that is true once they are stored.

    `cursor` must never be ahead of the mentions handed out so far. `heard` is the interval this page closes
    (usually only the last page of a poll has one). `reads` counts posts billed by a metered source.
    """

    mentions: Sequence[MentionData] = ()
    cursor: Cursor | None = None
    deletions: Sequence[Deletion] = ()
    rejections: Sequence[Rejection] = ()
    heard: Interval | None = None
    gaps: Sequence[Gap] = ()
    retry_after: datetime | None = None
    reads: int = 0
    backfilled: bool = False
    """Imported history or an explicit backfill: in no team clock."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Items left out on purpose, counted by reason (`retweet`, `duplicate in file`)."""
