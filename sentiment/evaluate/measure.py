"""Measure one scorer, or two side by side, on whatever a labelled file says is right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sentiment.evaluate import comparison as compare
from sentiment.evaluate.answers import UNREADABLE, LeftOut, left_out
from sentiment.evaluate.classes import Figures, figures
from sentiment.evaluate.comparison import Agreement, Difference, Example
from sentiment.evaluate.errors import EvaluationError
from sentiment.evaluate.heads import HeadFigures, head_figures
from sentiment.evaluate.intervals import RESAMPLES, Bools, Floats, Ints
from sentiment.evaluate.ordering import Order, order
from sentiment.evaluate.reading import Answer, Said, answers, ask, takes_kinds
from sentiment.evaluate.results import Comparison, Evaluation, Head, HeadComparison, Urgency
from sentiment.evaluate.table import Table, read_table, table_of
from sentiment.evaluate.targets import Options, Target, Targets, find_targets, kinds_of, languages_of
from sentiment.ports import Scorer

T = TypeVar("T")
Advance = Callable[[int], object]


def read_labelled(path: Path) -> list[tuple[str, str]]:
    """Read text and label of every row of a CSV.

    Raises:
        EvaluationError: The file cannot be read or lacks a column.
    """
    table = read_table(path)
    if "label" not in table.columns:
        raise EvaluationError(f"{path} needs the columns text and label; missing: label")
    return list(zip(table.texts, table.columns["label"], strict=True))


def evaluate(rows: Iterable[tuple[str, str]], scorer: Scorer, *, classes: int = 3) -> Evaluation:
    """Measure a scorer on pairs of text and label; languages are detected.

    Raises:
        EvaluationError: No row is usable.
        ValueError: `classes` is neither 2 nor 3.
    """
    return measure(table_of(rows), scorer, Options(classes=classes))


def measure(
    table: Table,
    scorer: Scorer,
    options: Options | None = None,
    *,
    other: Scorer | None = None,
    advance: Advance = lambda _: None,
) -> Evaluation:
    """Measure a scorer on everything a file says is right: sentiments, yes-or-no columns, levels of urgency.

    Args:
        table: The rows, see `sentiment.evaluate.table.read_table`.
        scorer: Who is measured.
        options: How the file is read.
        other: Another scorer to put beside it.
        advance: Is told how many texts are scored, again and again, for each scorer.

    Raises:
        EvaluationError: The file has nothing to measure by, or no usable row.
        ValueError: `classes` is neither 2 nor 3.
    """
    options = options or Options()
    if options.classes not in {2, 3}:
        raise ValueError(f"classes must be 2 or 3, not {options.classes}")
    targets = find_targets(table, options)
    return _Session(table, targets, options).run(scorer, other, advance)


class _Session:
    """The rows of one file that are scored, and what is computed of them."""

    def __init__(self, table: Table, targets: Targets, options: Options) -> None:
        self.table, self.targets, self.options = table, targets, options
        usable = np.zeros(len(table.lines), dtype=np.bool_)
        for target in targets.every:
            usable |= target.truth != UNREADABLE
        self.rows: Ints = np.flatnonzero(usable)
        if not self.rows.size:
            raise EvaluationError(self._nothing())
        codes = languages_of(table)
        self.given = [codes[i] for i in self.rows]
        self.kinds = kinds_of(table, options.kind)
        self.languages: list[str] = []
        self.notes: list[str] = []

    def _nothing(self) -> str:
        reasons = [f"{r.count:,} {r.reason}" for target in self.targets.every for r in target.left_out]
        return (
            f"no row of {self.table.name} has a text and a label out of negative, neutral, positive"
            f"{' (' + '; '.join(reasons[:4]) + ')' if reasons else ''}"
        )

    def run(self, scorer: Scorer, other: Scorer | None, advance: Advance) -> Evaluation:
        said = self._ask(scorer, advance)
        # Both scorers are compared on the same groups: those of the first.
        self.languages = [code or read for code, read in zip(self.given, said.languages, strict=True)]
        self._note_rows()
        heads, urgency = self._heads(said), self._urgency(said)
        if self.targets.sentiment is None and not heads and urgency is None:
            raise EvaluationError(
                f"{self.table.name} has no column label, and {said.scorer} answers none of its yes-or-no "
                f"columns ({', '.join(self.targets.heads)}); missing: label"
            )
        overall, by_language, by_kind = self._sentiment(said)
        reasons = list(dict.fromkeys(r for target in self.targets.every for r in target.left_out))
        reasons += self._broken()
        main = self.targets.sentiment
        unused = main.unused if main else len(self.table.lines) - len(self.rows)
        return Evaluation(
            scorer=said.scorer,
            classes=self.options.classes,
            overall=overall,
            by_language=by_language,
            left_out=unused + len(self.table.broken),
            left_out_because=tuple(reasons),
            by_kind=by_kind,
            heads=heads,
            urgency=urgency,
            comparison=self._compare(said, self._ask(other, advance), heads, urgency) if other else None,
            file=self._file(),
            notes=tuple(self.notes),
        )

    def _ask(self, scorer: Scorer, advance: Advance) -> Said:
        kinds: list[str | None] | None = [self.kinds[i] for i in self.rows]
        if not any(kinds or ()):
            kinds = None
        elif not takes_kinds(scorer):
            self.notes.append(f"{scorer.name} reads posts and reviews alike: the kind changes nothing")
        return ask(scorer, [self.table.texts[i] for i in self.rows], self.given, kinds, advance)

    def _file(self) -> dict[str, Any]:
        table = self.table
        return {
            "name": table.name, "encoding": table.encoding, "rows": len(table.lines), "filtered": table.filtered,
            "damaged_characters": table.damaged, "scored": len(self.rows), "resamples": RESAMPLES,
        }  # fmt: skip

    def _broken(self) -> list[LeftOut]:
        broken = self.table.broken
        if not broken:
            return []
        return left_out(f"no CSV row: {broken[0].reason}", range(len(broken)), [b.line for b in broken])

    def _note_rows(self) -> None:
        if self.table.damaged:
            self.notes.append(
                f"{self.table.damaged:,} characters could not be read as {self.table.encoding}: name the encoding"
            )
        if len(self.rows) < 20:
            self.notes.append("fewer than 20 rows: no intervals")

    # What one target needs: its rows among those scored, and groups of these.

    def _usable(self, target: Target) -> tuple[Ints, Ints]:
        """Return the positions among the scored rows that a target can use, and what is right there."""
        truth = target.truth[self.rows]
        at: Ints = np.flatnonzero(truth != UNREADABLE)
        return at, truth[at]

    def _by_language(self, at: Ints, compute: Callable[[Ints], T]) -> dict[str, T]:
        """Compute something of each language, the most frequent first; `compute` is given positions in `at`."""
        return _grouped([self.languages[i] for i in at], compute)

    def _triple(self, said: Said, at: Ints) -> tuple[Floats, Bools]:
        values = said.probabilities[at].copy()
        if self.options.classes == 2:
            values[:, 1] = 0.0
            values += np.array([1e-9, 0.0, 1e-9])
        return values / values.sum(axis=1, keepdims=True), said.answered[at]

    def _sentiment(self, said: Said) -> tuple[Figures | None, dict[str, Figures], dict[str, Figures] | None]:
        target = self.targets.sentiment
        if target is None:
            return None, {}, None
        at, labels = self._usable(target)
        if not at.size:
            raise EvaluationError(self._nothing())
        probabilities, answered = self._triple(said, at)

        def of(part: Ints) -> Figures:
            return figures(probabilities[part], labels[part], answered[part])

        by_kind = None
        if "kind" in self.table.columns:
            by_kind = _grouped([self.kinds[self.rows[i]] or "unknown" for i in at], of)
        return of(np.arange(len(at))), self._by_language(at, of), by_kind

    def _answers(self, said: Said, name: str) -> list[Answer]:
        return answers(said, name, self.options.threshold)

    def _heads(self, said: Said) -> tuple[Head, ...]:
        found = []
        for name, target in self.targets.heads.items():
            at, truth = self._usable(target)
            for answer in self._answers(said, name) if at.size else []:
                of = _head_of(answer, at, truth)
                overall = of(np.arange(len(at)))
                by_language = self._by_language(at, of)
                found.append(Head(name, answer.source, answer.threshold, overall, by_language, target.unused))
        return tuple(found)

    def _urgency(self, said: Said) -> Urgency | None:
        target = self.targets.urgency
        if target is None:
            return None
        at, levels = self._usable(target)
        score, alone = said.urgency[at], said.probabilities[at, 0]

        def by(values: Floats) -> Callable[[Ints], Order]:
            return lambda part: order(levels[part], values[part])

        whole = np.arange(len(at))
        overall = by(score)(whole)
        if overall.interval is not None and overall.interval[1] < 0.5:
            self.notes.append(
                "most pairs are ordered the wrong way: do the levels count down? 0 is nothing to do, 3 is now "
                "(or, where a 4 occurs and no 0, 1 is now)"
            )
        return Urgency(
            column=target.column,
            overall=overall,
            by_language=self._by_language(at, by(score)),
            sentiment_alone=by(alone)(whole),
            sentiment_alone_by_language=self._by_language(at, by(alone)),
            left_out=target.unused,
        )

    # Another scorer beside it.

    def _compare(self, first: Said, other: Said, heads: tuple[Head, ...], urgency: Urgency | None) -> Comparison:
        overall, by_language, _ = self._sentiment(other)
        differences: dict[str, Difference] = {}
        grouped: dict[str, dict[str, Difference]] = {}
        agreement: Agreement | None = None
        shown: tuple[Example, ...] = ()
        if self.targets.sentiment is not None:
            at, labels = self._usable(self.targets.sentiment)
            a, b = self._triple(first, at), self._triple(other, at)

            def of(part: Ints) -> dict[str, Difference]:
                return compare.class_differences(labels[part], (a[0][part], a[1][part]), (b[0][part], b[1][part]))

            differences, grouped = of(np.arange(len(at))), self._by_language(at, of)
            agreement = compare.agreement(labels, a[0], b[0])
            rows = [self.rows[i] for i in at]
            told = [
                (self.table.lines[r], self.table.texts[r], self.languages[i])
                for r, i in zip(rows, at, strict=True)
            ]
            shown = compare.examples(labels, a, b, told, self.options.examples)
        others, urgency_difference = self._urgency(other), None
        if urgency is not None and self.targets.urgency is not None:
            at, levels = self._usable(self.targets.urgency)
            urgency_difference = compare.order_difference(levels, first.urgency[at], other.urgency[at])
        return Comparison(
            scorer=other.scorer,
            overall=overall,
            by_language=by_language,
            differences=differences,
            differences_by_language=grouped,
            agreement=agreement,
            heads=self._compare_heads(first, other, heads),
            urgency=others,
            urgency_difference=urgency_difference,
            examples=shown,
        )

    def _compare_heads(self, first: Said, other: Said, heads: tuple[Head, ...]) -> tuple[HeadComparison, ...]:
        """Compare each question by the best answer of either side: what the scorer as it is would say."""
        found = []
        for name in dict.fromkeys(head.name for head in heads):
            ours, theirs = self._answers(first, name), self._answers(other, name)
            if not ours or not theirs:
                continue
            at, truth = self._usable(self.targets.heads[name])
            a, b = ours[0], theirs[0]
            of = _head_of(b, at, truth)
            differences = compare.head_differences(truth, (a.yes[at], a.scores[at]), (b.yes[at], b.scores[at]))
            overall = of(np.arange(len(at)))
            found.append(HeadComparison(name, b.source, overall, self._by_language(at, of), differences))
        return tuple(found)


def _head_of(answer: Answer, at: Ints, truth: Ints) -> Callable[[Ints], HeadFigures]:
    said, scores = answer.yes[at], answer.scores[at]
    return lambda part: head_figures(truth[part], said[part], scores[part], probability=answer.probability)


def _grouped(groups: list[str], compute: Callable[[Ints], T]) -> dict[str, T]:
    names = np.array(groups, dtype=np.str_)
    found, counts = np.unique(names, return_counts=True)
    frequent = sorted(zip(found.tolist(), counts.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
    return {name: compute(np.flatnonzero(names == name)) for name, _ in frequent}
