"""From whatever classes a model knows to negative, neutral and positive."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sentiment.ports import ModelError

NEGATIVE, NEUTRAL, POSITIVE = 0, 1, 2
_CLASSES = {"negative": NEGATIVE, "neutral": NEUTRAL, "positive": POSITIVE}

_WORDS = {
    "negative": NEGATIVE, "neg": NEGATIVE, "very negative": NEGATIVE, "bad": NEGATIVE, "n": NEGATIVE,
    "neutral": NEUTRAL, "neu": NEUTRAL, "mixed": NEUTRAL,
    "positive": POSITIVE, "pos": POSITIVE, "very positive": POSITIVE, "good": POSITIVE, "p": POSITIVE,
    "负面": NEGATIVE, "消极": NEGATIVE, "負面": NEGATIVE, "消極": NEGATIVE, "负向": NEGATIVE, "差评": NEGATIVE,
    "中性": NEUTRAL, "中立": NEUTRAL, "中评": NEUTRAL,
    "正面": POSITIVE, "积极": POSITIVE, "積極": POSITIVE, "正向": POSITIVE, "好评": POSITIVE,
}  # fmt: skip
_STARS = re.compile(r"(?:stars?[ _-]*)?([1-5])(?:[ _-]*stars?)?", re.IGNORECASE)
_REMARK = re.compile(r"\s*[(（].*[)）]\s*$")
_NUMBERED = re.compile(r"(?:label[_ ]?)?(\d+)", re.IGNORECASE)
# What bare numbers mean, by how many there are: two, three, or stars.
_BY_COUNT = {
    2: (NEGATIVE, POSITIVE),
    3: (NEGATIVE, NEUTRAL, POSITIVE),
    5: (NEGATIVE, NEGATIVE, NEUTRAL, POSITIVE, POSITIVE),
}
BY_NUMBER = " (by its number only)"
"""Said of a label whose meaning is assumed from its place."""


def class_of_each(names: Sequence[str], meaning: Mapping[str, str] | None = None) -> tuple[int, ...]:
    """Return for each of a model's labels our class: 0 negative, 1 neutral, 2 positive.

    Understands the three words in their usual spellings, with a remark behind them in brackets or without, two
    classes, ``LABEL_0`` and so on (two, three or five, from the worst up), and one to five stars (three: neutral).

    Args:
        names: The labels in the order of the model's outputs.
        meaning: What each label means, ``{"LABEL_0": "positive"}``, where a person says so: nothing is guessed.

    Raises:
        ModelError: The labels are no sentiments, or `meaning` does not fit them; the message shows them.
    """
    if meaning:
        return _as_told(names, meaning)
    words = [_WORDS.get(_plain(name)) for name in names]
    known = [word for word in words if word is not None]
    if len(known) == len(names) and {NEGATIVE, POSITIVE} <= set(known):
        return tuple(known)
    stars = [_STARS.fullmatch(name.strip()) for name in names]
    if len(names) == 5 and all(stars) and not names[0].strip().lower().startswith("label"):
        return tuple(_BY_COUNT[5][int(match[1]) - 1] for match in stars if match)
    numbers = [_NUMBERED.fullmatch(name.strip()) for name in names]
    if len(names) in _BY_COUNT and [int(m[1]) for m in numbers if m] == list(range(len(names))):
        return _BY_COUNT[len(names)]
    first = names[0] if names else "LABEL_0"
    raise ModelError(
        f"this model tells {', '.join(map(repr, names[:8]))} apart, which are not sentiments; choose one "
        "whose labels are negative, neutral and positive, two of them, or one to five stars, or say what each "
        f'label means under [scorer]: labels = {{ "{first}" = "negative", ... }}'
    )


def is_numbered(names: Sequence[str]) -> bool:
    """Whether the labels are bare numbers, whose meaning is assumed from their order."""
    return all(_NUMBERED.fullmatch(name.strip()) for name in names)


def _plain(name: str) -> str:
    return _REMARK.sub("", name).strip().lower().replace("_", " ").replace("-", " ")


def _as_told(names: Sequence[str], meaning: Mapping[str, str]) -> tuple[int, ...]:
    told = {label.strip().lower(): word.strip().lower() for label, word in meaning.items()}
    wrong = next((word for word in told.values() if word not in _CLASSES), None)
    if wrong is not None:
        raise ModelError(f"labels: {wrong!r} is none of negative, neutral, positive")
    missing = [name for name in names if name.strip().lower() not in told]
    strange = set(told) - {name.strip().lower() for name in names}
    if missing or strange:
        what = f"{missing[0]!r} is not named" if missing else f"the model has no {min(strange)!r}"
        raise ModelError(f"labels: {what}; this model tells {', '.join(map(repr, names[:8]))} apart")
    classes = tuple(_CLASSES[told[name.strip().lower()]] for name in names)
    if not {NEGATIVE, POSITIVE} <= set(classes):
        raise ModelError("labels: at least one must mean negative and one positive")
    return classes


def names_in_order(config: Mapping[str, object]) -> list[str]:
    """Return a model's labels in the order of its outputs, from its ``config.json``.

    Raises:
        ModelError: The table of labels is damaged.
    """
    table = config.get("id2label")
    if table is None:  # transformers leaves out the defaults LABEL_0 and LABEL_1
        return ["LABEL_0", "LABEL_1"]
    if not isinstance(table, Mapping) or not table:
        raise ModelError("the model's id2label is not a table of labels")
    try:
        return [str(table[key]) for key in sorted(table, key=lambda k: int(str(k)))]
    except ValueError as error:
        raise ModelError("the model's id2label has keys that are no numbers") from error
