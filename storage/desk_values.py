"""Decisions about cases and drafts as values: the facts, the change to make, the report of what was done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from storage.errors import StateError
from storage.models import Case, Draft, Mention, SlaClock


class Held(StateError):
    """Somebody else has it: take it over explicitly, or leave it to them."""


class Changed(StateError):
    """It changed since it was read: look again, then decide again."""


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What a decision about a case may rest on."""

    case: Case
    clocks: tuple[SlaClock, ...] = ()
    held_elsewhere: tuple[tuple[int, str], ...] = ()
    """Open cases of the same author that other people hold: (case id, who)."""


@dataclass(frozen=True, slots=True)
class ClockChange:
    """New values of one clock's columns."""

    clock_id: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LabelValue:
    """What a person says about one version of a mention, beside what the model said."""

    mention_id: int
    mention_version: int
    field: str
    value: str
    model_value: str | None


@dataclass(frozen=True, slots=True)
class CaseChange:
    """A decision about a case: new column values and what goes with them."""

    action: str
    """Name in the audit: `case.assign`."""
    values: Mapping[str, Any] = field(default_factory=dict)
    clocks: tuple[ClockChange, ...] = ()
    label: LabelValue | None = None
    opt_out_author: bool = False
    note: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Nothing would be written."""
        return not (self.values or self.clocks or self.label or self.opt_out_author)


@dataclass(frozen=True, slots=True)
class CaseChangeReport:
    """What was done to a case, or would be (`dry_run`). Values are JSON-ready."""

    case_id: int
    action: str
    changed: bool
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    revision: int
    """The revision to name in the next change."""
    warnings: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class DraftFacts:
    """What a decision about a draft may rest on."""

    draft: Draft
    case: Case
    mention: Mention
    others: tuple[Draft, ...] = ()
    """The other drafts of the same case, oldest first."""


@dataclass(frozen=True, slots=True)
class ApprovalValue:
    """A person's word on one exact text."""

    text_hash: str
    decision: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class DraftChange:
    """A decision about a draft: new column values, and the approval row that records it."""

    action: str
    values: Mapping[str, Any]
    approval: ApprovalValue | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewDraft:
    """A draft to be written."""

    text: str
    text_hash: str
    language: str
    made_by: str
    in_reply_to: int
    mention_version: int
    saved_reply: str | None = None
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftReport:
    """What was done to a draft, or would be (`dry_run`); `draft_id` is None for a dry-run new draft."""

    draft_id: int | None
    case_id: int
    action: str
    status: str
    text_hash: str
    revision: int
    warnings: tuple[str, ...] = ()
    dry_run: bool = False
