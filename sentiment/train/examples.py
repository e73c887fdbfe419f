"""From rows to what the training loop reads: token ids, weights, hidden tokens, and targets of the heads."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from sentiment.train.data import SOURCES, Corpus, Row
from sentiment.train.heads import HeadRow
from sentiment.train.loop import Example
from sentiment.train.vocabulary import Vocabulary

HIDDEN_SHARE = 0.08
"""Of the tokens outside English that become unknown: rows shown several times are then never quite the same, and a
character that the vocabulary lacks is no surprise later."""
ENGLISH_WEIGHTS = (1.6, 0.85, 0.9)
"""Of the classes of English: measured by macro-recall, the rare negative class counts as much as the others."""
HEAD_PASSES = {"rubric": 3.0, "urgency/complaints_train.csv": 2.0, "urgency/banking77_train.csv": 0.6, "": 0.25}
"""How often rows that teach the heads are shown: labelled by the rubric, by file, and all others."""


def sentiment_examples(shown: Sequence[Row], vocabulary: Vocabulary, corpus: Corpus, seed: int) -> list[Example]:
    """Tokenize rows, balance the classes of each source, and hide a few tokens."""
    chance = random.Random(seed)  # noqa: S311  # seeded noise, nothing secret
    unknown = vocabulary.tokenizer.token_to_id("[UNK]")
    assert unknown is not None
    sources = {source.name: source for source in SOURCES}
    balance = {name: class_weights(rows) for name, rows in corpus.train.items()}
    balance["en"] = dict(enumerate(ENGLISH_WEIGHTS))
    examples = []
    for row, ids in zip(shown, _encoded(vocabulary, [row.text for row in shown]), strict=True):
        source = sources[row.source]
        share = 0.0 if source.language == "en" else HIDDEN_SHARE
        ids[1:-1] = [unknown if chance.random() < share else token for token in ids[1:-1]]
        examples.append(Example(ids, row.label, source.weight * balance[row.source][row.label], source.polar))
    return examples


def head_examples(rows: Sequence[HeadRow], vocabulary: Vocabulary, seed: int) -> list[Example]:
    """Tokenize the rows that teach the heads, each kind as often as `HEAD_PASSES` says."""
    chance = random.Random(seed)  # noqa: S311  # a seeded sample, nothing secret
    shown: list[HeadRow] = []
    kinds = [("rubric" if row.level >= 0 else row.source if row.source in HEAD_PASSES else "") for row in rows]
    for kind, passes in HEAD_PASSES.items():
        chosen = [row for row, of_row in zip(rows, kinds, strict=True) if of_row == kind]
        shown += chosen * int(passes) + chance.sample(chosen, round(len(chosen) * (passes % 1)))
    encoded = _encoded(vocabulary, [row.text for row in shown])
    return [Example(ids, 1, 0.0, False, targets=row.targets) for row, ids in zip(shown, encoded, strict=True)]


def class_weights(rows: Sequence[Row]) -> dict[int, float]:
    """Weights by which all classes of some rows count alike; they average one."""
    counts = Counter(row.label for row in rows)
    return {label: len(rows) / (len(counts) * n) for label, n in counts.items()}


def _encoded(vocabulary: Vocabulary, texts: Sequence[str]) -> list[list[int]]:
    twin: list[int] = vocabulary.twin.tolist()
    return [[twin[token] for token in one.ids] for one in vocabulary.tokenizer.encode_batch(list(texts))]
