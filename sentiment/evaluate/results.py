"""What a measurement finds, as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sentiment.evaluate.answers import LeftOut
from sentiment.evaluate.classes import Figures
from sentiment.evaluate.comparison import Agreement, Difference, Example
from sentiment.evaluate.heads import HeadFigures
from sentiment.evaluate.ordering import Order


@dataclass(frozen=True, slots=True)
class Head:
    """How one yes-or-no question is answered, in one way.

    Attributes:
        name: The column, which is the head's name.
        source: Who answers: ``head``, ``decision``, ``negative`` or ``signals``; see `reading.Answer`.
        threshold: From which score on it is a yes.
        overall: Over all rows.
        by_language: The most frequent language first.
        left_out: Rows without a usable cell or text.
    """

    name: str
    source: str
    threshold: float
    overall: HeadFigures
    by_language: dict[str, HeadFigures]
    left_out: int


@dataclass(frozen=True, slots=True)
class Urgency:
    """How well the urgency orders the rows by their level, and how well negative sentiment alone would.

    Attributes:
        column: Where the levels stand.
        overall: Over all rows.
        by_language: The most frequent language first; pairs are made inside a language.
        sentiment_alone: The order by the probability of negative, over all rows.
        sentiment_alone_by_language: The same by language.
        left_out: Rows without a usable level or text.
    """

    column: str
    overall: Order
    by_language: dict[str, Order]
    sentiment_alone: Order
    sentiment_alone_by_language: dict[str, Order]
    left_out: int


@dataclass(frozen=True, slots=True)
class HeadComparison:
    """How another scorer answers one yes-or-no question, and its figures less the first one's."""

    name: str
    source: str
    overall: HeadFigures
    by_language: dict[str, HeadFigures]
    differences: dict[str, Difference]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Another scorer on the same rows. A difference is its figure less the first one's.

    Attributes:
        scorer: Who scored.
        overall: Its figures; None where the file has no sentiments.
        by_language: The same by language.
        differences: Of the overall figures.
        differences_by_language: The same by language.
        agreement: How the labels differ.
        heads: The yes-or-no questions.
        urgency: Its order of the rows by level, and by how much that differs.
        urgency_difference: Of the share of pairs.
        examples: Rows on which the labels differ, those of which both are surest first. Texts are as in the file.
    """

    scorer: str
    overall: Figures | None
    by_language: dict[str, Figures]
    differences: dict[str, Difference]
    differences_by_language: dict[str, dict[str, Difference]]
    agreement: Agreement | None
    heads: tuple[HeadComparison, ...]
    urgency: Urgency | None
    urgency_difference: Difference | None
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured.

    Attributes:
        scorer: Who scored.
        classes: 3, or 2 where neutral answers were left out of the choice.
        overall: Over all rows; None where the file has no sentiments.
        by_language: By the language the file gives, else the detected one; the most frequent first.
        left_out: Rows that were not used, for the sentiment where the file has it.
        left_out_because: Why, with lines and examples; of every measured column.
        by_kind: By the column ``kind``, where there is one.
        heads: The yes-or-no questions, each by every way the scorer has to answer it, the best first.
        urgency: The order by level; None where the file has no levels.
        comparison: Another scorer on the same rows.
        file: Name, encoding, rows, damaged characters, rows a condition left out.
        notes: What the reader should know, in words.
    """

    scorer: str
    classes: int
    overall: Figures | None
    by_language: dict[str, Figures]
    left_out: int
    left_out_because: tuple[LeftOut, ...] = ()
    by_kind: dict[str, Figures] | None = None
    heads: tuple[Head, ...] = ()
    urgency: Urgency | None = None
    comparison: Comparison | None = None
    file: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)
