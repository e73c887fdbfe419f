"""The training rows: read, cleaned of duplicates and of everything the development files hold."""

from __future__ import annotations

import csv
import hashlib
import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sentiment.text import model_text

LABELS = ("negative", "neutral", "positive")
WEIBO_DEV_SHARE = 12
"""One Weibo post in this many is kept for development, chosen by a hash of its text."""

_EMOTICON = re.compile(r"\[[^\W_]{1,8}\]")
_NOT_WORDS = re.compile(r"[\W_]+")


class DataError(ValueError):
    """A data file is missing or unreadable; the message says which and what is wanted."""


@dataclass(frozen=True)
class Source:
    """One training file and how it is used.

    Attributes:
        name: File name without ``_train.csv``.
        language: ISO 639-1 code, or ``yue`` for Cantonese.
        file: File name inside the data folder.
        passes: How often each row is shown; 0.5 shows half of the rows once.
        weight: Weight of a row in the loss, before class balancing.
        closing: How many rows the closing pass samples; all where there are no more.
        polar: The file knows no neutral class, so its rows train only negative against positive.
        origin: Where it comes from, with the licence as stated there.
    """

    name: str
    language: str
    file: str
    passes: float
    weight: float = 1.0
    polar: bool = False
    closing: int = 300
    origin: str = ""


_XLMT = "XLM-T unified sentiment tweets, Apache-2.0"
_MULTI = "multilingual-sentiment, Apache-2.0"
_NLP = "ChineseNlpCorpus, no licence stated"
SOURCES = (
    Source("en", "en", "en_train.csv", 2, closing=1_000_000, origin="SemEval 2013-2016 tweets, research use"),
    Source("zh_weibo", "zh", "zh_weibo_train.csv", 3, closing=6_000, origin="SMP2020-EWECT, research use"),
    Source("zh_shopping", "zh", "zh_shopping_train.csv", 1, 0.5, polar=True, closing=600, origin=_NLP),
    Source("zh_waimai", "zh", "zh_waimai_train.csv", 1, 0.5, polar=True, closing=0, origin=_NLP),
    Source("arabic", "ar", "arabic_train.csv", 4, origin=_XLMT),
    Source("french", "fr", "french_train.csv", 4, origin=_XLMT),
    Source("german", "de", "german_train.csv", 4, origin=_XLMT),
    Source("hindi", "hi", "hindi_train.csv", 4, origin=_XLMT),
    Source("italian", "it", "italian_train.csv", 4, origin=_XLMT),
    Source("portuguese", "pt", "portuguese_train.csv", 4, origin=_XLMT),
    Source("spanish", "es", "spanish_train.csv", 4, origin=_XLMT),
    Source("indonesian", "id", "indonesian_train.csv", 0.7, 0.7, origin=_MULTI),
    Source("malay", "ms", "malay_train.csv", 1, 0.7, origin=_MULTI),
    Source(
        "yue",
        "yue",
        "yue_lihkg_weak.csv",
        1,
        0.2,
        closing=0,
        origin="Cantonese-Sentiment, no licence stated",
    ),
)
DEV_FILES = {
    "en": "en_dev.csv",
    "zh_reviews": "zh_reviews_dev.csv",
    **{s.name: f"{s.name}_dev.csv" for s in SOURCES if s.language not in {"en", "zh", "yue"}},
    "ja": "japanese_dev.csv",
}


@dataclass(frozen=True)
class Row:
    """One text as the model reads it, with its label (index into `LABELS`) and its source's name."""

    text: str
    label: int
    source: str


@dataclass(frozen=True)
class Corpus:
    """Training rows by source, development rows by set, and what was left out and why."""

    train: dict[str, list[Row]]
    dev: dict[str, list[Row]]
    left_out: dict[str, int]


def text_key(text: str) -> str:
    """Return the hash by which two texts count as the same: letters and digits only, case folded."""
    bare = _NOT_WORDS.sub("", model_text(text).casefold()) or text.strip()
    return hashlib.sha256(bare.encode("utf-8", "surrogatepass")).hexdigest()


def without_emoticons(text: str) -> str:
    """Drop Weibo's bracketed emoticons (``[doge]``), which give the label away in some rows."""
    return " ".join(_EMOTICON.sub(" ", text).split())


def read_rows(path: Path, source: str) -> list[Row]:
    """Read one labelled CSV file (columns ``text`` and ``label``).

    Raises:
        DataError: The file is missing, lacks a column or holds an unknown label.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = [(r["text"].lstrip("\ufeff"), LABELS.index(r["label"])) for r in csv.DictReader(handle)]
    except FileNotFoundError:
        raise DataError(f"{path} is missing: --data must name the folder with the sentiment CSV files") from None
    except KeyError as error:
        raise DataError(f"{path} has no column {error}: wanted are text and label") from None
    except ValueError as error:
        raise DataError(f"{path}: {error}: labels must be {', '.join(LABELS)}") from None
    return [Row(model_text(text), label, source) for text, label in rows]


def load_corpus(folder: Path) -> Corpus:
    """Read every file of `SOURCES` and `DEV_FILES` and make the split.

    A training row whose normalised text also stands in a development set, or stands in training already, is
    left out. The Weibo development set is cut here, by hash, and comes twice: as written and without emoticons.

    Raises:
        DataError: A file is missing or malformed.
    """
    dev = {name: read_rows(folder / file, name) for name, file in DEV_FILES.items()}
    raw = {source.name: read_rows(folder / source.file, source.name) for source in SOURCES}
    dev["zh_weibo"] = [row for row in raw["zh_weibo"] if int(text_key(row.text), 16) % WEIBO_DEV_SHARE == 0]
    dev["zh_weibo_no_emoticons"] = [
        Row(without_emoticons(row.text), row.label, row.source) for row in dev["zh_weibo"]
    ]
    seen = {text_key(row.text) for rows in dev.values() for row in rows}
    train: dict[str, list[Row]] = {}
    left_out: dict[str, int] = {}
    for name, rows in raw.items():
        train[name] = list(_unseen(rows, seen))
        left_out[name] = len(rows) - len(train[name])
    return Corpus(train, dev, left_out)


def _unseen(rows: Iterable[Row], seen: set[str]) -> Iterator[Row]:
    for row in rows:
        key = text_key(row.text)
        if row.text and key not in seen and text_key(without_emoticons(row.text)) not in seen:
            seen.add(key)
            yield row


def closing_pass(train: dict[str, list[Row]], seed: int) -> list[Row]:
    """Lay out the rows of the closing pass: English once more, with some of the others so that they are not lost.

    The long pass over all sources leaves English behind what English alone would reach.
    """
    chance = random.Random(seed)  # noqa: S311  # a seeded sample, nothing secret
    shown: list[Row] = []
    for source in SOURCES:
        rows = train[source.name]
        shown += rows if source.closing >= len(rows) else chance.sample(rows, source.closing)
    chance.shuffle(shown)
    return shown


def training_passes(train: dict[str, list[Row]], seed: int, to_traditional: Callable[[str], str]) -> list[Row]:
    """Lay out the rows to show, each source as often as `Source.passes` says, in a seeded random order.

    Every second copy of a Weibo post loses its emoticons, so that the words must carry the label too, and one
    Chinese row in five is put into Taiwanese wording and traditional characters.

    Args:
        train: Rows by source name.
        seed: Decides sampling and order.
        to_traditional: Converts simplified Chinese.
    """
    chance = random.Random(seed)  # noqa: S311  # a seeded shuffle, nothing secret
    shown: list[Row] = []
    for source in SOURCES:
        rows = train[source.name]
        whole = int(source.passes)
        part = chance.sample(rows, round(len(rows) * (source.passes - whole)))
        for row in [*rows * whole, *part]:
            text = row.text
            if source.name == "zh_weibo" and chance.random() < 0.5:
                text = without_emoticons(text) or text
            if source.language == "zh" and chance.random() < 0.2:
                text = to_traditional(text)
            shown.append(Row(text, row.label, row.source))
    chance.shuffle(shown)
    return shown
