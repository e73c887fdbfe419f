"""Fit the wide half: logistic regression over hashed n-grams, one a group of languages, packed as int8 columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sentiment.train.data import SOURCES, Row
from sentiment.train.heads import HEADS, HeadRow
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
_WEIGHT = {s.name: s.weight for s in SOURCES} | {"airline": 0.3, "zh_reviews": 2.0, "ja": 1.5}
STRENGTH = {"english": 4.0, "latin": 5.0, "ideographs": 4.0, "malay": 4.0}
"""Inverse of the regularisation, chosen on the development sets."""
_SHOPPING = 25_000
_ITERATIONS = 60

_HEAD_STRENGTH = 4.0
_HEAD_WEIGHT = {"rubric": 3.0, "urgency/complaints_train.csv": 2.0}
_WEAK = 0.5
_PER_KIND = 6_000

Fit = tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.float64]]
"""Texts, targets and weights of one regression."""


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
    head_rows: Sequence[HeadRow],
    fold: Mapping[int, int],
    seed: int,
    report: Callable[[str], None],
) -> Wide:
    """Fit one regression a group, one a head and one that tells reviews from posts, and pack them side by side.

    Args:
        train: Training rows by source name; sources that `GROUPS` does not list are passed over.
        head_rows: Rows that teach the heads, none of them held out.
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
    for texts, targets, weights in (*_head_rows(head_rows), _kinds(train)):
        if len(set(targets.tolist())) < 2:  # nothing to tell apart: the column stays silent
            columns.append(np.zeros((1, 1 << BITS)))
            biases.append(np.zeros(1))
            continue
        model = LogisticRegression(C=_HEAD_STRENGTH, max_iter=_ITERATIONS, tol=1e-3)
        model.fit(design(texts, fold), targets, sample_weight=weights)
        columns.append(model.coef_)
        biases.append(model.intercept_)
    report(f"wide, heads: {len(head_rows)} rows")
    return packed(np.concatenate(columns), np.concatenate(biases), fold)


def _head_rows(rows: Sequence[HeadRow]) -> Iterator[Fit]:
    """For each head the texts of which it is known, what is known, and how much it counts."""
    weights = np.array([_HEAD_WEIGHT.get("rubric" if row.level >= 0 else row.source, _WEAK) for row in rows])
    targets = np.array([row.targets for row in rows])
    for head in range(len(HEADS)):
        known = np.flatnonzero(~np.isnan(targets[:, head]))
        yield [rows[i].text for i in known.tolist()], targets[known, head].astype(np.int64), weights[known]


def _kinds(train: Mapping[str, Sequence[Row]]) -> Fit:
    """Reviews against posts, in the languages that have both."""
    kinds = {source.name: source.kind for source in SOURCES if source.language in {"zh", "yue", "ja"}}
    pairs = [
        (row.text, kinds[name] == "review") for name in kinds for row in list(train.get(name, ()))[:_PER_KIND]
    ]
    return [text for text, _ in pairs], np.array([int(review) for _, review in pairs]), np.ones(len(pairs))


def packed(weights: npt.NDArray[np.float64], bias: npt.NDArray[np.float64], fold: Mapping[int, int]) -> Wide:
    """Round weights (columns, buckets) to int8 steps, one step size a column.

    The few largest weights are cut at the 99.99th percentile of what is not zero: else the steps grow coarse.
    """
    limits = np.array([np.quantile(np.abs(c[c != 0]), 0.9999) if c.any() else 1.0 for c in weights])
    scale = (limits / 127).astype(np.float32)
    table = np.clip(np.rint(weights / scale[:, None]), -127, 127).astype(np.int8)
    return Wide(np.ascontiguousarray(table.T), scale, bias.astype(np.float32), GROUP_OF, fold)


def _rows(train: Mapping[str, Sequence[Row]], sources: Sequence[str], seed: int) -> Fit:
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
