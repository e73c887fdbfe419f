"""What both forward passes share: a BERT classifier's weights, and how texts are laid out for it; numpy only.

Posts are short and of uneven length. The usual batch pads them all to the longest one. Here posts lie end to end
without any padding, those of one length beside each other: every matrix is multiplied with real tokens alone, and
attention is computed over groups of one length, so it needs no mask either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentiment.weights import Floats, Stored

Linear = tuple[Stored, Floats]
Norm = tuple[Floats, Floats]


def unsupported_reason(config: Mapping[str, object]) -> str | None:
    """Say why a model's ``config.json`` does not fit the forward passes here; None if it does."""
    if config.get("model_type") != "bert":
        return f"the model type is {config.get('model_type')!r}"
    if config.get("architectures") != ["BertForSequenceClassification"]:
        return f"the architectures are {config.get('architectures')!r}"
    if config.get("hidden_act", "gelu") != "gelu":
        return f"the activation is {config.get('hidden_act')!r}"
    if config.get("position_embedding_type", "absolute") != "absolute":
        return "positions are not absolute"
    if config.get("is_decoder") or config.get("add_cross_attention"):
        return "it is a decoder"
    return None


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one encoder layer.

    Query, key and value are one matrix; the division by the root of a head's width is in the query's rows already.
    """

    qkv: Linear
    attention_out: Linear
    attention_norm: Norm
    up: Linear
    down: Linear
    norm: Norm


class Bert:
    """The weights of a BERT sequence classifier, in evaluation mode.

    Args:
        config: The model's ``config.json``; see `unsupported_reason`.
        state: Its weights by the names `transformers` uses, and the optional ``heads.weight`` and ``heads.bias``.

    Attributes:
        width: Numbers a token.
        attention_heads: Parts that attention splits them into.
        heads: Logits beside those of the classes: the rows of ``heads.weight``.

    Raises:
        KeyError: A weight is missing.
        ValueError: The classes and heads do not fit together.
    """

    def __init__(self, config: Mapping[str, object], state: Mapping[str, Stored]) -> None:
        self.attention_heads = _int(config, "num_attention_heads", 12)
        self.eps = _float(config, "layer_norm_eps", 1e-12)
        weights = {name.removeprefix("bert."): tensor for name, tensor in state.items()}
        self.words = weights["embeddings.word_embeddings.weight"]
        self.width = self.words.value.shape[1]
        # Every token of a single text is of kind 0, so that row joins the positions once and for all.
        kinds = weights["embeddings.token_type_embeddings.weight"].full()
        self.places: Floats = weights["embeddings.position_embeddings.weight"].full() + kinds[0]
        self.norm = _norm(weights, "embeddings.LayerNorm")
        factor = (self.width // self.attention_heads) ** -0.5
        self.layers = [_layer(weights, i, factor) for i in range(_int(config, "num_hidden_layers", 12))]
        self.pooler = _linear(weights, "pooler.dense")
        last = [_linear(weights, "classifier")]
        if "heads.weight" in weights:
            last.append(_linear(weights, "heads"))
        self._last_weight = np.concatenate([weight.full() for weight, _ in last]).astype(np.float64)
        self._last_bias = np.concatenate([bias for _, bias in last]).astype(np.float64)
        self.heads = sum(len(bias) for _, bias in last[1:])

    def logits(self, pooled: Floats) -> Floats:
        """Return the logits of the classes and, after them, of the heads, for pooled vectors."""
        # In float64: so short a sum costs nothing, and its rounding is gone whatever the number of rows.
        logits: Floats = (pooled.astype(np.float64) @ self._last_weight.T + self._last_bias).astype(np.float32)
        return logits


def _norm(weights: Mapping[str, Stored], name: str) -> Norm:
    return weights[f"{name}.weight"].full(), weights[f"{name}.bias"].full()


def _linear(weights: Mapping[str, Stored], name: str) -> Linear:
    return weights[f"{name}.weight"], weights[f"{name}.bias"].full()


def _layer(weights: Mapping[str, Stored], index: int, factor: float) -> Layer:
    prefix = f"encoder.layer.{index}"
    parts = [_linear(weights, f"{prefix}.attention.self.{name}") for name in ("query", "key", "value")]
    parts[0] = _times(parts[0], factor)
    return Layer(
        qkv=(_stacked([weight for weight, _ in parts]), np.concatenate([bias for _, bias in parts])),
        attention_out=_linear(weights, f"{prefix}.attention.output.dense"),
        attention_norm=_norm(weights, f"{prefix}.attention.output.LayerNorm"),
        up=_linear(weights, f"{prefix}.intermediate.dense"),
        down=_linear(weights, f"{prefix}.output.dense"),
        norm=_norm(weights, f"{prefix}.output.LayerNorm"),
    )


def _times(linear: Linear, factor: float) -> Linear:
    weight, bias = linear
    if weight.scale is None:
        return Stored(weight.full() * np.float32(factor)), bias * np.float32(factor)
    return Stored(weight.value, weight.scale * np.float32(factor)), bias * np.float32(factor)


def _stacked(parts: Sequence[Stored]) -> Stored:
    scales = [part.scale for part in parts if part.scale is not None]
    if len(scales) < len(parts):
        return Stored(np.concatenate([part.full() for part in parts]))
    return Stored(np.concatenate([part.value for part in parts]), np.concatenate(scales))


@dataclass(frozen=True, slots=True)
class Group:
    """So many sequences of one length that lie beside each other, from token `start` up to `end`."""

    start: int
    end: int
    count: int
    length: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences end to end, sorted by length.

    Attributes:
        ids: Token ids, (tokens,).
        positions: The place of each token in its own sequence.
        groups: Where the sequences of each length lie.
        first: The index of each sequence's first token.
        order: Which of the caller's sequences each of them is.
    """

    ids: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    groups: list[Group]
    first: npt.NDArray[np.int64]
    order: list[int]


def batches(sequences: Sequence[Sequence[int]], tokens: int) -> list[Batch]:
    """Lay sequences into batches of at most so many tokens, or of one sequence where that is longer.

    Args:
        sequences: Token ids; none empty.
        tokens: The budget of a batch.
    """
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    result: list[Batch] = []
    start = filled = 0
    for end, index in enumerate(order):
        filled += len(sequences[index])
        if filled > tokens and end > start:
            result.append(_batch(sequences, order[start:end]))
            start, filled = end, len(sequences[index])
    if start < len(order):
        result.append(_batch(sequences, order[start:]))
    return result


def _batch(sequences: Sequence[Sequence[int]], order: list[int]) -> Batch:
    lengths = np.array([len(sequences[i]) for i in order], dtype=np.int64)
    ends = np.cumsum(lengths)
    groups: list[Group] = []
    start = 0
    for length, count in zip(*np.unique(lengths, return_counts=True), strict=True):
        groups.append(Group(start, start + int(length * count), int(count), int(length)))
        start = groups[-1].end
    return Batch(
        ids=np.fromiter((token for i in order for token in sequences[i]), np.int64, start),
        positions=np.arange(start) - np.repeat(ends - lengths, lengths),
        groups=groups,
        first=ends - lengths,
        order=order,
    )


def _int(config: Mapping[str, object], key: str, default: int) -> int:
    """Read a whole number; files written by `transformers` leave out what equals its defaults."""
    value = config.get(key, default)
    return value if isinstance(value, int) else default


def _float(config: Mapping[str, object], key: str, default: float) -> float:
    value = config.get(key, default)
    return float(value) if isinstance(value, int | float) else default
