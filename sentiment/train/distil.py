"""The last pass: English learned from two teachers, with a sample of the rest so that it is not lost.

One small encoder that reads both scripts stays behind an English specialist of the same size on English. So a
specialist is trained from the same start, and the shared model learns English once more from the mean of the
specialist's and its own answers (Hinton et al. 2015, "Distilling the knowledge in a neural network").
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from sentiment.train.data import Row
from sentiment.train.figures import logits_of
from sentiment.train.loop import Example, Settings, train
from sentiment.train.vocabulary import Vocabulary

ENGLISH_WEIGHTS = (2.0, 0.8, 0.9)
"""Of the classes of English: measured by macro-recall, the rare negative class counts as much as the others."""
SPECIALIST = Settings(batch=32, learning_rate=1e-4, new_token_factor=1.0, seed=5)
LAST = Settings(batch=32, learning_rate=6e-5, new_token_factor=10.0, old_token_factor=10.0, seed=31)
"""Old tokens move ten times as fast too: row by row, Adam leaves rare English words almost where they were."""
ATTENTION_DROPOUT = 0.1
SHARE_OF_SPECIALIST = 0.6
SPECIALIST_BIAS = (0.5, 0.0, -0.1)
OWN_BIAS = (0.1, 0.0, 0.2)
"""Added to a teacher's logits; chosen on the English development set for macro-recall."""


TAUGHT_BIAS, FINAL_BIAS = (0.25, 0.0, 0.0), (-0.35, 0.0, -0.25)
"""Added to the model's logits after it was taught, and at the end; chosen in the same way."""
SHORT = Settings(batch=48, learning_rate=5e-5, new_token_factor=10.0, old_token_factor=5.0, seed=41)
"""The pass over fragments: "love it" alone must not puzzle a model that has read few short texts."""
_FRAGMENTS, _WHOLE, _KEPT = 18_000, 9_000, {"zh_weibo": 3_000}
_LONGEST_FRAGMENT = 6


def short_rows(train_rows: dict[str, list[Row]], seed: int) -> tuple[list[Row], list[Row], list[Row]]:
    """Fragments of one to six words of English rows, whole English rows, and some rows of other languages."""
    chance = random.Random(seed)  # noqa: S311  # a seeded sample, nothing secret
    english = train_rows["en"]
    whole = chance.sample(english, min(_WHOLE, len(english)))
    fragments = []
    for row in chance.sample(english, min(_FRAGMENTS, len(english))):
        words = row.text.split()
        size = chance.randint(1, _LONGEST_FRAGMENT)
        if len(words) > 1:
            start = chance.randrange(max(1, len(words) - size + 1))
            fragments.append(Row(" ".join(words[start : start + size]), row.label, "en"))
    others = []
    for name in ("zh_weibo", "french", "german", "spanish", "italian", "portuguese", "indonesian"):
        rows = train_rows[name]
        others += chance.sample(rows, min(_KEPT.get(name, 150), len(rows)))
    return fragments, whole, others


def shift(model: nn.Module, bias: Sequence[float]) -> None:
    """Add `bias` to every answer of the model, in place."""
    with torch.no_grad():
        model.classifier.bias += torch.tensor(bias, device=model.classifier.bias.device)  # type: ignore[union-attr,operator,arg-type]


def english_weighted(examples: Sequence[Example], rows: Sequence[Row]) -> list[Example]:
    """Give English examples the class weights of this pass."""
    return [
        replace(example, weight=ENGLISH_WEIGHTS[example.label]) if row.source == "en" else example
        for example, row in zip(examples, rows, strict=True)
    ]


def train_specialist(
    model: nn.Module, vocabulary: Vocabulary, examples: Sequence[Example], report: Callable[[str], None]
) -> None:
    """Train a fresh model on English alone, in place."""
    embedding: nn.Parameter = model.bert.embeddings.word_embeddings.weight  # type: ignore[union-attr,assignment]
    train(model, embedding, vocabulary.old_size, examples, SPECIALIST, report, lambda _: None)


def teacher_logits(own: nn.Module, specialist: nn.Module, vocabulary: Vocabulary, texts: Sequence[str]) -> Tensor:
    """What the two teachers say of texts, together: one row of logits a text."""
    answers = []
    for model, bias in ((specialist, SPECIALIST_BIAS), (own, OWN_BIAS)):
        answers.append(torch.tensor(logits_of(model, vocabulary.tokenizer, texts)).float() + torch.tensor(bias))
    return SHARE_OF_SPECIALIST * answers[0] + (1 - SHARE_OF_SPECIALIST) * answers[1]


def softened(examples: Sequence[Example], rows: Sequence[Row], logits: Tensor) -> list[Example]:
    """Attach the teachers' answers to the English examples: `logits` has one row for each, in order."""
    answers = iter(logits.tolist())
    return [
        replace(example, soft=tuple(next(answers))) if row.source == "en" else example
        for example, row in zip(examples, rows, strict=True)
    ]


def set_attention_dropout(model: nn.Module, share: float) -> None:
    """Drop this share of the attention while training."""
    for layer in model.bert.encoder.layer:  # type: ignore[union-attr]
        layer.attention.self.dropout.p = share
