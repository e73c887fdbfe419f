"""What a person does with a case, one call a verb: read fresh, decide, compare and set, write the audit.

Every call takes a session of a write transaction (`Database.write`), or of any transaction with `dry_run=True`,
which computes the same report and writes nothing. `actor` is the person at the desk. Drafts: `draft_desk`.
"""

from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session

from responders import actions
from storage import desk as rows
from storage.desk_values import CaseChange, CaseChangeReport, CaseFacts
from storage.errors import StateError
from storage.models import Case, Mention


def assign(
    session: Session,
    case_id: int,
    who: str | None,
    *,
    actor: str,
    now: datetime,
    expected_revision: int | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> CaseChangeReport:
    """`who` takes the case; None gives it back to everybody.

    Raises:
        Held: somebody else has it and `force` is not set.
        Changed: it is not at `expected_revision` any more.
        StateError: there is no such case, it is closed, or the name is unusable.
    """

    def decide(facts: CaseFacts) -> CaseChange:
        if who is None:
            return actions.release(facts, actor=actor, force=force)
        return actions.assign(facts, who, now=now, force=force)

    return _on_case(session, case_id, decide, actor, now, expected_revision, dry_run)


def snooze(
    session: Session,
    case_id: int,
    until: datetime | None,
    *,
    actor: str,
    now: datetime,
    expected_revision: int | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> CaseChangeReport:
    """Out of sight until a time; None wakes it. The clocks run on.

    Raises:
        Held: somebody else has it and `force` is not set.
        Changed: it is not at `expected_revision` any more.
        StateError: there is no such case, it is closed, or the time is unusable.
    """

    def decide(facts: CaseFacts) -> CaseChange:
        if until is None:
            return actions.wake(facts, actor=actor, force=force)
        return actions.snooze(facts, until, actor=actor, now=now, force=force)

    return _on_case(session, case_id, decide, actor, now, expected_revision, dry_run)


def resolve(
    session: Session,
    case_id: int,
    *,
    actor: str,
    now: datetime,
    note: str | None = None,
    expected_revision: int | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> CaseChangeReport:
    """The matter is settled.

    Raises:
        Held: somebody else has it and `force` is not set.
        Changed: it is not at `expected_revision` any more.
        StateError: there is no such case, or it is closed.
    """

    def decide(facts: CaseFacts) -> CaseChange:
        return actions.resolve(facts, actor=actor, now=now, note=note, force=force)

    return _on_case(session, case_id, decide, actor, now, expected_revision, dry_run)


def dismiss(
    session: Session,
    case_id: int,
    reason: str,
    *,
    actor: str,
    now: datetime,
    note: str | None = None,
    expected_revision: int | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> CaseChangeReport:
    """No reply is needed, for one of `actions.DISMISS_REASONS`.

    Raises:
        Held: somebody else has it and `force` is not set.
        Changed: it is not at `expected_revision` any more.
        StateError: there is no such case, it is closed, or the reason is unknown.
    """

    def decide(facts: CaseFacts) -> CaseChange:
        return actions.dismiss(facts, reason, actor=actor, now=now, note=note, force=force)

    return _on_case(session, case_id, decide, actor, now, expected_revision, dry_run)


def reopen(
    session: Session,
    case_id: int,
    *,
    actor: str,
    now: datetime,
    expected_revision: int | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> CaseChangeReport:
    """Undo a resolve or dismiss; the clocks they stopped run on with their old deadlines.

    Raises:
        Held: somebody else has it and `force` is not set.
        Changed: it is not at `expected_revision` any more.
        StateError: there is no such case, or it was not closed by a person.
    """

    def decide(facts: CaseFacts) -> CaseChange:
        return actions.reopen(facts, actor=actor, force=force)

    return _on_case(session, case_id, decide, actor, now, expected_revision, dry_run)


def label(
    session: Session,
    case_id: int,
    field: str,
    value: str,
    *,
    actor: str,
    now: datetime,
    mention_id: int | None = None,
    expected_revision: int | None = None,
    dry_run: bool = False,
) -> CaseChangeReport:
    """A person's word on a mention of the case (the leading one where none is named); triage looks again.

    Raises:
        Changed: the case is not at `expected_revision` any more.
        StateError: there is no such case or mention, or the field or value is unknown.
    """

    def decide(facts: CaseFacts) -> CaseChange:
        mention = mention_of(session, facts.case, mention_id or facts.case.lead_mention_id)
        return actions.label(facts, field, value, mention, rows.newest_score(session, mention))

    return _on_case(session, case_id, decide, actor, now, expected_revision, dry_run)


def mention_of(session: Session, case: Case, mention_id: int | None) -> Mention:
    """The mention of that number, which must be the case's; the newest where none is named.

    Raises:
        StateError: it belongs elsewhere, or the case has none left.
    """
    if mention_id is None:
        return newest_mention(session, case)
    mention = rows.load_mention(session, mention_id)
    if mention.case_id != case.id:
        raise StateError(f"mention {mention_id} does not belong to case {case.id}")
    return mention


def newest_mention(session: Session, case: Case) -> Mention:
    """The customer's latest mention of the case.

    Raises:
        StateError: all of them are deleted.
    """
    thread = rows.case_thread(session, case)
    if not thread:
        raise StateError(f"case {case.id} has no post left to answer")
    return thread[-1]


def _on_case(
    session: Session,
    case_id: int,
    decide: Callable[[CaseFacts], CaseChange],
    actor: str,
    now: datetime,
    expected_revision: int | None,
    dry_run: bool,
) -> CaseChangeReport:
    who = actions.person(actor)
    facts = rows.load_case_facts(session, case_id, lock=not dry_run)
    return rows.execute_case(
        session, facts, decide(facts), actor=who, now=now, expected_revision=expected_revision, dry_run=dry_run
    )
