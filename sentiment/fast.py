"""A forward pass for BERT classifiers that wastes no work on padding.

Posts are short and of uneven length. The usual batch pads them all to the longest one; here whole posts are laid
end to end in rows of 64 tokens, and the attention mask keeps each post to itself. On a CPU with bfloat16 matrix
units the row length that is a multiple of 16 also doubles the speed of attention. The arithmetic is that of
`transformers.BertForSequenceClassification` in evaluation mode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 -- the name everyone in the field reads
from torch import Tensor

Floats = npt.NDArray[np.float32]

ROW_TOKENS = 64
"""Tokens a row holds; only a longer sequence gets a longer row."""
ROWS_PER_BATCH = 32
"""Rows computed together: 2,048 tokens keep one layer's values inside the processor's cache."""


def bfloat16_is_fast() -> bool:
    """Say whether this processor multiplies bfloat16 matrices in hardware (AMX or AVX512_BF16)."""
    checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, check, bool)()) for check in checks)


def unsupported_reason(config: Mapping[str, object]) -> str | None:
    """Say why a model's ``config.json`` does not fit this forward pass; None if it does."""
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
class _Layer:
    """The weights of one encoder layer; query, key and value are one matrix."""

    qkv: tuple[Tensor, Tensor]
    attention_out: tuple[Tensor, Tensor]
    attention_norm: tuple[Tensor, Tensor]
    up: tuple[Tensor, Tensor]
    down: tuple[Tensor, Tensor]
    norm: tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows of packed sequences, ready to compute.

    Attributes:
        ids: Token ids, (rows, row length), zero where a row is not filled.
        positions: The place of each token in its own sequence.
        mask: (rows, 1, row length, row length), True where a token may look at another.
        first: The flat index of each sequence's first token.
        order: Which of the caller's sequences each of them is.
    """

    ids: Tensor
    positions: Tensor
    mask: Tensor
    first: Tensor
    order: list[int]


class PackedBert:
    """A BERT sequence classifier over packed rows.

    Args:
        config: The model's ``config.json``; see `unsupported_reason`.
        state: Its weights by the names `transformers` uses.
        dtype: The arithmetic; None takes bfloat16 where the processor has it in hardware, else float32.
        threads: Batches computed at the same time. Each runs on one core, which costs the least processor time:
            splitting single operations over cores makes them wait for each other.

    Attributes:
        heads: Logits beside those of the classes: the rows of ``heads.weight``.

    Raises:
        KeyError: A weight is missing.
        ValueError: The classes and heads do not fit together.
    """

    def __init__(
        self,
        config: Mapping[str, object],
        state: Mapping[str, Tensor],
        *,
        dtype: torch.dtype | None = None,
        threads: int = 1,
    ) -> None:
        self._dtype = dtype or (torch.bfloat16 if bfloat16_is_fast() else torch.float32)
        self._threads = threads
        self._heads = _int(config, "num_attention_heads", 12)
        self._eps = _float(config, "layer_norm_eps", 1e-12)
        weights = {name.removeprefix("bert."): tensor for name, tensor in state.items()}
        self._words = self._take(weights, "embeddings.word_embeddings.weight")
        kinds = self._take(weights, "embeddings.token_type_embeddings.weight")
        # Every token of a single text is of kind 0, so that row joins the positions once and for all.
        self._places = self._take(weights, "embeddings.position_embeddings.weight") + kinds[0]
        self._norm = self._pair(weights, "embeddings.LayerNorm")
        self._layers = [self._layer(weights, i) for i in range(_int(config, "num_hidden_layers", 12))]
        self._pooler = self._pair(weights, "pooler.dense")
        last = [_last_layer(weights, "classifier")]
        if "heads.weight" in weights:
            last.append(_last_layer(weights, "heads"))
        self._last = np.concatenate([part[0] for part in last]), np.concatenate([part[1] for part in last])
        self.heads = sum(len(part[1]) for part in last[1:])

    @property
    def dtype(self) -> torch.dtype:
        """The arithmetic in use."""
        return self._dtype

    def _take(self, weights: Mapping[str, Tensor], name: str) -> Tensor:
        return weights[name].to(self._dtype).contiguous()

    def _pair(self, weights: Mapping[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
        return self._take(weights, f"{name}.weight"), self._take(weights, f"{name}.bias")

    def _layer(self, weights: Mapping[str, Tensor], index: int) -> _Layer:
        prefix = f"encoder.layer.{index}"
        parts = [self._pair(weights, f"{prefix}.attention.self.{name}") for name in ("query", "key", "value")]
        return _Layer(
            qkv=(torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])),
            attention_out=self._pair(weights, f"{prefix}.attention.output.dense"),
            attention_norm=self._pair(weights, f"{prefix}.attention.output.LayerNorm"),
            up=self._pair(weights, f"{prefix}.intermediate.dense"),
            down=self._pair(weights, f"{prefix}.output.dense"),
            norm=self._pair(weights, f"{prefix}.output.LayerNorm"),
        )

    def logits(self, sequences: Sequence[Sequence[int]]) -> Floats:
        """Compute the logits of the classes and, after them, of the heads.

        Args:
            sequences: Token ids of each text with its special tokens; none empty, none longer than the model's
                positions.

        Returns:
            float32, (sequences, classes and heads), in their order.
        """
        # In float64: so short a sum costs nothing, and its rounding is gone whatever the number of rows.
        weight, bias = self._last
        logits: Floats = (self.pooled(sequences).astype(np.float64) @ weight.T + bias).astype(np.float32)
        return logits

    def pooled(self, sequences: Sequence[Sequence[int]]) -> Floats:
        """Compute what the last layer reads: the pooled vector of each sequence, float32, (sequences, width)."""
        result = np.empty((len(sequences), len(self._pooler[1])), dtype=np.float32)
        batches = list(_batches(sequences))
        if self._threads > 1 and len(batches) > 1:
            with ThreadPoolExecutor(self._threads) as pool:
                for order, values in pool.map(self._run, batches):
                    result[order] = values.numpy()
        else:
            for batch in batches:
                order, values = self._run(batch)
                result[order] = values.numpy()
        return result

    @torch.inference_mode()
    def _run(self, batch: _Batch) -> tuple[list[int], Tensor]:
        hidden = F.embedding(batch.ids, self._words) + F.embedding(batch.positions, self._places)
        hidden = self._normalise(hidden.view(-1, hidden.shape[-1]), self._norm)
        for layer in self._layers[:-1]:
            hidden = self._step(hidden, layer, batch.mask, None)
        # Only the first token of each sequence is classified: the last layer need not finish the others.
        hidden = self._step(hidden, self._layers[-1], batch.mask, batch.first)
        return batch.order, torch.tanh(F.linear(hidden, *self._pooler)).float()

    def _step(self, hidden: Tensor, layer: _Layer, mask: Tensor, only: Tensor | None) -> Tensor:
        rows, width = mask.shape[0], mask.shape[-1]
        size = hidden.shape[-1]
        split = F.linear(hidden, *layer.qkv).view(rows, width, 3, self._heads, size // self._heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed = mixed.transpose(1, 2).reshape(-1, size)
        if only is not None:
            mixed, hidden = mixed[only], hidden[only]
        hidden = self._normalise(hidden + F.linear(mixed, *layer.attention_out), layer.attention_norm)
        wide = F.gelu(F.linear(hidden, *layer.up))
        return self._normalise(hidden + F.linear(wide, *layer.down), layer.norm)

    def _normalise(self, hidden: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
        return F.layer_norm(hidden, (hidden.shape[-1],), weights[0], weights[1], self._eps)


def _last_layer(
    weights: Mapping[str, Tensor], name: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return weights[f"{name}.weight"].double().numpy(), weights[f"{name}.bias"].double().numpy()


def pack(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Lay sequences into rows: longest first, each into the fullest row that still has room.

    Args:
        lengths: Tokens of each sequence, none above the capacity.
        capacity: Tokens a row holds.

    Returns:
        For each row the indices of its sequences.
    """
    rows: list[list[int]] = []
    by_room: list[list[int]] = [[] for _ in range(capacity + 1)]
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        length = lengths[index]
        room = next((r for r in range(length, capacity) if by_room[r]), capacity)
        if room == capacity:
            rows.append([])
            row = len(rows) - 1
        else:
            row = by_room[room].pop()
        rows[row].append(index)
        by_room[room - length].append(row)
    return rows


def _batches(sequences: Sequence[Sequence[int]]) -> list[_Batch]:
    """Pack the sequences into batches of rows; short and long ones apart."""
    batches: list[_Batch] = []
    for chosen in (
        [i for i, ids in enumerate(sequences) if len(ids) <= ROW_TOKENS],
        [i for i, ids in enumerate(sequences) if len(ids) > ROW_TOKENS],
    ):
        if not chosen:
            continue
        lengths = [len(sequences[i]) for i in chosen]
        width = max(*lengths, min(ROW_TOKENS, sum(lengths)))
        width = -(-width // 16) * 16
        rows = [[chosen[k] for k in row] for row in pack(lengths, width)]
        # A batch of wider rows holds fewer of them, so that it keeps its number of tokens.
        step = max(1, ROWS_PER_BATCH * ROW_TOKENS // width)
        batches += [_batch(sequences, rows[i : i + step], width) for i in range(0, len(rows), step)]
    return batches


def _batch(sequences: Sequence[Sequence[int]], rows: list[list[int]], width: int) -> _Batch:
    ids: list[int] = []
    positions: list[int] = []
    owners: list[int] = []
    first: list[int] = []
    order: list[int] = []
    for number, row in enumerate(rows):
        start = number * width
        for index in row:
            sequence = sequences[index]
            first.append(len(ids))
            order.append(index)
            ids += sequence
            positions += range(len(sequence))
            owners += [index] * len(sequence)
        spare = start + width - len(ids)
        ids += [0] * spare
        positions += [0] * spare
        owners += [-1] * spare
    shape = (len(rows), width)
    owner = torch.tensor(owners).view(shape)
    return _Batch(
        ids=torch.tensor(ids).view(shape),
        positions=torch.tensor(positions).view(shape),
        mask=(owner.unsqueeze(2) == owner.unsqueeze(1)).unsqueeze(1),
        first=torch.tensor(first),
        order=order,
    )


def _int(config: Mapping[str, object], key: str, default: int) -> int:
    """Read a whole number; files written by `transformers` leave out what equals its defaults."""
    value = config.get(key, default)
    return value if isinstance(value, int) else default


def _float(config: Mapping[str, object], key: str, default: float) -> float:
    value = config.get(key, default)
    return float(value) if isinstance(value, int | float) else default
