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

from sentiment.bert import Bert, batches, unsupported_reason
from sentiment.fast import PackedBert, int8_is_fast
from sentiment.small import SmallBert
from sentiment.weights import Stored


def sequences(count: int, longest: int) -> list[list[int]]:
    chance = random.Random(5)
    return [
        [2, *(chance.randrange(5, 28) for _ in range(chance.randint(1, longest - 2))), 3] for _ in range(count)
    ]


def weights(folder: Path) -> Bert:
    config = json.loads((folder / "config.json").read_text())
    state = load_file(folder / "model.safetensors")
    return Bert(config, {name: Stored(tensor.numpy()) for name, tensor in state.items()})


def packed(folder: Path, arithmetic: str = "float32", threads: int = 1) -> PackedBert:
    return PackedBert(weights(folder), arithmetic, threads=threads)


def close(one: npt.NDArray[np.float32], two: torch.Tensor) -> bool:
    return np.allclose(one, two.numpy(), atol=1e-4)


def reference(folder: Path, ids: list[list[int]]) -> torch.Tensor:
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return torch.cat([model(input_ids=torch.tensor([row])).logits for row in ids])


def test_packed_texts_give_what_transformers_gives_one_by_one(tiny_bert: Path) -> None:
    ids = sequences(90, 60)
    assert close(packed(tiny_bert).logits(ids), reference(tiny_bert, ids))


def test_long_sequences_are_computed_too(tiny_bert: Path) -> None:
    ids = sequences(12, 128)
    assert max(map(len, ids)) > 64
    assert close(packed(tiny_bert).logits(ids), reference(tiny_bert, ids))


def test_a_single_short_text_is_computed_too(tiny_bert: Path) -> None:
    ids = [[2, 9, 3]]
    assert close(packed(tiny_bert).logits(ids), reference(tiny_bert, ids))


def test_bfloat16_stays_close_to_float32(tiny_bert: Path) -> None:
    ids = sequences(60, 40)
    exact = torch.from_numpy(packed(tiny_bert).logits(ids)).softmax(-1)
    rounded = torch.from_numpy(packed(tiny_bert, "bfloat16").logits(ids)).softmax(-1)
    assert float((exact - rounded).abs().max()) < 0.1


def test_several_threads_give_the_same_in_the_same_order(tiny_bert: Path) -> None:
    ids = sequences(1500, 60)
    one = packed(tiny_bert).logits(ids)
    assert np.array_equal(one, packed(tiny_bert, threads=2).logits(ids))


def test_other_models_of_the_process_keep_their_cores(tiny_bert: Path) -> None:
    usual = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        packed(tiny_bert, threads=2).logits(sequences(200, 60))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(usual)


@pytest.mark.parametrize("arithmetic", ["float32", "bfloat16", "int8"])
def test_a_text_gives_the_same_numbers_alone_and_in_any_company(tiny_bert: Path, arithmetic: str) -> None:
    model, ids = packed(tiny_bert, arithmetic), sequences(300, 60)
    together = model.logits(ids)
    for index in range(0, 300, 17):
        assert np.allclose(model.logits([ids[index]])[0], together[index], atol=1e-6)
    backwards = packed(tiny_bert, arithmetic, threads=2).logits(ids[::-1])[::-1]
    assert np.allclose(backwards, together, atol=1e-6)


def test_whole_numbers_stay_close_to_float32(tiny_bert: Path) -> None:
    ids = sequences(60, 40)
    exact = torch.from_numpy(packed(tiny_bert).logits(ids)).softmax(-1)
    rounded = torch.from_numpy(packed(tiny_bert, "int8").logits(ids)).softmax(-1)
    assert float((exact - rounded).abs().mean()) < 0.03


def test_without_instructions_for_whole_numbers_the_answers_stay(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = sequences(60, 40)
    whole = torch.from_numpy(packed(tiny_bert, "int8").logits(ids)).softmax(-1)
    monkeypatch.setattr("sentiment.fast.int8_is_fast", lambda: False)
    other = torch.from_numpy(packed(tiny_bert, "int8").logits(ids)).softmax(-1)
    assert float((whole - other).abs().mean()) < 0.02
    assert isinstance(int8_is_fast(), bool)


def test_numpy_alone_gives_what_torch_gives(tiny_bert: Path) -> None:
    ids = [*sequences(50, 60), *sequences(3, 128), [2, 9, 3]]
    assert np.allclose(SmallBert(weights(tiny_bert)).pooled(ids), packed(tiny_bert).pooled(ids), atol=1e-5)


@given(st.lists(st.integers(1, 200), max_size=200))
def test_batches_hold_every_sequence_once_and_keep_to_their_budget(lengths: list[int]) -> None:
    ids = [list(range(1, length + 1)) for length in lengths]
    made = batches(ids, 128)
    assert sorted(index for batch in made for index in batch.order) == list(range(len(ids)))
    for batch in made:
        assert len(batch.ids) <= 128 or len(batch.order) == 1
        assert sum(group.count for group in batch.groups) == len(batch.order)
        assert batch.groups[-1].end == len(batch.ids)
        for start, index in zip(batch.first.tolist(), batch.order, strict=True):
            end = start + len(ids[index])
            assert batch.ids[start:end].tolist() == ids[index]
            assert batch.positions[start:end].tolist() == list(range(len(ids[index])))


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
