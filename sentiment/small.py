"""The forward pass for a handful of texts, in numpy alone: done before torch would have been imported.

Float32 throughout; the arithmetic is that of `sentiment.fast`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sentiment.bert import Batch, Bert, Layer, Linear, Norm, batches
from sentiment.weights import Floats

_TOKENS_PER_BATCH = 256
_ROOT_HALF = np.float32(0.5**0.5)
# Abramowitz and Stegun 7.1.26: the error function within 1.5e-7.
_ERF = tuple(map(np.float32, (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)))
_ERF_STEP = np.float32(0.3275911)

Step = Callable[[Floats], Floats]


class SmallBert:
    """A BERT sequence classifier that needs no torch.

    Args:
        bert: Its weights.
    """

    def __init__(self, bert: Bert) -> None:
        self._bert = bert
        self._layers = [_Layer(bert, layer) for layer in bert.layers]
        self._pooler = bert.pooler[0].full().astype(np.float64).T, bert.pooler[1].astype(np.float64)

    def pooled(self, sequences: Sequence[Sequence[int]]) -> Floats:
        """Compute what the last layer reads; see `sentiment.fast.PackedBert.pooled`."""
        result = np.empty((len(sequences), self._bert.width), dtype=np.float32)
        for batch in batches(sequences, _TOKENS_PER_BATCH):
            result[batch.order] = self._run(batch)
        return result

    def _run(self, batch: Batch) -> Floats:
        words = self._bert.words
        hidden = words.value[batch.ids].astype(np.float32)
        if words.scale is not None:
            hidden *= words.scale[batch.ids, None]
        hidden = _normalised(hidden + self._bert.places[batch.positions], self._bert.norm, self._bert.eps)
        for layer in self._layers[:-1]:
            hidden = layer.step(hidden, batch)
        hidden = self._layers[-1].step(hidden, batch, last=True)
        weight, bias = self._pooler
        pooled: Floats = np.tanh(hidden.astype(np.float64) @ weight + bias).astype(np.float32)
        return pooled


class _Layer:
    def __init__(self, bert: Bert, weights: Layer) -> None:
        self._heads, self._eps, self._weights = bert.attention_heads, bert.eps, weights
        self._qkv, self._out = _linear(weights.qkv), _linear(weights.attention_out)
        self._up, self._down = _linear(weights.up), _linear(weights.down)

    def step(self, hidden: Floats, batch: Batch, *, last: bool = False) -> Floats:
        """Compute the layer, at the end only for each sequence's first token."""
        mixed = self._attend(self._qkv(hidden), batch)
        if last:
            mixed, hidden = mixed[batch.first], hidden[batch.first]
        hidden = _normalised(self._out(mixed) + hidden, self._weights.attention_norm, self._eps)
        return _normalised(self._down(_gelu(self._up(hidden))) + hidden, self._weights.norm, self._eps)

    def _attend(self, joined: Floats, batch: Batch) -> Floats:
        size = joined.shape[1] // 3
        mixed = np.empty((len(joined), size), dtype=np.float32)
        for group in batch.groups:
            shape = (group.count, group.length, 3, self._heads, size // self._heads)
            query, key, value = joined[group.start : group.end].reshape(shape).transpose(2, 0, 3, 1, 4)
            scores = query @ key.transpose(0, 1, 3, 2)
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=-1, keepdims=True)
            mixed[group.start : group.end] = (scores @ value).transpose(0, 2, 1, 3).reshape(-1, size)
        return mixed


def _linear(weights: Linear) -> Step:
    weight, bias = weights[0].full().T, weights[1]
    return lambda hidden: hidden @ weight + bias


def _normalised(hidden: Floats, weights: Norm, eps: float) -> Floats:
    hidden = hidden - hidden.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.mean(hidden * hidden, axis=1, keepdims=True) + np.float32(eps))
    result: Floats = hidden / spread * weights[0] + weights[1]
    return result


def _gelu(numbers: Floats) -> Floats:
    scaled = np.abs(numbers) * _ROOT_HALF
    step = 1 / (1 + _ERF_STEP * scaled)
    series = step * _ERF[0]
    for factor in _ERF[1:]:
        series += factor
        series *= step
    error = np.copysign(1 - series * np.exp(-scaled * scaled), numbers)
    result: Floats = np.float32(0.5) * numbers * (1 + error)
    return result
