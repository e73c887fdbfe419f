"""What the heads beside sentiment learn from: rubric labels by row id, and public sets that say the same."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sentiment.text import model_text
from sentiment.train.data import DataError, text_key

SIGNALS = (
    "safety",
    "fraud_or_account",
    "stranded_or_locked_out",
    "outage",
    "money_lost",
    "repeated_contact",
    "churn_threat",
    "legal",
)
LEVELS = ("soon_or_more", "today_or_more", "now")
"""The rubric's levels as three yes-or-no questions, each harder than the last (Frank and Hall 2001, "A simple
approach to ordinal classification")."""
HEADS = ("complaint", "reply_needed", "question", *SIGNALS, *LEVELS)
LABELS_FILE = Path(__file__).parents[1] / "data" / "urgency_labels.csv"
"""The published labels: data file, row (0 is the first after the header), level and what else the rubric asks."""
DEV_SHARE = 4
"""One labelled row in this many is kept for development, chosen by a hash of its text."""
WEAK = frozenset({"urgency/banking77_train.csv", "mentions/airline_tweets.csv"})
"""Files whose own labels only hint at the heads: they teach, and measure only where the rubric labelled them."""
UNKNOWN = math.nan

_FRAUD = (
    "lost_or_stolen_card",
    "compromised_card",
    "lost_or_stolen_phone",
    "card_payment_not_recognised",
    "cash_withdrawal_not_recognised",
    "direct_debit_payment_not_recognised",
)
_MONEY = (
    "Refund_not_showing_up",
    "request_refund",
    "transaction_charged_twice",
    "wrong_amount_of_cash_received",
    "card_swallowed",
    "extra_charge_on_statement",
    "card_payment_fee_charged",
    "reverted_card_payment?",
)
_OUTAGE = (
    "card_not_working",
    "contactless_not_working",
    "virtual_card_not_working",
    "declined_card_payment",
    "declined_cash_withdrawal",
    "declined_transfer",
    "failed_transfer",
    "top_up_failed",
)


@dataclass(frozen=True)
class HeadRow:
    """One text with what is known of each head: 1, 0, or not a number where nobody said.

    Attributes:
        text: As the model reads it.
        targets: One value a head, in the order of `HEADS`.
        source: The data file it stands in.
        domain: The trade, where the file tells it.
        level: The rubric's level 0 to 3; -1 where nobody said.
    """

    text: str
    targets: tuple[float, ...]
    source: str
    domain: str = ""
    level: int = -1

    @property
    def held_out(self) -> bool:
        """Whether the row is kept for development."""
        return int(text_key(self.text), 16) // 64 % DEV_SHARE == 0


def targets(known: Mapping[str, float]) -> tuple[float, ...]:
    """Lay out what is known of the heads; the others are not a number."""
    return tuple(known.get(name, UNKNOWN) for name in HEADS)


def load_head_rows(data: Path, seed: int) -> list[HeadRow]:
    """Read every row with something to say about a head.

    Args:
        data: The folder that holds ``mentions``, ``urgency``, ``sla`` and ``sentiment``.
        seed: Draws the sample of bank requests.

    Raises:
        DataError: A file is missing, or a label points to a row that is not there.
    """
    rubric = rubric_rows(data)
    seen = {row.text for row in rubric}
    others = [*_complaints(data), *_bank(data, seed), *_airline(data)]
    return rubric + [row for row in others if row.text not in seen]


def rubric_rows(data: Path) -> list[HeadRow]:
    """Join the published labels with their texts."""
    with LABELS_FILE.open(encoding="utf-8", newline="") as handle:
        labels = list(csv.DictReader(handle))
    texts = {name: [row["text"] for row in _read(data / name)] for name in {label["file"] for label in labels}}
    rows = []
    for label in labels:
        of_file, index, level = texts[label["file"]], int(label["row"]), int(label["level"])
        if index >= len(of_file):
            raise DataError(
                f"{data / label['file']} has no row {index}: the labels belong to another edition of it"
            )
        known = {name: float(label[name]) for name in ("complaint", "reply_needed", "question")}
        known |= {name: float(name in label["signals"].split()) for name in SIGNALS}
        known |= {name: float(level > bound) for bound, name in enumerate(LEVELS)}
        text = model_text(of_file[index].lstrip("\ufeff"))
        rows.append(HeadRow(text, targets(known), label["file"], level=level))
    return rows


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            return list(csv.DictReader(handle))
    except FileNotFoundError:
        raise DataError(f"{path} is missing: the urgency labels point into it") from None


def _complaints(data: Path) -> list[HeadRow]:
    """Complaint or not (Preotiuc-Pietro et al. 2019); the easy random rows ask for no answer either."""
    rows = []
    for row in _read(data / "urgency" / "complaints_train.csv"):
        known = {"complaint": float(row["complaint"])}
        if row["domain"] == "random_tweet":
            known |= dict.fromkeys(("reply_needed", *SIGNALS, *LEVELS), 0.0)
        elif row["complaint"] == "1":
            known |= {"reply_needed": 1.0, "soon_or_more": 1.0}
        rows.append(
            HeadRow(model_text(row["text"]), targets(known), "urgency/complaints_train.csv", row["domain"])
        )
    return rows


def _bank(data: Path, seed: int, count: int = 2_500) -> list[HeadRow]:
    """A sample of requests to a bank (Casanueva et al. 2020), whose intents say which trouble it is."""
    every = _read(data / "urgency" / "banking77_train.csv")
    rows = []
    for row in random.Random(seed).sample(every, min(count, len(every))):  # noqa: S311  # a seeded sample
        known = dict.fromkeys(("fraud_or_account", "money_lost", "outage", "safety", "legal", "churn_threat"), 0.0)
        known |= {"reply_needed": 1.0, "soon_or_more": 1.0}
        for name, intents in (("fraud_or_account", _FRAUD), ("money_lost", _MONEY), ("outage", _OUTAGE)):
            known[name] = float(row["category"] in intents)
        if row["category"] in _FRAUD:
            known |= {"today_or_more": 1.0}
        rows.append(HeadRow(model_text(row["text"]), targets(known), "urgency/banking77_train.csv"))
    return rows


def _airline(data: Path) -> list[HeadRow]:
    """Tweets to airlines: a reason for displeasure is a complaint, praise is none and asks for nothing."""
    rows = []
    for row in _read(data / "mentions" / "airline_tweets.csv"):
        if row["airline_sentiment"] == "negative" and row["negativereason"] not in {"", "Can't Tell"}:
            known = {"complaint": 1.0, "soon_or_more": 1.0}
            if "Luggage" in row["negativereason"]:
                known["money_lost"] = 1.0
        elif row["airline_sentiment"] == "positive" and "?" not in row["text"]:
            known = dict.fromkeys(("complaint", "question", "safety", "legal", "now", "churn_threat"), 0.0)
        else:
            continue
        rows.append(HeadRow(model_text(row["text"]), targets(known), "mentions/airline_tweets.csv"))
    return rows


def training_targets(rows: Sequence[HeadRow]) -> list[HeadRow]:
    """The rows to learn from: none that is held out, nor one with the same text as one of those."""
    held = {text_key(row.text) for row in rows if row.held_out}
    return [row for row in rows if text_key(row.text) not in held]
