"""The last pass: English once more from two teachers, with a sample of everything else so that it is not lost.

A network that learns many tasks in one pass stays a little behind on the largest. It learns English once more from
the mean of its own answers and those of an earlier model beside the labels: two networks that err apart teach more
than labels alone (Hinton et al. 2015, "Distilling the knowledge in a neural network").
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sentiment.train.data import Corpus, Row
from sentiment.train.examples import head_examples, sentiment_examples
from sentiment.train.figures import Floats, answers_of
from sentiment.train.heads import HeadRow
from sentiment.train.loop import Example, Settings
from sentiment.train.network import Network
from sentiment.train.vocabulary import Vocabulary

SETTINGS = Settings(learning_rate=5e-5, new_token_factor=8.0, old_token_factor=8.0, seed=31)
SHARES = {
    "en": 1.0, "airline": 0.3, "zh_weibo": 0.4, "zh_shopping": 0.04, "zh_waimai": 0.2, "zh_reviews": 1.0,
    "ja": 0.2, "arabic": 0.2, "french": 0.2, "german": 0.2, "hindi": 0.2, "italian": 0.2, "portuguese": 0.2,
    "spanish": 0.2, "indonesian": 0.05, "malay": 0.1,
}  # fmt: skip
"""Share of each source's rows that the pass shows."""
TAUGHT = "en"


def closing_rows(train: dict[str, list[Row]], seed: int) -> list[Row]:
    """Draw the rows of the pass."""
    chance = random.Random(seed)  # noqa: S311  # a seeded sample, nothing secret
    return [
        row
        for name, share in SHARES.items()
        for row in chance.sample(train[name], round(share * len(train[name])))
    ]


def teachings(teachers: Sequence[Network], vocabulary: Vocabulary, texts: Sequence[str]) -> Floats:
    """The mean of the teachers' logits of texts, (texts, 3)."""
    said: Floats = np.mean([answers_of(teacher, vocabulary, texts).logits for teacher in teachers], axis=0)
    return said


def closing_examples(
    rows: Sequence[Row],
    head_rows: Sequence[HeadRow],
    said: Floats,
    vocabulary: Vocabulary,
    corpus: Corpus,
) -> list[Example]:
    """Lay out the pass; `said` has the teachers' logits of its English rows, in their order."""
    answers = iter(said.tolist())
    examples = [
        replace(example, soft=tuple(next(answers))) if row.source == TAUGHT else example
        for example, row in zip(sentiment_examples(rows, vocabulary, corpus, SETTINGS.seed), rows, strict=True)
    ]
    examples += head_examples(head_rows, vocabulary, SETTINGS.seed)
    random.Random(SETTINGS.seed).shuffle(examples)  # noqa: S311  # a seeded order, nothing secret
    return examples
