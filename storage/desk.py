"""The desk: carry out what a person decided about a case or a draft, in one transaction, with its audit row.

A decision is a value (`CaseChange`, `DraftChange`, `NewDraft`) computed from the facts loaded here. Executing it
compares and sets `revision`: of two people who act on what they both saw, one is told to look again. Nothing here
commits; the caller's write transaction does. The audit says who, what, before and after, never a text.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col, select

from storage.desk_values import (
    ApprovalValue,
    CaseChange,
    CaseChangeReport,
    CaseFacts,
    Changed,
    ClockChange,
    DraftChange,
    DraftFacts,
    DraftReport,
    Held,
    LabelValue,
    NewDraft,
)
from storage.errors import NotFoundError, StateError
from storage.models import Approval, Audit, Author, Case, Draft, Label, Mention, Score, SlaClock

__all__ = [
    "ApprovalValue",
    "CaseChange",
    "CaseChangeReport",
    "CaseFacts",
    "Changed",
    "ClockChange",
    "DraftChange",
    "DraftFacts",
    "DraftReport",
    "Held",
    "LabelValue",
    "NewDraft",
    "add_draft",
    "case_drafts",
    "case_thread",
    "execute_case",
    "execute_draft",
    "load_author",
    "load_case_facts",
    "load_draft_facts",
    "load_mention",
    "newest_label",
    "newest_score",
]


# --- reading -------------------------------------------------------------------------------------------------


def load_case_facts(session: Session, case_id: int, *, lock: bool = True) -> CaseFacts:
    """Read a case fresh and lock it until the transaction ends (on SQLite the write transaction is the lock).

    `lock=False` is for dry runs, which work in a transaction that cannot write.

    Raises:
        NotFoundError: there is no such case.
    """
    case = _fresh_case(session, case_id, lock)
    clocks = session.exec(
        select(SlaClock)
        .where(SlaClock.case_id == case_id)
        .order_by(col(SlaClock.id))
        .execution_options(populate_existing=True)
    ).all()
    return CaseFacts(case, tuple(clocks), _held_elsewhere(session, case))


def load_draft_facts(session: Session, draft_id: int, *, lock: bool = True) -> DraftFacts:
    """Read a draft with its case (locked), its mention and the case's other drafts.

    All steps on the drafts of one case queue for the lock on the case, so only one of two approvals can win.

    Raises:
        NotFoundError: there is no such draft.
    """
    case_id = session.exec(select(Draft.case_id).where(Draft.id == draft_id)).one_or_none()
    if case_id is None:
        raise NotFoundError(f"there is no draft {draft_id}; `case show` lists the drafts of a case")
    case = _fresh_case(session, case_id, lock)
    # Only after the lock: another connection may have changed these rows while we waited.
    drafts = case_drafts(session, case_id)
    draft = next(one for one in drafts if one.id == draft_id)
    mention = load_mention(session, draft.in_reply_to)
    return DraftFacts(draft, case, mention, tuple(one for one in drafts if one.id != draft_id))


def case_drafts(session: Session, case_id: int) -> tuple[Draft, ...]:
    """All drafts of a case, oldest first."""
    statement = select(Draft).where(Draft.case_id == case_id).order_by(col(Draft.id))
    return tuple(session.exec(statement.execution_options(populate_existing=True)).all())


def case_thread(session: Session, case: Case) -> tuple[Mention, ...]:
    """The customer's mentions of a case, oldest first, deleted ones left out."""
    statement = (
        select(Mention)
        .where(Mention.case_id == case.id, col(Mention.deleted_at).is_(None), col(Mention.is_ours).is_(False))
        .order_by(col(Mention.posted_at), col(Mention.id))
    )
    return tuple(session.exec(statement.execution_options(populate_existing=True)).all())


def load_mention(session: Session, mention_id: int) -> Mention:
    """Read a mention fresh.

    Raises:
        NotFoundError: there is no such mention.
    """
    mention = session.get(Mention, mention_id, populate_existing=True)
    if mention is None:
        raise NotFoundError(f"there is no mention {mention_id}")
    return mention


def newest_score(session: Session, mention: Mention) -> Score | None:
    """The newest score of the mention's current version."""
    return session.exec(
        select(Score)
        .where(Score.mention_id == mention.id, Score.mention_version == mention.version)
        .order_by(col(Score.scored_at).desc(), col(Score.id).desc())
        .limit(1)
    ).first()


def newest_label(session: Session, mention: Mention, field: str) -> str | None:
    """What a person last said about a field of the mention's current version."""
    return session.exec(
        select(Label.value)
        .where(Label.mention_id == mention.id, Label.mention_version == mention.version, Label.field == field)
        .order_by(col(Label.id).desc())
        .limit(1)
    ).first()


def load_author(session: Session, mention: Mention) -> Author | None:
    """Who wrote the mention, where the source names somebody."""
    if mention.author_id is None:
        return None
    return session.get(Author, mention.author_id, populate_existing=True)


# --- carrying out --------------------------------------------------------------------------------------------


def execute_case(
    session: Session,
    facts: CaseFacts,
    change: CaseChange,
    *,
    actor: str,
    now: datetime,
    expected_revision: int | None = None,
    dry_run: bool = False,
) -> CaseChangeReport:
    """Carry out a decision about a case and write its audit row; a dry run only reports.

    Raises:
        Changed: the case is no longer at `expected_revision`, or somebody changed it in between.
    """
    case = facts.case
    case_id = _known(case.id)
    if expected_revision is not None and case.revision != expected_revision:
        raise Changed(
            f"case {case_id} changed since you read it (revision {expected_revision}, now {case.revision}); "
            "show it again, then repeat"
        )
    before = {name: _plain(getattr(case, name)) for name in change.values}
    after = {name: _plain(value) for name, value in change.values.items()}
    revision = case.revision if change.empty else case.revision + 1
    report = CaseChangeReport(
        case_id, change.action, not change.empty, before, after, revision, change.warnings, dry_run
    )
    if dry_run or change.empty:
        return report
    done = session.exec(
        update(Case)
        .where(col(Case.id) == case_id, col(Case.revision) == case.revision)
        .values(**change.values, revision=case.revision + 1)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:
        raise Changed(f"case {case_id} was changed by somebody else just now; show it again, then repeat")
    _execute_parts(session, case, change, actor, now)
    extra = _audit_extra(change)
    session.add(
        Audit(
            at=now,
            actor=actor,
            action=change.action,
            subject=f"case:{case_id}",
            before=before | {"revision": case.revision},
            after=after | {"revision": revision} | extra,
        )
    )
    session.flush()
    session.refresh(case)
    return report


def add_draft(
    session: Session, case: Case, new: NewDraft, *, actor: str, now: datetime, dry_run: bool = False
) -> DraftReport:
    """Write a new draft and its audit row; a dry run only reports."""
    case_id = _known(case.id)
    if dry_run:
        return DraftReport(None, case_id, "draft.new", "drafted", new.text_hash, 1, new.warnings, dry_run=True)
    draft = Draft(
        case_id=case_id,
        in_reply_to=new.in_reply_to,
        mention_version=new.mention_version,
        text=new.text,
        text_hash=new.text_hash,
        language=new.language,
        made_by=new.made_by,
        saved_reply=new.saved_reply,
        reasons=[{"reason": reason} for reason in new.reasons],
        created_at=now,
        updated_at=now,
    )
    session.add(draft)
    session.flush()
    after = {"status": draft.status, "text_hash": draft.text_hash, "saved_reply": draft.saved_reply}
    subject = f"draft:{draft.id}"
    session.add(Audit(at=now, actor=actor, action="draft.new", subject=subject, before=None, after=after))
    session.flush()
    return DraftReport(draft.id, case_id, "draft.new", draft.status, draft.text_hash, 1, new.warnings)


def execute_draft(
    session: Session,
    facts: DraftFacts,
    change: DraftChange,
    *,
    actor: str,
    now: datetime,
    expected_revision: int | None = None,
    dry_run: bool = False,
) -> DraftReport:
    """Carry out a decision about a draft with its approval and audit rows; a dry run only reports.

    Raises:
        Changed: the draft is no longer at `expected_revision`, or somebody changed it in between.
    """
    draft = facts.draft
    draft_id, case_id = _known(draft.id), draft.case_id
    if expected_revision is not None and draft.revision != expected_revision:
        raise Changed(
            f"draft {draft_id} changed since you read it (revision {expected_revision}, now {draft.revision}); "
            "show it again, then repeat"
        )
    status = str(change.values.get("status", draft.status))
    text_hash = str(change.values.get("text_hash", draft.text_hash))
    revision = draft.revision + 1
    report = DraftReport(draft_id, case_id, change.action, status, text_hash, revision, change.warnings, dry_run)
    if dry_run:
        return report
    before = {"status": draft.status, "text_hash": draft.text_hash, "revision": draft.revision}
    done = session.exec(
        update(Draft)
        .where(col(Draft.id) == draft_id, col(Draft.revision) == draft.revision)
        .values(**change.values, updated_at=now, revision=revision)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:
        raise Changed(f"draft {draft_id} was changed by somebody else just now; show it again, then repeat")
    if change.approval is not None:
        session.add(
            Approval(
                draft_id=draft_id,
                text_hash=change.approval.text_hash,
                decision=change.approval.decision,
                by=actor,
                at=now,
                note=change.approval.note,
            )
        )
    after = {"status": status, "text_hash": text_hash, "revision": revision}
    subject = f"draft:{draft_id}"
    session.add(Audit(at=now, actor=actor, action=change.action, subject=subject, before=before, after=after))
    session.flush()
    session.refresh(draft)
    return report


# --- parts ---------------------------------------------------------------------------------------------------


def _fresh_case(session: Session, case_id: int, lock: bool) -> Case:
    statement = select(Case).where(Case.id == case_id)
    if lock:
        statement = statement.with_for_update()
    case = session.exec(statement.execution_options(populate_existing=True)).one_or_none()
    if case is None:
        raise NotFoundError(f"there is no case {case_id}; `inbox` lists the open ones")
    return case


def _held_elsewhere(session: Session, case: Case) -> tuple[tuple[int, str], ...]:
    if case.author_id is None:
        return ()
    rows = session.exec(
        select(Case.id, Case.assigned_to)
        .where(
            Case.author_id == case.author_id,
            Case.id != case.id,
            Case.status == "open",
            col(Case.assigned_to).is_not(None),
        )
        .order_by(col(Case.id))
    ).all()
    return tuple((_known(number), who) for number, who in rows if who is not None)


def _execute_parts(session: Session, case: Case, change: CaseChange, actor: str, now: datetime) -> None:
    for clock in change.clocks:
        session.exec(update(SlaClock).where(col(SlaClock.id) == clock.clock_id).values(**clock.values))
    if change.opt_out_author and case.author_id is not None:
        session.exec(update(Author).where(col(Author.id) == case.author_id).values(opted_out=True))
    if change.label is not None:
        label = change.label
        session.add(
            Label(
                mention_id=label.mention_id,
                mention_version=label.mention_version,
                field=label.field,
                value=label.value,
                model_value=label.model_value,
                by=actor,
                at=now,
            )
        )
        # Triage selects its work by this number: a label is a reason to look at the mention again.
        session.exec(update(Mention).where(col(Mention.id) == label.mention_id).values(triaged_version=0))


def _audit_extra(change: CaseChange) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if change.note:
        extra["note"] = change.note
    if change.label is not None:
        extra["label"] = {"field": change.label.field, "value": change.label.value}
        extra["mention"] = change.label.mention_id
    if change.clocks:
        extra["clocks"] = [
            {"id": clock.clock_id} | {name: _plain(value) for name, value in clock.values.items()}
            for clock in change.clocks
        ]
    if change.opt_out_author:
        extra["author_opted_out"] = True
    return extra


def _known(number: int | None) -> int:
    if number is None:
        raise StateError("the row has not been stored yet")
    return number


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
