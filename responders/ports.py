"""The ports of answering: a drafter proposes, a poster says what is allowed and shows what would appear."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from storage.models import Case, Draft, Mention


@dataclass(frozen=True, slots=True)
class DraftText:
    """A proposed answer and why it is this one."""

    text: str
    language: str
    made_by: str
    saved_reply: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether an answer may be posted through the platform's interface, known before anyone drafts."""

    allowed: bool
    reason: str
    hand_off: bool = True
    """A person may open the post and answer there."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would appear, where: exactly what a person consents to."""

    text: str
    text_hash: str
    url: str | None
    length: int
    limit: int | None
    warnings: tuple[str, ...] = ()


class Drafter(Protocol):
    """Proposes an answer; never posts."""

    def draft(self, case: Case, thread: Sequence[Mention], *, language: str, brand: str) -> DraftText | None:
        """A proposal for the case, or None where nothing fits."""
        ...


class Poster(Protocol):
    """Answers on one network."""

    network: str

    def can_reply(self, mention: Mention) -> Permission:
        """Whether and how this mention may be answered; no network."""
        ...

    def preview(self, draft: Draft, mention: Mention) -> Preview:
        """What would appear; no network."""
        ...
