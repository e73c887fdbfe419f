"""Adapt the last layer of a model to a brand's own corrections, and no more than they justify.

The encoder stays frozen: a text is its pooled vector, and what is learned is a change of the classifier over it.
The change is found by logistic regression whose penalty pulls it towards zero, so towards the head that was
shipped (regularisation towards a prior model: Chelba and Acero 2004), beside texts that nobody corrected, on
which the model's own answers are the target (learning without forgetting: Li and Hoiem 2016). The problem is
convex: the same corrections always give the same head. How hard the penalty pulls is chosen by cross-validation
over the corrections, and of those that do about as well the strongest is taken (the one-standard-error rule,
Breiman et al. 1984).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STRENGTHS = (300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03)
"""Penalties tried, the strongest first."""
FOLDS = 5
_STEPS = 200
_SMALLEST = 5e-5
"""Probabilities are stored with four digits: a zero stands for anything below this."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Texts as the head sees them.

    Attributes:
        features: Pooled vectors, (texts, width).
        base: What the shipped model says, as log probabilities up to a constant, (texts, classes).
        scale: What one unit of the head's logits adds to `base`, (texts,).
        targets: What it should say, probabilities, (texts, classes).
        weights: What each text counts in the loss, (texts,).
    """

    features: Floats
    base: Floats
    scale: Floats
    targets: Floats
    weights: Floats

    def __len__(self) -> int:
        return len(self.features)

    def take(self, chosen: npt.NDArray[np.bool_]) -> Rows:
        """Some of the rows."""
        return Rows(*(getattr(self, name)[chosen] for name in self.__slots__))

    def and_also(self, others: Rows) -> Rows:
        """These rows, then the others."""
        return Rows(*(np.concatenate([getattr(self, n), getattr(others, n)]) for n in self.__slots__))


@dataclass(frozen=True, slots=True)
class Change:
    """What is added to a head.

    Attributes:
        weight: (classes, width).
        bias: (classes,).
    """

    weight: Floats
    bias: Floats

    def logits(self, rows: Rows) -> Floats:
        """The logits of the model with this change, (texts, classes)."""
        moved: Floats = rows.base + rows.scale[:, None] * (rows.features @ self.weight.T + self.bias)
        return moved


def as_logits(probabilities: Floats) -> Floats:
    """Log probabilities, with zeros kept finite."""
    logs: Floats = np.log(np.clip(probabilities, _SMALLEST, 1.0))
    return logs


def as_two(probability: Floats) -> Floats:
    """The probabilities of no and yes of a head that gives the probability of yes; (texts, 2)."""
    return np.stack([1.0 - probability, probability], axis=1)


def softmax(logits: Floats) -> Floats:
    """Probabilities of each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def fit(rows: Rows, strength: float) -> Change:
    """Find the change of the head that the rows justify under a penalty.

    Minimises the weighted cross entropy over the rows plus `strength` / 2 times the squared length of the change,
    with features scaled to unit root mean square length, so that a penalty means the same for every encoder.

    Args:
        rows: At least one text.
        strength: The penalty, above zero; at infinity the change is zero.
    """
    import torch

    lengths = np.sqrt((rows.features**2).sum(axis=1).mean()) or 1.0
    features = torch.from_numpy(rows.features / lengths)
    base, scale = torch.from_numpy(rows.base), torch.from_numpy(rows.scale)[:, None]
    targets, weights = torch.from_numpy(rows.targets), torch.from_numpy(rows.weights)
    classes, width = rows.base.shape[1], rows.features.shape[1]
    change = torch.zeros(classes, width + 1, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS(
        [change], max_iter=_STEPS, tolerance_grad=1e-7, tolerance_change=1e-10, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        solver.zero_grad()
        logits = base + scale * (features @ change[:, :-1].T + change[:, -1])
        entropies = -(targets * torch.log_softmax(logits, dim=1)).sum(dim=1)
        total = (weights * entropies).sum() + strength / 2 * (change**2).sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    solver.step(loss)  # type: ignore[no-untyped-call]
    found = change.detach().numpy()
    return Change(found[:, :-1] / lengths, found[:, -1])


def fold_of(text_hash: str, folds: int = FOLDS) -> int:
    """The fold of a text: copies of one text share theirs, so none is trained on beside its twin."""
    return int.from_bytes(blake2b(text_hash.encode(), digest_size=8, person=b"fold").digest(), "big") % folds


def losses(rows: Rows, change: Change) -> Floats:
    """The cross entropy of each row with a change."""
    logits = change.logits(rows)
    top = logits.max(axis=1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    entropies: Floats = -(rows.targets * logs).sum(axis=1)
    return entropies


def choose_strength(
    corrections: Rows,
    anchors: Rows,
    folds: Sequence[int],
    advance: Callable[[int], object] = lambda _: None,
    strengths: Sequence[float] = STRENGTHS,
) -> float:
    """Choose the penalty by cross-validation: the strongest within one standard error of the best.

    Args:
        corrections: What people said; left out fold by fold.
        anchors: Texts nobody corrected; beside every fold.
        folds: The fold of each correction, see `fold_of`.
        advance: Told after each penalty.
        strengths: Penalties, the strongest first.
    """
    numbers = np.asarray(folds)
    table = []
    for strength in strengths:
        found = np.zeros(len(corrections))
        for fold in sorted(set(numbers.tolist())):
            held = numbers == fold
            kept = corrections.take(~held).and_also(anchors)
            if len(kept):
                found[held] = losses(corrections.take(held), fit(kept, strength))
        table.append(found)
        advance(1)
    means = np.array([found.mean() for found in table])
    best = int(means.argmin())
    # The error of the difference: the rows are the same, so what is hard for one penalty is hard for all.
    errors = [float((f - table[best]).std(ddof=1) / np.sqrt(len(f))) if len(f) > 1 else 0.0 for f in table]
    return next(s for s, m, e in zip(strengths, means, errors, strict=True) if m <= means[best] + e)
