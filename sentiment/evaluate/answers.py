"""What people wrote into the columns: classes, stars, yes or no, levels of urgency; and what nobody can read."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sentiment.evaluate.errors import EvaluationError
from sentiment.ports import SENTIMENTS

UNREADABLE = -1
"""Stands for a cell that holds no answer."""

_NAMES = {
    **dict.fromkeys(
        ("negative", "neg", "n", "very negative", "bad", "负面", "負面", "消极", "消極", "负", "差评"), 0
    ),
    **dict.fromkeys(("neutral", "neu", "mixed", "中性", "中立"), 1),
    **dict.fromkeys(("positive", "pos", "p", "very positive", "good", "正面", "积极", "積極", "正", "好评"), 2),
}
_SIGNED = {"-1": 0, "0": 1, "1": 2}
_FROM_ZERO = {"0": 0, "1": 1, "2": 2}
_TWO = {"0": 0, "1": 2}
_NUMBER = re.compile(r"([+-]?)(\d+)(?:\.0+)?")
_STARS = re.compile(r"([1-5](?:[.,]\d+)?)(?:\s*(?:stars?|星))?(?:\s*/\s*5)?")
_TOO_MANY = 0.1
"""More numbers than this share that fit no scheme mean that the file counts otherwise."""
_YES = frozenset(("1", "true", "yes", "y", "t", "是", "有"))
_NO = frozenset(("0", "false", "no", "n", "f", "否", "无", "無"))
_LEVELS = {"nothing": 0, "nothing to do": 0, "none": 0, "soon": 1, "today": 2, "now": 3}


def plain(cell: str) -> str:
    """Return a cell in one form: small letters, plain digits, whole numbers without a point or a plus."""
    word = unicodedata.normalize("NFKC", cell).replace("\u2212", "-").strip().strip("\"'").casefold()
    word = re.sub(r"\s+", " ", word.replace("_", " ")) if word else word
    match = _NUMBER.fullmatch(word)
    return ("-" if match[1] == "-" and int(match[2]) else "") + str(int(match[2])) if match else word


def label_map(said: str) -> dict[str, int]:
    """Read ``0=negative,happy=positive``.

    Raises:
        EvaluationError: A part is no pair, or its right side no sentiment.
    """
    known: dict[str, int] = {}
    for part in said.split(","):
        left, sign, right = part.rpartition("=")
        if not sign or not left.strip() or plain(right) not in _NAMES:
            raise EvaluationError(
                f"write labels as 0=negative,1=neutral,2=positive; {part.strip()!r} is no such pair"
            )
        known[plain(left)] = _NAMES[plain(right)]
    return known


def sentiment_labels(
    cells: Sequence[str], *, stars: bool = False, two: bool = False, known: Mapping[str, int] | None = None
) -> list[int]:
    """Read a column of sentiments: 0 negative, 1 neutral, 2 positive, `UNREADABLE`.

    Names are read in any case and in Chinese. Numbers are read by what occurs: a 2 means 0, 1, 2, a -1 means
    -1, 0, 1; with `two`, 0 and 1 are negative and positive.

    Args:
        cells: The column.
        stars: The cells are 1 to 5 stars: below 2.5 is negative, above 3.5 positive.
        two: The file has no neutral rows.
        known: What further cells mean; comes before everything else.

    Raises:
        EvaluationError: The numbers are ambiguous or count in another way.
    """
    words = [plain(cell) for cell in cells]
    if stars:
        return [_by_stars(word) for word in words]
    table = {**_NAMES, **(known or {})}
    numbers = Counter(word for word in words if word not in table and _NUMBER.fullmatch(word))
    named = sum(word in table for word in words)
    table |= {} if known else _scheme(numbers, named, two=two)
    return [table.get(word, UNREADABLE) for word in words]


def _scheme(numbers: Counter[str], named: int, *, two: bool) -> dict[str, int]:
    total = numbers.total()
    if not total:
        return {}
    strange = total - sum(numbers[word] for word in ("-1", "0", "1", "2"))
    if strange > _TOO_MANY * (total + named):
        seen = ", ".join(sorted(numbers, key=lambda word: (len(word), word))[:8])
        raise EvaluationError(
            f"the labels {seen} are neither -1, 0, 1 nor 0, 1, 2: add --stars if they are 1 to 5 stars, "
            "or say what they mean with --label-map 0=negative,4=positive"
        )
    if numbers["-1"] or numbers["2"]:
        return _SIGNED if numbers["-1"] > numbers["2"] else _FROM_ZERO
    if two:
        return _TWO
    if total > _TOO_MANY * (total + named):
        raise EvaluationError(
            f"the only numbers among the labels are {' and '.join(sorted(set(numbers) & {'0', '1'}))}: add "
            "--two-class if they mean negative and positive, or --label-map 0=neutral,1=positive"
        )
    return {}


def _by_stars(word: str) -> int:
    filled = word.count("★") + word.count("⭐")
    match = _STARS.fullmatch(word)
    if not filled and match is None:
        return UNREADABLE
    value = float(filled) if filled else float((match or [""])[1].replace(",", "."))
    return UNREADABLE if value > 5 else 0 if value < 2.5 else 2 if value > 3.5 else 1


def yes_or_no(cells: Sequence[str]) -> list[int]:
    """Read a column of 1 and 0, yes and no, true and false, 是 and 否; `UNREADABLE` for anything else."""
    words = map(plain, cells)
    return [1 if word in _YES else 0 if word in _NO else UNREADABLE for word in words]


def urgency_levels(cells: Sequence[str]) -> list[int]:
    """Read a column of levels: 0 (nothing to do) to 3 (now), or their names; `UNREADABLE` for anything else.

    A 4 and no 0 means that the levels count as docs/urgency.md does, from 1 (now) to 4 (nothing to do).
    """
    words = [plain(cell) for cell in cells]
    down = "4" in words and "0" not in words
    numbers = {str(4 - level if down else level): level for level in range(4)}
    return [numbers.get(word, _LEVELS.get(word, UNREADABLE)) for word in words]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows that could not be used, for one reason.

    Attributes:
        reason: In words.
        count: How many rows.
        lines: The first lines of the file on which they stand.
        examples: What the cells said, the most frequent first.
    """

    reason: str
    count: int
    lines: tuple[int, ...] = ()
    examples: tuple[str, ...] = ()


def left_out(
    reason: str, rows: Sequence[int], lines: Sequence[int], cells: Sequence[str] | None = None
) -> list[LeftOut]:
    """Tell of the rows (by index) that one reason leaves out; nothing where there are none."""
    if not rows:
        return []
    said = Counter(cells[i].strip()[:40] for i in rows) if cells is not None else Counter[str]()
    examples = tuple(word for word, _ in said.most_common(5))
    return [LeftOut(reason, len(rows), tuple(lines[i] for i in rows[:5]), examples)]


def class_name(label: int) -> str:
    """Return the name of a class."""
    return SENTIMENTS[label]
