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
_EMOTICON = re.compile(r"\[[^\W_]{1,8}\]")
_TRADITIONAL_SHARE = 0.15
_NOT_WORDS = re.compile(r"[\W_]+")


class DataError(ValueError):
    """A data file is missing or unreadable; the message says which and what is wanted."""


@dataclass(frozen=True)
class Source:
    """One training file and how it is used.

    Attributes:
        name: What the project calls it.
        language: ISO 639-1 code, or ``yue`` for Cantonese.
        file: Path inside the data folder.
        passes: How often each row is shown; 0.5 shows half of the rows once.
        weight: Weight of a row in the loss, before class balancing.
        polar: The file knows no neutral class, so its rows train only negative against positive.
        dev_share: One row in this many is kept for development, chosen by a hash of its text; 0 keeps none.
        kind: ``post`` or ``review``.
        label_column: Where the label stands.
        origin: Where it comes from, with the licence as stated there.
    """

    name: str
    language: str
    file: str
    passes: float
    weight: float = 1.0
    polar: bool = False
    dev_share: int = 0
    kind: str = "post"
    label_column: str = "label"
    origin: str = ""


_XLMT = "XLM-T unified sentiment tweets, Apache-2.0"
_MULTI = "multilingual-sentiment, Apache-2.0"
_NLP = "ChineseNlpCorpus, no licence stated"
_YUE = "Cantonese-Sentiment, no licence stated"


def _tweets(name: str, language: str) -> Source:
    return Source(name, language, f"sentiment/{name}_train.csv", 1.5, origin=_XLMT)


SOURCES = (
    Source("en", "en", "sentiment/en_train.csv", 2, origin="SemEval 2013-2016 tweets, research use"),
    Source(
        "airline", "en", "mentions/airline_tweets.csv", 0.7, 0.5, dev_share=12, label_column="airline_sentiment",
        origin="Twitter US Airline Sentiment, CC BY-NC-SA 4.0",
    ),
    Source(
        "zh_weibo", "zh", "sentiment/zh_weibo_train.csv", 1.5, dev_share=12,
        origin="SMP2020-EWECT, research use",
    ),
    Source(
        "zh_shopping", "zh", "sentiment/zh_shopping_train.csv", 0.25, 0.5, polar=True, dev_share=12, kind="review",
        origin=_NLP,
    ),
    Source(
        "zh_waimai", "zh", "sentiment/zh_waimai_train.csv", 0.6, 0.5, polar=True, dev_share=12, kind="review",
        origin=_NLP,
    ),
    Source(
        "zh_reviews", "zh", "sentiment/zh_reviews_dev.csv", 2.5, 0.7, dev_share=2, kind="review", origin=_MULTI,
    ),
    _tweets("arabic", "ar"), _tweets("french", "fr"), _tweets("german", "de"), _tweets("hindi", "hi"),
    _tweets("italian", "it"), _tweets("portuguese", "pt"), _tweets("spanish", "es"),
    Source("indonesian", "id", "sentiment/indonesian_train.csv", 0.4, 0.7, origin=_MULTI),
    Source("malay", "ms", "sentiment/malay_train.csv", 0.6, 0.7, origin=_MULTI),
    Source("ja", "ja", "sentiment/japanese_dev.csv", 1, 0.7, dev_share=2, kind="review", origin=_MULTI),
    Source("yue", "yue", "sentiment/yue_lihkg_weak.csv", 0.3, 0.2, origin=_YUE),
)  # fmt: skip
"""`zh_reviews` and `ja` have no training file: half of their development file trains, the other half measures."""
DEV_FILES = {
    "en": "sentiment/en_dev.csv",
    **{s.name: s.file.replace("_train", "_dev") for s in SOURCES if s.language not in {"en", "zh", "yue", "ja"}},
}
WITHOUT_EMOTICONS = "zh_weibo_no_emoticons"


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


def held_out(text: str, share: int) -> bool:
    """Whether a text of a source that keeps one row in `share` for development is kept."""
    number = int(text_key(text), 16)
    return bool(share) and (number // 16 % 2 == 1 if share == 2 else number % share == 0)


def read_rows(path: Path, source: str, label_column: str = "label") -> list[Row]:
    """Read one labelled CSV file with the column ``text`` and a column of labels.

    Raises:
        DataError: The file is missing, lacks a column or holds an unknown label.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = [(r["text"].lstrip("\ufeff"), LABELS.index(r[label_column])) for r in csv.DictReader(handle)]
    except FileNotFoundError:
        raise DataError(f"{path} is missing: --data must name the folder that holds sentiment/*.csv") from None
    except KeyError as error:
        raise DataError(f"{path} has no column {error}: wanted are text and {label_column}") from None
    except ValueError as error:
        raise DataError(f"{path}: {error}: labels must be {', '.join(LABELS)}") from None
    return [Row(model_text(text), label, source) for text, label in rows]


def load_corpus(folder: Path) -> Corpus:
    """Read every file of `SOURCES` and `DEV_FILES` and make the split.

    A training row whose normalised text also stands in a development set, or stands in training already, is
    left out. The Weibo development set comes twice: as written and without emoticons.

    Raises:
        DataError: A file is missing or malformed.
    """
    dev = {name: read_rows(folder / file, name) for name, file in DEV_FILES.items()}
    raw = {source.name: read_rows(folder / source.file, source.name, source.label_column) for source in SOURCES}
    for source in SOURCES:
        if source.dev_share:
            dev[source.name] = [row for row in raw[source.name] if held_out(row.text, source.dev_share)]
    dev[WITHOUT_EMOTICONS] = [Row(without_emoticons(row.text), row.label, row.source) for row in dev["zh_weibo"]]
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


def training_passes(train: dict[str, list[Row]], seed: int, to_traditional: Callable[[str], str]) -> list[Row]:
    """Lay out the rows to show, each source as often as `Source.passes` says, in a seeded random order.

    Every second copy of a Weibo post loses its emoticons, so that the words must carry the label too, and one
    Chinese row in seven is put into Taiwanese wording and traditional characters.

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
            if source.language == "zh" and chance.random() < _TRADITIONAL_SHARE:
                text = to_traditional(text)
            shown.append(Row(text, row.label, row.source))
    chance.shuffle(shown)
    return shown
