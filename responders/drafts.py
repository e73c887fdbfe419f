"""The life of a draft: a pure state machine. Consent is to one exact text, and nothing leaves without it.

    drafted -> approved -> handed_off -> posted
                        -> posting -> posted | refused | unknown -> posted | refused
    drafted, approved, handed_off, refused -> rejected;  drafted, approved, refused -> drafted (edit)
    drafted, approved, handed_off, refused -> void (the post it answers changed or is gone)

Every function takes what is stored and returns the `DraftChange` to store, or raises StateError saying what to do.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from storage.desk_values import ApprovalValue, Changed, DraftChange
from storage.errors import StateError
from storage.models import Draft, Mention

LIVE = frozenset({"approved", "handed_off", "posting", "unknown"})
"""States in which a draft is, or may be, on its way to the customer: one such draft a case at a time."""

MAX_TEXT = 20_000
"""Longest draft kept, in characters: twice the longest any supported network takes."""

HASH_PREFIX = 12
"""Fewest hex digits of the hash that an approval may name."""

_EDITABLE = frozenset({"drafted", "approved", "refused"})
_REJECTABLE = frozenset({"drafted", "approved", "handed_off", "refused"})
# What a screen does not show or shows in another order: nobody can consent to it.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_NEXT_STEP = {
    "drafted": "approve it first",
    "approved": "it is approved already",
    "handed_off": "it was handed off; reject it if it was not used",
    "posting": "it is being posted now",
    "posted": "it has been posted; write a new draft",
    "refused": "the network refused it; edit it or write a new draft",
    "unknown": "whether it was posted is not known yet; wait until that is settled",
    "rejected": "it was rejected; write a new draft",
    "void": "the post it answers changed; write a new draft",
}


def hash_of(text: str) -> str:
    """SHA-256 of the exact text (UTF-8), 64 hex digits: what an approval is bound to."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def checked_text(text: str) -> str:
    r"""The text as it will be stored: line ends as ``\n``, no white space around it; otherwise unchanged.

    Raises:
        StateError: nothing is left, it is too long, or it holds characters that a reader cannot see.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise StateError("the draft is empty; write the answer first")
    if len(text) > MAX_TEXT:
        raise StateError(f"the draft has {len(text):,} characters; {MAX_TEXT:,} is the most")
    if found := _INVISIBLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise StateError(
            f"line {line} holds the invisible character U+{ord(found.group()):04X}; "
            "remove it, so that what is approved is what can be seen"
        )
    return text


def approve(
    draft: Draft,
    mention: Mention,
    others: Sequence[Draft],
    *,
    shown: str,
    by: str,
    at: datetime,
    four_eyes: bool = False,
) -> DraftChange:
    """Consent of `by` to the exact text they were shown.

    Args:
        draft: The draft as stored now.
        mention: The mention it answers, as stored now.
        others: The case's other drafts.
        shown: What the person saw: the text itself, or its hash (the first 12 hex digits are enough).
        by: Who approves.
        at: When.
        four_eyes: Refuse the approval of one's own text.

    Raises:
        Changed: the text or the post it answers is not what was shown.
        StateError: wrong state, or another draft of the case is on its way.
    """
    who = _person(by)
    _need(draft, {"drafted"}, "approved")
    if not _matches(draft, shown):
        raise Changed(f"draft {draft.id} no longer says what you were shown; show it again, then approve")
    _need_sound(draft)
    _need_current(draft, mention)
    _need_alone(draft, others)
    if four_eyes and draft.made_by == who:
        raise StateError(f"{who} wrote draft {draft.id}; a second person has to approve it")
    values = {"status": "approved", "approved_by": who, "approved_hash": draft.text_hash, "approved_at": at}
    return DraftChange("draft.approve", values, ApprovalValue(draft.text_hash, "approved"))


def edit(draft: Draft, mention: Mention, *, text: str, by: str) -> DraftChange:
    """New text: the draft answers the mention as it is now, and any approval is void.

    Raises:
        StateError: wrong state, unusable text, nothing changed, or the mention is gone.
    """
    who = _person(by)
    _need(draft, _EDITABLE, "edited")
    if mention.deleted_at is not None:
        raise StateError("the post was deleted where it stood; nobody should answer it")
    text = checked_text(text)
    text_hash = hash_of(text)
    if text_hash == draft.text_hash and mention.version == draft.mention_version:
        raise StateError(f"draft {draft.id} already says exactly this; nothing to change")
    values = {
        "text": text,
        "text_hash": text_hash,
        "mention_version": mention.version,
        "made_by": who,
        **_without_consent("drafted"),
    }
    return DraftChange("draft.edit", values, _voided(draft, "edited"))


def reject(draft: Draft, *, by: str, note: str | None = None) -> DraftChange:
    """Not this one. A draft that was handed off and not used is taken back this way too.

    Raises:
        StateError: wrong state.
    """
    _person(by)
    _need(draft, _REJECTABLE, "rejected")
    return DraftChange(
        "draft.reject", _without_consent("rejected"), ApprovalValue(draft.text_hash, "rejected", note)
    )


def void(draft: Draft, mention: Mention) -> DraftChange | None:
    """What a changed or deleted mention does to a draft; None where it changes nothing.

    A handed-off draft outlives an edit, since somebody may be answering with it right now; a deletion ends it.
    """
    gone = mention.deleted_at is not None
    states = {"drafted", "approved", "refused"} | ({"handed_off"} if gone else set())
    if draft.status not in states or not (gone or mention.version != draft.mention_version):
        return None
    why = "mention deleted" if gone else "mention edited"
    return DraftChange("draft.void", _without_consent("void"), _voided(draft, why))


def hand_off(draft: Draft, mention: Mention, others: Sequence[Draft], *, by: str, at: datetime) -> DraftChange:
    """A person takes the approved text to the network.

    Raises:
        StateError: not approved, changed since, or another draft of the case is on its way.
    """
    _person(by)
    _need_consent(draft, mention, others, "handed off")
    return DraftChange("draft.hand_off", {"status": "handed_off", "handed_off_at": at})


def begin_posting(draft: Draft, mention: Mention, others: Sequence[Draft]) -> DraftChange:
    """To be committed before the network is called, so that a crash leaves `posting`, never a second post.

    Raises:
        StateError: not approved, changed since, or another draft of the case is on its way.
    """
    _need_consent(draft, mention, others, "posted")
    return DraftChange("draft.posting", {"status": "posting"})


def settle(draft: Draft, outcome: Literal["posted", "refused", "unknown"]) -> DraftChange:
    """What became of it. `unknown` is settled later by looking on the network, never by posting again.

    Raises:
        StateError: the draft is not on its way, or the outcome is no news.
    """
    allowed = {"posting": {"posted", "refused", "unknown"}, "unknown": {"posted", "refused"}}
    allowed["handed_off"] = {"posted"}
    if outcome not in allowed.get(draft.status, set()):
        raise StateError(f"draft {draft.id} is {draft.status} and cannot become {outcome}")
    values = _without_consent("refused") if outcome == "refused" else {"status": outcome}
    return DraftChange(f"draft.{outcome}", values)


def _need(draft: Draft, states: frozenset[str] | set[str], verb: str) -> None:
    if draft.status not in states:
        who = f" by {draft.approved_by}" if draft.status in LIVE and draft.approved_by else ""
        hint = _NEXT_STEP[draft.status]
        raise StateError(f"draft {draft.id} is {draft.status}{who} and cannot be {verb}: {hint}")


def _need_consent(draft: Draft, mention: Mention, others: Sequence[Draft], verb: str) -> None:
    _need(draft, {"approved"}, verb)
    _need_sound(draft)
    if draft.approved_hash != draft.text_hash:
        raise Changed(f"draft {draft.id} is not the text that was approved; approve it again")
    _need_current(draft, mention)
    _need_alone(draft, others)


def _need_sound(draft: Draft) -> None:
    # The row may have been changed by other means than ours: trust the text, not the column.
    if hash_of(draft.text) != draft.text_hash:
        raise Changed(f"the stored text of draft {draft.id} does not match its hash; edit it to set it right")


def _need_current(draft: Draft, mention: Mention) -> None:
    if mention.deleted_at is not None:
        raise StateError("the post was deleted where it stood; nobody should answer it")
    if mention.version != draft.mention_version:
        raise Changed(
            f"the customer edited the post after draft {draft.id} was written; read it, then edit the draft"
        )


def _need_alone(draft: Draft, others: Sequence[Draft]) -> None:
    for other in others:
        if other.id != draft.id and other.case_id == draft.case_id and other.status in LIVE:
            who = f" by {other.approved_by}" if other.approved_by else ""
            raise StateError(
                f"draft {other.id} of the same case is {other.status}{who}; reject it first, "
                "or the customer gets two answers"
            )


def _matches(draft: Draft, shown: str) -> bool:
    if shown == draft.text:
        return True
    prefix = shown.strip().lower()
    is_hash = HASH_PREFIX <= len(prefix) <= 64 and all(sign in "0123456789abcdef" for sign in prefix)
    return is_hash and draft.text_hash.startswith(prefix)


def _without_consent(status: str) -> dict[str, object]:
    return {"status": status, "approved_by": None, "approved_hash": None, "approved_at": None}


def _voided(draft: Draft, why: str) -> ApprovalValue | None:
    if draft.approved_hash is None:
        return None
    return ApprovalValue(draft.approved_hash, "voided", why)


def _person(by: str) -> str:
    name = by.strip()
    if not name:
        raise StateError("say who you are: a draft is approved, edited and handed off by a named person")
    return name
