"""Figures of a classifier on labelled rows: macro-recall, macro-F1, accuracy, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from sentiment.train.heads import HEADS
from sentiment.train.loop import padded
from sentiment.train.network import CLASSES, Network
from sentiment.train.vocabulary import Vocabulary

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


class Answered(NamedTuple):
    """Logits of some texts: sentiment (texts, 3) and heads (texts, heads)."""

    logits: Floats
    heads: Floats


def answers_of(network: Network, vocabulary: Vocabulary, texts: Sequence[str], batch: int = 128) -> Answered:
    """Return what the network says of texts, in the order given; computed in float32 on its device."""
    device = network.embedding.device
    ids = [encoding.ids for encoding in vocabulary.tokenizer.encode_batch(list(texts))]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    logits, heads = np.zeros((len(ids), CLASSES)), np.zeros((len(ids), len(HEADS)))
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            tokens, mask = padded([ids[i] for i in chosen], device)
            said = network(tokens, mask)
            logits[chosen], heads[chosen] = said.logits.double().cpu().numpy(), said.heads.double().cpu().numpy()
    return Answered(logits, heads)


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
