"""A forward pass for BERT classifiers that wastes no work on padding, in the processor's best arithmetic.

The steps are those of `transformers.BertForSequenceClassification` in evaluation mode. With ``int8`` every matrix
is multiplied in whole numbers: weights are rounded once per output channel, activations at each step per token (a
scale and an offset each), so that no text changes what another one is rounded to.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 -- the name everyone in the field reads
from torch import Tensor

from sentiment.bert import Batch, Bert, Layer, Linear, Norm, batches, unsupported_reason
from sentiment.weights import Floats

__all__ = ["PackedBert", "bfloat16_is_fast", "int8_is_fast", "unsupported_reason"]

TOKENS_PER_BATCH = 512
"""Tokens computed together: few enough for one layer's values to stay near the processor."""
_LEAST_ROWS = 16
_VECTOR = 16
_TAIL = 8  # bytes after a row of codes: its scale and its lowest value, float32 each

Step = Callable[[Tensor], Tensor]


def bfloat16_is_fast() -> bool:
    """Say whether this processor multiplies bfloat16 matrices in hardware (AMX or AVX512_BF16)."""
    checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, check, bool)()) for check in checks)


@cache
def int8_is_fast() -> bool:
    """Try whether this processor and this build of torch multiply whole numbers right, and faster than float32.

    Without the instructions for it the same call may saturate or take a thousand times as long.
    """
    codes = torch.full((64, 384), 255, dtype=torch.uint8)
    weight = torch.full((384, 384), 127, dtype=torch.int8)
    scale = torch.ones(384)
    try:
        multiply = _whole(weight, scale)
        if not bool((multiply(codes) == 255 * 127 * 384).all()):
            return False
        torch.ops.quantized.embedding_bag_byte_prepack(torch.ones(1, 8))
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    numbers = weight.float()
    real = torch.ones(64, 384)
    return _least_seconds(lambda: multiply(codes)) < _least_seconds(lambda: F.linear(real, numbers))


def _least_seconds(work: Callable[[], object]) -> float:
    least = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - start)
    return least


def _whole(weight: Tensor, scale: Tensor) -> Step:
    """Return the product of uint8 rows with an int8 matrix, times the scale of each of its rows, as float32."""
    packed = torch.ops.onednn.qlinear_prepack(weight, None)
    zeros = torch.zeros(len(scale), dtype=torch.int64)
    multiply = torch.ops.onednn.qlinear_pointwise

    def product(codes: Tensor) -> Tensor:
        result: Tensor = multiply(
            codes, 1.0, 0, packed, scale, zeros, None, 1.0, 0, torch.float32, "none", [], "none"
        )
        return result

    return product


class PackedBert:
    """A BERT sequence classifier over sequences laid end to end.

    Args:
        bert: Its weights.
        arithmetic: ``int8``, ``bfloat16`` or ``float32``.
        threads: Batches computed at the same time. Each runs on one core, which costs the least processor time:
            splitting single operations over cores makes them wait for each other.
    """

    def __init__(self, bert: Bert, arithmetic: str = "float32", *, threads: int = 1) -> None:
        self._bert = bert
        self._threads = threads
        self._dtype = torch.bfloat16 if arithmetic == "bfloat16" else torch.float32
        self._whole = arithmetic == "int8"
        self._words = torch.from_numpy(np.ascontiguousarray(bert.words.value))
        self._word_scale = None if bert.words.scale is None else torch.from_numpy(bert.words.scale)
        self._places = torch.from_numpy(bert.places)
        self._norm = self.normaliser(bert.norm)
        self._layers = [_Layer(self, layer) for layer in bert.layers]
        self._pooler = _float_linear(bert.pooler, torch.float64)

    def logits(self, sequences: Sequence[Sequence[int]]) -> Floats:
        """Compute the logits of the classes and, after them, of the heads.

        Args:
            sequences: Token ids of each text with its special tokens; none empty, none longer than the model's
                positions.

        Returns:
            float32, (sequences, classes and heads), in their order.
        """
        return self._bert.logits(self.pooled(sequences))

    def pooled(self, sequences: Sequence[Sequence[int]]) -> Floats:
        """Compute what the last layer reads: the pooled vector of each sequence, float32, (sequences, width)."""
        result = np.empty((len(sequences), self._bert.width), dtype=np.float32)
        # Long ones first, so that no core is left with a large batch at the end.
        work = batches(sequences, TOKENS_PER_BATCH)[::-1]
        with _one_core_a_thread():
            if self._threads > 1 and len(work) > 1:
                with ThreadPoolExecutor(self._threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                    for batch, values in zip(work, pool.map(self._run, work), strict=True):
                        result[batch.order] = values
            else:
                for batch in work:
                    result[batch.order] = self._run(batch)
        return result

    @torch.inference_mode()
    def _run(self, batch: Batch) -> Floats:
        ids, positions, first = (_filled_up(part) for part in (batch.ids, batch.positions, batch.first))
        hidden = self._words[ids].float()
        if self._word_scale is not None:
            hidden *= self._word_scale[ids].unsqueeze(1)
        hidden = self._norm(hidden.add_(self._places[positions]).to(self._dtype))
        for layer in self._layers[:-1]:
            hidden = layer.step(hidden, batch, None)
        # Only the first token of each sequence is classified: the last layer need not finish the others.
        hidden = self._layers[-1].step(hidden, batch, first)[: len(batch.order)]
        # In float64, like the last layer: its rounding would differ with the number of rows.
        pooled: Floats = torch.tanh(self._pooler(hidden.double())).float().numpy()
        return pooled

    def linear(self, weights: Linear) -> Step:
        """Return a linear step in this model's arithmetic."""
        if self._whole:
            return _whole_linear(weights) if int8_is_fast() else _rounded_linear(weights)
        return _float_linear(weights, self._dtype)

    def normaliser(self, weights: Norm) -> Step:
        """Return a layer normalisation in this model's arithmetic."""
        weight, bias = (torch.from_numpy(part).to(self._dtype) for part in weights)
        shape, eps = (len(bias),), self._bert.eps
        return lambda hidden: F.layer_norm(hidden, shape, weight, bias, eps)

    @property
    def attention_heads(self) -> int:
        """Parts that attention splits each vector into."""
        return self._bert.attention_heads


class _Layer:
    """One encoder layer, ready to compute."""

    def __init__(self, of: PackedBert, weights: Layer) -> None:
        self._heads = of.attention_heads
        self._qkv, self._out = of.linear(weights.qkv), of.linear(weights.attention_out)
        self._up, self._down = of.linear(weights.up), of.linear(weights.down)
        self._attention_norm, self._norm = of.normaliser(weights.attention_norm), of.normaliser(weights.norm)

    def step(self, hidden: Tensor, batch: Batch, only: Tensor | None) -> Tensor:
        """Compute the layer, at the end only for the tokens asked for."""
        mixed = self._attend(self._qkv(hidden), batch)
        if only is not None:
            mixed, hidden = mixed[only], hidden[only]
        hidden = self._attention_norm(self._out(mixed).add_(hidden))
        wide = torch.ops.aten.gelu_(self._up(hidden))
        return self._norm(self._down(wide).add_(hidden))

    def _attend(self, joined: Tensor, batch: Batch) -> Tensor:
        size = joined.shape[1] // 3
        mixed = joined.new_zeros(joined.shape[0], size)
        for group in batch.groups:
            shape = (group.count, group.length, 3, self._heads, size // self._heads)
            parts = joined[group.start : group.end].view(shape).permute(2, 0, 3, 1, 4)
            # In float32: the products are small, and for bfloat16 code would be made for every shape.
            attended = _attention(*parts.to(torch.float32, memory_format=torch.contiguous_format).flatten(1, 2))
            attended = attended.view(group.count, self._heads, group.length, -1).transpose(1, 2)
            mixed[group.start : group.end].view(attended.shape).copy_(attended)
        return mixed


_COMPUTING = threading.Lock()
_computing: list[int] = []


@contextmanager
def _one_core_a_thread() -> Iterator[None]:
    """Keep single operations on one core; other models of this process get their cores back afterwards."""
    with _COMPUTING:
        _computing.append(torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _COMPUTING:  # the last one out puts back what the first one found
            usual = _computing[0]
            _computing.pop()
            if not _computing:
                torch.set_num_threads(usual)


def _attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attend within sequences of one length, each (sequences and heads, length, width)."""
    length = key.shape[1]
    # A softmax over fewer numbers than the processor takes at once is slow.
    spare = max(0, _VECTOR - length)
    if spare:
        key, value = F.pad(key, (0, 0, 0, spare)), F.pad(value, (0, 0, 0, spare))
    scores = torch.bmm(query, key.transpose(1, 2))
    if spare:
        scores[:, :, length:] = -torch.inf
    return torch.bmm(torch.softmax(scores, -1), value)


def _filled_up(numbers: npt.NDArray[np.int64]) -> Tensor:
    """Append zeros up to one of few sizes: code for a size of matrix is made at its first use, in milliseconds."""
    size = len(numbers)
    wanted = max(_LEAST_ROWS, 1 << (size - 1).bit_length()) if size <= TOKENS_PER_BATCH else size
    return F.pad(torch.from_numpy(numbers), (0, wanted - size))


def _float_linear(weights: Linear, dtype: torch.dtype) -> Step:
    weight, bias = torch.from_numpy(weights[0].full()).to(dtype), torch.from_numpy(weights[1]).to(dtype)
    return lambda hidden: F.linear(hidden, weight, bias)


def _whole_linear(weights: Linear) -> Step:
    codes, scale = (torch.from_numpy(part) for part in weights[0].codes())
    bias, sums = torch.from_numpy(weights[1]), codes.sum(1) * scale
    product = _whole(codes, scale)
    round_rows = torch.ops.quantized.embedding_bag_byte_prepack

    def step(hidden: Tensor) -> Tensor:
        rounded = round_rows(hidden)
        tail = rounded[:, -_TAIL:].contiguous().view(torch.float32)
        result = product(rounded[:, :-_TAIL].contiguous())
        # x = code x scale + lowest, so x W = (code W) x scale + lowest x (the sum of each of W's rows).
        torch.addcmul(bias, result, tail[:, :1], out=result)
        return result.addcmul_(tail[:, 1:], sums)

    return step


def _rounded_linear(weights: Linear) -> Step:
    """The same numbers as `_whole_linear` but for the last bits, on processors without the instructions."""
    codes, scale = weights[0].codes()
    weight, bias = torch.from_numpy(codes * scale[:, None]), torch.from_numpy(weights[1])
    there = torch.ops.quantized.embedding_bag_byte_prepack
    back = torch.ops.quantized.embedding_bag_byte_unpack
    return lambda hidden: F.linear(back(there(hidden)), weight, bias)
