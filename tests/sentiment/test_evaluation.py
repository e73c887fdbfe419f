"""Evaluation figures are what their names say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sentiment.evaluate import EvaluationError, calibration_error, evaluate, read_labelled

if TYPE_CHECKING:
    from conftest import WordScorer

ROWS = [
    ("bad bad", "negative"),
    ("good", "negative"),
    ("plain", "neutral"),
    ("bad", "neutral"),
    ("good", "positive"),
    ("so good", "pos"),
    ("what?", "unclear"),
    ("", "negative"),
]


def test_figures_by_hand(words: WordScorer) -> None:
    result = evaluate(ROWS, words)
    overall = result.overall
    assert (overall.n, result.left_out) == (6, 2)
    assert overall.confusion == ((1, 0, 1), (1, 1, 0), (0, 0, 2))
    assert overall.accuracy == pytest.approx(4 / 6, abs=1e-4)
    assert overall.macro_recall == pytest.approx((0.5 + 0.5 + 1) / 3, abs=1e-4)
    assert overall.macro_f1 == pytest.approx((2 / 4 + 2 / 3 + 4 / 5) / 3, abs=1e-4)
    assert overall.coverage == pytest.approx(5 / 6, abs=1e-4)
    assert overall.covered_accuracy == pytest.approx(3 / 5, abs=1e-4)
    assert list(result.by_language) == ["en"]
    assert result.scorer == "words@1"


def test_two_classes_leave_neutral_out(words: WordScorer) -> None:
    overall = evaluate([*ROWS, ("hm", "negative")], words, classes=2).overall
    assert overall.n == 5
    assert sum(row[1] for row in overall.confusion) == 0
    with pytest.raises(ValueError, match="2 or 3"):
        evaluate(ROWS, words, classes=4)


def test_calibration_error_is_the_gap_between_claim_and_truth() -> None:
    top = np.full(100, 0.9)
    assert calibration_error(top, np.arange(100) < 90) == pytest.approx(0, abs=1e-9)
    assert calibration_error(top, np.arange(100) < 50) == pytest.approx(0.4)


def test_the_interval_holds_the_figure_and_narrows_with_rows(words: WordScorer) -> None:
    few = evaluate(ROWS * 5, words).overall
    many = evaluate(ROWS * 100, words).overall
    assert few.macro_recall_interval is not None
    assert many.macro_recall_interval is not None
    assert few.macro_recall_interval[0] < few.macro_recall < few.macro_recall_interval[1]
    width = [
        f.macro_recall_interval[1] - f.macro_recall_interval[0] for f in (few, many) if f.macro_recall_interval
    ]
    assert width[1] < width[0] / 2


def test_files_without_the_columns_are_refused(tmp_path: Path, words: WordScorer) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,stars\na,1\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match="missing: label"):
        read_labelled(path)
    path.write_text("label,text\nnegative,bad\n", encoding="utf-8")
    assert read_labelled(path) == [("bad", "negative")]
    with pytest.raises(EvaluationError, match="no row"):
        evaluate([("a", "b")], words)
    with pytest.raises(EvaluationError, match="cannot read"):
        read_labelled(tmp_path / "none.csv")
