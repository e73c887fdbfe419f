"""What a person may do with a case: pure decisions from the facts as stored to the change to store.

Two people must never answer one customer: a case somebody holds is changed by others only with `force`, an
explicit take-over. Closing stops the clocks and never erases a breach; reopening lets the same clocks run on.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from storage.desk_values import CaseChange, CaseFacts, ClockChange, Held, LabelValue
from storage.errors import StateError
from storage.models import Case, Mention, Score, SlaClock

DISMISS_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "spam": "advertising or a scam",
        "news": "a news item or a mere report",
        "duplicate": "the same customer and matter in another case",
        "own": "written by us or our staff",
        "opted_out": "the customer asked us not to contact them; remembered for later posts",
        "not_about_us": "another brand, or the word in another sense",
        "resolved_elsewhere": "solved by phone, mail or in a shop",
        "unsafe": "answering in public would make it worse; handed to a person outside this tool",
        "other": "needs a note",
    }
)
"""Reason codes of a dismissal and what each means."""

LABEL_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "sentiment": "negative, neutral or positive",
        "urgency": "a number from 0 to 1",
        "reply_needed": "yes or no",
        "language": "a language tag such as en, zh-Hans, zh-Hant or yue",
        "theme": "a short name",
    }
)
"""What a person may label, and with which values."""

LONGEST_SNOOZE = timedelta(days=90)
MAX_NAME = 100
MAX_NOTE = 500

_CLOSED_BY_PERSON = frozenset({"resolved", "dismissed"})
_YES_NO = {"yes": "true", "true": "true", "1": "true", "no": "false", "false": "false", "0": "false"}


def assign(facts: CaseFacts, who: str, *, now: datetime, force: bool = False) -> CaseChange:
    """`who` takes the case. Assigning it to the person who has it already changes nothing.

    Raises:
        Held: somebody else has it and `force` is not set.
        StateError: the case is closed, or the name is unusable.
    """
    case = facts.case
    name = person(who)
    _need_open(case, "assigned")
    if case.assigned_to == name:
        return CaseChange("case.assign", warnings=(f"{name} has case {case.id} already",))
    warnings = []
    if case.assigned_to is not None:
        if not force:
            raise Held(f"case {case.id} is held by {case.assigned_to}; repeat with --force to take it over")
        warnings.append(f"taken over from {case.assigned_to}: tell them")
    warnings += [
        f"the same customer has case {number}, held by {holder}: agree who answers"
        for number, holder in facts.held_elsewhere
        if holder != name
    ]
    warnings += _late(facts, now)
    return CaseChange("case.assign", {"assigned_to": name}, warnings=tuple(warnings))


def release(facts: CaseFacts, *, actor: str, force: bool = False) -> CaseChange:
    """Give the case back to everybody.

    Raises:
        Held: somebody else has it and `force` is not set.
    """
    _need_mine(facts.case, actor, force)
    if facts.case.assigned_to is None:
        return CaseChange("case.release", warnings=("nobody holds it",))
    return CaseChange("case.release", {"assigned_to": None})


def snooze(facts: CaseFacts, until: datetime, *, actor: str, now: datetime, force: bool = False) -> CaseChange:
    """Out of sight until a time. The clocks run on; the report warns when one is due before the end.

    Raises:
        Held: somebody else has it and `force` is not set.
        StateError: the case is closed, or the time is past, too far off or without a zone.
    """
    case = facts.case
    _need_open(case, "snoozed")
    _need_mine(case, actor, force)
    if until.tzinfo is None:
        raise StateError("the time to snooze until has no zone; add one, such as +00:00")
    if until <= now:
        raise StateError(f"{until:%Y-%m-%d %H:%M} is past; snooze until a later time")
    if until - now > LONGEST_SNOOZE:
        raise StateError(
            f"a case is snoozed for {LONGEST_SNOOZE.days} days at most; resolve it if it can wait longer"
        )
    warnings = tuple(
        f"the {clock.metric.replace('_', ' ')} is due {clock.due_at:%Y-%m-%d %H:%M} UTC, before the snooze ends; "
        "its clock runs on"
        for clock in facts.clocks
        if clock.stopped_at is None and now <= clock.due_at < until
    )
    return CaseChange("case.snooze", {"snoozed_until": until}, warnings=warnings + tuple(_late(facts, now)))


def wake(facts: CaseFacts, *, actor: str, force: bool = False) -> CaseChange:
    """End a snooze early.

    Raises:
        Held: somebody else has it and `force` is not set.
    """
    _need_mine(facts.case, actor, force)
    if facts.case.snoozed_until is None:
        return CaseChange("case.wake", warnings=("it is not snoozed",))
    return CaseChange("case.wake", {"snoozed_until": None})


def resolve(
    facts: CaseFacts, *, actor: str, now: datetime, note: str | None = None, force: bool = False
) -> CaseChange:
    """The matter is settled. Running clocks stop as `resolved`; one that is past due is recorded as breached.

    Raises:
        Held: somebody else has it and `force` is not set.
        StateError: the case is closed already.
    """
    case = facts.case
    _need_open(case, "resolved")
    _need_mine(case, actor, force)
    warnings = _closing_warnings(facts, now)
    if case.reply_needed and case.first_reply_at is None:
        warnings.append("nobody has replied: the case counts as not answered")
    values = {"status": "resolved", "closed_at": now, "close_reason": "resolved", "snoozed_until": None}
    return CaseChange(
        "case.resolve", values, _stopped(facts, "resolved", now), note=_note(note), warnings=tuple(warnings)
    )


def dismiss(
    facts: CaseFacts, reason: str, *, actor: str, now: datetime, note: str | None = None, force: bool = False
) -> CaseChange:
    """No reply is needed, for a named reason. A clock that is past due stays breached.

    Raises:
        Held: somebody else has it and `force` is not set.
        StateError: the case is closed, the reason is unknown, or `other` has no note.
    """
    case = facts.case
    if reason not in DISMISS_REASONS:
        raise StateError(f"{reason!r} is no reason code; one of {', '.join(DISMISS_REASONS)} is needed")
    text = _note(note)
    if reason == "other" and text is None:
        raise StateError("the reason 'other' needs a note that says why")
    _need_open(case, "dismissed")
    _need_mine(case, actor, force)
    values = {"status": "dismissed", "closed_at": now, "close_reason": reason, "snoozed_until": None}
    return CaseChange(
        "case.dismiss",
        values,
        _stopped(facts, "dismissed", now),
        opt_out_author=reason == "opted_out" and case.author_id is not None,
        note=text,
        warnings=tuple(_closing_warnings(facts, now)),
    )


def reopen(facts: CaseFacts, *, actor: str, force: bool = False) -> CaseChange:
    """Undo a person's closing. The clocks it stopped run on with their old deadlines: closing wins no time.

    Raises:
        Held: somebody else has it and `force` is not set.
        StateError: the case is not closed, or was closed because its post is gone.
    """
    case = facts.case
    if case.status not in _CLOSED_BY_PERSON:
        why = "its post was deleted" if case.status == "withdrawn" else "only closed cases can be reopened"
        raise StateError(f"case {case.id} is {case.status} and cannot be reopened: {why}")
    _need_mine(case, actor, force)
    again = tuple(
        ClockChange(clock.id, {"stopped_at": None, "stop_reason": None})
        for clock in facts.clocks
        if clock.id is not None and clock.stop_reason == case.status and clock.stopped_at == case.closed_at
    )
    status = "answered" if case.first_reply_at is not None and not again else "open"
    return CaseChange("case.reopen", {"status": status, "closed_at": None, "close_reason": None}, again)


def label(facts: CaseFacts, field: str, value: str, mention: Mention, score: Score | None) -> CaseChange:
    """A person's word on a mention, kept beside the model's; triage looks at the mention again.

    Raises:
        StateError: the field or value is unknown, or the mention belongs to another case.
    """
    if field not in LABEL_FIELDS:
        raise StateError(f"{field!r} cannot be labelled; one of {', '.join(LABEL_FIELDS)} is needed")
    if mention.case_id != facts.case.id or mention.id is None:
        raise StateError(f"mention {mention.id} does not belong to case {facts.case.id}")
    if mention.deleted_at is not None:
        raise StateError(f"mention {mention.id} was deleted where it stood; there is nothing to label")
    said = LabelValue(mention.id, mention.version, field, _label_value(field, value), model_value(field, score))
    return CaseChange("case.label", label=said)


def model_value(field: str, score: Score | None) -> str | None:
    """What the model said of a field, as a label would write it."""
    if score is None:
        return None
    said = {
        "sentiment": score.sentiment,
        "urgency": f"{score.urgency:g}",
        "reply_needed": "true" if score.reply_needed else "false",
        "language": score.language,
    }
    return said.get(field)


def person(name: str) -> str:
    """A name as it is stored.

    Raises:
        StateError: empty, too long, or with characters that are not shown.
    """
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise StateError(f"a name of 1 to {MAX_NAME} visible characters is needed, not {name[:20]!r}")
    return name


def holder_warning(case: Case, actor: str) -> tuple[str, ...]:
    """The warning for someone who drafts on a case that somebody else holds."""
    if case.assigned_to is None or case.assigned_to == actor:
        return ()
    return (f"case {case.id} is held by {case.assigned_to}: agree who answers",)


def need_holder(case: Case, actor: str, *, force: bool) -> None:
    """Refuse to act on a case that somebody else holds.

    Raises:
        Held: somebody else has it and `force` is not set.
    """
    _need_mine(case, actor, force)


def _need_open(case: Case, verb: str) -> None:
    if case.status not in {"open", "answered"}:
        hint = "reopen it first" if case.status in _CLOSED_BY_PERSON else "its post was deleted"
        raise StateError(f"case {case.id} is {case.status} and cannot be {verb}: {hint}")


def _need_mine(case: Case, actor: str, force: bool) -> None:
    if case.assigned_to is not None and case.assigned_to != actor and not force:
        raise Held(f"case {case.id} is held by {case.assigned_to}; repeat with --force to act on it anyway")


def _stopped(facts: CaseFacts, reason: str, now: datetime) -> tuple[ClockChange, ...]:
    changes = []
    for clock in facts.clocks:
        if clock.id is None or clock.stopped_at is not None:
            continue
        values: dict[str, object] = {"stopped_at": now, "stop_reason": reason}
        if _breached(clock, now) and clock.breached_at is None:
            values["breached_at"] = now
        changes.append(ClockChange(clock.id, values))
    return tuple(changes)


def _breached(clock: SlaClock, now: datetime) -> bool:
    return now > clock.due_at


def _closing_warnings(facts: CaseFacts, now: datetime) -> list[str]:
    return [
        f"the {clock.metric.replace('_', ' ')} was due {clock.due_at:%Y-%m-%d %H:%M} UTC: it stays breached"
        for clock in facts.clocks
        if clock.stopped_at is None and _breached(clock, now)
    ]


def _late(facts: CaseFacts, now: datetime) -> list[str]:
    return [
        f"the {clock.metric.replace('_', ' ')} is overdue since {clock.due_at:%Y-%m-%d %H:%M} UTC"
        for clock in facts.clocks
        if clock.stopped_at is None and _breached(clock, now)
    ]


def _label_value(field: str, value: str) -> str:
    value = value.strip()
    wanted = f"{field} is {value[:40]!r}; needed: {LABEL_FIELDS[field]}"
    if field == "sentiment" and value.lower() in {"negative", "neutral", "positive"}:
        return value.lower()
    if field == "reply_needed" and value.lower() in _YES_NO:
        return _YES_NO[value.lower()]
    if field == "urgency":
        try:
            number = float(value)
        except ValueError:
            raise StateError(wanted) from None
        if 0 <= number <= 1:
            return f"{number:g}"
    if field == "language" and 2 <= len(value) <= 35 and value.replace("-", "").isalnum() and value.isascii():
        return value
    if field == "theme" and 1 <= len(value) <= MAX_NAME and value.isprintable():
        return value
    raise StateError(wanted)


def _note(note: str | None) -> str | None:
    if note is None:
        return None
    shown = "".join(sign if sign.isprintable() else " " for sign in note).strip()
    if len(shown) > MAX_NOTE:
        raise StateError(f"the note has {len(shown)} characters; {MAX_NOTE} is the most")
    return shown or None
