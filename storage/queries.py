"""What the application reads, in one place: each is a statement or two and returns plain values."""

from sqlalchemy import func, select
from sqlmodel import Session

from storage.case_detail import CaseDetail, ThreadMention, case_detail
from storage.coverage import find_gaps
from storage.coverage import heard_shares as coverage_share
from storage.inbox import EVERYTHING, InboxCounts, InboxFilter, InboxRow, case_counts, inbox, inbox_counts
from storage.listening import ListenerStatus, listener_state, listener_status, reads_today
from storage.tables import AUTHOR, CASE, DRAFT, LABEL, MENTION, REPLY, SCORE
from storage.work import (
    Unscored,
    has_work,
    latest_scores,
    open_posts,
    save_scores,
    unscored,
    unscored_count,
    untriaged,
)

__all__ = [
    "EVERYTHING",
    "CaseDetail",
    "InboxCounts",
    "InboxFilter",
    "InboxRow",
    "ListenerStatus",
    "ThreadMention",
    "Unscored",
    "case_counts",
    "case_detail",
    "coverage_share",
    "find_gaps",
    "has_work",
    "inbox",
    "inbox_counts",
    "latest_scores",
    "listener_state",
    "listener_status",
    "open_posts",
    "reads_today",
    "save_scores",
    "table_counts",
    "unscored",
    "unscored_count",
    "untriaged",
]


def table_counts(session: Session) -> dict[str, int]:
    """How many of each thing the database holds."""
    tables = {
        "mentions": MENTION,
        "authors": AUTHOR,
        "scores": SCORE,
        "labels": LABEL,
        "cases": CASE,
        "drafts": DRAFT,
        "replies": REPLY,
    }
    counts = (
        select(func.count()).select_from(table).scalar_subquery().label(name) for name, table in tables.items()
    )
    return dict(session.connection().execute(select(*counts)).mappings().one())
