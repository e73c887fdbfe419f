"""What is promised of packed weights: nearly the same numbers, and a clear word when the file is damaged."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import sentiment
from sentiment.weights import FORMAT, WeightsError, pack, unpack


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(-6e4, 6e4, width=32), min_size=3, max_size=3),
        min_size=1,
        max_size=6,
    )
)
def test_no_value_moves_by_more_than_its_rows_scale_allows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[float]]
) -> None:
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    matrix = torch.tensor(rows)
    pack({"m": matrix}, path)
    scale = (matrix.abs().amax(dim=1) / 127).clamp(min=2.0**-14)
    moved = (unpack(path)["m"] - matrix).abs().amax(dim=1)
    assert bool((moved <= 0.57 * scale).all())


def test_names_shapes_and_vectors_come_back_as_float32(tmp_path: Path) -> None:
    state = {
        "layer.weight": torch.randn(40, 30),
        "layer.bias": torch.randn(40),
        "embedding.weight": torch.randn(50, 8) * 0.01,
        "zero.weight": torch.zeros(3, 4),
        "number": torch.tensor(1.5),
    }
    path = tmp_path / "w.safetensors"
    pack(state, path)
    back = unpack(path)
    assert {name: t.shape for name, t in back.items()} == {name: t.shape for name, t in state.items()}
    assert {t.dtype for t in back.values()} == {torch.float32}
    assert torch.equal(back["layer.bias"], state["layer.bias"].half().float())
    assert torch.equal(back["zero.weight"], state["zero.weight"])


def test_a_matrix_takes_little_more_than_one_byte_a_number(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    pack({"m": torch.randn(1000, 384)}, path)
    assert path.stat().st_size < 1.02 * 1000 * 384


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_file_cut_short_is_named_with_what_to_do(tmp_path: Path, share: float) -> None:
    path = tmp_path / "w.safetensors"
    pack({"m": torch.randn(64, 64)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(WeightsError, match=r"w\.safetensors.*Install the package again"):
        unpack(path)


def test_a_missing_file_and_a_file_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot read model weights"):
        unpack(tmp_path / "absent.safetensors")
    text = tmp_path / "text.safetensors"
    text.write_text("version https://git-lfs.github.com/spec/v1\n" * 20)
    with pytest.raises(WeightsError, match="cannot read model weights"):
        unpack(text)
    plain = tmp_path / "plain.safetensors"
    save_file({"m": torch.zeros(2, 2)}, plain)
    with pytest.raises(WeightsError, match="not of the format"):
        unpack(plain)


@pytest.mark.parametrize(
    "stored",
    [
        {"m": torch.zeros(2, 2, dtype=torch.int8)},
        {"m": torch.zeros(2, 2, dtype=torch.int8), "m.scale": torch.ones(3).half()},
        {"m": torch.zeros(2, 2, dtype=torch.int8), "m.scale": torch.full((2,), float("nan")).half()},
        {"m": torch.zeros(2, 2, dtype=torch.int64)},
    ],
    ids=["no scales", "too many scales", "scales not finite", "unknown type"],
)
def test_scales_that_do_not_fit_are_refused(tmp_path: Path, stored: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "w.safetensors"
    save_file(stored, path, metadata=FORMAT)
    with pytest.raises(WeightsError, match=r"m\b"):
        unpack(path)


@pytest.mark.parametrize(
    "state",
    [
        {"m": torch.tensor([[float("nan")]])},
        {"m": torch.tensor([[1e6]])},
        {"m": torch.tensor([[1]])},
        {"m.scale": torch.tensor([1.0])},
    ],
    ids=["not finite", "beyond float16", "integers", "named like a scale"],
)
def test_weights_that_cannot_be_kept_are_refused_before_writing(
    tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    with pytest.raises(ValueError, match="m"):
        pack(state, tmp_path / "w.safetensors")
    assert not (tmp_path / "w.safetensors").exists()


MODEL = Path(sentiment.__file__).parent / "model"


def test_the_bundled_folder_is_whole_and_of_the_revision_it_names() -> None:
    card = json.loads((MODEL / "model.json").read_text(encoding="utf-8"))
    config = json.loads((MODEL / "config.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256()
    for name in ("weights.safetensors", "wide.safetensors", "tokenizer.json"):
        digest.update((MODEL / name).read_bytes())
    assert card["revision"] == digest.hexdigest()[:12]
    state = unpack(MODEL / "weights.safetensors")
    assert state["bert.embeddings.word_embeddings.weight"].shape == (config["vocab_size"], config["hidden_size"])
    assert state["classifier.weight"].shape == (3, config["hidden_size"])
    assert list(config["id2label"].values()) == card["labels"] == ["negative", "neutral", "positive"]
