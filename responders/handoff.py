"""Hand-off: the approved text and the address to open, for a person who answers on the network itself.

That is the way to answer wherever the platform's interface is closed to us, and always the safe one. The native
reply is recognised when a listener hears it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from responders.drafter import signals_of
from responders.drafts import hash_of
from responders.languages import normal_tag
from responders.lengths import length_for, limit_for, network_key
from responders.linter import LintContext, LintWarning, lint
from responders.ports import Permission, Preview
from responders.templates import web_address
from storage.errors import StateError
from storage.models import Case, Draft, Mention

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "deleted": "the post was deleted; nobody should answer it",
        "own": "we wrote it ourselves",
        "repost": "a bare repost; answer the original",
        "x_addressed": "the author named or quoted us, so X takes an answer through its interface",
        "x_not_addressed": "X takes answers through its interface only where the author named or quoted us",
        "x_replies_limited": "the author limited who may reply; an answer may not be possible",
        "x_replies_closed": "only accounts that the author named may reply, and we are not one",
        "withheld": "the post is withheld in some countries; it may not open",
        "reddit_comment": "Reddit takes an answer through its interface",
        "reddit_locked": "the thread is locked; nobody can answer in it",
        "reddit_archived": "the thread is archived; nobody can answer in it",
        "removed": "the post was removed where it stood; nobody would see an answer",
        "review": "the store takes one answer a review through its interface",
        "no_interface": "this source has no interface for answers",
    }
)
"""Reason codes of `can_reply` and what each means."""

_STORES = frozenset({"appstore", "play"})
_LIMITED_ON_X = frozenset({"following", "subscribers", "verified"})


@dataclass(frozen=True, slots=True)
class HandOffSheet:
    """What a person needs to answer: the exact approved text, and where to put it."""

    draft_id: int | None
    text: str
    text_hash: str
    network: str
    url: str | None
    """Safe to show and open (http or https), or None where the source gives no such address."""
    native_id: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HandOff:
    """The `Poster` that never posts: it says what is allowed and shows what would appear, for a person to post."""

    network: str
    links: frozenset[str] = frozenset()
    """Hosts the brand may link to."""
    contacts: frozenset[str] = frozenset()
    """The brand's own mail addresses and phone numbers."""

    def can_reply(self, mention: Mention) -> Permission:
        """Whether the platform's interface takes an answer, and whether a person may give one by hand."""
        return permission_for(mention)

    def preview(
        self,
        draft: Draft,
        mention: Mention,
        *,
        case: Case | None = None,
        thread: Sequence[Mention] = (),
        language: str | None = None,
    ) -> Preview:
        """Exactly what would appear, with its length as the network counts it and the linter's warnings.

        Args:
            draft: The draft as stored.
            mention: The mention it answers, as stored now.
            case: For the signals on which an admission of blame matters.
            thread: The customer's mentions: newer ones than the draft make it stale.
            language: The customer's language, where better known than by the mention.
        """
        found = self.lint(draft, mention, case=case, thread=thread, language=language)
        return Preview(
            text=draft.text,
            text_hash=hash_of(draft.text),
            url=web_address(mention.url),
            length=length_for(mention.network, draft.text),
            limit=limit_for(mention.network, mention.kind),
            warnings=tuple(warning.message for warning in found),
        )

    def lint(
        self,
        draft: Draft,
        mention: Mention,
        *,
        case: Case | None = None,
        thread: Sequence[Mention] = (),
        language: str | None = None,
    ) -> tuple[LintWarning, ...]:
        """The linter's warnings with their codes and places."""
        context = LintContext(
            network=mention.network,
            kind=mention.kind,
            language=normal_tag(language or mention.lang),
            customer_text="\n".join(one.text for one in thread if not one.is_ours) or mention.text,
            signals=signals_of(case) if case else frozenset(),
            links=self.links,
            contacts=self.contacts,
            stale=changed_since(draft, mention, thread),
        )
        return lint(draft.text, context)

    def hand_off(self, draft: Draft, mention: Mention) -> HandOffSheet:
        """The sheet for the person who answers.

        Raises:
            StateError: nobody consented to this text, or the post cannot be answered.
        """
        permission = self.can_reply(mention)
        if not permission.hand_off:
            raise StateError(f"draft {draft.id} cannot be handed off: {REASONS[permission.reason]}")
        text_hash = hash_of(draft.text)
        if draft.status not in {"approved", "handed_off"} or draft.approved_hash != text_hash:
            raise StateError(
                f"draft {draft.id} is {draft.status}: nobody has approved this exact text; approve it first"
            )
        warnings = [REASONS[permission.reason]] if not permission.allowed else []
        url = web_address(mention.url)
        if url is None:
            warnings.append("there is no safe address to open; find the post by its id on the network")
        return HandOffSheet(
            draft.id, draft.text, text_hash, mention.network, url, mention.native_id, tuple(warnings)
        )


def permission_for(mention: Mention) -> Permission:
    """What the platform allows for one mention, from what it told us; no network."""
    if mention.deleted_at is not None:
        return Permission(allowed=False, reason="deleted", hand_off=False)
    if mention.is_ours:
        return Permission(allowed=False, reason="own", hand_off=False)
    if mention.kind == "repost":
        return Permission(allowed=False, reason="repost", hand_off=False)
    if mention.permissions.get("removed_at_source"):
        return Permission(allowed=False, reason="removed", hand_off=False)
    network = network_key(mention.network)
    if network == "x":
        return _on_x(mention)
    if network == "reddit":
        return _on_reddit(mention)
    if network in _STORES:
        return Permission(allowed=True, reason="review")
    return Permission(allowed=False, reason="no_interface")


def changed_since(draft: Draft, mention: Mention, thread: Sequence[Mention] = ()) -> str | None:
    """What happened in the thread after the draft was written, in words, or None."""
    if mention.deleted_at is not None:
        return "the post was deleted"
    if mention.version != draft.mention_version:
        return "the customer edited the post"
    newer = [one for one in thread if one.first_seen_at > draft.updated_at and one.id != mention.id]
    if any(one.is_ours for one in newer):
        return "we have answered in the thread"
    if newer:
        return "the customer wrote again" if len(newer) == 1 else f"the customer wrote {len(newer)} times"
    return None


def _on_x(mention: Mention) -> Permission:
    told = mention.permissions
    if told.get("withheld_in"):
        return Permission(allowed=False, reason="withheld")
    settings = str(told.get("reply_settings") or "everyone").lower()
    # X asks for a mention or a quote; where the listener could tell them apart from a mere answer, they count.
    told_apart = [told[name] for name in ("author_mentioned_us", "author_quoted_us") if name in told]
    if any(told_apart) if told_apart else mention.addressed:
        return Permission(allowed=True, reason="x_addressed")
    if settings == "mentionedusers" and not mention.addressed:
        return Permission(allowed=False, reason="x_replies_closed", hand_off=False)
    if settings in _LIMITED_ON_X:
        return Permission(allowed=False, reason="x_replies_limited")
    return Permission(allowed=False, reason="x_not_addressed")


def _on_reddit(mention: Mention) -> Permission:
    for state in ("locked", "archived"):
        if mention.permissions.get(state):
            return Permission(allowed=False, reason=f"reddit_{state}", hand_off=False)
    return Permission(allowed=True, reason="reddit_comment")
