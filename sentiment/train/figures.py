"""Figures of a classifier on labelled rows: macro-recall, macro-F1, accuracy, calibration, abstention."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import nn

from sentiment.train.loop import padded

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def logits_of(model: nn.Module, tokenizer: Tokenizer, texts: Sequence[str], batch: int = 128) -> Floats:
    """Return one row of class logits a text, in the order given; computed in float32 on the model's device."""
    device = next(model.parameters()).device
    ids = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    result = np.zeros((len(ids), 3))
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            tokens, mask = padded([ids[i] for i in chosen], device)
            result[chosen] = model(input_ids=tokens, attention_mask=mask).logits.double().cpu().numpy()
    return result


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Return probabilities of logits divided by the temperature."""
    scaled = logits / temperature
    powers: Floats = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def quality(probabilities: Floats, labels: Labels) -> dict[str, float | int]:
    """Return macro-recall, macro-F1, accuracy, expected calibration error (15 bins) and n.

    A class that `labels` lacks counts towards no mean.
    """
    guess = probabilities.argmax(axis=1)
    recalls, scores = [], []
    for label in sorted(set(labels.tolist())):
        hit = float(((guess == label) & (labels == label)).sum())
        recalls.append(hit / float((labels == label).sum()))
        scores.append(2 * hit / float((labels == label).sum() + (guess == label).sum()))
    return {
        "macro_recall": round(float(np.mean(recalls)), 4),
        "macro_f1": round(float(np.mean(scores)), 4),
        "accuracy": round(float((guess == labels).mean()), 4),
        "ece": round(calibration_error(probabilities, labels), 4),
        "n": len(labels),
    }


def calibration_error(probabilities: Floats, labels: Labels, bins: int = 15) -> float:
    """Return the expected calibration error: mean gap between top probability and accuracy over equal bins."""
    top = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    which = np.minimum((top * bins).astype(int), bins - 1)
    gaps = [
        abs(right[which == b].mean() - top[which == b].mean()) * (which == b).mean() for b in set(which.tolist())
    ]
    return float(sum(gaps))


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """Return the temperature, between 0.5 and 4 in steps of 0.05, with the least log loss."""
    grid = [round(0.5 + 0.05 * i, 2) for i in range(71)]
    rows = np.arange(len(labels))
    return min(grid, key=lambda t: -float(np.log(softmax(logits, t)[rows, labels] + 1e-12).mean()))


def abstain_threshold(probabilities: Floats, labels: Labels, wanted: float = 0.85) -> float | None:
    """Return the lowest top probability (steps of 0.01) from which on at least `wanted` are right.

    None when no threshold that still answers one text in ten reaches it.
    """
    top = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    for hundredth in range(34, 100):
        kept = top >= hundredth / 100
        if kept.mean() < 0.1:
            return None
        if right[kept].mean() >= wanted:
            return hundredth / 100
    return None
