"""Facts from the platforms: brands and topics we listen for, authors, mentions and their versions.

Facts are versioned and never overwritten; a deletion purges the text and leaves a tombstone.
"""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import field_validator
from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.text import clean

MAX_TEXT = 4_000_000
"""Longest text taken in, in characters. Longer ones are refused with a reason, never cut in silence."""

Kind = Literal["post", "comment", "review", "dm", "repost", "quote"]


_UNTRIAGED = text("triaged_version < version")


class Brand(SQLModel, table=True):
    """Whose name we listen for."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, index=True)
    created_at: datetime


class Topic(SQLModel, table=True):
    """What we listen for, as a boolean query."""

    __table_args__ = (UniqueConstraint("brand_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    brand_id: int = Field(foreign_key="brand.id", index=True)
    name: str
    query: str
    enabled: bool = True
    created_at: datetime


class AuthorData(SQLModel):
    """Who wrote a mention, as the platform names them."""

    native_id: str = Field(min_length=1, max_length=512)
    handle: str | None = Field(default=None, max_length=512)
    name: str | None = Field(default=None, max_length=1024)
    followers: int | None = Field(default=None, ge=0)

    _clean = field_validator("native_id", "handle", "name", mode="before")(clean)


class Author(SQLModel, table=True):
    """One account on one network."""

    __table_args__ = (
        UniqueConstraint("network", "native_id"),
        Index("ix_author_handle", "network", "handle"),
    )

    id: int | None = Field(default=None, primary_key=True)
    network: str
    native_id: str
    handle: str | None = None
    name: str | None = None
    followers: int | None = None
    is_ours: bool = False
    opted_out: bool = False
    first_seen_at: datetime


class MentionData(SQLModel):
    """One public item about a brand, as a listener yields it: validated, not yet stored.

    Times are aware and UTC. `thread_native_id` is the root of the conversation where the platform says it;
    otherwise the store follows `parent_native_id`. `answered_by_us` marks a review whose answer arrived in the
    same record without a time of its own.
    """

    network: str = Field(min_length=1, max_length=64)
    native_id: str = Field(min_length=1, max_length=512)
    brand: str = Field(min_length=1, max_length=200)
    kind: str = "post"
    author: AuthorData | None = None
    text: str = Field(default="", max_length=MAX_TEXT)
    title: str | None = Field(default=None, max_length=10_000)
    url: str | None = Field(default=None, max_length=4096)
    posted_at: datetime
    edited_at: datetime | None = None
    lang: str | None = Field(default=None, max_length=35)
    rating: float | None = Field(default=None, ge=0, le=5)
    parent_native_id: str | None = Field(default=None, max_length=512)
    thread_native_id: str | None = Field(default=None, max_length=512)
    quoted_native_id: str | None = Field(default=None, max_length=512)
    is_ours: bool = False
    addressed: bool = False
    """The post names, replies to, quotes or reviews one of the brand's own accounts."""
    metrics: dict[str, int] = Field(default_factory=dict)
    permissions: dict[str, Any] = Field(default_factory=dict)
    """What the platform said about answering: reply settings, locked thread, withheld countries."""
    raw: dict[str, Any] = Field(default_factory=dict)
    topic: str | None = None
    time_known: bool = True
    """False where the source gave no usable time of its own (only ever for our own answers)."""

    _clean = field_validator(
        "network", "native_id", "brand", "text", "title", "url", "lang", "parent_native_id", "thread_native_id",
        "quoted_native_id", mode="before",
    )(clean)  # fmt: skip

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, value: str) -> str:
        known = ("post", "comment", "review", "dm", "repost", "quote")
        if value not in known:
            raise ValueError(f"kind is {value!r}; one of {', '.join(known)} is needed")
        return value

    @field_validator("posted_at", "edited_at")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the time has no zone; say which zone the source writes in")
        return value.astimezone(UTC)


class Mention(SQLModel, table=True):
    """One mention of one brand: the current version of its facts."""

    __table_args__ = (
        UniqueConstraint("brand_id", "network", "native_id", name="uq_mention_identity"),
        CheckConstraint("kind in ('post','comment','review','dm','repost','quote')", name="ck_mention_kind"),
        Index("ix_mention_thread", "brand_id", "network", "thread_native_id"),
        Index("ix_mention_parent", "brand_id", "network", "parent_native_id"),
        Index("ix_mention_brand_posted", "brand_id", "posted_at"),
        # Only what triage has not dealt with is in it: finding work costs the same however much is stored.
        Index("ix_mention_todo", "id", sqlite_where=_UNTRIAGED, postgresql_where=_UNTRIAGED),
    )

    id: int | None = Field(default=None, primary_key=True)
    brand_id: int = Field(foreign_key="brand.id")
    network: str
    native_id: str
    kind: str
    author_id: int | None = Field(default=None, foreign_key="author.id", index=True)
    text: str
    title: str | None = None
    text_hash: str
    """Hash of the normalised text: equal for copies that differ in case, spacing and width only."""
    url: str | None = None
    posted_at: datetime = Field(index=True)
    edited_at: datetime | None = None
    first_seen_at: datetime = Field(index=True)
    lang: str | None = None
    rating: float | None = None
    parent_native_id: str | None = None
    thread_native_id: str
    quoted_native_id: str | None = None
    is_ours: bool = False
    addressed: bool = False
    backfilled: bool = False
    time_known: bool = True
    metrics: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    permissions: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    raw: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    topic: str | None = None
    listener: str = Field(index=True)
    version: int = 1
    triaged_version: int = 0
    """The version triage has dealt with; smaller than `version` means there is work."""
    deleted_at: datetime | None = None
    case_id: int | None = Field(default=None, foreign_key="case.id", index=True)


class MentionVersion(SQLModel, table=True):
    """What a mention said at one time. Version 1 is the first heard."""

    __table_args__ = (UniqueConstraint("mention_id", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    mention_id: int = Field(foreign_key="mention.id", index=True)
    version: int
    text: str
    title: str | None = None
    rating: float | None = None
    edited_at: datetime | None = None
    seen_at: datetime


class Tombstone(SQLModel, table=True):
    """A mention that was deleted where it was posted; it is never stored again."""

    __table_args__ = (UniqueConstraint("brand_id", "network", "native_id"),)

    id: int | None = Field(default=None, primary_key=True)
    brand_id: int = Field(foreign_key="brand.id")
    network: str
    native_id: str
    deleted_at: datetime
    reason: str
