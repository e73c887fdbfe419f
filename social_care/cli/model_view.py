"""How the figures of a model look in 80 columns: intervals drawn to scale, gaps in the colour of their size."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from rich.table import Table
from rich.text import Text

from social_care.cli import show
from social_care.safe import safe_line

if TYPE_CHECKING:
    from sentiment.evaluate import Evaluation, Figures, Head, Urgency
    from sentiment.evaluate.answers import LeftOut
    from sentiment.evaluate.calibration import Bin
    from sentiment.evaluate.heads import HeadFigures
    from sentiment.evaluate.ordering import Order

FIGURES = {
    "macro_recall": "macro-recall", "macro_f1": "macro-F1", "accuracy": "accuracy", "ece": "ECE",
    "coverage": "coverage", "covered_accuracy": "covered accuracy",
}  # fmt: skip
"""Every figure of three classes and its name for people."""
HEAD_FIGURES = {
    "precision": "precision", "recall": "recall", "f1": "F1", "macro_f1": "macro-F1", "auc": "AUC",
}  # fmt: skip
SOURCES = {
    "head": "the model's own head",
    "decision": "the decision triage uses",
    "negative": "negative sentiment as a stand-in",
    "signals": "words of the urgency lexicon",
}
SMALL_GAP, LARGE_GAP = 0.05, 0.10
"""A gap up to the first is green, up to the second yellow, beyond red."""
_FEW = 20
_FEW_YES = 5
_ENOUGH = 100
_CLASSES = ("negative", "neutral", "positive")
_SCALE = 34
Interval = tuple[float, float] | None


class _HasSize(Protocol):
    @property
    def n(self) -> int: ...


Sized = TypeVar("Sized", bound=_HasSize)


def percent(value: float | None) -> str:
    """A share in percent with one digit; `-` for none."""
    return "-" if value is None else f"{100 * value:.1f}"


def span(interval: Interval) -> str:
    """An interval in percent, such as `72.8–76.4`; empty for none."""
    return "" if interval is None else f"{percent(interval[0])}–{percent(interval[1])}"


def gap_style(gap: float, rows: int = _ENOUGH) -> str:
    """The colour of a gap's size; dim where a handful of rows say nothing."""
    if rows < _FEW:
        return "dim"
    size = abs(gap)
    return "green" if size <= SMALL_GAP else "yellow" if size <= LARGE_GAP else "red"


def print_evaluation(found: "Evaluation") -> None:
    """Print what was measured, the sentiment first, then heads, order of urgency, and the comparison."""
    from social_care.cli.comparison_view import print_comparison

    _print_head(found)
    if found.overall is not None:
        _print_sentiment(found.overall, found.by_language, found.by_kind or {})
    for head in found.heads:
        _print_yes_or_no(head)
    if found.urgency is not None:
        _print_order(found.urgency)
    if found.comparison is not None:
        print_comparison(found, found.comparison)
    show.hint("95 % intervals by bootstrap; definitions: docs/evaluating.md; everything: --json")


def heading(title: str, said: str = "") -> None:
    """A line in bold with an explanation in dim, after an empty one."""
    show.say("")
    show.out.print(Text.assemble((title, "bold"), ("  " + said if said else "", "dim")))


def grid(columns: Sequence[str], *, left: int = 1) -> Table:
    """A table without a frame: the first `left` columns to the left, figures to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number < left else "right", no_wrap=True)
    return table


def _print_head(found: "Evaluation") -> None:
    file = found.file or {}
    show.say(show.coloured(safe_line(found.scorer, 78), "bold"))
    used = f"{file.get('rows', 0):,} rows, {file.get('scored', 0):,} scored"
    kept_out = f", {file['filtered']:,} filtered out" if file.get("filtered") else ""
    two = ", two classes" if found.classes == 2 else ""
    name = safe_line(str(file.get("name", "")), 30)
    show.say(show.coloured(f"{name}: {used}{kept_out}{two}, {file.get('encoding', '')}", "dim"))
    for reason in found.left_out_because:
        show.say(show.coloured(f"left out {reason.count:,}: {_told(reason)}", "yellow"))
    for note in found.notes:
        show.say(show.coloured(safe_line(note, 300), "yellow"))


def _told(reason: "LeftOut") -> str:
    examples = ", ".join(f"“{safe_line(word, 20)}”" for word in reason.examples[:3] if word)
    lines = ", ".join(f"{line:,}" for line in reason.lines[:4]) + (" …" if reason.count > 4 else "")
    plural = "lines" if reason.count > 1 else "line"
    return f"{safe_line(reason.reason, 120)}{' (' + examples + ')' if examples else ''}, {plural} {lines}"


def _print_sentiment(
    overall: "Figures", by_language: Mapping[str, "Figures"], by_kind: Mapping[str, "Figures"]
) -> None:
    show.say("")
    table = grid(["sentiment", "%", "95 % interval", ""])
    table.columns[3].justify = "left"
    table.columns[3].header = Text("0       25       50       75   100", "dim")
    for key, name in FIGURES.items():
        value, interval = getattr(overall, key), getattr(overall, key + "_interval")
        style = gap_style(value, overall.n) if key == "ece" else "bold"
        table.add_row(name, Text(percent(value), style), Text(span(interval), "dim"), whisker(value, interval))
    show.out.print(table)
    heading("Reliability", "of all that it calls 70 % sure, 70 % should be right")
    show.out.print(reliability_table(overall.reliability, 24))
    heading("Confusion", "a row is the label, a column the answer")
    show.out.print(confusion_table(overall.confusion))
    for title, groups in (("language", by_language), ("kind", by_kind)):
        if groups:
            heading(f"By {title}")
            _print_groups(title, groups)
    large = {code: part for code, part in by_language.items() if part.n >= _ENOUGH}
    if len(by_language) > 1:
        for code, part in large.items():
            heading(safe_line(code, 12), f"{part.n:,} rows")
            beside = Table.grid(padding=(0, 3))
            beside.add_row(reliability_table(part.reliability, 10), confusion_table(part.confusion, short=True))
            show.out.print(beside)


def whisker(value: float | None, interval: Interval, width: int = _SCALE) -> Text:
    """A figure and its interval drawn on a scale from 0 to 1."""
    cells = [("·", "bright_black")] * width
    if interval is not None:
        for at in range(_place(interval[0], width), _place(interval[1], width) + 1):
            cells[at] = ("━", "cyan")
    if value is not None:
        cells[_place(value, width)] = ("●", "bold cyan")
    return Text.assemble(*cells)


def _place(value: float, width: int) -> int:
    return min(width - 1, max(0, int(value * width)))


def reliability_table(bins: Iterable["Bin"], width: int) -> Table:
    """What the model says beside how often it is right; the bar is right, the mark is said."""
    table = grid(["says", "rows", "said", "right", "gap", ""])
    table.columns[5].justify = "left"
    if width > 12:
        table.columns[5].header = Text.assemble(
            ("█", "green"), (" right  ", "dim"), ("┃", "bold"), (" said", "dim")
        )
    for part in bins:
        style = gap_style(part.gap, part.n)
        table.add_row(
            f"{100 * part.low:.0f}–{100 * part.high:.0f}", f"{part.n:,}", percent(part.confidence),
            percent(part.accuracy), Text(f"{100 * part.gap:+.1f}", style), _bar(part, width, style),
        )  # fmt: skip
    return table


def _bar(part: "Bin", width: int, style: str) -> Text:
    full, said = round(part.accuracy * width), _place(part.confidence, width)
    cells = [("█", style)] * full + [("░", "bright_black")] * (width - full)
    # Inside the bar the mark is drawn on the bar's own colour.
    cells[said] = ("┃", f"bold white on {style}" if said < full and style != "dim" else "bold")
    return Text.assemble(*cells)


def confusion_table(confusion: Sequence[Sequence[int]], *, short: bool = False) -> Table:
    """Counts by label and answer, with the recall of each row and the precision of each column."""
    kept = [i for i in range(3) if sum(confusion[i]) or sum(row[i] for row in confusion)]
    names = [name[:3] if short else name for name in _CLASSES]
    table = grid(["", *[names[i] for i in kept], "recall"])
    for i in kept:
        rows = sum(confusion[i])
        cells = [Text(f"{confusion[i][j]:,}", _cell_style(confusion[i][j], rows, hit=i == j)) for j in kept]
        table.add_row(Text(names[i], "bold"), *cells, percent(confusion[i][i] / rows if rows else None))
    answers = [sum(row[j] for row in confusion) for j in range(3)]
    precisions = [Text(percent(confusion[j][j] / answers[j] if answers[j] else None)) for j in kept]
    table.add_row(Text("prec." if short else "precision", "dim"), *precisions, "")
    return table


def _cell_style(count: int, rows: int, *, hit: bool) -> str:
    share = count / rows if rows else 0.0
    return "bold green" if hit else "red" if share > 0.3 else "yellow" if share > 0.15 else "dim"


def _print_groups(title: str, groups: Mapping[str, "Figures"]) -> None:
    table = grid([title, "rows", "recall", "F1", "accuracy", "ECE", "coverage", "covered"])
    shown, rest = _large(groups)
    for name, part in shown.items():
        cells = [_stacked(getattr(part, key), getattr(part, key + "_interval")) for key in FIGURES]
        cells[3].stylize(gap_style(part.ece, part.n), 0, len(percent(part.ece)))
        table.add_row(safe_line(name, 8), f"{part.n:,}", *cells)
    show.out.print(table)
    _say_rest(rest)


def _large(groups: Mapping[str, Sized]) -> tuple[dict[str, Sized], list[int]]:
    """Return the groups worth a line, all where none is, and the sizes of the others."""
    shown = {name: part for name, part in groups.items() if part.n >= _FEW} or dict(groups)
    return shown, [part.n for name, part in groups.items() if name not in shown]


def _say_rest(sizes: Sequence[int]) -> None:
    if sizes:
        show.say(show.coloured(f"{sum(sizes):,} more rows in {len(sizes):,} groups too small to show", "dim"))


def _stacked(value: float | None, interval: Interval) -> Text:
    return Text.assemble(percent(value), ("\n" + span(interval) if interval else "", "dim"))


def _print_yes_or_no(head: "Head") -> None:
    line = f", yes from {head.threshold:.2f} on" if head.source in ("head", "negative") else ""
    heading(safe_line(head.name, 30), f"{SOURCES[head.source]}{line}")
    table = grid(["", "rows", "yes", *HEAD_FIGURES.values()])
    asked = {name: part for name, part in head.by_language.items() if part.positives >= _FEW_YES}
    shown, rest = _large(asked) if asked else (asked, [])
    rest += [part.n for name, part in head.by_language.items() if name not in asked]
    parts: list[tuple[str, HeadFigures]] = [("all", head.overall)]
    parts += shown.items() if len(head.by_language) > 1 else []
    for name, part in parts:
        cells = [_stacked(getattr(part, key), getattr(part, key + "_interval")) for key in HEAD_FIGURES]
        table.add_row(safe_line(name, 8), f"{part.n:,}", f"{part.positives:,}", *cells)
    show.out.print(table)
    _say_rest(rest)
    if head.overall.best_f1 is not None and head.source in ("head", "negative"):
        best, at = head.overall.best_f1
        show.say(show.coloured(f"best F1 on these rows: {percent(best)}, with yes from {at:.2f} on", "dim"))
    if head.source == "head" and head.overall.reliability:
        show.out.print(reliability_table(head.overall.reliability, 24))


def _print_order(urgency: "Urgency") -> None:
    heading("Order by urgency", "pairs of unlike level put right, in %; ties count half")
    table = grid(["", "rows", "pairs", "urgency", "interval", "sentiment alone", "interval"])
    parts: list[tuple[str, Order, Order]] = [("all", urgency.overall, urgency.sentiment_alone)]
    shown, rest = _large(urgency.by_language)
    if len(urgency.by_language) > 1:
        alone = urgency.sentiment_alone_by_language
        parts += [(name, order, alone[name]) for name, order in shown.items()]
    for name, order, other in parts:
        ahead = order.right is not None and other.right is not None and order.right > other.right
        table.add_row(
            safe_line(name, 8), f"{order.n:,}", f"{order.pairs:,}",
            Text(percent(order.right), "bold green" if ahead else "bold"), Text(span(order.interval), "dim"),
            percent(other.right), Text(span(other.interval), "dim"),
        )  # fmt: skip
    show.out.print(table)
    _say_rest(rest)
