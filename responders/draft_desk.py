"""What a person does with drafts, one call a verb: propose, write, edit, approve, reject, hand off.

Every call takes a session of a write transaction (`Database.write`), or of any transaction with `dry_run=True`,
which computes the same report and writes nothing. `actor` is the person at the desk.
"""

from collections.abc import Mapping
from datetime import date, datetime

from sqlmodel import Session

from responders import actions, drafts
from responders.desk import mention_of, newest_mention
from responders.drafter import Choice, SavedReplyDrafter, language_of
from responders.handoff import REASONS, HandOff, HandOffSheet, permission_for
from responders.languages import normal_tag
from responders.ports import DraftText
from responders.saved_replies import SavedReply
from storage import desk as rows
from storage.desk_values import DraftChange, DraftReport, NewDraft
from storage.errors import StateError
from storage.models import Brand, Case, Mention


def propose(
    session: Session,
    case_id: int,
    replies: tuple[SavedReply, ...],
    *,
    today: date,
    agent: str | None = None,
    language: str | None = None,
) -> Choice:
    """What the saved replies offer for a case, with all reasons; writes nothing and needs no write transaction.

    Raises:
        StateError: there is no such case.
    """
    case = rows.load_case_facts(session, case_id, lock=False).case
    thread = rows.case_thread(session, case)
    handles = _handles(session, thread)
    brand = session.get_one(Brand, case.brand_id).name
    drafter = SavedReplyDrafter(replies, today, agent, handles)
    wanted = language or case_language(session, case)
    return drafter.explain(case, thread, language=wanted, brand=brand)


def new_draft(
    session: Session,
    case_id: int,
    content: str | DraftText,
    *,
    actor: str,
    now: datetime,
    language: str | None = None,
    mention_id: int | None = None,
    dry_run: bool = False,
) -> DraftReport:
    """Write a draft: a person's own text, or a drafter's proposal. It answers the newest mention of the case.

    Drafting on a case that somebody else holds is allowed and warns.

    Raises:
        StateError: there is no such case, it is closed, the post cannot be answered, or the text is unusable.
    """
    who = actions.person(actor)
    case = rows.load_case_facts(session, case_id, lock=not dry_run).case
    if case.status not in {"open", "answered"}:
        raise StateError(f"case {case_id} is {case.status}; reopen it before you draft")
    mention = mention_of(session, case, mention_id) if mention_id else newest_mention(session, case)
    permission = permission_for(mention)
    if not permission.hand_off:
        raise StateError(f"mention {mention.id} cannot be answered: {REASONS[permission.reason]}")
    proposal = _as_proposal(content, who, language or case_language(session, case))
    text = drafts.checked_text(proposal.text)
    live = [one for one in rows.case_drafts(session, case_id) if one.status in drafts.LIVE]
    warnings = [*actions.holder_warning(case, who)]
    author = rows.load_author(session, mention)
    if author is not None and author.opted_out:
        warnings.append("the customer asked not to be contacted")
    warnings += [f"draft {one.id} of this case is {one.status} already" for one in live]
    new = NewDraft(
        text=text,
        text_hash=drafts.hash_of(text),
        language=proposal.language,
        made_by=proposal.made_by,
        in_reply_to=_number(mention.id),
        mention_version=mention.version,
        saved_reply=proposal.saved_reply,
        reasons=proposal.reasons,
        warnings=tuple(warnings),
    )
    return rows.add_draft(session, case, new, actor=who, now=now, dry_run=dry_run)


def edit_draft(
    session: Session,
    draft_id: int,
    text: str,
    *,
    actor: str,
    now: datetime,
    expected_revision: int | None = None,
    dry_run: bool = False,
) -> DraftReport:
    """New text; an approval it had is void.

    Raises:
        Changed: it is not at `expected_revision` any more.
        StateError: there is no such draft, its state forbids it, or the text is unusable.
    """
    who = actions.person(actor)
    facts = rows.load_draft_facts(session, draft_id, lock=not dry_run)
    change = drafts.edit(facts.draft, facts.mention, text=text, by=who)
    change = _warned(change, actions.holder_warning(facts.case, who))
    return rows.execute_draft(
        session, facts, change, actor=who, now=now, expected_revision=expected_revision, dry_run=dry_run
    )


def approve_draft(
    session: Session,
    draft_id: int,
    *,
    shown: str,
    actor: str,
    now: datetime,
    four_eyes: bool = False,
    expected_revision: int | None = None,
    dry_run: bool = False,
) -> DraftReport:
    """Consent to the exact text that was shown: `shown` is that text, or its hash (12 hex digits are enough).

    Raises:
        Changed: the text or the post it answers is not what was shown.
        StateError: there is no such draft, its state forbids it, or another draft of the case is on its way.
    """
    who = actions.person(actor)
    facts = rows.load_draft_facts(session, draft_id, lock=not dry_run)
    _need_open(facts.case)
    change = drafts.approve(
        facts.draft, facts.mention, facts.others, shown=shown, by=who, at=now, four_eyes=four_eyes
    )
    change = _warned(change, actions.holder_warning(facts.case, who))
    return rows.execute_draft(
        session, facts, change, actor=who, now=now, expected_revision=expected_revision, dry_run=dry_run
    )


def reject_draft(
    session: Session,
    draft_id: int,
    *,
    actor: str,
    now: datetime,
    note: str | None = None,
    expected_revision: int | None = None,
    dry_run: bool = False,
) -> DraftReport:
    """Not this one; also takes back a handed-off draft that was not used.

    Raises:
        Changed: it is not at `expected_revision` any more.
        StateError: there is no such draft, or its state forbids it.
    """
    who = actions.person(actor)
    facts = rows.load_draft_facts(session, draft_id, lock=not dry_run)
    change = drafts.reject(facts.draft, by=who, note=note)
    return rows.execute_draft(
        session, facts, change, actor=who, now=now, expected_revision=expected_revision, dry_run=dry_run
    )


def hand_off_draft(
    session: Session,
    draft_id: int,
    *,
    actor: str,
    now: datetime,
    poster: HandOff | None = None,
    force: bool = False,
    expected_revision: int | None = None,
    dry_run: bool = False,
) -> tuple[DraftReport, HandOffSheet]:
    """Take the approved text to the network: marks it handed off and returns what to paste and where.

    Raises:
        Held: somebody else has the case and `force` is not set: two people must not answer one customer.
        Changed: the text or the post changed since the approval.
        StateError: there is no such draft, it is not approved, or the post cannot be answered.
    """
    who = actions.person(actor)
    facts = rows.load_draft_facts(session, draft_id, lock=not dry_run)
    _need_open(facts.case)
    actions.need_holder(facts.case, who, force=force)
    change = drafts.hand_off(facts.draft, facts.mention, facts.others, by=who, at=now)
    sheet = (poster or HandOff(facts.mention.network)).hand_off(facts.draft, facts.mention)
    report = rows.execute_draft(
        session, facts, change, actor=who, now=now, expected_revision=expected_revision, dry_run=dry_run
    )
    return report, sheet


def case_language(session: Session, case: Case) -> str:
    """The customer's language: as a person labelled, else as scored, else as the network says, else English."""
    for mention in reversed(rows.case_thread(session, case)):
        score = rows.newest_score(session, mention)
        for tag in (
            rows.newest_label(session, mention, "language"),
            score.language if score else None,
            mention.lang,
        ):
            if normal_tag(tag) != "und":
                return normal_tag(tag)
    return "en"


def _as_proposal(content: str | DraftText, who: str, language: str) -> DraftText:
    if isinstance(content, DraftText):
        return content
    return DraftText(content, language_of(language), who, None, ())


def _need_open(case: Case) -> None:
    if case.status not in {"open", "answered"}:
        raise StateError(f"case {case.id} is {case.status}; reopen it first")


def _handles(session: Session, thread: tuple[Mention, ...]) -> Mapping[int, str]:
    handles = {}
    for mention in thread:
        if mention.author_id is not None and mention.author_id not in handles:
            author = rows.load_author(session, mention)
            if author is not None and author.handle:
                handles[mention.author_id] = author.handle
    return handles


def _warned(change: DraftChange, warnings: tuple[str, ...]) -> DraftChange:
    return DraftChange(change.action, change.values, change.approval, change.warnings + warnings)


def _number(number: int | None) -> int:
    if number is None:
        raise StateError("the row has not been stored yet")
    return number
