"""How a comparison of two models over stored posts looks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from social_care.cli import show
from social_care.safe import safe_line

if TYPE_CHECKING:
    from social_care.shadowing import CaseMove, Shadow, Tally

_RIGHT: dict[str, Any] = {"justify": "right", "no_wrap": True}
_MOST = 12
"""Rows of a table; the rest is in the JSON."""


def print_shadow(found: "Shadow", zone: str) -> None:
    """Figures first, then the cases, then examples."""
    since = f" since {show.local(found.since, zone, '%Y-%m-%d %H:%M')}" if found.since else ""
    show.say("in use  ", show.coloured(found.old, "bold"))
    show.say("beside  ", show.coloured(found.new, "bold"))
    if not found.mentions:
        show.say(f"no posts{since}")
        return
    _print_figures(found, since)
    for title, table in (("language", found.by_language), ("network", found.by_network)):
        _print_tallies(title, table)
    _print_cases(found)
    if found.examples:
        show.say("")
        show.say(show.coloured("posts read most differently", "bold"))
        for one in found.examples:
            moved = f"  urgency {one.urgency_before:.2f} → {one.urgency_after:.2f}"
            change = f"{one.before} → {one.after}"
            show.say(show.coloured(f"{one.mention:>7}  ", "dim"), change, show.coloured(moved, "dim"))
            show.say(" " * 9, safe_line(one.text, 100))
    show.hint("nothing was written; put it to use with: social-care model use NAME")


def _print_figures(found: "Shadow", since: str) -> None:
    share = found.labels_changed / found.mentions
    reply, urgency = found.reply_needed, found.urgency
    moves = f"mean move {urgency['mean_move']:.3f}, largest {urgency['largest_move']:.2f}"
    rows: list[tuple[str, str]] = [
        ("posts compared", f"{found.mentions:,}{since}"),
        ("sentiment changes", f"{found.labels_changed:,} ({share:.1%}){_changes(found.labels)}"),
        ("abstained", f"{found.abstained['before']:,} → {found.abstained['after']:,}"),
        ("reply needed", f"{reply['before']:,} → {reply['after']:,}  (+{reply['gained']:,} −{reply['lost']:,})"),
        ("urgency", f"{urgency['moved']:,} moved by 0.05 or more; {moves}"),
    ]
    show.table([("", {"style": "bold"}), ""], rows)


def _changes(counts: Mapping[str, int]) -> str:
    from social_care.shadowing import ordered

    told = ", ".join(f"{change} {count:,}" for change, count in ordered(counts))
    return f": {told}" if told else ""


def _print_tallies(title: str, tallies: "Mapping[str, Tally]") -> None:
    show.say("")
    shown = list(tallies.items())[:_MOST]
    show.table(
        [title, ("posts", _RIGHT), ("sentiment", _RIGHT), ("reply", _RIGHT), ("disagree", _RIGHT)],
        [
            (name, f"{t.mentions:,}", f"{t.labels_changed:,}", f"{t.reply_changed:,}", f"{t.disagreement:.1%}")
            for name, t in shown
        ],
    )
    if len(tallies) > len(shown):
        show.say(show.coloured(f"and {len(tallies) - len(shown):,} more: --json", "dim"))


def _print_cases(found: "Shadow") -> None:
    show.say("")
    show.say(show.coloured("cases", "bold"), f"  {found.cases:,} looked at{_changes(found.priorities)}")
    for title, moves in (("would enter P1 or P2", found.entering), ("would leave P1 or P2", found.leaving)):
        _print_moves(title, moves)


def _print_moves(title: str, moves: "Sequence[CaseMove]") -> None:
    if not moves:
        show.say(show.coloured(f"  none {title}", "dim"))
        return
    show.say(f"  {len(moves):,} {title}")
    show.table(
        [("case", _RIGHT), "network", "was", "would be", ("urgency", _RIGHT)],
        [
            (
                move.case or "new", move.network, show.coloured(move.before), show.coloured(move.after),
                f"{move.urgency_before:.2f} → {move.urgency_after:.2f}",
            )
            for move in moves[:_MOST]
        ],
    )  # fmt: skip
    if len(moves) > _MOST:
        show.say(show.coloured(f"and {len(moves) - _MOST:,} more: --json", "dim"))
