"""Pick the saved reply that fits a case, by points a person can follow, and say why this one and not another."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from responders.languages import fallbacks, normal_tag
from responders.lengths import length_for, limit_for, network_key
from responders.ports import DraftText
from responders.saved_replies import SavedReply, When
from responders.templates import TemplateProblem, safe_values
from storage.models import Case, Mention

UNSAFE_SIGNALS = frozenset({"legal", "self_harm", "violence", "doxxing", "impersonation"})
"""Signals on which only a person may answer, in their own words."""

UNSAFE_WORDS = (
    *("suicide", "suicidal", "kill myself", "end my life", "want to die", "self harm", "passed away"),
    *(
        "sexual assault",
        "sexually assaulted",
        "sexual harassment",
        "raped",
        "molested",
        "bomb threat",
        "passed away",
    ),
    *("自杀", "不想活", "轻生", "性骚扰", "猥亵", "强奸", "死亡威胁", "去世"),
    *("自殺", "輕生", "性騷擾", "猥褻", "非禮", "強姦", "死亡威脅", "過世", "唔想做人"),
)
"""Words on which the same holds: no prepared sentence is right beside them."""

UNSAFE_REASONS = frozenset({"unsafe", "legal", "opted_out", "own", "platform_forbids", "deleted", "spam", "news"})
"""Reply decisions after which nothing is drafted."""

POINTS_SIGNAL = 3.0
POINTS_WORD = 2.0
POINTS_REASON = 2.0
POINTS_RESTRICTION = 0.5
POINTS_LANGUAGE = 1.0
POINTS_GENERAL = 0.5
MOST_WORDS = 3
NAMED_OTHERS = 3

_REASON_TEXT = 60_000
# Chinese is written without spaces, also around a Latin word: only these count as part of a word.
_LETTER = "[0-9A-Za-z\u00c0-\u024f\u0370-\u052f]"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One saved reply and how well it fits; `excluded` says why it cannot be used at all."""

    reply: SavedReply
    points: float
    reasons: tuple[str, ...]
    excluded: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What the drafter decided: a proposal, or why there is none."""

    draft: DraftText | None
    reasons: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()
    """Best first, the excluded ones last; empty where nothing may be drafted."""


@dataclass(frozen=True, slots=True)
class _Post:
    """What the conditions of an answer are compared with."""

    case: Case
    lead: Mention
    newest: Mention
    """The one the draft will answer."""
    text: str
    """The customer's words in comparable form."""
    signals: frozenset[str]
    languages: tuple[str, ...]
    brand: str
    messages: int


@dataclass(frozen=True, slots=True)
class SavedReplyDrafter:
    """The `Drafter` that proposes saved replies. It never posts, and never writes a word of its own."""

    replies: Sequence[SavedReply]
    today: date
    agent: str | None = None
    """Who answers, for the variable `agent`."""
    handles: Mapping[int, str] | None = None
    """Public handle by author number, for the variable `handle`."""

    def draft(self, case: Case, thread: Sequence[Mention], *, language: str, brand: str) -> DraftText | None:
        """A proposal for the case, or None where nothing fits or a person has to write; `explain` says which."""
        return self.explain(case, thread, language=language, brand=brand).draft

    def explain(self, case: Case, thread: Sequence[Mention], *, language: str, brand: str) -> Choice:
        """The proposal with its reasons and all candidates.

        Args:
            case: The case to answer.
            thread: The customer's mentions, oldest first; our own are left aside.
            language: The customer's language.
            brand: The brand that answers.
        """
        inbound = [one for one in thread if not one.is_ours and one.deleted_at is None]
        if refusal := refusal_of(case, inbound):
            return Choice(None, (refusal,))
        post = _post(case, inbound, language, brand)
        candidates = sorted(
            (self._candidate(reply, post) for reply in self._best_variants(post.languages)),
            key=lambda one: (one.excluded is not None, -one.points, one.reply.name),
        )
        fitting = [one for one in candidates if one.excluded is None and one.points > 0]
        for index, winner in enumerate(fitting):
            try:
                text = self._text(winner.reply, post)
            except TemplateProblem as problem:
                candidates = _exclude(candidates, winner, str(problem))
                continue
            others = [*fitting[index + 1 :], *[one for one in candidates if one not in fitting]]
            reasons = (*_why(winner), *_why_not(winner, others))
            proposal = DraftText(text, winner.reply.language, "saved-reply", winner.reply.reference, reasons)
            return Choice(proposal, reasons, tuple(candidates))
        nothing = "no saved reply fits: write the answer yourself"
        return Choice(None, (nothing, *_why_not(None, candidates)), tuple(candidates))

    def _best_variants(self, languages: tuple[str, ...]) -> list[SavedReply]:
        """Of each answer the usable variant in the best language, else the one to give a reason for."""

        def rank(reply: SavedReply) -> tuple[bool, int]:
            place = languages.index(reply.language) if reply.language in languages else len(languages)
            return (reply.expired(self.today), place)

        names: dict[str, list[SavedReply]] = {}
        for reply in self.replies:
            names.setdefault(reply.name, []).append(reply)
        return [min(variants, key=rank) for variants in names.values()]

    def _candidate(self, reply: SavedReply, post: _Post) -> Candidate:
        excluded = self._excluded(reply, post)
        if excluded is not None:
            return Candidate(reply, 0.0, (), excluded)
        points, reasons = _points(reply, post)
        return Candidate(reply, points, tuple(reasons))

    def _excluded(self, reply: SavedReply, post: _Post) -> str | None:
        if reply.expired(self.today):
            return f"expired on {reply.expires}"
        if reply.language not in post.languages:
            return f"not written in {post.languages[0]}"
        return _unmet(reply.when, post)

    def _text(self, reply: SavedReply, post: _Post) -> str:
        handle = (self.handles or {}).get(post.newest.author_id or 0)
        network = network_key(post.newest.network)
        values = safe_values(
            brand=post.brand,
            network=network,
            case_id=post.case.id,
            handle=handle,
            url=post.newest.url,
            agent=self.agent,
        )
        text = reply.render(values)
        limit, length = limit_for(network, post.newest.kind), length_for(network, text)
        if limit is not None and length > limit:
            raise TemplateProblem(f"too long for {network}: {length} of {limit} characters")
        return text


def refusal_of(case: Case, inbound: Sequence[Mention]) -> str | None:
    """Why nothing may be drafted for this case, or None. `inbound` are the customer's mentions still there."""
    if not inbound:
        return "there is no post left to answer"
    if case.status not in {"open", "answered"}:
        return f"the case is {case.status}"
    if case.reply_reason in UNSAFE_REASONS:
        return f"no draft: {case.reply_reason}; a person decides what to do"
    unsafe = sorted(signals_of(case) & UNSAFE_SIGNALS)
    if unsafe:
        return f"no draft: {', '.join(unsafe)}; hand it to a person who may speak for the brand"
    words = _comparable(" \n ".join(f"{one.title or ''} {one.text}"[:_REASON_TEXT] for one in inbound[-5:]))
    found = next((word for word in UNSAFE_WORDS if _holds(words, word)), None)
    if found is not None:
        return f"no draft: the customer writes “{found}”; hand it to a person who may speak for the brand"
    return None


def signals_of(case: Case) -> frozenset[str]:
    """The names of the signals that speak in a case: those that add points."""
    names = set()
    for reason in case.reasons:
        points = reason.get("points", 0)
        name = reason.get("name")
        if isinstance(name, str) and (not isinstance(points, int | float) or points >= 0):
            names.add(name)
    return frozenset(names)


def _post(case: Case, inbound: Sequence[Mention], language: str, brand: str) -> _Post:
    lead = next((one for one in inbound if one.id == case.lead_mention_id), inbound[-1])
    words = " \n ".join(f"{one.title or ''} {one.text}"[:_REASON_TEXT] for one in (lead, inbound[-1]))
    return _Post(
        case=case,
        lead=lead,
        newest=inbound[-1],
        text=_comparable(words),
        signals=signals_of(case),
        languages=fallbacks(language),
        brand=brand,
        messages=len(inbound),
    )


def _comparable(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'")


def _unmet(when: When, post: _Post) -> str | None:
    """The first condition that does not hold."""
    lead, case = post.lead, post.case
    network = network_key(lead.network)
    if when.networks and network not in when.networks:
        return f"not for {network}"
    if when.brands and post.brand.casefold() not in {brand.casefold() for brand in when.brands}:
        return f"not for {post.brand}"
    if when.kinds and lead.kind not in when.kinds:
        return f"not for a {lead.kind}"
    if when.sentiments and case.sentiment not in when.sentiments:
        return f"not for a {case.sentiment} post"
    if blocking := sorted(set(when.not_signals) & post.signals):
        return f"not where {', '.join(blocking)} speaks"
    if when.messages_min is not None and post.messages < when.messages_min:
        return f"only from message {when.messages_min} on"
    return _unmet_rating(when, lead.rating)


def _unmet_rating(when: When, rating: float | None) -> str | None:
    if when.rating_min is None and when.rating_max is None:
        return None
    if rating is None:
        return "only for a rating"
    low = when.rating_min if when.rating_min is not None else 0
    high = when.rating_max if when.rating_max is not None else 5
    return None if low <= rating <= high else f"only for {low:g} to {high:g} stars"


def _points(reply: SavedReply, post: _Post) -> tuple[float, list[str]]:
    """How well it fits: what the post is about first, then how closely the rest was meant."""
    when, reasons, about = reply.when, [], 0.0
    for signal in sorted(set(when.signals) & post.signals):
        about += POINTS_SIGNAL
        reasons.append(f"signal {signal} +{POINTS_SIGNAL:g}")
    for word in [word for word in when.words if _holds(post.text, word)][:MOST_WORDS]:
        about += POINTS_WORD
        reasons.append(f"the post says “{word}” +{POINTS_WORD:g}")
    if post.case.reply_reason and post.case.reply_reason in when.reply_reasons:
        about += POINTS_REASON
        reasons.append(f"reply needed because of {post.case.reply_reason} +{POINTS_REASON:g}")
    if when.particular and not about:
        return 0.0, ["about something else"]
    points = about
    if not when.particular:
        points += POINTS_GENERAL
        reasons.append(f"a general answer +{POINTS_GENERAL:g}")
    given = [
        name
        for name in ("networks", "brands", "kinds", "sentiments", "rating_min", "rating_max", "messages_min")
        if getattr(when, name) not in ((), None)
    ]
    if given:
        points += POINTS_RESTRICTION * len(given)
        reasons.append(f"made for this {', '.join(given)} +{POINTS_RESTRICTION * len(given):g}")
    if reply.language == post.languages[0]:
        points += POINTS_LANGUAGE
        reasons.append(f"written in {reply.language} +{POINTS_LANGUAGE:g}")
    else:
        reasons.append(f"written in {reply.language}: there is no variant in {post.languages[0]}")
    return points, reasons


def _holds(text: str, word: str) -> bool:
    """Whole words for alphabets with spaces, anywhere for Chinese and Japanese."""
    wanted = _comparable(word).strip()
    if not wanted:
        return False
    left = f"(?<!{_LETTER})" if re.match(_LETTER, wanted[0]) else ""
    right = f"(?!{_LETTER})" if re.match(_LETTER, wanted[-1]) else ""
    if not left and not right:
        return wanted in text
    return re.search(left + re.escape(wanted) + right, text) is not None


def _why(winner: Candidate) -> tuple[str, ...]:
    return (f"{winner.reply.name}: {winner.points:g} points", *winner.reasons)


def _why_not(winner: Candidate | None, others: Sequence[Candidate]) -> tuple[str, ...]:
    """The three nearest others, each with what kept it back."""
    lines = []
    for other in others[:NAMED_OTHERS]:
        if other.excluded is not None:
            why = other.excluded
        elif other.points <= 0:
            why = other.reasons[0]
        elif winner is None or other.points < winner.points:
            why = f"{other.points:g} points"
        else:
            why = f"{other.points:g} points too; the first by name was taken"
        lines.append(f"not {other.reply.name}: {why}")
    return tuple(lines)


def _exclude(candidates: Sequence[Candidate], which: Candidate, why: str) -> list[Candidate]:
    rest = [one for one in candidates if one is not which]
    return [*rest, Candidate(which.reply, which.points, which.reasons, why)]


def language_of(tag: str | None) -> str:
    """The customer's language as a draft remembers it; English where it is not known."""
    normal = normal_tag(tag)
    return "en" if normal == "und" else normal
