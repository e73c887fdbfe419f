"""Every customer's mention with its score and its case's promise, in the order it was stored: what `try` shows."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlalchemy import and_
from sqlmodel import Session, col

from storage.models import Brand, Case, Mention, Score, SlaClock


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One mention, understood. Without text there is no score; without a needed reply there is no clock."""

    mention: Mention
    brand: str
    score: Score | None
    case: Case | None
    clock: SlaClock | None


def trial_rows(session: Session, limit: int) -> list[TrialRow]:
    """The first `limit` inbound mentions."""
    statement: Any = (
        sqlalchemy.select(Mention, col(Brand.name), Score, Case, SlaClock)
        .join(Brand, col(Brand.id) == col(Mention.brand_id))
        .outerjoin(Score, and_(col(Score.mention_id) == Mention.id, col(Score.mention_version) == Mention.version))
        .outerjoin(Case, col(Case.id) == col(Mention.case_id))
        .outerjoin(SlaClock, and_(col(SlaClock.case_id) == Case.id, col(SlaClock.metric) == "first_reply"))
        .where(col(Mention.is_ours).is_(False))
        .order_by(col(Mention.id))
        .limit(limit)
    )
    return [TrialRow(*row) for row in session.execute(statement)]
