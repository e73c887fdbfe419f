"""One case with everything that belongs to it, in a fixed number of statements."""

from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, or_, select
from sqlmodel import Session, SQLModel, col

from storage.errors import NotFoundError
from storage.models import (
    Approval,
    Audit,
    Author,
    Brand,
    Case,
    Draft,
    Label,
    Mention,
    MentionVersion,
    Reply,
    Score,
    SlaClock,
)

MOST_THREAD = 500
"""Mentions of a thread that are shown; a case's own are always among them."""

Row = TypeVar("Row", bound=SQLModel)


@dataclass(frozen=True, slots=True)
class ThreadMention:
    """One mention of the case's thread. `in_case` is False for other people's posts, shown for context."""

    mention: Mention
    author: Author | None
    in_case: bool
    score: Score | None
    """The newest score, whichever model's."""
    labels: tuple[Label, ...]
    versions: tuple[MentionVersion, ...]


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """A case, its thread in the order it was posted, and what was promised, proposed, answered and done."""

    case: Case
    brand: str
    author: Author | None
    thread: tuple[ThreadMention, ...]
    clocks: tuple[SlaClock, ...]
    replies: tuple[Reply, ...]
    drafts: tuple[Draft, ...]
    approvals: tuple[Approval, ...]
    audit: tuple[Audit, ...]

    @property
    def mentions(self) -> tuple[ThreadMention, ...]:
        """The case's own mentions."""
        return tuple(item for item in self.thread if item.in_case)

    @property
    def lead(self) -> ThreadMention | None:
        """The mention to read first."""
        named = (item for item in self.thread if item.mention.id == self.case.lead_mention_id)
        return next(named, next(iter(self.mentions), None))


def case_detail(session: Session, case_id: int) -> CaseDetail:
    """Everything about one case.

    Raises:
        NotFoundError: no case has that number.
    """
    case = session.get(Case, case_id)
    if case is None:
        raise NotFoundError(f"There is no case {case_id}; social-care inbox shows those that wait.")
    drafts = _all(session, Draft, col(Draft.case_id) == case_id, col(Draft.id))
    draft_ids = [draft.id for draft in drafts]
    subjects = [f"case:{case_id}", *(f"draft:{number}" for number in draft_ids)]
    return CaseDetail(
        case=case,
        brand=session.get_one(Brand, case.brand_id).name,
        author=session.get(Author, case.author_id) if case.author_id is not None else None,
        thread=_thread(session, case),
        clocks=_all(session, SlaClock, col(SlaClock.case_id) == case_id, col(SlaClock.id)),
        replies=_all(session, Reply, col(Reply.case_id) == case_id, col(Reply.posted_at)),
        drafts=drafts,
        approvals=_all(session, Approval, col(Approval.draft_id).in_(draft_ids), col(Approval.id)),
        audit=_all(session, Audit, col(Audit.subject).in_(subjects), col(Audit.id)),
    )


def _all(session: Session, model: type[Row], where: ColumnElement[bool], order: Any) -> tuple[Row, ...]:
    return tuple(session.execute(select(model).where(where).order_by(order)).scalars())


def _thread(session: Session, case: Case) -> tuple[ThreadMention, ...]:
    in_thread = (
        (col(Mention.brand_id) == case.brand_id)
        & (col(Mention.network) == case.network)
        & (col(Mention.thread_native_id) == case.thread_native_id)
    )
    own_first = (col(Mention.case_id) == case.id).is_(True).desc()
    rows = session.execute(
        select(Mention, Author)
        .outerjoin(Author, col(Author.id) == col(Mention.author_id))
        .where(or_(in_thread, col(Mention.case_id) == case.id))
        .order_by(own_first, col(Mention.posted_at), col(Mention.id))
        .limit(MOST_THREAD)
    ).all()
    rows_by_time = sorted(rows, key=lambda row: (row[0].posted_at, row[0].id))
    ids = [mention.id for mention, _ in rows_by_time]
    scores = {item.mention_id: item for item in _of(session, Score, ids)}
    labels, versions = _of(session, Label, ids), _of(session, MentionVersion, ids)
    return tuple(
        ThreadMention(
            mention=mention,
            author=author,
            in_case=mention.case_id == case.id,
            score=scores.get(mention.id),
            labels=tuple(item for item in labels if item.mention_id == mention.id),
            versions=tuple(item for item in versions if item.mention_id == mention.id),
        )
        for mention, author in rows_by_time
    )


def _of(session: Session, model: type[Any], mention_ids: list[int]) -> tuple[Any, ...]:
    return _all(session, model, model.mention_id.in_(mention_ids), model.id)
