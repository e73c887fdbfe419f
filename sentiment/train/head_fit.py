"""Bring the heads' two halves together: how much each counts, fitted and measured on rows that taught neither."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from sentiment.train.data import text_key
from sentiment.train.figures import Floats
from sentiment.train.heads import HEADS, HeadRow
from sentiment.train.network import Network
from sentiment.wide import Wide

_FEW = 25
"""A head with fewer held-out examples of its kind gets the common mix instead of one of its own."""
_COMMON = (0.8, 0.6)
_PULL = 2.0


def calibrated(
    network: Network, wide: Wide, rows: Sequence[HeadRow], said: Floats
) -> tuple[dict[str, Tensor], Wide, dict[str, Any]]:
    """Fold each head's mix into the weights, so that a probability is the sigmoid of a plain sum.

    Args:
        network: Trained; not changed.
        wide: Trained; not changed.
        rows: Held out from both.
        said: The network's head logits of the rows.

    Returns:
        The network's weights with one more, silent, row for the table's last column; the table; figures by head.
    """
    table = wide.logits([row.text for row in rows], ["en"] * len(rows))[:, 3:].astype(np.float64)
    targets = np.array([row.targets for row in rows])
    first = np.array([int(text_key(row.text), 16) // 1024 % 2 == 0 for row in rows])
    mixes, figures = [], {}
    for head, name in enumerate(HEADS):
        known = np.flatnonzero(~np.isnan(targets[:, head]))
        halves = np.column_stack([said[known, head], table[known, head]])
        truth = targets[known, head].astype(np.int64)
        mixes.append(_mix(halves, truth))
        figures[name] = _figures(halves, truth, first[known])
    deep, shallow, bias = np.array(mixes).T
    state = dict(network.state_dict())
    weight, offset = state["heads.weight"], state["heads.bias"]
    scale = weight.new_tensor(deep)
    silent = weight.new_zeros(1, weight.shape[1])
    state["heads.weight"] = _joined(weight * scale[:, None], silent)
    state["heads.bias"] = _joined(offset * scale + weight.new_tensor(bias), silent[0, :1])
    return state, wide.with_heads_scaled(np.append(shallow, 1.0).astype(np.float32)), figures


def _joined(first: Tensor, second: Tensor) -> Tensor:
    import torch

    return torch.cat([first, second])


def _mix(halves: Floats, truth: npt.NDArray[np.int64]) -> tuple[float, float, float]:
    """Return the factors of both halves and the bias with the least log loss; never below zero."""
    from scipy.optimize import minimize

    if min(truth.sum(), (1 - truth).sum()) < _FEW:
        start = halves @ np.array(_COMMON)
        found = minimize(lambda p: _loss(start + p[0], truth) + 0.1 * p[0] ** 2, np.zeros(1)).x
        return (*_COMMON, float(found[0]))
    centre = np.array([*_COMMON, 0.0])

    def loss(p: npt.NDArray[np.float64]) -> float:
        return _loss(halves @ p[:2] + p[2], truth) + _PULL * float(((p - centre) ** 2).sum())

    found = minimize(loss, centre, bounds=[(0, 3), (0, 3), (-5, 5)], method="L-BFGS-B").x
    return float(found[0]), float(found[1]), float(found[2])


def _loss(logits: Floats, truth: npt.NDArray[np.int64]) -> float:
    return float(np.logaddexp(0, np.where(truth == 1, -logits, logits)).sum())


def _figures(halves: Floats, truth: npt.NDArray[np.int64], first: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Precision, recall, F1 at one half, and AUC: each half of the rows answered by the mix of the other."""
    logits = np.zeros(len(truth))
    for half in (first, ~first):
        if half.any() and (~half).any():
            deep, shallow, bias = _mix(halves[~half], truth[~half])
            logits[half] = halves[half] @ np.array([deep, shallow]) + bias
    said = logits > 0
    hit, wrong, missed = int((said & (truth == 1)).sum()), int((said & (truth == 0)).sum()), 0
    missed = int(truth.sum()) - hit
    return {
        "n": len(truth),
        "positive": int(truth.sum()),
        "precision": round(hit / max(1, hit + wrong), 4),
        "recall": round(hit / max(1, hit + missed), 4),
        "f1": round(2 * hit / max(1, 2 * hit + wrong + missed), 4),
        "auc": _area(logits, truth),
    }


def _area(logits: Floats, truth: npt.NDArray[np.int64]) -> float | None:
    """The chance that a positive row scores above a negative one (Mann and Whitney 1947)."""
    positive, negative = logits[truth == 1], np.sort(logits[truth == 0])
    if not len(positive) or not len(negative):
        return None
    below = np.searchsorted(negative, positive, "left") + np.searchsorted(negative, positive, "right")
    return round(float(below.mean() / 2 / len(negative)), 4)
