"""The benchmark of scoring runs by its path and as a module, and counts what it says it counts."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import scoring

ROOT = Path(__file__).parents[2]
LABELLED = [
    ("I love it, thank you so much", "positive"),
    ("worst service ever, I hate this", "negative"),
    ("the store opens at nine", "neutral"),
    ("never again, everything is broken", "negative"),
]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "start", [["benchmarks/scoring.py"], ["-m", "benchmarks.scoring"]], ids=["path", "module"]
)
def test_it_prints_the_figures_that_were_promised(tmp_path: Path, start: list[str]) -> None:
    labelled = tmp_path / "labelled.csv"
    with labelled.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *LABELLED])
    options = ["--texts", "40", "--no-growth", "--json", "--labelled", str(labelled)]
    ran = subprocess.run([sys.executable, *start, *options], cwd=ROOT, capture_output=True, text=True, check=True)
    figures = json.loads(ran.stdout)
    for key in (
        "texts_per_second",
        "ratio_vs_pipeline_one_by_one",
        "ratio_vs_pipeline_batch_32",
        "share_of_peak",
        "vader_texts_per_second",
    ):
        assert figures[key] > 0, key
    assert figures["share_of_peak"] < 1.05
    assert figures["label_agreement_with_pipeline"] >= 0.95
    assert figures["accuracy"]["labelled_texts"] == len(LABELLED)
    assert figures["accuracy"]["vader"]["accuracy"] == 1.0


def test_the_operations_of_texts_add_up_and_attention_grows_with_the_square() -> None:
    alone = [scoring.needed_flops([n]) for n in (10, 20, 40)]
    assert scoring.needed_flops([10, 20, 40]) == pytest.approx(sum(alone))
    assert 4 < alone[2] / alone[0] < 4.2
    # About 21 million operations a token, less what the last layer leaves out.
    assert 14e6 < alone[2] / 40 < 22e6


def test_made_up_texts_are_the_same_for_a_seed_and_hardly_repeat() -> None:
    texts = scoring.sample_texts(2000)
    assert texts == scoring.sample_texts(2000)
    assert texts != scoring.sample_texts(2000, seed=12)
    assert len(set(texts)) > 1900
