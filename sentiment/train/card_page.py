"""``python -m sentiment.train.card_page``: write docs/model-card.md's text from what ``model.json`` measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sentiment.card import BUNDLED

TEMPLATE = Path(__file__).parent / "card_page.md"
"""The prose, with a ``{{name}}`` where a table or a figure of the card goes."""
_NAMES = {
    "en": "English tweets (TweetEval validation)",
    "airline": "tweets to airlines, held out by hash (half of them taught the complaint head)",
    "zh_weibo": "Weibo posts, held out by hash",
    "zh_weibo_no_emoticons": "the Weibo posts, `[doge]`-like emoticons removed",
    "zh_weibo_traditional": "the Weibo posts in traditional characters",
    "zh_reviews": "shop reviews, classes from stars, held out by hash",
    "zh_waimai": "delivery reviews, two classes, held out by hash",
    "zh_shopping": "shop reviews, two classes, held out by hash",
    "ja": "shop reviews, classes from stars, held out by hash",
}


def page(card: Mapping[str, Any], prose: str) -> str:
    """Return the page: the prose with the card's facts put in."""
    facts = {
        "revision": card["revision"],
        "dev": _dev(card["dev"]),
        "heads": _heads(card["head_quality"]),
        "calibration": _calibration(card["calibration"]),
        "sources": _sources(card["training"]["sources"]),
        "well": _codes(card["languages"]),
        "weakly": _codes(card["languages_weak"]),
        "not_read": _codes(card["languages_not_read"]) or "none",
        "agreement": f"{card['packed_agrees_with_full_precision']['share']:.1%}",
        "agreement_n": f"{card['packed_agrees_with_full_precision']['n']:,}",
        "seed": str(card["training"]["seed"]),
    }
    for name, value in facts.items():
        prose = prose.replace("{{" + name + "}}", value)
    return prose


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _table(head: str, rows: Iterable[Iterable[str]]) -> str:
    columns = head.split("|")
    rule = "|".join("--:" if column.endswith(":") else "---" for column in columns)
    lines = [f"| {' | '.join(column.rstrip(':') for column in columns)} |", f"|{rule}|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def _dev(dev: Mapping[str, Mapping[str, Any]]) -> str:
    keys = ("macro_recall", "macro_f1", "accuracy", "ece", "answered", "answered_accuracy")
    rows = (
        [row["language"], _NAMES.get(name, f"{name.capitalize()} tweets"), f"{row['n']:,}"]
        + [_percent(row.get(key)) for key in keys]
        for name, row in dev.items()
    )
    return _table("language|set|posts:|macro-recall:|macro-F1:|accuracy:|ECE:|answered:|right:", rows)


def _heads(quality: Mapping[str, Mapping[str, Any]]) -> str:
    keys = ("precision", "recall", "f1", "auc")
    rows = (
        [f"`{name}`", f"{row['n']:,}", f"{row['positive']:,}", *(_percent(row[key]) for key in keys)]
        for name, row in quality.items()
    )
    return _table("head|posts:|of its kind:|precision:|recall:|F1:|AUC:", rows)


def _calibration(entries: Mapping[str, Mapping[str, Any]]) -> str:
    rows = (
        [
            f"`{name}`", f"{entry['deep']:.2f}", f"{entry['wide']:.2f}",
            " / ".join(f"{value:+.2f}" for value in entry["bias"]),
            "never" if entry["abstain_below"] >= 1 else f"{entry['abstain_below']:.2f}",
        ]
        for name, entry in entries.items()
    )  # fmt: skip
    return _table("language, kind|encoder:|table:|bias:|answers from:", rows)


def _sources(sources: Iterable[Mapping[str, Any]]) -> str:
    rows = (
        [
            f"`{s['file'].rpartition('/')[2]}`", s["language"], f"{s['rows']:,}", f"{s['passes']:g}",
            f"{s['weight']:g}", str(s["classes"]), s["origin"],
        ]
        for s in sources
    )  # fmt: skip
    return _table("file|language|rows used:|passes:|weight:|classes:|origin and licence as stated", rows)


def _codes(codes: Iterable[str]) -> str:
    return ", ".join(f"`{code}`" for code in codes)


def main() -> None:
    """Print the page of the bundled model."""
    card = json.loads((BUNDLED / "model.json").read_text(encoding="utf-8"))
    sys.stdout.write(page(card, TEMPLATE.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
