"""What a tuned model is measured on and never trained on: kept-back corrections, the user's file, our own posts.

A quarter of all corrected texts is kept back, chosen by a hash of the text, so that the same text is on the same
side for ever, copies included. The gold set is cut once from them and frozen: `models/gold.json` names its
mentions by number (no text is copied, so a deletion reaches it). Later corrections that hash into the quarter
wait: they are not trained on either, and join the set when a person says so.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b, sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from social_care.pipeline import kind_of, text_of
from storage.corrections import Correction
from storage.errors import StorageError
from storage.text import text_hash

GOLD_FILE = "gold.json"
ONE_IN = 4
"""One corrected text in so many is kept back."""
BUNDLED = "bundled gold"
KEPT_BACK = "your corrections"


@dataclass(frozen=True, slots=True)
class Item:
    """One labelled text; None where nobody said."""

    text: str
    language: str | None = None
    kind: str | None = None
    sentiment: str | None = None
    reply_needed: bool | None = None
    urgency: float | None = None
    group: str = ""
    """What it is also measured by: the language of the bundled gold."""


@dataclass(frozen=True, slots=True)
class Gold:
    """Labelled texts to measure on.

    Attributes:
        name: What messages call it.
        items: The texts.
        floor: Whether it is a floor only: a model may fall a little on it.
        digest: Of what it holds, for the card.
    """

    name: str
    items: Sequence[Item]
    floor: bool
    digest: str


@dataclass(frozen=True, slots=True)
class Cut:
    """How the corrections were divided.

    Attributes:
        kept: Those of the gold set.
        waiting: Those that hash into the quarter but came after the cut.
        members: The gold set's entries: mention number, version and field.
        cut_at: When it was cut.
        fresh: Whether `members` differ from what is on the disk.
    """

    kept: Sequence[Correction]
    waiting: Sequence[Correction]
    members: Sequence[tuple[int, int, str]]
    cut_at: str
    fresh: bool

    def gold(self) -> Gold | None:
        """The gold set, with the newest word of a person on each text; None where it is empty."""
        by_text: dict[tuple[int, int], dict[str, Correction]] = {}
        for one in self.kept:
            by_text.setdefault((one.mention_id, one.version), {})[one.field] = one
        if not by_text:
            return None
        items = [as_item(fields) for fields in by_text.values()]
        digest = sha256(repr(sorted(self.members)).encode()).hexdigest()[:12]
        return Gold(KEPT_BACK, items, floor=False, digest=digest)

    def write(self, path: Path) -> None:
        """Write the entries; replaced whole or not at all."""
        content = {"cut_at": self.cut_at, "one_in": ONE_IN, "members": [list(entry) for entry in self.members]}
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")
        temporary.replace(path)


def as_item(fields: Mapping[str, Correction]) -> Item:
    """What people said of one text."""
    one = next(iter(fields.values()))
    said = {name: found.value for name, found in fields.items()}
    needed = said.get("reply_needed")
    return Item(
        text=text_of(one.title, one.text),
        language=one.lang,
        kind=kind_of(one.kind),
        sentiment=said.get("sentiment"),
        reply_needed=None if needed is None else needed == "true",
        urgency=_number(said.get("urgency")),
    )


def _number(value: str | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def in_quarter(text: str) -> bool:
    """Whether a text is kept back: the same for every copy of it, in every workspace, for ever."""
    digest = blake2b(text_hash(text).encode(), digest_size=8, person=b"gold").digest()
    return int.from_bytes(digest, "big") % ONE_IN == 0


def cut_gold(path: Path, rows: Sequence[Correction], now: datetime, *, extend: bool = False) -> Cut:
    """Divide corrections into those of the gold set and the others; writes nothing.

    Args:
        path: Where the entries of the set are kept; made from `rows` where there is no such file yet.
        rows: All usable corrections.
        now: The time it is.
        extend: Take those that wait into the set.

    Raises:
        StorageError: The file is damaged.
    """
    quarter = [row for row in rows if in_quarter(text_of(row.title, row.text))]
    present = {_entry(row) for row in quarter}
    if not path.exists():
        return Cut(quarter, (), sorted(present), now.isoformat(), fresh=True)
    members, cut_at = _read(path)
    if extend and present - members:
        return Cut(quarter, (), sorted(members | present), now.isoformat(), fresh=True)
    kept = [row for row in quarter if _entry(row) in members]
    waiting = [row for row in quarter if _entry(row) not in members]
    return Cut(kept, waiting, sorted(members), cut_at, fresh=False)


def _entry(row: Correction) -> tuple[int, int, str]:
    return row.mention_id, row.version, row.field


def _read(path: Path) -> tuple[set[tuple[int, int, str]], str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {(int(a), int(b), str(c)) for a, b, c in content["members"]}, str(content["cut_at"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"{path} is damaged ({error}); restore it from a backup, or remove it to have the gold set cut again"
        ) from error


def gold_from_file(path: Path) -> Gold:
    """The user's labelled texts.

    Raises:
        EvaluationError: It is no CSV with the columns text and label, or no row can be used.
    """
    from sentiment.evaluate import EvaluationError, read_labelled
    from sentiment.evaluate.answers import UNREADABLE, sentiment_labels
    from sentiment.ports import SENTIMENTS

    rows = read_labelled(path)
    classes = sentiment_labels([label for _, label in rows])
    items = [
        Item(text, sentiment=SENTIMENTS[label])
        for (text, _), label in zip(rows, classes, strict=True)
        if label != UNREADABLE and text.strip()
    ]
    if not items:
        raise EvaluationError(f"{path}: no row has a text and a label out of negative, neutral, positive")
    return Gold(path.name, items, floor=False, digest=sha256(path.read_bytes()).hexdigest()[:12])


def bundled_gold() -> Gold:
    """The posts written for the package: English, simplified and traditional Chinese, Cantonese."""
    raw = files("sentiment").joinpath("data", "gold.csv").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = list(csv.DictReader(raw.splitlines()))
    items = [
        Item(r["text"], sentiment=r["label"], reply_needed=r["reply_needed"] == "yes", group=r["language"])
        for r in rows
    ]
    return Gold(BUNDLED, items, floor=True, digest=sha256(raw.encode()).hexdigest()[:12])
