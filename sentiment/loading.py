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

import numpy as np

from sentiment.bert import Bert
from sentiment.calibration import Calibrations
from sentiment.card import BUNDLED, PACKED_WEIGHTS, read_card, read_json, weights_file
from sentiment.engine import Engine
from sentiment.labels import class_of_each, names_in_order
from sentiment.lock import Terms
from sentiment.ports import ModelError
from sentiment.processor import arithmetic
from sentiment.weights import Floats, Stored, read
from sentiment.wide import Wide

if TYPE_CHECKING:
    from torch import Tensor

HEAD_FILE = "head.safetensors"
"""A last layer that takes the place of the one in the weights: what tuning to a brand's corrections writes."""
_CLOSE = {"int8": 0.012, "bfloat16": 0.01, "float32": 0.0}
# Whole numbers say the same in any batch, so there is nothing to be settled but labels.
_CLOSE_ABSTAIN = {"int8": 0.0, "bfloat16": 0.015, "float32": 0.0}
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
        logits: Windows to logits, float32, (windows, classes and then heads).
        exact_logits: The same computed in float32 throughout, for close calls; None where there is no such way.
        classes: For each model class 0 (negative), 1 (neutral) or 2 (positive).
        calibrations: How logits become probabilities, and from where on the model's word counts.
        languages: Languages it reads well; None where its card does not say, which is taken as all.
        languages_weak: Languages it reads so-so.
        way: ``packed`` or ``transformers``.
        close: Labels whose probabilities lie nearer to their border than this are decided by `exact_logits`.
        close_abstain: The same for whether to abstain.
        device: Where it computes: ``cpu``, ``cuda``, ``mps``.
        dtype: The number format it computes in: ``bfloat16``, ``float32``.
        heads: Names of the further heads, in the order of their logits.
        head_languages: Languages the heads learned; None where the card does not say, which is taken as all.
        features: Windows to what the last layer reads, float32, (windows, width); None where there is no such way.
        wide: The table of n-grams beside the network; None where the folder has none.
    """

    name: str
    encode: Callable[[Sequence[str]], list[Windows]]
    logits: Callable[[Sequence[Sequence[int]]], Tensor | Floats]
    exact_logits: Callable[[Sequence[Sequence[int]]], Tensor | Floats] | None
    classes: tuple[int, ...]
    calibrations: Calibrations
    languages: frozenset[str] | None
    languages_weak: frozenset[str]
    way: str
    close: float = 0.01
    close_abstain: float = 0.005
    device: str = "cpu"
    dtype: str = "float32"
    heads: tuple[str, ...] = ()
    head_languages: frozenset[str] | None = None
    features: Callable[[Sequence[Sequence[int]]], Floats] | None = None
    wide: Wide | None = None


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
    from tokenizers import Tokenizer

    positions = config.get("max_position_embeddings", _DEFAULT_MAX_TOKENS)
    try:
        limit = min(int(card.get("max_tokens") or positions), int(positions))
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        bert = Bert(config, _state(folder))
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        raise ModelError(
            f"{folder} does not hold a complete model: {error}. Copy or download it again."
        ) from error
    except ModelError:
        raise
    except Exception as error:  # the Rust tokenizer raises nothing more precise
        raise ModelError(
            f"cannot read {folder / 'tokenizer.json'}: {error}. Copy or download it again."
        ) from error
    engine = Engine(bert, arithmetic(whole=weights_file(folder).name == PACKED_WEIGHTS), threads=threads)
    heads = _heads(folder, card, bert.heads)
    tokenizer.no_padding()
    tokenizer.enable_truncation(limit, stride=min(OVERLAP_TOKENS, limit // 4))

    def encode(texts: Sequence[str]) -> list[Windows]:
        return [
            [e.ids, *(o.ids for o in e.overflowing)] if len(e.ids) >= limit else [e.ids]
            for e in tokenizer.encode_batch_fast(list(texts))
        ]

    careful = None if engine.arithmetic == "float32" else engine.exact_logits
    name = f"{card['name']}@{card['revision']}"
    return replace(
        model_of(name, encode, engine.logits, classes, card, "packed", careful),
        close=_CLOSE[engine.arithmetic],
        close_abstain=_CLOSE_ABSTAIN[engine.arithmetic],
        dtype=engine.arithmetic,
        heads=heads,
        head_languages=frozenset(map(str, taught)) if (taught := card.get("head_languages")) else None,
        features=engine.pooled,
        wide=_wide(folder, len(heads)),
    )


def _heads(folder: Path, card: Mapping[str, Any], rows: int) -> tuple[str, ...]:
    """Return the names of the heads; a model whose card names none has none."""
    names = tuple(map(str, card.get("heads") or ()))
    if names and len(names) != rows:
        raise ModelError(f"{folder}: the card names {len(names)} heads and the weights have {rows}")
    return names


def _wide(folder: Path, heads: int) -> Wide | None:
    try:
        wide = Wide.load(folder)
    except ValueError as error:
        raise ModelError(str(error)) from error
    if wide is not None and wide.heads not in {0, heads}:
        raise ModelError(f"{folder}: the wide table is for {wide.heads} heads and the model has {heads}")
    return wide


def _state(folder: Path) -> dict[str, Stored]:
    """Read the weights of a folder; those of a `HEAD_FILE` take the place of their namesakes."""
    weights = weights_file(folder)
    state = read(weights) if weights.name == PACKED_WEIGHTS else _tensors(weights)
    return state | _tensors(folder / HEAD_FILE) if (folder / HEAD_FILE).is_file() else state


def _tensors(path: Path) -> dict[str, Stored]:
    """Read an ordinary safetensors file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return {name: Stored(value.astype(np.float32)) for name, value in load_file(path).items()}
    except TypeError:  # numpy has no bfloat16
        from safetensors.torch import load_file as load_any

        return {name: Stored(value.float().numpy()) for name, value in load_any(path).items()}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"cannot read {path}: {error}. Copy or download the model again.") from error


def model_of(
    name: str,
    encode: Callable[[Sequence[str]], list[Windows]],
    logits: Callable[[Sequence[Sequence[int]]], Tensor | Floats],
    classes: tuple[int, ...],
    card: Mapping[str, Any],
    way: str,
    exact_logits: Callable[[Sequence[Sequence[int]]], Tensor | Floats] | None = None,
) -> Model:
    """Bring what was loaded and what the card says together."""
    languages = card.get("languages")
    return Model(
        name=name,
        encode=encode,
        logits=logits,
        exact_logits=exact_logits,
        classes=classes,
        calibrations=Calibrations.of_card(card),
        languages=None if languages is None else frozenset(map(str, languages)),
        languages_weak=frozenset(map(str, card.get("languages_weak") or ())),
        way=way,
    )
