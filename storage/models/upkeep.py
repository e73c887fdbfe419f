"""What keeps the line running and accountable: listener state, coverage, rejected rows, notices, audit, leases."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel


class ListenerState(SQLModel, table=True):
    """Where a listener got to, and when it is due again. The schedule lives here, not in a scheduler."""

    name: str = Field(primary_key=True)
    network: str
    cursor: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    next_poll_at: datetime | None = Field(default=None, index=True)
    last_poll_at: datetime | None = None
    last_success_at: datetime | None = None
    last_error: str | None = None
    failures: int = 0
    parked_at: datetime | None = None
    parked_reason: str | None = None
    reads: int = 0
    """Posts read from a metered source on `reads_day`; compared with the listener's daily budget."""
    reads_day: str | None = None
    owner: str | None = None
    """The process that is polling now; free when `owner_until` is past."""
    owner_until: datetime | None = None


class Coverage(SQLModel, table=True):
    """An interval a listener has truly heard, or one it knows it has not."""

    __table_args__ = (
        CheckConstraint("kind in ('heard','gap')", name="ck_coverage_kind"),
        Index("ix_coverage_listener", "listener", "ended_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    listener: str
    kind: str
    started_at: datetime
    ended_at: datetime
    reason: str | None = None
    recorded_at: datetime


class Rejected(SQLModel, table=True):
    """A row or item that could not be understood, kept aside with its reason so that nothing is lost."""

    __table_args__ = (UniqueConstraint("listener", "digest", name="uq_rejected_once"),)

    id: int | None = Field(default=None, primary_key=True)
    listener: str = Field(index=True)
    place: str
    """Where it stood: `line 17`, or the native id."""
    reason: str
    raw: str
    digest: str
    """Hash of place and raw text: importing the same broken file again adds nothing."""
    seen_at: datetime


class Notice(SQLModel, table=True):
    """One message to a person about one event, waiting in the outbox until it is delivered."""

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    """What makes it the same event: `breach:clock:17`."""
    kind: str
    case_id: int | None = Field(default=None, foreign_key="case.id")
    body: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime
    delivered_at: datetime | None = None
    attempts: int = 0
    next_attempt_at: datetime | None = None
    last_error: str | None = None


class Audit(SQLModel, table=True):
    """Who did what to which thing. Append-only; never holds post texts or secrets."""

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(index=True)
    actor: str
    action: str
    subject: str = Field(index=True)
    before: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    after: dict[str, Any] | None = Field(default=None, sa_type=JSON)


class Lease(SQLModel, table=True):
    """One process at a time holds a name; it is free again when `until` is past."""

    name: str = Field(primary_key=True)
    owner: str
    until: datetime


class Slot(SQLModel, table=True):
    """A thing that happens once: the daily digest of one day, say. Inserting it twice fails."""

    name: str = Field(primary_key=True)
    slot: str = Field(primary_key=True)
    owner: str
    at: datetime
