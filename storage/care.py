"""Carry out what triage decided, and watch running clocks. Everything in the caller's write transaction.

The decision itself is a pure function that the caller brings along; `responders.care` wires the two.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, bindparam, insert, select, update
from sqlmodel import Session, SQLModel

from storage.bulk import insert_ignoring, lock_names
from storage.desk import DraftChange, execute_draft, load_draft_facts
from storage.tables import BRAND, CASE, CLOCK, MENTION, REPLY
from storage.threads import Thread, among, load_threads

CHUNK = 1_000
"""Mentions loaded, decided and written at a time."""

ACTOR = "triage"
"""Who the audit names for what happens without a person."""

_NOTICE = SQLModel.metadata.tables["notice"]
_CASE_DEFAULTS: Mapping[str, Any] = {"assigned_to": None, "snoozed_until": None, "revision": 1}
_IDENTITY = ("brand_id", "network", "author_key", "thread_native_id", "sequence")


@dataclass(slots=True)
class CaseOutcome:
    """What one case needs written. `case_id` None: a new case, `values` are then complete."""

    case_id: int | None
    values: dict[str, Any]
    mention_ids: list[int] = field(default_factory=list)
    """Mentions to attach."""
    clocks: list[dict[str, Any]] = field(default_factory=list)
    clock_changes: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    replies: list[dict[str, Any]] = field(default_factory=list)
    reply_changes: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    drafts: list[tuple[int, DraftChange]] = field(default_factory=list)
    notice: dict[str, Any] | None = None
    """Body of the notice that a P1 case is new."""


@dataclass(slots=True)
class Decision:
    """What one thread needs written: its cases, and (mention id, version) of what has been dealt with."""

    outcomes: list[CaseOutcome] = field(default_factory=list)
    done: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TriageCounts:
    """What a run of triage did."""

    mentions: int = 0
    new_cases: int = 0
    changed_cases: int = 0
    reopened: int = 0
    clocks: int = 0
    replies: int = 0
    drafts_voided: int = 0
    drafts_posted: int = 0
    notices: int = 0

    def __add__(self, other: "TriageCounts") -> "TriageCounts":
        return TriageCounts(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Tracked:
    """A clock that the tracker just found near or past its deadline."""

    clock_id: int
    case_id: int
    event: str
    """`warning` or `breach`."""
    metric: str
    policy: str
    due_at: datetime
    on_arrival: bool
    """It was past due when it was first seen."""


def run_triage(
    session: Session,
    mention_ids: Sequence[int],
    decide: Callable[[Thread], Decision],
    now: datetime,
    scorer: str | None = None,
) -> TriageCounts:
    """Load the threads of these mentions, decide about each, write everything. Running it twice changes nothing.

    Args:
        session: An open write transaction.
        mention_ids: New, edited, deleted or relabelled mentions, our own posts included; unknown ids are ignored.
        decide: The pure decision about one thread.
        now: Time of notices, audit rows and exemptions.
        scorer: Whose scores count where there are several; None takes the newest.
    """
    session.flush()
    lock_names(session, {"triage"})  # two that see the same new thread would both open its case
    counts = TriageCounts()
    wanted = list(dict.fromkeys(mention_ids))
    for start in range(0, len(wanted), CHUNK):
        threads = load_threads(session, wanted[start : start + CHUNK], scorer=scorer)
        counts += _execute(session, [decide(thread) for thread in threads], now)
    session.expire_all()
    return counts


def _execute(session: Session, decisions: Sequence[Decision], now: datetime) -> TriageCounts:
    outcomes = [outcome for decision in decisions for outcome in decision.outcomes]
    new = [outcome for outcome in outcomes if outcome.case_id is None]
    changed = [outcome for outcome in outcomes if outcome.case_id is not None and outcome.values]
    reopened = sum(
        outcome.values.get("status") == "open" and outcome.values.get("closed_at", now) is None
        for outcome in changed
    )
    _insert_cases(session, new)
    _update_rows(session, CASE, [(_known(o.case_id), o.values) for o in changed], grow="revision")
    clocks = [{"case_id": _known(o.case_id)} | row for o in outcomes for row in o.clocks]
    replies = _replies(session, outcomes)
    _insert(session, CLOCK, clocks)
    _update_rows(session, CLOCK, [change for o in outcomes for change in o.clock_changes])
    _insert(session, REPLY, replies)
    _update_rows(session, REPLY, [change for o in outcomes for change in o.reply_changes])
    statuses = [_execute_drafts(session, o.drafts, now) for o in outcomes if o.drafts]
    drafted = [status for found in statuses for status in found]
    done = _mark(session, outcomes, decisions)
    notices = _notify(
        session,
        [
            (f"p1:case:{o.case_id}", "new_p1", _known(o.case_id), o.notice)
            for o in outcomes
            if o.notice is not None
        ],
        now,
    )
    return TriageCounts(
        mentions=done,
        new_cases=len(new),
        changed_cases=len(changed),
        reopened=reopened,
        clocks=len(clocks),
        replies=len(replies),
        drafts_voided=drafted.count("void"),
        drafts_posted=drafted.count("posted"),
        notices=notices,
    )


def _insert_cases(session: Session, new: Sequence[CaseOutcome]) -> None:
    """Write new cases and tell each outcome its number."""
    if not new:
        return
    rows = [dict(_CASE_DEFAULTS) | outcome.values for outcome in new]
    session.execute(insert(CASE), rows)
    key = tuple(CASE.c[name] for name in _IDENTITY)
    identities = [tuple(row[name] for name in _IDENTITY) for row in rows]
    theirs = among((key[0], key[1], key[2]), {(one[0], one[1], one[2]) for one in identities})
    numbers = {tuple(row[1:]): row[0] for row in session.execute(select(CASE.c.id, *key).where(theirs))}
    for outcome, identity in zip(new, identities, strict=True):
        outcome.case_id = numbers[identity]


def _replies(session: Session, outcomes: Sequence[CaseOutcome]) -> list[dict[str, Any]]:
    """Rows of new replies with what the case knows about them."""
    speaking = [outcome for outcome in outcomes if outcome.replies]
    if not speaking:
        return []
    numbers = [_known(outcome.case_id) for outcome in speaking]
    owners = {
        number: (brand_id, network)
        for number, brand_id, network in session.execute(
            select(CASE.c.id, CASE.c.brand_id, CASE.c.network).where(CASE.c.id.in_(numbers))
        )
    }
    return [
        row | {"case_id": number, "brand_id": owners[number][0], "network": owners[number][1]}
        for number, outcome in zip(numbers, speaking, strict=True)
        for row in outcome.replies
    ]


def _execute_drafts(session: Session, changes: Sequence[tuple[int, DraftChange]], now: datetime) -> list[str]:
    return [
        execute_draft(session, load_draft_facts(session, number), change, actor=ACTOR, now=now).status
        for number, change in changes
    ]


def _mark(session: Session, outcomes: Sequence[CaseOutcome], decisions: Sequence[Decision]) -> int:
    """Attach mentions to their cases and note which version has been dealt with."""
    homes = {number: _known(outcome.case_id) for outcome in outcomes for number in outcome.mention_ids}
    done = {number: version for decision in decisions for number, version in decision.done}
    both = [{"n": number, "v": done[number], "c": homes[number]} for number in done if number in homes]
    only = [{"n": number, "v": version} for number, version in done.items() if number not in homes]
    moved = [{"n": number, "c": home} for number, home in homes.items() if number not in done]
    statement = update(MENTION).where(MENTION.c.id == bindparam("n"))
    batches: tuple[tuple[list[dict[str, int]], dict[str, Any]], ...] = (
        (both, {"triaged_version": bindparam("v"), "case_id": bindparam("c")}),
        (only, {"triaged_version": bindparam("v")}),
        (moved, {"case_id": bindparam("c")}),
    )
    for rows, values in batches:
        if rows:
            session.connection().execute(statement.values(values), rows)
    return len(done)


def _insert(session: Session, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        session.connection().execute(insert(table), rows)


def _update_rows(
    session: Session, table: Table, changes: Sequence[tuple[int, dict[str, Any]]], *, grow: str | None = None
) -> None:
    """Update rows by number: one statement for each set of columns that change together."""
    batches: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for number, values in changes:
        batches[tuple(sorted(values))].append(
            {"n_": number} | {f"v_{name}": value for name, value in values.items()}
        )
    for names, rows in batches.items():
        columns: dict[str, Any] = {name: bindparam(f"v_{name}", type_=table.c[name].type) for name in names}
        if grow is not None:
            columns[grow] = table.c[grow] + 1
        statement = update(table).where(table.c.id == bindparam("n_")).values(columns)
        session.connection().execute(statement, rows)


def _notify(session: Session, notices: Sequence[tuple[str, str, int, Mapping[str, Any]]], now: datetime) -> int:
    """Put notices into the outbox; one that is there already stays as it is. Returns how many are new."""
    rows = [
        {"key": key, "kind": kind, "case_id": case_id, "body": dict(body), "created_at": now, "attempts": 0}
        for key, kind, case_id, body in notices
    ]
    if not rows:
        return 0
    known = set(
        session.execute(select(_NOTICE.c.key).where(_NOTICE.c.key.in_([row["key"] for row in rows]))).scalars()
    )
    fresh = [row for row in rows if row["key"] not in known]
    insert_ignoring(session, _NOTICE, fresh)
    return len(fresh)


def _known(number: int | None) -> int:
    assert number is not None, "every outcome has its case by now"
    return number


# --- tracking ------------------------------------------------------------------------------------------------

WarnAt = Callable[[str, str, datetime, int], datetime | None]
"""(policy, its version, start, target seconds) to the time of the warning; None where the policy is gone."""


def track_clocks(session: Session, now: datetime, warn_at: WarnAt) -> list[Tracked]:
    """Find running clocks near or past due, record each once and put a notice into the outbox.

    Backfilled clocks are history: they warn nobody. A clock that was past due when it was first seen is reported
    as a breach on arrival at once, and warns before the deadline the staff can still keep.
    """
    lock_names(session, {"track"})  # two that see the same clock would both record it
    found: list[Tracked] = []
    changes: list[tuple[int, dict[str, Any]]] = []
    for row in _running(session, now):
        event, values = _event(row, now, warn_at)
        if values:
            changes.append((row["id"], values))
        if event is not None:
            found.append(event)
    _update_rows(session, CLOCK, changes)
    bodies = _bodies(session, found)
    _notify(
        session,
        [(f"{t.event}:clock:{t.clock_id}", t.event, t.case_id, bodies[t.case_id] | _told(t)) for t in found],
        now,
    )
    return found


def _running(session: Session, now: datetime) -> list[dict[str, Any]]:
    """Running clocks of open cases that have something left to say."""
    horizon = now + timedelta(days=366)
    rows = session.execute(
        select(CLOCK)
        .join(CASE, CASE.c.id == CLOCK.c.case_id)
        .where(
            CLOCK.c.stopped_at.is_(None),
            CLOCK.c.due_at < horizon,
            CLOCK.c.team_due_at.is_not(None),
            (CLOCK.c.breached_at.is_(None)) | (CLOCK.c.warned_at.is_(None)),
            CASE.c.status == "open",
        )
        .order_by(CLOCK.c.due_at, CLOCK.c.id)
    )
    return [dict(row) for row in rows.mappings()]


def _event(row: Mapping[str, Any], now: datetime, warn_at: WarnAt) -> tuple[Tracked | None, dict[str, Any]]:
    """What to record on one clock, and the one thing to tell about it."""
    on_arrival = row["seen_at"] > row["due_at"]
    values: dict[str, Any] = {}
    event: str | None = None
    start, due = (row["seen_at"], row["team_due_at"]) if on_arrival else (row["started_at"], row["due_at"])
    if row["warned_at"] is None:
        warning = warn_at(row["policy"], row["policy_version"], start, row["target_seconds"])
        if warning is None:
            warning = due - timedelta(seconds=row["target_seconds"] / 4)
        if now >= warning:
            values["warned_at"] = now
            event = "warning" if now <= due else None
    if row["breached_at"] is None and now > row["due_at"]:
        values["breached_at"] = now
        event = "breach"
    if event is None:
        return None, values
    told = Tracked(row["id"], row["case_id"], event, row["metric"], row["policy"], row["due_at"], on_arrival)
    return (replace(told, due_at=due) if event == "warning" else told), values


def _bodies(session: Session, found: Sequence[Tracked]) -> dict[int, dict[str, Any]]:
    """Who and where, for the notices; never a post's text."""
    if not found:
        return {}
    rows = session.execute(
        select(CASE.c.id, BRAND.c.name, CASE.c.network, CASE.c.priority, CASE.c.assigned_to, MENTION.c.url)
        .select_from(
            CASE.join(BRAND, BRAND.c.id == CASE.c.brand_id).outerjoin(
                MENTION, MENTION.c.id == CASE.c.lead_mention_id
            )
        )
        .where(CASE.c.id.in_({tracked.case_id for tracked in found}))
    )
    return {
        number: {"brand": brand, "network": network, "priority": priority, "assigned_to": who, "url": url}
        for number, brand, network, priority, who, url in rows
    }


def _told(tracked: Tracked) -> dict[str, Any]:
    return {
        "metric": tracked.metric,
        "policy": tracked.policy,
        "due_at": tracked.due_at.isoformat(),
        "on_arrival": tracked.on_arrival,
    }
