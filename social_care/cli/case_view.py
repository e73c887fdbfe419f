"""How one case looks: its thread, scores, clocks, drafts and history."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text
from sqlmodel import SQLModel

from social_care.cli import show
from social_care.durations import say_duration
from social_care.safe import safe_line, safe_text

if TYPE_CHECKING:
    from storage.models import SlaClock
    from storage.queries import CaseDetail, ThreadMention

THREAD_TEXT = 2_000
"""Characters of one mention printed in a thread; the JSON has all of it."""


def print_case(detail: "CaseDetail", zone: str, now: datetime, *, as_json: bool) -> None:
    """Print one case for people or machines."""
    if as_json:
        show.print_json(case_json(detail, now))
        return
    case = detail.case
    who = (detail.author.handle or detail.author.name) if detail.author else None
    show.say(
        show.coloured(f"case {case.id}", "bold"), f"  {detail.brand} on {case.network}  ",
        show.coloured(safe_line(who or "someone", 30), "cyan"), "  ", show.coloured(case.priority), "  ",
        show.coloured(case.status), f"  urgency {case.urgency:.2f}",
    )  # fmt: skip
    needed = "needs a reply" if case.reply_needed else "needs no reply"
    held = f"held by {case.assigned_to}" if case.assigned_to else "held by nobody"
    snoozed = f", snoozed until {show.local(case.snoozed_until, zone)}" if case.snoozed_until else ""
    show.say(
        show.coloured(
            f"{needed} ({case.reply_reason}), policy {case.policy or '-'}, {safe_line(held)}{snoozed}", "dim"
        )
    )
    for clock in detail.clocks:
        show.say("  ", *clock_line(clock, zone, now))
    show.say("")
    for item in detail.thread:
        _print_mention(item, zone, lead=item.mention.id == case.lead_mention_id)
    for draft in detail.drafts:
        show.say(
            show.coloured(f"draft {draft.id} ", "bold"), show.coloured(draft.status, "green"),
            f"  by {safe_line(draft.made_by)}" + (f" from {draft.saved_reply}" if draft.saved_reply else ""),
        )  # fmt: skip
        show.say("  ", show.coloured(safe_line(draft.text, 200), "dim"))
    for entry in detail.audit:
        show.say(show.coloured(f"{show.local(entry.at, zone)}  {safe_line(entry.actor)}: {entry.action}", "dim"))


def clock_line(clock: "SlaClock", zone: str, now: datetime) -> list[str | Text]:
    """One promise in words: what became of it, or how long is left."""
    from responders.sla import clock_state
    from storage.reporting import ClockFact

    fact = ClockFact(*[getattr(clock, name) for name in ClockFact._fields])
    state = clock_state(fact, now)
    name = clock.metric.replace("_", " ")
    if clock.stopped_at is not None and clock.stop_reason == "reply":
        took = say_duration((clock.stopped_at - clock.started_at).total_seconds())
        said = f"answered after {took}, promised within {say_duration(clock.target_seconds)}"
    elif clock.stopped_at is not None:
        said = f"stopped: {clock.stop_reason}"
    else:
        left = (clock.due_at - now).total_seconds()
        said = f"due in {say_duration(left)}" if left >= 0 else f"late by {say_duration(-left)}"
    team = f"; team due {show.local(clock.team_due_at, zone)}" if clock.team_due_at else ""
    return [
        f"{name}: ",
        show.coloured(state),
        f"  {said} ({clock.policy}, due {show.local(clock.due_at, zone)}{team})",
    ]


def _print_mention(item: "ThreadMention", zone: str, *, lead: bool) -> None:
    mention = item.mention
    name = (item.author.handle or item.author.name or "?") if item.author else "?"
    head = Text()
    head.append("▶ " if lead else "  ", "bold red")
    head.append(show.local(mention.posted_at, zone) if mention.time_known else "time unknown", "dim")
    head.append(f"  {safe_line(name, 30)}", "green" if mention.is_ours else ("cyan" if item.in_case else "dim"))
    head.append("  (ours)" if mention.is_ours else ("" if item.in_case else "  (another customer)"), "dim")
    if mention.rating is not None:
        head.append(f"  {mention.rating:g}★", "yellow")
    if item.score is not None:
        doubt = "?" if item.score.abstained else ""
        head.append(f"  {item.score.sentiment}{doubt}", show.STYLES.get(item.score.sentiment, ""))
        head.append(f" {item.score.language}", "dim")
    for label in item.labels:
        head.append(f"  {label.field}={safe_line(label.value, 20)} says {safe_line(label.by, 20)}", "magenta")
    if len(item.versions) > 1:
        head.append(f"  edited {len(item.versions) - 1}×", "yellow")
    show.out.print(head)
    said = "(deleted where it was posted)" if mention.deleted_at else (mention.text or "(no text)")
    if mention.title:
        said = f"{mention.title}\n{said}"
    for line in safe_text(said[:THREAD_TEXT]).split("\n"):
        show.out.print(Text("    " + line, style="" if item.in_case or mention.is_ours else "dim"))
    if len(said) > THREAD_TEXT:
        show.say("    ", show.coloured(f"… {len(said):,} characters in all", "dim"))
    if mention.url:
        show.say("    ", show.coloured(safe_line(mention.url, 200), "dim"))


def plain(row: SQLModel | None) -> dict[str, Any] | None:
    """A row as JSON; None for none."""
    return None if row is None else row.model_dump(mode="json")


def case_json(detail: "CaseDetail", now: datetime) -> dict[str, Any]:
    """Everything about a case; texts of strangers are marked `untrusted`."""
    return {
        "untrusted": True,
        "as_of": now.isoformat(),
        "brand": detail.brand,
        "case": plain(detail.case),
        "author": plain(detail.author),
        "thread": [
            {
                "in_case": item.in_case,
                "mention": plain(item.mention),
                "author": plain(item.author),
                "score": plain(item.score),
                "labels": [plain(label) for label in item.labels],
                "versions": [plain(version) for version in item.versions],
            }
            for item in detail.thread
        ],
        "clocks": [plain(clock) for clock in detail.clocks],
        "replies": [plain(reply) for reply in detail.replies],
        "drafts": [plain(draft) for draft in detail.drafts],
        "approvals": [plain(approval) for approval in detail.approvals],
        "history": [plain(entry) for entry in detail.audit],
    }
