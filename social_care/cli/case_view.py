"""How one case looks: its thread, scores, clocks, drafts and history; and why it is where it is."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text
from sqlmodel import SQLModel

from social_care.cli import show
from social_care.durations import say_duration
from social_care.safe import safe_line, safe_text

if TYPE_CHECKING:
    from social_care.workspace import Workspace
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
        show.say("  ", *_clock_line(clock, zone, now))
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


def _clock_line(clock: "SlaClock", zone: str, now: datetime) -> list[str | Text]:
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


def _plain(row: SQLModel | None) -> dict[str, Any] | None:
    return None if row is None else row.model_dump(mode="json")


def case_json(detail: "CaseDetail", now: datetime) -> dict[str, Any]:
    """Everything about a case; texts of strangers are marked `untrusted`."""
    return {
        "untrusted": True,
        "as_of": now.isoformat(),
        "brand": detail.brand,
        "case": _plain(detail.case),
        "author": _plain(detail.author),
        "thread": [
            {
                "in_case": item.in_case,
                "mention": _plain(item.mention),
                "author": _plain(item.author),
                "score": _plain(item.score),
                "labels": [_plain(label) for label in item.labels],
                "versions": [_plain(version) for version in item.versions],
            }
            for item in detail.thread
        ],
        "clocks": [_plain(clock) for clock in detail.clocks],
        "replies": [_plain(reply) for reply in detail.replies],
        "drafts": [_plain(draft) for draft in detail.drafts],
        "approvals": [_plain(approval) for approval in detail.approvals],
        "history": [_plain(entry) for entry in detail.audit],
    }


def why_json(detail: "CaseDetail", workspace: "Workspace", now: datetime) -> dict[str, Any]:
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
        "probabilities": {"negative": score.negative, "neutral": score.neutral, "positive": score.positive}
        if score
        else None,
        "abstained": score.abstained if score else None,
        "scorer": score.scorer if score else None,
        "labels": [_plain(label) for label in lead.labels] if lead else [],
        "policy": case.policy,
        "policy_version": case.policy_version,
        "clocks": [_plain(clock) for clock in detail.clocks],
        "as_of": now.isoformat(),
        "zone": workspace.zone,
    }


def print_why(detail: "CaseDetail", workspace: "Workspace", now: datetime) -> None:
    """Tell how a case got its place, as a sum a person can check."""
    case, lead = detail.case, detail.lead
    show.say(
        show.coloured(f"case {case.id}", "bold"), f"  urgency {case.urgency:.2f}  ", show.coloured(case.priority)
    )
    if lead is not None:
        show.say("  ", show.coloured(safe_line(lead.mention.text or "(no text)", 300), "cyan"))
    total = 0.0
    for item in sorted(case.reasons, key=lambda item: -float(item.get("points") or 0)):
        points = float(item.get("points") or 0)
        total += points
        style = "red" if points > 0 else "green"
        name = str(item.get("name", "")).replace("_", " ")
        show.say(
            "  ",
            show.coloured(f"{points:+.2f}", style),
            f"  {name:<20} ",
            show.coloured(safe_line(str(item.get("evidence") or ""), 48), "dim"),
        )
    clipped = "" if abs(total - case.urgency) < 0.005 else f", held between 0 and 1: {case.urgency:.2f}"
    show.say(f"  {total:+.2f}  sum{clipped}")
    if lead is not None and lead.score is not None:
        score = lead.score
        doubt = ", too unsure to say: ask a person" if score.abstained else ""
        show.say(
            f"sentiment {score.sentiment} (negative {score.negative:.2f}, neutral {score.neutral:.2f}, "
            f"positive {score.positive:.2f}){doubt}, language {score.language}, by {score.scorer}"
        )
        for label in lead.labels:
            said = f"{safe_line(label.by)} says {label.field} is {safe_line(label.value)}"
            show.say(show.coloured(f"{said} (the model: {label.model_value})", "magenta"))
    needed = "a reply is needed" if case.reply_needed else "no reply is needed"
    show.say(f"{needed}: {case.reply_reason.replace('_', ' ')}")
    policy = workspace.policies.named(case.policy) if case.policy else None
    if policy is not None:
        show.say(f"policy {case.policy}: first reply within {say_duration(policy.first_reply)}")
    for clock in detail.clocks:
        show.say("  ", *_clock_line(clock, workspace.zone, now))
