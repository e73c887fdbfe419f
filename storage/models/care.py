"""What we decided and did: cases, drafts, approvals, replies and SLA clocks."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel


class Case(SQLModel, table=True):
    """One author's mentions in one thread: the unit of work and of the SLA.

    `revision` grows with every change; a writer names the revision it read, so two people cannot both act on it.
    """

    __table_args__ = (
        UniqueConstraint(
            "brand_id", "network", "author_key", "thread_native_id", "sequence", name="uq_case_identity"
        ),
        CheckConstraint("status in ('open','answered','resolved','dismissed','withdrawn')", name="ck_case_status"),
        CheckConstraint("priority in ('P1','P2','P3','none')", name="ck_case_priority"),
        Index("ix_case_inbox", "status", "reply_needed", "priority", "urgency"),
    )

    id: int | None = Field(default=None, primary_key=True)
    brand_id: int = Field(foreign_key="brand.id", index=True)
    network: str
    author_key: str
    """The author's row number as text, or `anon:<native id>` where the source names no author."""
    author_id: int | None = Field(default=None, foreign_key="author.id", index=True)
    thread_native_id: str
    sequence: int = 1
    """Grows when the same author returns to the same thread more than seven days after it was closed."""
    kind: str = "post"
    """`review` or `post`: which row of the default policy applies."""
    status: str = "open"
    priority: str = "none"
    urgency: float = 0.0
    sentiment: str = "neutral"
    reply_needed: bool = False
    reply_reason: str = ""
    reasons: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    complaint: bool = False
    policy: str = ""
    policy_version: str = ""
    lead_mention_id: int | None = None
    """The mention that set urgency and priority: the one to read first."""
    opened_at: datetime = Field(index=True)
    """`posted_at` of the first mention."""
    first_seen_at: datetime
    last_inbound_at: datetime
    first_reply_at: datetime | None = None
    reply_time_known: bool = True
    backfilled: bool = False
    assigned_to: str | None = None
    snoozed_until: datetime | None = None
    closed_at: datetime | None = None
    close_reason: str | None = None
    revision: int = 1


class SlaClock(SQLModel, table=True):
    """One promise on one case. Times are computed once and stored with the policy's version.

    `due_at` is the customer's deadline (from `posted_at`), `team_due_at` the staff's (from `first_seen_at`;
    None where the mention was backfilled). Both states are stored when they become final.
    """

    __table_args__ = (
        UniqueConstraint("case_id", "metric", "mention_id", name="uq_clock_once"),
        CheckConstraint("metric in ('first_reply','next_reply')", name="ck_clock_metric"),
        Index("ix_clock_running", "stopped_at", "due_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case.id", index=True)
    mention_id: int = Field(foreign_key="mention.id")
    """The mention that started the clock."""
    metric: str
    policy: str
    policy_version: str
    target_seconds: int
    started_at: datetime
    seen_at: datetime
    due_at: datetime
    team_due_at: datetime | None = None
    stopped_at: datetime | None = None
    stop_reason: str | None = None
    """`reply`, `withdrawn`, `dismissed`, `resolved` or `exempt`."""
    warned_at: datetime | None = None
    breached_at: datetime | None = None
    """Recorded once, when the tracker or a late reply finds the customer deadline past."""


class Draft(SQLModel, table=True):
    """A proposed answer. Editing it drops the approval: consent is to one exact text."""

    __table_args__ = (
        CheckConstraint(
            "status in ('drafted','approved','rejected','handed_off',"
            "'posting','posted','refused','unknown','void')",
            name="ck_draft_status",
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case.id", index=True)
    in_reply_to: int = Field(foreign_key="mention.id")
    mention_version: int
    """The version that was answered: a later material edit voids the draft."""
    text: str
    text_hash: str
    language: str
    made_by: str
    saved_reply: str | None = None
    """`name@version` of the saved reply it came from."""
    reasons: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    status: str = "drafted"
    approved_by: str | None = None
    approved_hash: str | None = None
    approved_at: datetime | None = None
    handed_off_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    revision: int = 1


class Approval(SQLModel, table=True):
    """A person's word on a draft's exact text. Append-only."""

    __table_args__ = (
        CheckConstraint("decision in ('approved','rejected','voided')", name="ck_approval_decision"),
    )

    id: int | None = Field(default=None, primary_key=True)
    draft_id: int = Field(foreign_key="draft.id", index=True)
    text_hash: str
    decision: str
    by: str
    at: datetime
    note: str | None = None


class Reply(SQLModel, table=True):
    """Our public answer, however it was written: through a draft or typed on the network itself."""

    __table_args__ = (
        UniqueConstraint("brand_id", "network", "native_id", "in_reply_to", name="uq_reply_once"),
        Index("ix_reply_case", "case_id", "posted_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    brand_id: int = Field(foreign_key="brand.id")
    case_id: int = Field(foreign_key="case.id")
    network: str
    native_id: str
    mention_id: int | None = Field(default=None, foreign_key="mention.id")
    """Our own post as a listener heard it."""
    in_reply_to: int = Field(foreign_key="mention.id")
    url: str | None = None
    posted_at: datetime
    time_known: bool = True
    by: str
    draft_id: int | None = Field(default=None, foreign_key="draft.id")
