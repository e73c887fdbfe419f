"""A model of two halves and several heads: each half is heard, each language calibrated, each head named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sentiment.ports import ModelError
from sentiment.transformer import TransformerScorer
from sentiment.wide import Wide

HEADS = ["complaint", "question"]
TEXTS = ["the order is late", "great thanks", "where is my refund ?", "好", "差 差 flight flight"]
Build = Callable[..., Path]


@pytest.fixture
def build(tiny_bert: Path, tmp_path: Path) -> Build:
    """Make a folder of the tiny model with heads, a wide table and whatever a test puts on the card."""

    def made(name: str = "two", *, columns: int = 8, **card: Any) -> Path:
        folder = tmp_path / name
        shutil.copytree(tiny_bert, folder)
        state = load_file(folder / "model.safetensors")
        torch.manual_seed(8)
        state["heads.weight"] = torch.randn(2, state["classifier.weight"].shape[1])
        state["heads.bias"] = torch.tensor([0.5, -0.5])
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        if columns:
            table = np.random.default_rng(2).integers(-100, 100, (1 << 10, columns)).astype(np.int8)
            scale, bias = np.full(columns, 0.01, np.float32), np.linspace(-0.2, 0.2, columns, dtype=np.float32)
            Wide(table, scale, bias, {"fr": 1}, {}).save(folder)
        facts = {"name": name, "revision": "1", "heads": HEADS} | card
        (folder / "model.json").write_text(json.dumps(facts), encoding="utf-8")
        return folder

    return made


def by_hand(folder: Path, text: str, deep: float, wide: float, bias: list[float]) -> np.ndarray:
    """The probabilities as the formula says, from the two halves on their own."""
    scorer = TransformerScorer.load(folder)
    state = load_file(folder / "model.safetensors")
    logits = scorer.features([text])[0] @ state["classifier.weight"].numpy().T + state["classifier.bias"].numpy()
    table = Wide.load(folder)
    assert table is not None
    total = deep * logits + wide * table.logits([text], ["en"])[0, :3] + bias
    return np.exp(total) / np.exp(total).sum()


def test_the_sentiment_is_the_calibrated_sum_of_both_halves(build: Build) -> None:
    entry = {"deep": 0.6, "wide": 0.9, "bias": [0.1, -0.2, 0.3], "abstain_below": 0.5}
    folder = build(calibration={"default": entry})
    for text, score in zip(TEXTS, TransformerScorer.load(folder).score(TEXTS), strict=True):
        expected = by_hand(folder, text, 0.6, 0.9, entry["bias"])  # type: ignore[arg-type]
        assert score.probabilities == pytest.approx(tuple(expected), abs=0.01)
        assert score.abstained == (max(score.probabilities) < 0.5)


def test_a_text_takes_the_calibration_of_its_language_and_kind(build: Build) -> None:
    sure = {"deep": 3.0, "wide": 0.0, "bias": [0, 0, 0], "abstain_below": 0.0}
    split = {name: sure | {"bias": bias} for name, bias in [("en", [9, 0, 0]), ("en/review", [0, 0, 9])]}
    folder = build(calibration={"default": sure | {"bias": [0, 9, 0]}} | split)
    scorer = TransformerScorer.load(folder)
    text = "the order is late"
    scores = scorer.score([text] * 4, ["en", "en-GB", "fr", "en"], [None, "post", "review", "review"])
    assert [s.sentiment for s in scores] == ["negative", "negative", "neutral", "positive"]
    with pytest.raises(ValueError, match="1 texts came with 2 kinds"):
        scorer.score([text], None, ["post", "post"])


def test_heads_are_named_as_on_the_card_and_hear_both_halves(build: Build) -> None:
    both, deep = TransformerScorer.load(build()), TransformerScorer.load(build("deep", columns=6))
    for one, two in zip(both.score(TEXTS), deep.score(TEXTS), strict=True):
        assert [name for name, _ in one.heads] == HEADS
        assert all(0 <= chance <= 1 for _, chance in one.heads)
        assert one.heads != two.heads
    assert both.score(["12:30"])[0].heads == ()


def test_a_head_hears_a_signal_in_any_window_of_a_long_text(build: Build) -> None:
    scorer = TransformerScorer.load(build(columns=0))
    short = "refund now not good " * 20
    long = short + "great thanks " * 200
    alone, within = (dict(scorer.score([text])[0].heads) for text in (short, long))
    assert all(within[name] >= alone[name] - 0.05 for name in HEADS)


def test_scores_of_two_halves_do_not_depend_on_company_or_threads(build: Build) -> None:
    folder = build()
    many = [f"{text} {'late ' * (i % 30)}" for i in range(40) for text in TEXTS]
    together = TransformerScorer.load(folder, threads=2).score(many)
    single = TransformerScorer.load(folder, threads=1)
    for text, score in zip(many[::7], together[::7], strict=True):
        alone = single.score([text])[0]
        assert alone.sentiment == score.sentiment
        assert alone.probabilities == pytest.approx(score.probabilities, abs=0.01)
        assert [p for _, p in alone.heads] == pytest.approx([p for _, p in score.heads], abs=0.02)


def test_a_head_file_takes_the_place_of_the_last_layer(build: Build) -> None:
    folder = build(columns=0)
    before = TransformerScorer.load(folder).score(TEXTS)
    width = load_file(folder / "model.safetensors")["classifier.weight"].shape[1]
    own = {"classifier.weight": torch.zeros(3, width), "classifier.bias": torch.tensor([0.0, 0.0, 5.0])}
    save_file(own, folder / "head.safetensors")
    after = TransformerScorer.load(folder).score(TEXTS)
    assert {s.sentiment for s in after} == {"positive"}
    for one, two in zip(after, before, strict=True):
        assert [p for _, p in one.heads] == pytest.approx([p for _, p in two.heads], abs=0.05)


def test_features_lead_to_the_logits_whatever_the_length(build: Build) -> None:
    scorer = TransformerScorer.load(build())
    texts = [*TEXTS, "refund now " * 150, ""]
    features = scorer.features(texts)
    assert features.shape == (len(texts), 48)
    assert features.dtype == np.float32
    assert scorer.features(texts[::-1])[::-1] == pytest.approx(features, abs=0.05)


def test_other_architectures_give_no_features(tiny_stars: Path) -> None:
    with pytest.raises(ModelError, match="features"):
        TransformerScorer.load(tiny_stars).features(["a"])


@pytest.mark.parametrize(
    ("card", "columns", "word"),
    [
        ({"heads": ["one"]}, 8, "names 1 heads and the weights have 2"),
        ({}, 7, "for 1 heads and the model has 2"),
        ({"calibration": {"en": {"deep": "much"}}}, 8, "'en' is not made of numbers"),
        ({"calibration": {"en": {"bias": [1, 2]}}}, 8, "'en' needs finite numbers and a bias of three"),
        ({"calibration": [1]}, 8, "calibration is not a table"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(build: Build, card: dict[str, Any], columns: int, word: str) -> None:
    with pytest.raises(ModelError, match=word):
        TransformerScorer.load(build(columns=columns, **card))
