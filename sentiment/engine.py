"""Computes a BERT classifier by the way that is ready first: in numpy at the beginning, then with torch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

from sentiment.bert import Bert
from sentiment.weights import Floats

if TYPE_CHECKING:
    from sentiment.fast import PackedBert
    from sentiment.small import SmallBert

SMALL_TOKENS = 3000
"""So many tokens are computed in numpy, in the time that the import of torch takes; more are worth the import."""

Sequences = Sequence[Sequence[int]]


class Engine:
    """A BERT classifier that may be asked from several threads.

    Args:
        bert: Its weights.
        arithmetic: ``bfloat16``, ``int8`` or ``float32``.
        threads: Cores to use.
    """

    def __init__(self, bert: Bert, arithmetic: str, *, threads: int = 1) -> None:
        self.arithmetic = arithmetic
        self._bert = bert
        self._threads = threads
        # Numpy computes in float32: bfloat16 follows that within `sentiment.transformer.TOLERANCE`, int8 does not.
        self._left = SMALL_TOKENS if arithmetic != "int8" else 0
        self._small: SmallBert | None = None
        self._packed: dict[str, PackedBert] = {}
        self._lock = Lock()

    def logits(self, sequences: Sequences) -> Floats:
        """Compute the logits of the classes and, after them, of the heads; float32, (sequences, logits)."""
        return self._bert.logits(self.pooled(sequences))

    def exact_logits(self, sequences: Sequences) -> Floats:
        """Compute them in float32 throughout."""
        return self._bert.logits(self._ready("float32", sequences).pooled(sequences))

    def pooled(self, sequences: Sequences) -> Floats:
        """Compute what the last layer reads; float32, (sequences, width)."""
        return self._ready(self.arithmetic, sequences).pooled(sequences)

    def _ready(self, arithmetic: str, sequences: Sequences) -> SmallBert | PackedBert:
        with self._lock:
            if "torch" not in sys.modules:
                self._left -= sum(map(len, sequences))
                if self._left >= 0:
                    from sentiment.small import SmallBert

                    self._small = self._small or SmallBert(self._bert)
                    return self._small
            if arithmetic not in self._packed:
                from sentiment.fast import PackedBert

                self._packed[arithmetic] = PackedBert(self._bert, arithmetic, threads=self._threads)
            return self._packed[arithmetic]
