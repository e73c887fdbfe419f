"""Drafting for a case: ask the saved replies, write the proposal. Never posts, never approves."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from social_care.workspace import Workspace

if TYPE_CHECKING:
    from storage.desk import DraftReport


@dataclass(frozen=True, slots=True)
class Proposal:
    """What drafting for a case led to: a written draft, or the reasons why there is none."""

    report: "DraftReport | None"
    text: str | None
    saved_reply: str | None
    reasons: tuple[str, ...]


def draft_for(
    workspace: Workspace,
    case_id: int,
    *,
    now: datetime,
    actor: str,
    text: str | None = None,
    language: str | None = None,
    dry_run: bool = False,
) -> Proposal:
    """Write a draft for a case: the person's own `text`, else the saved reply that fits best.

    Raises:
        StateError: no such case, it is closed, or its post cannot be answered.
        ConfigError: the saved replies cannot be read.
    """
    from responders import draft_desk

    with workspace.database.write() as session:
        if text is not None:
            report = draft_desk.new_draft(
                session, case_id, text, actor=actor, now=now, language=language, dry_run=dry_run
            )
            return Proposal(report, text, None, ())
        choice = draft_desk.propose(
            session, case_id, workspace.saved_replies, today=now.date(), agent=actor, language=language
        )
        if choice.draft is None:
            return Proposal(None, None, None, choice.reasons)
        report = draft_desk.new_draft(session, case_id, choice.draft, actor=actor, now=now, dry_run=dry_run)
        return Proposal(report, choice.draft.text, choice.draft.saved_reply, choice.reasons)
