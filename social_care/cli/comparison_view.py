"""How two models look side by side in 80 columns: A is the one measured, B the other; differences are B less A."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from social_care.cli import show
from social_care.cli.model_view import FIGURES, HEAD_FIGURES, grid, heading, percent
from social_care.safe import safe_line

if TYPE_CHECKING:
    from sentiment.evaluate import Comparison, Evaluation, Figures
    from sentiment.evaluate.comparison import Agreement, Difference, Example, Verdict
    from sentiment.evaluate.heads import HeadFigures

_SHOWN = 152
"""Columns of the screen for the text of an example: two lines."""
_FEW = 20
_BETTER_LOW = frozenset({"ece"})
_NEITHER = frozenset({"coverage"})


def print_comparison(found: "Evaluation", other: "Comparison") -> None:
    """Print the figures of both, their differences, and rows on which they differ."""
    heading("Side by side", "difference: B less A, on the same rows")
    show.say(show.coloured("A ", "bold cyan"), safe_line(found.scorer, 76))
    show.say(show.coloured("B ", "bold magenta"), safe_line(other.scorer, 76))
    show.say("")
    if found.overall is not None and other.overall is not None:
        _print_figures("sentiment", FIGURES, found.overall, other.overall, other.differences)
        if other.agreement is not None:
            _print_agreement(other.agreement, found.overall.n)
        if len(other.by_language) > 1:
            _print_languages(found, other)
    for head in other.heads:
        ours = next(item for item in found.heads if item.name == head.name)
        _print_figures(safe_line(head.name, 24), HEAD_FIGURES, ours.overall, head.overall, head.differences)
    if found.urgency is not None and other.urgency is not None and other.urgency_difference is not None:
        table = _sides("order by urgency")
        a, b = found.urgency.overall.right, other.urgency.overall.right
        table.add_row("pairs put right", percent(a), percent(b), *difference(other.urgency_difference))
        show.out.print(table)
    for example in other.examples:
        _print_example(example)


def difference(found: "Difference", key: str = "") -> tuple[Text, Text]:
    """A difference and its interval: green where surely better, red where surely worse, else dim."""
    if found.value is None:
        return Text("-", "dim"), Text("")
    style = "dim"
    if found.interval is not None and not found.interval[0] <= 0 <= found.interval[1] and key not in _NEITHER:
        style = "bold green" if (found.value > 0) is not (key in _BETTER_LOW) else "bold red"
    interval = "" if found.interval is None else f"{_signed(found.interval[0])} to {_signed(found.interval[1])}"
    return Text(_signed(found.value), style), Text(interval, style)


def _signed(value: float) -> str:
    return f"{100 * value:+.1f}"


def _sides(title: str) -> Table:
    table = grid([title, "A", "B", "difference", "95 % interval"])
    table.columns[0].min_width = 18
    table.columns[1].header = Text("A", "bold cyan")
    table.columns[2].header = Text("B", "bold magenta")
    return table


def _print_figures(
    title: str,
    names: Mapping[str, str],
    ours: "Figures | HeadFigures",
    theirs: "Figures | HeadFigures",
    differences: Mapping[str, "Difference"],
) -> None:
    table = _sides(title)
    for key, name in names.items():
        a, b = percent(getattr(ours, key)), percent(getattr(theirs, key))
        table.add_row(name, a, b, *difference(differences[key], key))
    show.out.print(table)
    show.say("")


def _print_agreement(found: "Agreement", rows: int) -> None:
    show.say(
        f"{found.differing:,} of {rows:,} labels differ ({percent(found.share)} %): "
        f"only A is right in {found.only_first_right:,}, only B in {found.only_other_right:,};"
    )
    sure = found.mcnemar < 0.05
    said = "more uneven than chance" if sure else "chance explains it"
    show.say(
        "McNemar's exact test: p = ",
        Text(f"{found.mcnemar:.2g}", "bold" if sure else "dim"),
        show.coloured(f", {said}", "dim"),
    )


def _print_languages(found: "Evaluation", other: "Comparison") -> None:
    heading("Macro-recall by language")
    table = _sides("language")
    for code, ours in found.by_language.items():
        if ours.n < _FEW:
            continue
        theirs = other.by_language[code]
        told = difference(other.differences_by_language[code]["macro_recall"])
        table.add_row(
            f"{safe_line(code, 8)}  {ours.n:,} rows",
            percent(ours.macro_recall),
            percent(theirs.macro_recall),
            *told,
        )
    show.out.print(table)


def _print_example(example: "Example") -> None:
    show.say("")
    show.out.print(
        Text.assemble(
            (f"line {example.line:,}  {safe_line(example.language, 8)}  label ", "dim"),
            (example.label, show.STYLES.get(example.label, "")),
            ("   A ", "bold cyan"), _verdict(example.first), ("   B ", "bold magenta"), _verdict(example.other),
        )
    )  # fmt: skip
    said = Text(safe_line(example.text, _SHOWN))
    said.truncate(_SHOWN, overflow="ellipsis")  # by columns of the screen: a Chinese character takes two
    show.out.print(Padding(said, (0, 0, 0, 2)))


def _verdict(said: "Verdict") -> Text:
    doubt = "?" if said.abstained else ""
    return Text.assemble(
        (f"{said.sentiment}{doubt}", show.STYLES.get(said.sentiment, "")), f" {said.probability:.2f}"
    )
