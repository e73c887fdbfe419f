"""Bring a model into memory: the bundled one, any folder, any Hugging Face id.

Two ways lead to the same answer. A BERT classifier in a folder goes through `sentiment.fast` and the Rust
tokenizer alone, which saves two seconds of imports and most of the processor time; every other model goes through
`sentiment.hub`. Code that comes with a model is never run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.card import BUNDLED, PACKED_WEIGHTS, read_card, read_json, weights_file
from sentiment.labels import class_of_each, names_in_order
from sentiment.ports import ModelError

if TYPE_CHECKING:
    from torch import Tensor

OVERLAP_TOKENS = 16
"""Tokens that two windows of a long text share, so that no phrase is lost at the cut."""
_DEFAULT_MAX_TOKENS = 512

Windows = list[list[int]]
"""The token ids of a text in windows that the model can read at once; one for most posts."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model in memory and what its card says.

    Attributes:
        name: ``model@revision``.
        encode: Texts to windows of token ids, special tokens included.
        logits: Windows to class logits, float32, (windows, model classes).
    exact_logits: The same computed in float32 throughout, for close calls; None where there is no such way.
        classes: For each model class 0 (negative), 1 (neutral) or 2 (positive).
        temperature: Divides the logits before they become probabilities.
        abstain_below: The top probability from which on the model's word counts.
        languages: Languages it reads well; None where its card does not say, which is taken as all.
        languages_weak: Languages it reads so-so.
        way: ``packed`` or ``transformers``.
    """

    name: str
    encode: Callable[[Sequence[str]], list[Windows]]
    logits: Callable[[Sequence[Sequence[int]]], Tensor]
    exact_logits: Callable[[Sequence[Sequence[int]]], Tensor] | None
    classes: tuple[int, ...]
    temperature: float
    abstain_below: float
    languages: frozenset[str] | None
    languages_weak: frozenset[str]
    way: str


def load_model(model: str | Path | None, *, revision: str | None, threads: int) -> Model:
    """Load a model.

    Args:
        model: A folder, a Hugging Face id such as ``owner/name``, or None for the bundled model.
        revision: A commit, tag or branch of a Hugging Face id; pin a commit for scores that can be repeated.
        threads: Processor cores to use.

    Raises:
        ModelError: It cannot be loaded; the message says what to fix.
    """
    folder = BUNDLED if model is None else Path(model)
    if model is None or folder.is_dir():
        if revision is not None:
            raise ModelError("a model folder has no revisions; leave `revision` out")
        return _from_folder(folder, threads)
    if str(model).startswith((".", "/", "~")) or str(model).count("/") > 1:
        raise ModelError(f"no model folder at {model}")
    from sentiment.hub import load_from_hub

    return load_from_hub(str(model), revision, threads)


def _from_folder(folder: Path, threads: int) -> Model:
    card = read_card(folder)
    config = read_json(folder / "config.json")
    packed = weights_file(folder).name == PACKED_WEIGHTS
    from sentiment.fast import unsupported_reason

    reason = unsupported_reason(config)
    if reason is None and (folder / "tokenizer.json").is_file() and weights_file(folder).suffix == ".safetensors":
        return _packed(folder, card, config, threads)
    if packed:
        raise ModelError(f"{folder}: packed weights need a BERT classifier with tokenizer.json ({reason})")
    name = f"{card['name']}@{card['revision']}"
    from sentiment.hub import load_through_transformers

    return load_through_transformers(str(folder), name, card, threads, {"local_files_only": True})


def _packed(folder: Path, card: Mapping[str, Any], config: Mapping[str, Any], threads: int) -> Model:
    import torch
    from tokenizers import Tokenizer

    from sentiment.fast import PackedBert

    torch.set_num_threads(1)  # cores work on batches of their own, see PackedBert
    classes = class_of_each(names_in_order(config))
    positions = config.get("max_position_embeddings", _DEFAULT_MAX_TOKENS)
    limit = min(int(card.get("max_tokens") or positions), int(positions))
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        bert = PackedBert(config, _state(folder), threads=threads)
    except (KeyError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"{folder} does not hold a complete model: {error}. Copy or download it again."
        ) from error
    except Exception as error:  # the Rust tokenizer raises nothing more precise
        raise ModelError(
            f"cannot read {folder / 'tokenizer.json'}: {error}. Copy or download it again."
        ) from error
    exact: list[PackedBert] = []

    def exact_logits(sequences: Sequence[Sequence[int]]) -> Tensor:
        if not exact:  # a second copy in memory, only once a close call asks for it
            exact.append(PackedBert(config, _state(folder), dtype=torch.float32, threads=threads))
        return exact[0].logits(sequences)

    tokenizer.no_padding()
    tokenizer.enable_truncation(limit, stride=min(OVERLAP_TOKENS, limit // 4))

    def encode(texts: Sequence[str]) -> list[Windows]:
        return [
            [e.ids, *(o.ids for o in e.overflowing)] if len(e.ids) >= limit else [e.ids]
            for e in tokenizer.encode_batch_fast(list(texts))
        ]

    careful = None if bert.dtype == torch.float32 else exact_logits
    return model_of(f"{card['name']}@{card['revision']}", encode, bert.logits, classes, card, "packed", careful)


def _state(folder: Path) -> dict[str, Tensor]:
    weights = weights_file(folder)
    if weights.name == PACKED_WEIGHTS:
        from sentiment.weights import unpack

        return unpack(weights)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(weights)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"cannot read {weights}: {error}. Copy or download the model again.") from error


def model_of(
    name: str,
    encode: Callable[[Sequence[str]], list[Windows]],
    logits: Callable[[Sequence[Sequence[int]]], Tensor],
    classes: tuple[int, ...],
    card: Mapping[str, Any],
    way: str,
    exact_logits: Callable[[Sequence[Sequence[int]]], Tensor] | None = None,
) -> Model:
    """Bring what was loaded and what the card says together."""
    languages = card.get("languages")
    return Model(
        name=name,
        encode=encode,
        logits=logits,
        exact_logits=exact_logits,
        classes=classes,
        temperature=float(card.get("temperature") or 1.0),
        abstain_below=float(card.get("abstain_below") or 0.0),
        languages=None if languages is None else frozenset(map(str, languages)),
        languages_weak=frozenset(map(str, card.get("languages_weak") or ())),
        way=way,
    )
