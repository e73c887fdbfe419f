"""`model info` knows a model from its folder alone, and labels of many spellings become our three."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sentiment.card import BUNDLED, model_info
from sentiment.labels import class_of_each, names_in_order
from sentiment.ports import ModelError


def test_the_bundled_model_says_what_it_is() -> None:
    info = model_info()
    assert info["scorer"] == f"{info['name']}@{info['revision']}"
    assert info["bundled"]
    assert info["labels"] == ["negative", "neutral", "positive"]
    assert "en" in info["languages"]
    assert info["weights_bytes"] < 60_000_000
    assert info["parameters"] > 1_000_000
    assert info["licence"] == "Apache-2.0"


def test_reading_the_card_imports_no_model_library() -> None:
    code = (
        "import sys, sentiment.card; sentiment.card.model_info();"
        "print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"


def test_a_folder_without_a_card_is_named_by_its_content(tiny_bert: Path, tmp_path: Path) -> None:
    info = model_info(tiny_bert)
    assert info["name"] == "tiny-bert"
    assert len(info["revision"]) == 12
    assert info["languages"] is None
    assert not info["bundled"]
    with pytest.raises(ModelError, match="no model folder"):
        model_info(tmp_path / "none")
    with pytest.raises(ModelError, match="holds no weights"):
        model_info(tmp_path)


def test_a_damaged_card_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps({"name": "x"}), encoding="utf-8")
    with pytest.raises(ModelError, match="name and revision"):
        model_info(tmp_path)


def test_the_bundled_folder_lies_in_the_package() -> None:
    assert BUNDLED.parent.name == "sentiment"


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["negative", "neutral", "positive"], (0, 1, 2)),
        (["POS", "NEG", "NEU"], (2, 0, 1)),
        (["NEGATIVE", "POSITIVE"], (0, 2)),
        (["LABEL_0", "LABEL_1", "LABEL_2"], (0, 1, 2)),
        (["LABEL_0", "LABEL_1"], (0, 2)),
        (["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3", "LABEL_4"], (0, 0, 1, 2, 2)),
        (["1 star", "2 stars", "3 stars", "4 stars", "5 stars"], (0, 0, 1, 2, 2)),
        (["5", "4", "3", "2", "1"], (2, 2, 1, 0, 0)),
        (["Very Negative", "Negative", "Neutral", "Positive", "Very Positive"], (0, 0, 1, 2, 2)),
        (["负面", "中性", "正面"], (0, 1, 2)),
    ],
)
def test_labels_become_our_three_classes(names: list[str], classes: tuple[int, ...]) -> None:
    assert class_of_each(names) == classes


@pytest.mark.parametrize(
    "names", [["joy", "anger"], ["LABEL_0"], ["neutral", "mixed"], ["LABEL_1", "LABEL_2", "LABEL_3"], []]
)
def test_labels_that_are_no_sentiments_are_refused(names: list[str]) -> None:
    with pytest.raises(ModelError, match="are not sentiments"):
        class_of_each(names)


def test_labels_are_put_in_the_order_of_the_outputs() -> None:
    assert names_in_order({"id2label": {"1": "b", "0": "a"}}) == ["a", "b"]
    assert names_in_order({}) == ["LABEL_0", "LABEL_1"]
    with pytest.raises(ModelError, match="no numbers"):
        names_in_order({"id2label": {"x": "a"}})
