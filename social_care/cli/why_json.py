"""An explanation for machines: every figure, with the places of the words in the text."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sentiment.ports import SENTIMENTS, TextScore
from social_care.cli.case_view import plain

if TYPE_CHECKING:
    from social_care.explaining import Why
    from social_care.workspace import Workspace
    from storage.case_detail import CaseDetail

MOST_PLACES = 50
"""Places given of one factor's evidence."""
JSON_TEXT = 4_000
"""Characters up to which a text is repeated beside what was found in it."""


def case_why_json(
    detail: "CaseDetail", why: "Why | None", workspace: "Workspace", now: datetime
) -> dict[str, Any]:
    """The decision behind a case, part by part."""
    case, lead = detail.case, detail.lead
    score = lead.score if lead else None
    return {
        "untrusted": True,
        "case": case.id,
        "urgency": case.urgency,
        "priority": case.priority,
        "reply_needed": case.reply_needed,
        "reply_reason": case.reply_reason,
        "reasons": case.reasons,
        "sum": round(sum(float(item.get("points") or 0) for item in case.reasons), 4),
        "lead_mention": lead.mention.id if lead else None,
        "text": lead.mention.text if lead else None,
        "sentiment": case.sentiment,
        "probabilities": {name: getattr(score, name) for name in SENTIMENTS} if score else None,
        "abstained": score.abstained if score else None,
        "scorer": score.scorer if score else None,
        "labels": [plain(label) for label in lead.labels] if lead else [],
        "policy": case.policy,
        "policy_version": case.policy_version,
        "clocks": [plain(clock) for clock in detail.clocks],
        "explanation": _explanation_json(why) if why else None,
        "as_of": now.isoformat(),
        "zone": workspace.zone,
    }


def text_why_json(why: "Why", now: datetime) -> dict[str, Any]:
    """The same for a text that is no case; offsets count the characters of `text`."""
    found = why.explanation
    score = found.score
    reasons = [{"name": f.name, "points": f.points, "evidence": f.evidence} for f in score.factors]
    return {
        "untrusted": True,
        "case": None,
        "urgency": score.urgency,
        "priority": found.decisions["priority"],
        "reply_needed": found.decisions["reply_needed"] == "yes",
        "reply_reason": why.reason,
        "reasons": reasons,
        "sum": round(sum(f.points for f in score.factors), 4),
        "text": found.text,
        "language": score.language,
        "sentiment": score.sentiment,
        "probabilities": score.probabilities._asdict(),
        "abstained": score.abstained,
        "scorer": score.scorer,
        "policy": why.policy,
        "explanation": _explanation_json(why),
        "as_of": now.isoformat(),
    }


def _explanation_json(why: "Why") -> dict[str, Any]:
    found = why.explanation
    names = [*SENTIMENTS, *found.heads, "urgency"]
    words = sorted(found.words, key=lambda word: -abs(word.pull(found.score.sentiment)))
    return {
        "text": found.text if len(found.text) <= JSON_TEXT else None,
        "scorer": found.score.scorer,
        "decisions": dict(found.decisions),
        "factors": [
            {
                "name": item.factor.name, "points": item.factor.points, "evidence": item.factor.evidence,
                "at": item.spans[:MOST_PLACES],
            }
            for item in found.evidence
        ],
        "heads": found.heads,
        "words": [
            {
                "word": word.word,
                "at": word.spans,
                "speaks_for": word.speaks_for(),
                "change": {name: round(-word.fall(name), 4) for name in names},
            }
            for word in words
        ],
        "sentences": [
            {"at": s.span, "text": found.text[slice(*s.span)], **_figures(s.score)} for s in found.sentences
        ],
        "counterfactuals": [
            {
                "target": c.target, "was": c.was, "becomes": c.becomes, "without": c.without, "kind": c.kind,
                "factor": c.factor, "at": c.spans, "urgency": c.urgency,
                "text": c.text if len(c.text) <= JSON_TEXT else None,
            }
            for c in found.counterfactuals
        ],
        "without_factor": [
            {"factor": item.factor, "target": item.target, "was": item.was, "becomes": item.becomes}
            for item in why.without_factor
        ],
        "not_found": why.not_found,
        "looked_at": {
            "words": len(found.words), "words_in_all": found.words_in_all, "sentences": found.sentences_read,
            "sentences_in_all": found.sentences_in_all, "changes": found.tried,
        },
    }  # fmt: skip


def _figures(score: TextScore) -> dict[str, Any]:
    return {
        "sentiment": score.sentiment,
        "probabilities": score.probabilities._asdict(),
        "urgency": score.urgency,
    }
