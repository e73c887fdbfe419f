"""Fit the wide half: logistic regression over hashed n-grams, one a group of languages, packed as int8 columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sentiment.train.data import SOURCES, Row
from sentiment.wide import Wide, grams

BITS = 18
"""Two to the power of it are the buckets of the table: 262,144."""
GROUPS: dict[str, tuple[str, ...]] = {
    "latin": ("arabic", "french", "german", "hindi", "italian", "portuguese", "spanish"),
    "english": ("en", "airline"),
    "ideographs": ("zh_weibo", "zh_reviews", "zh_shopping", "zh_waimai", "yue", "ja"),
    "malay": ("indonesian", "malay"),
}
"""Sources learned together. Small files gain from their neighbours; a large one would drown them."""
GROUP_OF = {
    **dict.fromkeys(("ar", "fr", "de", "hi", "it", "pt", "es"), 1),
    **dict.fromkeys(("zh", "yue", "ja"), 2),
    **dict.fromkeys(("id", "ms"), 3),
}
_ORDER = ("english", "latin", "ideographs", "malay")
_WEIGHT = {"airline": 0.3, "zh_reviews": 2.0, "ja": 1.5} | {s.name: s.weight for s in SOURCES}
STRENGTH = {"english": 4.0, "latin": 5.0, "ideographs": 4.0, "malay": 4.0}
"""Inverse of the regularisation, chosen on the development sets."""
_SHOPPING = 25_000
_ITERATIONS = 60

Sparse = npt.NDArray[np.float32]


def folded(vocabulary: Sequence[str], simplify: Callable[[str], str]) -> dict[int, int]:
    """Map each traditional character of the vocabulary to its simplified form, as code points."""
    pairs = ((token, simplify(token)) for token in vocabulary if len(token) == 1 and "\u3400" <= token <= "\u9fff")
    return {ord(old): ord(new) for old, new in pairs if old != new and len(new) == 1}


def design(texts: Sequence[str], fold: Mapping[int, int]) -> object:
    """Return the rows of n-grams of texts, each of unit length, as a sparse matrix (texts, buckets)."""
    from scipy.sparse import csr_matrix, vstack

    parts = []
    for start in range(0, len(texts), 4_000):
        found = grams(texts[start : start + 4_000], BITS, fold)
        values = np.repeat(1 / np.sqrt(np.maximum(found.counts, 1)), found.counts).astype(np.float32)
        ends = np.append(found.starts, len(found.buckets))
        parts.append(csr_matrix((values, found.buckets, ends), shape=(len(found.counts), 1 << BITS)))
    return vstack(parts).tocsr()


def fit_wide(
    train: Mapping[str, Sequence[Row]],
    fold: Mapping[int, int],
    seed: int,
    report: Callable[[str], None],
) -> Wide:
    """Fit one regression a group and pack them side by side.

    Args:
        train: Training rows by source name; sources that `GROUPS` does not list are passed over.
        fold: See `folded`.
        seed: Draws the sample of shop reviews.
        report: Receives a line a group.
    """
    from sklearn.linear_model import LogisticRegression

    columns, biases = [], []
    for name in _ORDER:
        texts, labels, weights = _rows(train, GROUPS[name], seed)
        model = LogisticRegression(C=STRENGTH[name], max_iter=_ITERATIONS, tol=1e-3)
        model.fit(design(texts, fold), labels, sample_weight=weights)
        report(f"wide, {name}: {len(texts)} rows, {int(model.n_iter_[0])} steps")
        columns.append(model.coef_)
        biases.append(model.intercept_)
    return packed(np.concatenate(columns), np.concatenate(biases), fold)


def packed(weights: npt.NDArray[np.float64], bias: npt.NDArray[np.float64], fold: Mapping[int, int]) -> Wide:
    """Round weights (columns, buckets) to int8 steps, one step size a column.

    The few largest weights are cut at the 99.99th percentile of what is not zero: else the steps grow coarse.
    """
    limits = np.array([np.quantile(np.abs(column[column != 0]), 0.9999) for column in weights])
    scale = (limits / 127).astype(np.float32)
    table = np.clip(np.rint(weights / scale[:, None]), -127, 127).astype(np.int8)
    return Wide(np.ascontiguousarray(table.T), scale, bias.astype(np.float32), GROUP_OF, fold)


def _rows(
    train: Mapping[str, Sequence[Row]], sources: Sequence[str], seed: int
) -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    texts: list[str] = []
    labels: list[int] = []
    weights: list[float] = []
    for name in sources:
        rows = train.get(name, ())
        if name == "zh_shopping" and len(rows) > _SHOPPING:
            chosen = np.random.default_rng(seed).choice(len(rows), _SHOPPING, replace=False)
            rows = [rows[i] for i in sorted(chosen.tolist())]
        counts = np.bincount([row.label for row in rows], minlength=3)
        texts += [row.text for row in rows]
        labels += [row.label for row in rows]
        share = _WEIGHT[name] * len(rows) / max(1, int((counts > 0).sum()))
        weights += [share / counts[row.label] for row in rows]
    return texts, np.array(labels), np.array(weights)
