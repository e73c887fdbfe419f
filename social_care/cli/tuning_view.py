"""How a tuning and the list of models look."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from social_care.cli import show

if TYPE_CHECKING:
    from sentiment.paired import Comparison
    from social_care.tuning import Tuned

_RIGHT: dict[str, Any] = {"justify": "right", "no_wrap": True}


def print_tuned(found: "Tuned") -> None:
    """What was learned from, how old and new compare, and what came of it."""
    show.say("tuned from ", show.coloured(found.base, "bold"))
    if not found.compared_with.startswith(found.base):
        show.say("compared with ", show.coloured(found.compared_with, "bold"), ", which is in use")
    show.table(
        ["corrections of", *((name, _RIGHT) for name in ("given", "overruled", "learned", "kept back")), "from"],
        [
            (
                name.replace("_", "-"), f"{c['given']:,}", f"{c['overruled']:,}", f"{c['learned']:,}",
                f"{c['kept_back']:,}", ", ".join(f"{n} {count:,}" for n, count in c["by_network"].items()),
            )
            for name, c in found.corrections.items()
        ],
    )  # fmt: skip
    for reason, count in found.left_out.items():
        show.warn(f"left out: {count:,} {reason}")
    for name, count in found.untuned.items():
        show.say(show.coloured(_untuned(name, count), "dim"))
    if found.waiting:
        show.warn(f"{found.waiting:,} newer corrections wait to join the gold set: --extend-gold")
    own, general = found.anchors.get("own", 0), found.anchors.get("general", 0)
    held = f"held where they were: {own:,} uncorrected posts, {general:,} sample posts of the package"
    show.say(show.coloured(held, "dim"))
    show.say("")
    _print_comparisons(found.comparisons)
    if found.urgency_order is not None:
        order = found.urgency_order
        pairs = f"{order['pairs']:,} pairs of {order['name']}"
        show.say(f"urgency in order, {pairs}: {order['before']:.3f} → {order['after']:.3f}")
    show.say("")
    _print_verdict(found)


def _untuned(name: str, count: int) -> str:
    if name == "urgency":
        return f"{count:,} of urgency teach no head; they measure the order (weights: docs/urgency.md)"
    return f"{count:,} of {name.replace('_', '-')} not learned from: too few, or the model has no such head"


def _print_comparisons(comparisons: "Sequence[Comparison]") -> None:
    rows = []
    for one in comparisons:
        style = "red" if one.fallen else "green" if one.fixed > one.broken else "default"
        rows.append(
            (
                one.on, show.coloured(one.figure, style), f"{one.n:,}",
                f"{one.before.macro_recall:.3f} → {one.after.macro_recall:.3f}",
                f"{one.before.log_loss:.3f} → {one.after.log_loss:.3f}",
                f"+{one.fixed} −{one.broken}",
            )
        )  # fmt: skip
    show.table(
        ["measured on", "", ("texts", _RIGHT), ("macro-recall", _RIGHT), ("log loss", _RIGHT), ("right", _RIGHT)],
        rows,
    )


def _print_verdict(found: "Tuned") -> None:
    if not found.accepted:
        show.say(show.coloured("refused: it is worse", "bold red"))
        for reason in found.fallen:
            show.say("  ", show.coloured(reason, "red"))
        show.hint("nothing was kept; the model in use stays as it is")
        return
    if found.dry_run:
        show.say(show.coloured("would be accepted", "green"), f" as {found.name}; nothing was kept")
        return
    show.say(show.coloured("accepted", "bold green"), f": {found.path}")
    show.hint(f"it is not in use yet: social-care model shadow {found.name}, then model use {found.name}")


def print_models(models: Sequence[dict[str, Any]], in_use: str, zone: str) -> None:
    """The models of a workspace."""
    rows: list[tuple[Any, ...]] = []
    for one in models:
        if "problem" in one:
            rows.append((one["name"], show.coloured(one["problem"], "red"), "", "", ""))
            continue
        at = datetime.fromisoformat(one["tuned_at"]) if one["tuned_at"] else None
        learned = ", ".join(
            f"{count:,} {name.replace('_', '-')}" for name, count in one["corrections"].items() if count
        )
        mark = show.coloured("in use", "green") if one["in_use"] else ""
        rows.append(
            (one["name"], mark, show.local(at, zone, "%Y-%m-%d %H:%M"), one["tuned_by"] or "-", learned or "-")
        )
    show.table(["model", "", "tuned", "by", "learned from"], rows)
    if not any(one["in_use"] for one in models):
        show.say("in use: ", show.coloured(in_use, "green"))
