"""Whether a text asks for an answer by the brand, and why, as far as the text alone can tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sentiment.ports import Probabilities
from sentiment.signals import Found

REASONS = {
    "no_text": "nothing to read: a person should look",
    "urgent": "something serious is wrong",
    "complaint": "a complaint",
    "question": "a question",
    "request": "asks the brand to do something",
    "unsure": "the model is too unsure and a person should look",
    "spam": "advertising",
    "news": "a report, not a customer speaking",
    "praise_without_ask": "praise that asks for nothing",
    "resolved": "says that the matter is settled",
    "chatter": "nothing to answer",
}
"""Every reason code and what it means."""

NEEDED = frozenset({"no_text", "urgent", "complaint", "question", "request", "unsure"})
"""The reasons for which an answer is needed."""

_SILENT = {"promo": "spam", "resolved": "resolved", "news": "news"}
DOUBT = 0.4
"""From this chance on a person looks: a post that is dropped wrongly costs more than a glance."""

GRAVE_DOUBT = 0.15
"""The same where the words speak of danger or theft: the model has seen few such posts."""
_GRAVE = ("safety", "fraud_or_account", "stranded_or_locked_out")

_URGENT = (
    "safety", "fraud_or_account", "stranded_or_locked_out", "legal", "outage", "money_lost", "repeated_contact",
)  # fmt: skip
_QUESTION_MARK = re.compile("[?？؟]")
_RETWEET = re.compile(r"^\s*RT\b", re.IGNORECASE)
_ADDRESSED = re.compile(r"@\w|\b(?:you|your|u|ur)\b|你|您|贵公司|貴公司", re.IGNORECASE)


class ReplyDecision(NamedTuple):
    """Whether an answer is needed, the reason code, and how sure that is (0.5 to 1)."""

    needed: bool
    reason: str
    confidence: float


def reply_needed(
    text: str,
    probabilities: Probabilities | None,
    found: Found,
    *,
    abstained: bool,
    heads: Mapping[str, float] = MappingProxyType({}),
) -> ReplyDecision:
    """Decide from a text whether the brand should answer it.

    Args:
        text: The post.
        probabilities: What the model said; None where it did not read the post.
        found: Its signals, see `sentiment.signals.Lexicon.find`.
        abstained: Whether the model was too unsure.
        heads: What the model's heads say, by name; empty where it has none.

    Returns:
        The decision. Doubt asks for a look by a person: it never drops a post.
    """
    if not any(map(str.isalnum, text)):
        pleased = probabilities is not None and probabilities.positive == max(probabilities)
        return _decided("praise_without_ask", 0.6) if pleased else _decided("no_text", 1.0)
    if probabilities is not None and "reply_needed" in heads:
        return _judged(heads, found, probabilities)
    negative = probabilities.negative if probabilities else (0.7 if "displeased" in found else 0.2)
    positive = probabilities.positive if probabilities else (0.7 if "pleased" in found else 0.2)
    silenced = _not_a_customer(text, found, negative)
    return silenced or _asks(text, found, negative, positive, abstained=abstained)


def _judged(heads: Mapping[str, float], found: Found, probabilities: Probabilities) -> ReplyDecision:
    """Decide by the head that learned it; the words and the other heads only say why."""
    chance = heads["reply_needed"]
    grave = any(name in found for name in _GRAVE) and "news" not in found
    if chance < (GRAVE_DOUBT if grave else DOUBT):
        return ReplyDecision(False, _silence(found, probabilities), round(1 - chance, 3))
    if chance < 0.5:
        return ReplyDecision(True, "unsure", 0.5)
    return ReplyDecision(True, _demand(heads, found), round(chance, 3))


def _demand(heads: Mapping[str, float], found: Found) -> str:
    """Why an answer is needed, the gravest reason first."""
    serious = any(name in found or heads.get(name, 0.0) >= 0.5 for name in _URGENT)
    if serious and heads.get("today_or_more", 0.0) >= 0.5:
        return "urgent"
    complaint, question = heads.get("complaint", 0.0), heads.get("question", 0.0)
    if "question" in found or "request" in found:
        question = max(question, 0.5)
    if max(complaint, question) < 0.5:
        return "request"
    if complaint >= question:
        return "complaint"
    return "request" if "request" in found and heads.get("question", 0.0) < 0.5 else "question"


def _silence(found: Found, probabilities: Probabilities) -> str:
    """Why none is needed."""
    said = [reason for name, reason in _SILENT.items() if name in found and probabilities.negative < 0.7]
    if said:
        return said[0]
    pleased = probabilities.positive > 0.5 or ("thanks" in found and probabilities.negative < 0.4)
    return "praise_without_ask" if pleased else "chatter"


def _not_a_customer(text: str, found: Found, negative: float) -> ReplyDecision | None:
    if "promo" in found and negative < 0.7:
        return _decided("spam", 0.9 if len(found["promo"]) > 1 else 0.7)
    asking = bool(found.keys() & {"request", "question"})
    reported = _RETWEET.match(text) is not None or not _ADDRESSED.search(text)
    return _decided("news", 0.7) if "news" in found and reported and negative < 0.7 and not asking else None


def _asks(text: str, found: Found, negative: float, positive: float, *, abstained: bool) -> ReplyDecision:
    marked = _QUESTION_MARK.search(text) is not None
    asking = "question" in found or marked
    serious = any(name in found for name in _URGENT)
    if "resolved" in found and negative < 0.8 and not asking:
        return _decided("resolved", 0.7)
    if serious and positive < 0.6:
        return _decided("urgent", 0.9 if negative > 0.5 else 0.7)
    if negative > 0.5:
        return _decided("complaint", min(1.0, max(0.5, negative)))
    # A happy "how great is that?" asks nobody; a question that is marked as one usually does.
    if asking and (positive < 0.8 or (marked and "question" in found)):
        return _decided("question", 0.9 if marked and "question" in found else 0.6)
    if "request" in found and positive < 0.8:
        return _decided("request", 0.7)
    if positive > 0.5 or ("thanks" in found and negative < 0.4):
        return _decided("praise_without_ask", min(1.0, max(0.5, positive)))
    if abstained:
        return _decided("unsure", 0.5)
    return _decided("chatter", 0.6)


def _decided(reason: str, confidence: float) -> ReplyDecision:
    return ReplyDecision(reason in NEEDED, reason, round(confidence, 3))
