"""What a model said about a mention, and what a person said. Both are kept; neither overwrites the other."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel


class Score(SQLModel, table=True):
    """One model's reading of one version of a mention. Append-only; `scorer` is `model@revision`."""

    __table_args__ = (
        UniqueConstraint("mention_id", "mention_version", "scorer", name="uq_score_once"),
        CheckConstraint("sentiment in ('negative','neutral','positive')", name="ck_score_sentiment"),
        CheckConstraint("urgency >= 0 and urgency <= 1", name="ck_score_urgency"),
    )

    id: int | None = Field(default=None, primary_key=True)
    mention_id: int = Field(foreign_key="mention.id", index=True)
    mention_version: int
    scorer: str
    language: str
    sentiment: str
    negative: float
    neutral: float
    positive: float
    abstained: bool
    urgency: float
    reply_needed: bool
    reply_reason: str
    factors: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    """`[{"name", "points", "evidence"}]`, signed points that add up to the urgency before clipping to 0..1."""
    scored_at: datetime


class Label(SQLModel, table=True):
    """What a person said about one version of a mention. Append-only: the newest of a field counts."""

    __table_args__ = (
        CheckConstraint(
            "field in ('sentiment','urgency','reply_needed','language','theme')", name="ck_label_field"
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    mention_id: int = Field(foreign_key="mention.id", index=True)
    mention_version: int
    field: str
    value: str
    model_value: str | None = None
    by: str
    at: datetime
