"""How drift looks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from social_care.cli import show

if TYPE_CHECKING:
    from sentiment.drift import Drift
    from social_care.drifting import Watch

_STYLES = {"steady": "green", "moved": "yellow", "drifted": "bold red", "too little data": "dim"}
_RIGHT: dict[str, Any] = {"justify": "right", "no_wrap": True}
_ENOUGH_CHANGE = 0.01


def print_drift(found: "Watch", zone: str) -> None:
    """Every figure with what it means, then what moved most."""
    from sentiment.drift import DRIFTED, MOVED
    from social_care.drifting import MEANINGS

    times = (show.local(at, zone, "%Y-%m-%d") for at in (found.reference_from, found.recent_from, found.until))
    first, middle, last = times
    show.say(show.coloured(found.scorer, "bold"), f"  {first} to {middle}, against {middle} to {last}")
    show.table(
        ["figure", "", ("before", _RIGHT), ("now", _RIGHT), ("PSI", _RIGHT), ("chance", _RIGHT)],
        [
            (
                MEANINGS[one.figure], show.coloured(one.level, _STYLES[one.level]), f"{one.reference_rows:,}",
                f"{one.recent_rows:,}", _figure(one.psi), _figure(one.by_chance),
            )
            for one in found.figures
        ],
    )  # fmt: skip
    for name, why in found.unmeasured.items():
        show.say(show.coloured(f"{MEANINGS[name]}: not measured, {why}", "dim"))
    for one in found.figures:
        if one.level in ("moved", "drifted"):
            show.say(show.coloured(MEANINGS[one.figure], "bold"), f": {_largest(one)}")
    show.hint(
        f"PSI {MOVED:.2f} moved, {DRIFTED:.2f} drifted, and above what chance alone makes of so few rows: "
        "docs/tuning.md"
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _largest(one: "Drift") -> str:
    """The bins whose share changed most."""
    names = set(one.reference) | set(one.recent)
    before: Mapping[str, float] = one.reference
    moves = sorted(((one.recent.get(n, 0.0) - before.get(n, 0.0), n) for n in names), key=lambda m: -abs(m[0]))
    told = [
        f"{_bin(one.figure, name)} {before.get(name, 0.0):.0%} → {one.recent.get(name, 0.0):.0%}"
        for change, name in moves[:4]
        if abs(change) >= _ENOUGH_CHANGE
    ]
    return ", ".join(told)


def _bin(figure: str, name: str) -> str:
    """A bin as a reader calls it: of a probability, its range."""
    if figure in ("negative", "positive") and name.isdigit():
        return f"{int(name) / 10:.1f}–{(int(name) + 1) / 10:.1f}"
    return name
