"""Bring a model into memory: the bundled one, any folder, any Hugging Face id.

Two ways lead to the same answer. A BERT classifier in a folder goes through `sentiment.fast` and the Rust
tokenizer alone, which saves two seconds of imports and most of the processor time; every other model goes through
`sentiment.hub`. Code that comes with a model is never run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.card import BUNDLED, PACKED_WEIGHTS, read_card, read_json, weights_file
from sentiment.labels import class_of_each, names_in_order
from sentiment.lock import Terms
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
        close: Borders nearer than this in probability are decided by `exact_logits`.
        device: Where it computes: ``cpu``, ``cuda``, ``mps``.
        dtype: The number format it computes in: ``bfloat16``, ``float32``.
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
    close: float = 0.006
    device: str = "cpu"
    dtype: str = "float32"


def load_model(
    model: str | Path | None, *, revision: str | None, threads: int, terms: Terms | None = None
) -> Model:
    """Load a model.

    Args:
        model: A folder, a Hugging Face id such as ``owner/name``, or None for the bundled model.
        revision: The commit of a Hugging Face id.
        threads: Processor cores to use.
        terms: On which terms a model from elsewhere may be used; None takes the strictest, with no lock file.

    Raises:
        ModelError: It cannot be loaded; the message says what to fix.
    """
    if model is None:
        if revision is not None:
            raise ModelError("the bundled model has no revisions; leave `revision` out")
        card, config = read_card(BUNDLED), read_json(BUNDLED / "config.json")
        return load_packed(BUNDLED, card, config, threads, class_of_each(names_in_order(config)))
    from sentiment.hub import load_other

    return load_other(model, revision, threads, terms or Terms())


def load_packed(
    folder: Path, card: Mapping[str, Any], config: Mapping[str, Any], threads: int, classes: tuple[int, ...]
) -> Model:
    """Load a BERT classifier without the model code of `transformers`; for a processor.

    Args:
        folder: The model's files.
        card: Its card.
        config: Its ``config.json``, of which `sentiment.fast.unsupported_reason` said nothing.
        threads: Processor cores to use.
        classes: What each of its labels means, see `Model`.

    Raises:
        ModelError: A file is missing or damaged.
    """
    import torch
    from tokenizers import Tokenizer

    from sentiment.fast import PackedBert

    torch.set_num_threads(1)  # cores work on batches of their own, see PackedBert
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
    name = f"{card['name']}@{card['revision']}"
    loaded = model_of(name, encode, bert.logits, classes, card, "packed", careful)
    return replace(loaded, dtype=str(bert.dtype).removeprefix("torch."))


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
