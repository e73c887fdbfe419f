"""The model in use and a new one on the same gold sets: every figure before and after, and which of them fell."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from social_care.gold import Gold, Item

if TYPE_CHECKING:
    from sentiment.paired import Comparison, Limits
    from sentiment.ports import Scorer, TextScore

LEAST_GROUP = 20
"""Texts a language needs to be measured by itself."""
LEAST_PAIRS = 20
LEAST_ASIDE = 30
URGENCY_SLACK = 0.02
_SENTIMENTS = ("negative", "neutral", "positive")

Floats = npt.NDArray[np.float64]


def own_limits() -> "Limits":
    """What may fall on the brand's own gold: a hundredth, which one text of a hundred moves."""
    from sentiment.paired import Limits

    return Limits(macro_recall=0.01, accuracy=0.01, log_loss=0.02)


def floor_limits(*, whole: bool) -> "Limits":
    """What may fall on the bundled gold: it stands for everybody else's posts, so a little may be given up."""
    from sentiment.paired import Limits

    return Limits(0.02, 0.02, 0.05) if whole else Limits(0.07, 0.07, 0.15)


def _no_limits() -> "Limits":
    from sentiment.paired import Limits

    return Limits(2.0, 2.0, float("inf"))


Measured = tuple[list["Comparison"], dict[str, Any] | None, list[str]]


def measure(golds: Sequence[Gold], *, before: "Scorer", after: "Scorer", tuned: Collection[str]) -> Measured:
    """Score every gold set with both models and compare.

    Args:
        golds: What to measure on.
        before: The model in use.
        after: The new one.
        tuned: The fields whose heads were tuned. Another is judged on the brand's own gold only where that has
            `LEAST_ASIDE` texts of it: it moves as a side effect, and on fewer a text or two decide.

    Returns:
        The comparisons, the share of pairs whose urgency is in a person's order (None without such pairs), and
        what fell further than allowed, in words.
    """
    comparisons: list[Comparison] = []
    order: dict[str, Any] | None = None
    for gold in golds:
        old, new = _scores(before, gold.items), _scores(after, gold.items)
        comparisons += _compared(gold, old, new, tuned)
        order = order or _order(gold, old, new)
    fallen = [reason for one in comparisons for reason in one.fallen]
    if order is not None and order["before"] - order["after"] > URGENCY_SLACK + 1e-9:
        fallen.append(
            f"urgency in order on {order['name']} fell from {order['before']:.3f} to {order['after']:.3f}"
        )
    return comparisons, order, fallen


def _scores(scorer: "Scorer", items: Sequence[Item]) -> "list[TextScore]":
    return scorer.score(
        [item.text for item in items], [item.language for item in items], [item.kind for item in items]
    )


def _compared(
    gold: Gold, old: "Sequence[TextScore]", new: "Sequence[TextScore]", tuned: Collection[str]
) -> "list[Comparison]":
    limits = floor_limits(whole=True) if gold.floor else own_limits()
    parts = [("sentiment", [i for i, item in enumerate(gold.items) if item.sentiment is not None], limits)]
    groups = defaultdict(list)
    for number, item in enumerate(gold.items):
        if item.group:
            groups[item.group].append(number)
    for group, members in groups.items():
        if len(members) >= LEAST_GROUP:
            parts.append((f"sentiment {group}", members, floor_limits(whole=False)))
    found = [_sentiment(word, gold, rows, old, new, within) for word, rows, within in parts if rows]
    answered = [i for i, item in enumerate(gold.items) if item.reply_needed is not None]
    if answered:
        judged = gold.floor or "reply_needed" in tuned or len(answered) >= LEAST_ASIDE
        found.append(_reply("reply-needed", gold, answered, old, new, limits if judged else _no_limits()))
    return found


def _sentiment(
    name: str,
    gold: Gold,
    rows: Sequence[int],
    old: "Sequence[TextScore]",
    new: "Sequence[TextScore]",
    limits: "Limits",
) -> "Comparison":
    labels = np.array([_SENTIMENTS.index(gold.items[i].sentiment or "") for i in rows], dtype=np.int64)
    return _pair((name, gold.name), labels, rows, old, new, lambda score: tuple(score.probabilities), limits)


def _reply(
    name: str,
    gold: Gold,
    rows: Sequence[int],
    old: "Sequence[TextScore]",
    new: "Sequence[TextScore]",
    limits: "Limits",
) -> "Comparison":
    labels = np.array([int(bool(gold.items[i].reply_needed)) for i in rows], dtype=np.int64)
    return _pair((name, gold.name), labels, rows, old, new, _yes_and_no, limits)


def _yes_and_no(score: "TextScore") -> tuple[float, float]:
    """The probabilities of no and yes that a reply decision stands for; a bare guess still is what it says."""
    sure = max(score.reply_confidence, 0.501)
    return (1 - sure, sure) if score.reply_needed else (sure, 1 - sure)


def _pair(
    names: tuple[str, str],
    labels: npt.NDArray[np.int64],
    rows: Sequence[int],
    old: "Sequence[TextScore]",
    new: "Sequence[TextScore]",
    read: "Callable[[TextScore], tuple[float, ...]]",
    limits: "Limits",
) -> "Comparison":
    from sentiment.paired import compare

    tables = [np.array([read(scores[i]) for i in rows], dtype=np.float64) for scores in (old, new)]
    return compare(*names, labels, tables[0], tables[1], limits)


def _order(gold: Gold, old: "Sequence[TextScore]", new: "Sequence[TextScore]") -> dict[str, Any] | None:
    from sentiment.paired import pairs_in_order

    rows = [i for i, item in enumerate(gold.items) if item.urgency is not None]
    wanted = [gold.items[i].urgency or 0.0 for i in rows]
    pairs, before = pairs_in_order([old[i].urgency for i in rows], wanted)
    if pairs < LEAST_PAIRS:
        return None
    _, after = pairs_in_order([new[i].urgency for i in rows], wanted)
    return {"name": gold.name, "pairs": pairs, "before": before, "after": after}
