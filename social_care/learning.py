"""From corrections to a new last layer: what is taught, and what is held where it was.

Held are two kinds of text on which the shipped model's own answers are the target: posts of the brand that nobody
corrected, and the sample posts of the package, which stand for the languages and matters the brand's posts lack.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from social_care.pipeline import text_of
from social_care.seeing import Seen, look
from storage.corrections import Words
from storage.text import text_hash

if TYPE_CHECKING:
    from sentiment.transformer import TransformerScorer
    from sentiment.tuned import Head
    from sentiment.tuning import Change, Rows
    from storage.corrections import Correction

OWN_SHARE = 1.0
"""What the brand's uncorrected posts weigh together, as a multiple of what the corrections weigh."""
GENERAL_SHARE = 10.0
"""What the sample posts of the package weigh together."""
REPLY = "reply_needed"
HEADS = {"sentiment": ("negative", "neutral", "positive"), REPLY: ("false", "true")}
"""Fields that a head of the model speaks of, and the values in the order of its answers."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Advance = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of it.

    Attributes:
        head: The new last layer.
        strengths: Of each tuned field: the penalty chosen.
        anchors: How many uncorrected texts were held: `own` and `general`.
    """

    head: "Head"
    strengths: dict[str, float]
    anchors: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Texts:
    """Everything that was read, and which of it is what."""

    seen: Seen
    members: Mapping[str, Ints]
    own: Ints
    general: Ints

    def held(self, field: str, which: Ints, weight: float) -> "Rows":
        """Some texts with the model's own answers as target, weighing so much together."""
        which = which[self.seen.read[which]]
        weights = np.full(len(which), weight / max(1, len(which)))
        return self.seen.rows(field, which, self.seen.answers(field, which), weights)


def learn(
    scorer: "TransformerScorer",
    base: Path,
    chosen: Mapping[str, int | None],
    training: "Mapping[str, Sequence[Correction]]",
    words: Sequence[Words],
    advance: Advance,
) -> Learned:
    """Learn a new last layer.

    Args:
        scorer: The shipped model.
        base: Its folder.
        chosen: Fields to learn; with the row of `heads.weight`, None for the classifier.
        training: The corrections of each of them.
        words: Posts of the brand that nobody corrected.
        advance: Told after the reading, then after each penalty of each field.

    Raises:
        ModelError: The model does not give its pooled vectors.
    """
    from sentiment.tuned import read_head

    texts = _read(scorer, base, training, words)
    advance(1)
    head, strengths = read_head(base), {}
    classes = _order_of_classes(base)
    for field, place in chosen.items():
        change, strengths[field] = _change(field, training[field], texts, advance)
        head = with_change(head, change, place, classes)
    anchors = {"own": int(texts.seen.read[texts.own].sum()), "general": int(texts.seen.read[texts.general].sum())}
    return Learned(head, strengths, anchors)


def _read(
    scorer: "TransformerScorer",
    base: Path,
    training: "Mapping[str, Sequence[Correction]]",
    words: Sequence[Words],
) -> _Texts:
    general = general_posts()
    rows: list[Correction | Words] = []
    members: dict[str, Ints] = {}
    for field, given in training.items():
        members[field] = np.arange(len(rows), len(rows) + len(given))
        rows += given
    own = np.arange(len(rows), len(rows) + len(words))
    rows += [*words, *general]
    return _Texts(look(scorer, base, rows), members, own, np.arange(len(rows) - len(general), len(rows)))


def general_posts() -> list[Words]:
    """The customers' posts of the demo, which were written for the package."""
    raw = files("social_care").joinpath("data", "demo", "posts.jsonl").read_text(encoding="utf-8")
    posts = [json.loads(line) for line in raw.splitlines() if line.strip()]
    return [
        Words(0, 1, post["network"], post["kind"], post.get("lang"), post.get("title"), post["text"])
        for post in posts
        if not post.get("ours") and post.get("text", "").strip()
    ]


def _change(field: str, given: "Sequence[Correction]", texts: _Texts, advance: Advance) -> "tuple[Change, float]":
    """What one head learns, and the penalty it was learned under."""
    from sentiment.tuning import choose_strength, fit, fold_of

    values, seen = HEADS[field], texts.seen
    members = texts.members[field]
    labels = np.array([values.index(row.value) for row in given], dtype=np.int64)
    folds = np.array([fold_of(text_hash(text_of(row.title, row.text))) for row in given])
    taught = seen.rows(field, members, np.eye(len(values))[labels], np.ones(len(members)))
    known = seen.read[members]
    taught = replace(taught.take(known), weights=balanced(labels[known]))
    weight = float(taught.weights.sum())
    held = texts.held(field, texts.own, OWN_SHARE * weight).and_also(
        texts.held(field, texts.general, GENERAL_SHARE * weight)
    )
    strength = choose_strength(taught, held, folds[known].tolist(), advance)
    return fit(taught.and_also(held), strength), strength


def balanced(labels: Ints) -> Floats:
    """Weights under which every class that occurs counts the same: people correct one kind of mistake most."""
    counts = np.bincount(labels)
    weights: Floats = len(labels) / (np.count_nonzero(counts) * counts[labels])
    return weights


def _order_of_classes(base: Path) -> tuple[int, ...]:
    from sentiment.card import read_json
    from sentiment.labels import class_of_each, names_in_order

    return class_of_each(names_in_order(read_json(base / "config.json")))


def with_change(head: "Head", change: "Change", place: int | None, classes: Sequence[int]) -> "Head":
    """A head with what was learned added: the classifier's rows, or one row of the further heads."""
    new = {name: value.copy() for name, value in head.items()}
    if place is None:
        new["classifier.weight"] += change.weight[list(classes)].astype(np.float32)
        new["classifier.bias"] += change.bias[list(classes)].astype(np.float32)
    else:  # of yes against no only the difference counts
        new["heads.weight"][place] += (change.weight[1] - change.weight[0]).astype(np.float32)
        new["heads.bias"][place] += np.float32(change.bias[1] - change.bias[0])
    return new
