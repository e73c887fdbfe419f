"""The wide half of the model: a linear classifier over hashed character n-grams, beside the deep half.

A small encoder that reads many languages knows few of their words; a table of character n-grams learns them from
the same rows and errs elsewhere, so the two together are better than either ("wide and deep", Cheng et al. 2016;
feature hashing: Weinberger et al. 2009). Everything is numpy over whole batches.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

WIDE_FILE = "wide.safetensors"
MAX_CHARACTERS = 2_000
"""Characters of a text that are counted; what follows is left to the deep half."""
_BATCH = 64
"""Texts counted together: few enough for their n-grams to stay near the processor."""
_CLASSES = 3
_LONGEST = 5
_FIRST_IDEOGRAPH, _LAST_IDEOGRAPH = 0x3040, 0x9FFF  # kana and ideographs: scripts where a character can be a word
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Grams:
    """The distinct n-grams of some texts, as buckets of the table.

    Attributes:
        buckets: Bucket of each n-gram, text after text.
        starts: Where each text begins in `buckets`.
        counts: How many distinct n-grams each text has.
    """

    buckets: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


def grams(texts: Sequence[str], bits: int, fold: Mapping[int, int]) -> Grams:
    """Hash the character n-grams of texts: one to four characters from an ideograph on, else two to five.

    Args:
        texts: As the model reads them, see `sentiment.text.model_text`.
        bits: The table has two to the power of `bits` buckets.
        fold: Characters that count as another one (code points): traditional as simplified.
    """
    framed = [f" {text[:MAX_CHARACTERS].lower()} ".translate(fold) for text in texts]
    lengths = np.array([len(text) for text in framed], dtype=np.int64)
    joined = "".join(framed).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(joined, dtype=np.uint32).astype(np.uint64)
    owner = np.repeat(np.arange(len(framed)), lengths)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(codes))
    ideograph = (codes >= _FIRST_IDEOGRAPH) & (codes <= _LAST_IDEOGRAPH)
    keys = []
    state = np.zeros(len(codes), dtype=np.uint64)
    for order in range(1, min(_LONGEST, len(codes)) + 1):
        ahead = np.zeros(len(codes), dtype=np.uint64)
        ahead[: len(codes) - order + 1] = codes[order - 1 :]
        state = state * _PRIME + ahead + np.uint64(77 * order)
        kept = left >= order
        if order in (1, _LONGEST):
            kept &= ideograph if order == 1 else ~ideograph
        mixed = (state[kept] ^ (state[kept] >> np.uint64(29))) * _MIX
        # One number for text and bucket, so that one sort finds what is distinct in each text.
        keys.append((owner[kept] << bits) | (mixed >> np.uint64(64 - bits)).astype(np.int64))
    ordered = np.sort(np.concatenate(keys))  # forty times as fast as np.unique
    distinct = ordered[np.diff(ordered, prepend=-1) != 0]
    counts = np.bincount(distinct >> bits, minlength=len(framed))
    return Grams(distinct & ((1 << bits) - 1), np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)


class Wide:
    """The table in memory. Use `load`.

    Languages learned together share three columns, one a sentiment; the others never disturb them.

    Args:
        table: (buckets, columns) int8: three columns a group of languages, then one a further head.
        scale: (columns,) what one step of the table is worth.
        bias: (columns,).
        groups: Base language code to group number; a language that is not listed is in group 0.
        fold: See `grams`.

    Raises:
        ValueError: The number of buckets is not a power of two, or the shapes do not fit.
    """

    def __init__(
        self,
        table: npt.NDArray[np.int8],
        scale: Floats,
        bias: Floats,
        groups: Mapping[str, int],
        fold: Mapping[int, int],
    ) -> None:
        buckets, columns = table.shape
        sentiment = _CLASSES * (1 + max(groups.values(), default=0))
        if buckets & (buckets - 1) or scale.shape != (columns,) or bias.shape != (columns,) or columns < sentiment:
            raise ValueError(f"a table of shape {table.shape}, scales {scale.shape}, bias {bias.shape}")
        self._table, self._scale, self._bias = table, scale, bias
        self._bits = buckets.bit_length() - 1
        self._groups, self._fold = dict(groups), dict(fold)
        self._heads_from = sentiment

    @property
    def heads(self) -> int:
        """How many further heads have a column."""
        return int(self._table.shape[1]) - self._heads_from

    def with_heads_scaled(self, factors: Floats) -> Wide:
        """Return the same table with each head's logits multiplied by a factor, (heads,)."""
        every = np.concatenate([np.ones(self._heads_from, dtype=np.float32), factors])
        return Wide(self._table, self._scale * every, self._bias * every, self._groups, self._fold)

    @classmethod
    def load(cls, folder: Path) -> Wide | None:
        """Read the table of a model folder; None where it has none.

        Raises:
            ValueError: The file is damaged; says what is wrong.
        """
        from safetensors import SafetensorError, safe_open

        path = folder / WIDE_FILE
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                facts = json.loads((file.metadata() or {})["wide"])
                table, scale, bias = (file.get_tensor(name) for name in ("table", "scale", "bias"))
            fold = dict(zip(map(ord, facts["fold_from"]), map(ord, facts["fold_to"]), strict=True))
            return cls(table, scale, bias, facts["groups"], fold)
        except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            raise ValueError(f"{path} is damaged: {error}. Copy or download the model again.") from error

    def save(self, folder: Path) -> None:
        """Write the table into a model folder; `load` gives it back."""
        from safetensors.numpy import save

        facts = {
            "groups": self._groups,
            "fold_from": "".join(map(chr, self._fold)),
            "fold_to": "".join(map(chr, self._fold.values())),
        }
        tensors: dict[str, npt.NDArray[Any]] = {"table": self._table, "scale": self._scale, "bias": self._bias}
        (folder / WIDE_FILE).write_bytes(save(tensors, metadata={"wide": json.dumps(facts)}))

    def logits(self, texts: Sequence[str], languages: Sequence[str]) -> Floats:
        """Say what the n-grams of texts speak for.

        The sum of a text's n-gram weights is divided by the root of their number, as for rows of unit length. A
        text scores the same in any batch.

        Args:
            texts: As the model reads them.
            languages: The language of each, as `sentiment.language.detect` says it.

        Returns:
            float32 (texts, 3 + heads): the sentiments by the columns of the text's language, then the heads.
        """
        columns = np.arange(self._table.shape[1])
        heads = columns[self._heads_from :]
        result = np.empty((len(texts), _CLASSES + len(heads)), dtype=np.float32)
        group = np.array([self._groups.get(code.partition("-")[0], 0) for code in languages], dtype=np.int64)
        for start in range(0, len(texts), _BATCH):
            rows = slice(start, start + _BATCH)
            found = grams(texts[rows], self._bits, self._fold)
            # Whole numbers add up exactly, so neither order nor company changes a sum.
            picked = np.vstack([self._table[found.buckets], np.zeros_like(self._table[:1])]).astype(np.int32)
            sums = np.add.reduceat(picked, found.starts, axis=0)
            sums[found.counts == 0] = 0
            every = sums / np.sqrt(np.maximum(found.counts, 1))[:, None] * self._scale + self._bias
            own = group[rows, None] * _CLASSES + np.arange(_CLASSES)
            result[rows, :_CLASSES] = np.take_along_axis(every, own, axis=1)
            result[rows, _CLASSES:] = every[:, heads]
        return result
