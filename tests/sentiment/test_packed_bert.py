"""The packed forward pass gives what the reference implementation gives, however the texts are laid out."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from sentiment.fast import PackedBert, pack, unsupported_reason


def sequences(count: int, longest: int) -> list[list[int]]:
    chance = random.Random(5)
    return [
        [2, *(chance.randrange(5, 28) for _ in range(chance.randint(1, longest - 2))), 3] for _ in range(count)
    ]


def packed(folder: Path, dtype: torch.dtype, threads: int = 1) -> PackedBert:
    config = json.loads((folder / "config.json").read_text())
    return PackedBert(config, load_file(folder / "model.safetensors"), dtype=dtype, threads=threads)


def close(one: npt.NDArray[np.float32], two: torch.Tensor) -> bool:
    return np.allclose(one, two.numpy(), atol=1e-4)


def reference(folder: Path, ids: list[list[int]]) -> torch.Tensor:
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return torch.cat([model(input_ids=torch.tensor([row])).logits for row in ids])


def test_packed_rows_give_what_transformers_gives_one_by_one(tiny_bert: Path) -> None:
    ids = sequences(90, 60)
    assert close(packed(tiny_bert, torch.float32).logits(ids), reference(tiny_bert, ids))


def test_sequences_longer_than_a_row_are_computed_too(tiny_bert: Path) -> None:
    ids = sequences(12, 128)
    assert max(map(len, ids)) > 64
    assert close(packed(tiny_bert, torch.float32).logits(ids), reference(tiny_bert, ids))


def test_a_single_short_text_is_not_spread_over_a_whole_row(tiny_bert: Path) -> None:
    ids = [[2, 9, 3]]
    assert close(packed(tiny_bert, torch.float32).logits(ids), reference(tiny_bert, ids))


def test_bfloat16_stays_close_to_float32(tiny_bert: Path) -> None:
    ids = sequences(60, 40)
    exact = torch.from_numpy(packed(tiny_bert, torch.float32).logits(ids)).softmax(-1)
    rounded = torch.from_numpy(packed(tiny_bert, torch.bfloat16).logits(ids)).softmax(-1)
    assert float((exact - rounded).abs().max()) < 0.1


def test_several_threads_give_the_same_in_the_same_order(tiny_bert: Path) -> None:
    ids = sequences(1500, 60)
    one = packed(tiny_bert, torch.float32).logits(ids)
    assert np.array_equal(one, packed(tiny_bert, torch.float32, threads=2).logits(ids))


@given(st.lists(st.integers(1, 64), max_size=200))
def test_packing_places_every_sequence_once_and_overfills_no_row(lengths: list[int]) -> None:
    rows = pack(lengths, 64)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    assert all(sum(lengths[index] for index in row) <= 64 for row in rows)
    # Best fit leaves at most one row less than half full.
    assert sum(sum(lengths[i] for i in row) <= 32 for row in rows) <= 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"model_type": "roberta"}, "roberta"),
        ({"hidden_act": "relu"}, "relu"),
        ({"architectures": ["BertForMaskedLM"]}, "MaskedLM"),
        ({"position_embedding_type": "relative_key"}, "positions"),
        ({"is_decoder": True}, "decoder"),
    ],
)
def test_models_of_another_kind_are_told_apart(tiny_bert: Path, change: dict[str, object], word: str) -> None:
    config = json.loads((tiny_bert / "config.json").read_text())
    assert unsupported_reason(config) is None
    assert word in (unsupported_reason(config | change) or "")
