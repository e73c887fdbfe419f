"""How an SLA report looks in 80 columns: the figures that matter first, with what they are counted from."""

from typing import Any

from rich.text import Text

from social_care.cli import show
from social_care.durations import say_duration


def print_report(figures: dict[str, Any], goal: float) -> None:
    """Print the report: one row a group, then the whole with its definitions."""
    window = f"{(figures['since'] or 'the beginning')[:16]} to {(figures['until'] or figures['as_of'])[:16]}"
    show.say(show.coloured("SLA report", "bold"), f"  {window} UTC; cases by the time of their first post")
    groups = figures["groups"]
    rows = [_row(group, goal) for group in groups]
    if figures["by"]:
        rows.append(_row(figures["total"], goal))
    show.table(
        [
            (figures["by"] or "", {"overflow": "ellipsis", "no_wrap": True, "max_width": 18}),
            ("cases", {"justify": "right"}), ("p50", {"justify": "right"}), ("p90", {"justify": "right"}),
            ("≤1h", {"justify": "right"}), ("replied", {"justify": "right"}),
            ("cust.", {"justify": "right"}), ("team", {"justify": "right"}), ("open", {"justify": "right"}),
        ],
        rows,
    )  # fmt: skip
    _print_total(figures["total"])


def _row(group: dict[str, Any], goal: float) -> list[str | Text]:
    first, rate = group["first_reply_seconds"], group["response_rate"]
    states = group["states"]
    return [
        str(group["name"]), f"{group['n']:,}", _quantile(first, "p50"), _quantile(first, "p90"),
        percent(group["within"]["3600"]), percent(rate["value"]),
        _attained(group["attainment"]["customer"], goal), _attained(group["attainment"]["team"], goal),
        f"{states.get('pending', 0) + states.get('breached_open', 0):,}",
    ]  # fmt: skip


def _quantile(curve: dict[str, Any], name: str) -> str:
    value = curve.get(name)
    if value is None and curve.get("age"):
        # Too many are still unanswered to know: longer than anybody has waited so far.
        return f">{say_duration(curve['age'])}"
    return say_duration(value)


def percent(value: float | None) -> str:
    """A share for people; `-` where there is nothing to divide by."""
    return "-" if value is None else f"{value:.1%}"


def _attained(figure: dict[str, Any], goal: float) -> Text:
    if figure["value"] is None:
        return Text("-", "dim")
    few = "*" if figure["small"] else ""
    return Text(percent(figure["value"]) + few, "green" if figure["value"] >= goal else "red")


def _print_total(total: dict[str, Any]) -> None:
    rate, states = total["response_rate"], total["states"]
    complaints = total["unanswered_complaint_rate"]
    show.say("")
    show.say(
        f"response rate {percent(rate['value'])}: {rate['answered_reply_needed']:,} answered "
        f"of {rate['reply_needed']:,} that need a reply, {rate['withdrawn']:,} withdrawn"
    )
    show.say(f"  raw {percent(rate['raw'])} of all {rate['inbound']:,}; handled {percent(rate['handled'])}")
    running = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in states.items() if count)
    if running:
        show.say(f"customer clock: {running}")
    if complaints["due"]:
        show.say(
            f"unanswered complaints {percent(complaints['value'])} ({complaints['unanswered']:,} of "
            f"{complaints['due']:,} due); the field leaves 49 %"
        )
    covered = {name: share for name, share in total["coverage"].items() if share is not None}
    if covered:
        show.say("coverage: " + ", ".join(f"{name} {percent(share)}" for name, share in covered.items()))
    show.hint(
        "customer: from the post; team: from when it was first seen, without history; "
        "* fewer than 20; definitions: docs/metrics.md"
    )
