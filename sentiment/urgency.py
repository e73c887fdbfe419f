"""How much a post presses: a sum of named, signed factors, each with its evidence.

docs/urgency.md has the rubric these weights follow. Everything here is a pure function.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from sentiment import levels
from sentiment.ports import Factor, Probabilities
from sentiment.signals import Found, bundled_lexicon, prepare

SEVERE = (
    "safety", "fraud_or_account", "stranded_or_locked_out", "legal", "outage", "money_lost", "repeated_contact",
    "failed_service", "no_response",
)  # fmt: skip
"""What is wrong. The heaviest counts in full, each further one for `SECONDARY` of its weight: a post that is both
stranded and out of pocket presses more than either, but not twice as much."""
SECONDARY = 0.3

AGGRAVATING = (
    "accusation", "churn_threat", "spread_threat", "vulnerability", "deadline", "request", "question",
)  # fmt: skip
"""What makes it press more. Counted in full where something is wrong, for `MILD` where nothing seems to be: a
wedding tomorrow is urgent for a stranded passenger, not for a happy one."""
MILD = 0.4

RELIEVING = ("thanks", "resolved", "joke", "promo", "news")
"""What takes away: weights below zero."""

_NOT_OUTWEIGHED = frozenset({"safety", "fraud_or_account", "stranded_or_locked_out"})
"""Where the words say that someone is in trouble, the model's impression of a happy tone counts half."""
_SHOUT_MARKS = re.compile(r"[!！]{2,}|[?？][!！]|[!！][?？]|🆘")
_CAPITALS = re.compile(r"\b[A-Z]{4,}\b")
_READ_PROBABILITY = 0.4
_PLEASED = 0.5


def default_weights() -> dict[str, float]:
    """Return the weight of every factor as shipped; configuration may change each of them."""
    return dict(bundled_lexicon().weights)


def checked_weights(changes: Mapping[str, float]) -> dict[str, float]:
    """Return the default weights with changes applied.

    Args:
        changes: Factor name to weight, between -1 and 1.

    Raises:
        ValueError: A name is no factor, or a weight is out of range; the message names it.
    """
    weights = default_weights()
    for name, weight in changes.items():
        if name not in weights:
            raise ValueError(f"no urgency factor is called {name!r}; there are {', '.join(sorted(weights))}")
        if not -1.0 <= weight <= 1.0:
            raise ValueError(f"the weight of {name!r} is {weight}; it must lie between -1 and 1")
        weights[name] = float(weight)
    return weights


def urgency(
    text: str,
    probabilities: Probabilities | None,
    language: str,
    weights: Mapping[str, float] = MappingProxyType({}),
    *,
    found: Found | None = None,
    heads: Mapping[str, float] = MappingProxyType({}),
) -> tuple[float, tuple[Factor, ...]]:
    """Say how urgent a post is and why.

    Args:
        text: The post.
        probabilities: What the model said; None where it did not read the post, so that the words alone speak.
        language: Its language, which picks the word lists.
        weights: Full weights; empty takes the shipped ones.
        found: The signals, where the caller has looked for them already.
        heads: What the model's heads say, by name; empty where it has none.

    Returns:
        The urgency from 0 to 1 and the factors whose points add up to it, the strongest first.
    """
    weights = weights or default_weights()
    if found is None:
        found = bundled_lexicon().find(prepare(text), language)
    factors = [Factor("base", weights["base"], "any mention")]
    if probabilities is not None and levels.speaks(heads):
        factors += levels.reading(heads, weights)
        factors += levels.troubles(heads, found, weights, SEVERE, SECONDARY)
        factors += levels.pressing(heads, found, weights, AGGRAVATING)
        factors += _shouting(text, weights, wrong=heads["soon_or_more"] > levels.SPOKEN)
        return _balanced(factors + levels.relief(probabilities, found, weights, RELIEVING))
    factors += _complaint(probabilities, found, weights)
    severe = _severe(found, weights)
    factors += severe
    factors += _aggravating(found, weights, wrong=bool(severe) or len(factors) > 1)
    factors += _shouting(text, weights, wrong=len(factors) > 1)
    factors += _relief(probabilities, found, weights)
    return _balanced(factors)


def _complaint(probabilities: Probabilities | None, found: Found, weights: Mapping[str, float]) -> list[Factor]:
    weight = weights["complaint"]
    if probabilities is not None:
        if probabilities.negative < _READ_PROBABILITY:
            return []
        evidence = f"negative {probabilities.negative:.2f}"
        return [Factor("complaint", weight * probabilities.negative, evidence)]
    if "displeased" in found:
        return [Factor("complaint", weight * 0.8, _words(found["displeased"]))]
    return []


def _severe(found: Found, weights: Mapping[str, float]) -> list[Factor]:
    present = sorted((name for name in SEVERE if name in found), key=lambda name: -weights[name])
    return [
        Factor(name, weights[name] * (1.0 if rank == 0 else SECONDARY), _words(found[name]))
        for rank, name in enumerate(present)
    ]


def _aggravating(found: Found, weights: Mapping[str, float], *, wrong: bool) -> list[Factor]:
    share = 1.0 if wrong else MILD
    return [
        Factor(name, weights[name] * (1.0 if name in {"request", "question"} else share), _words(found[name]))
        for name in AGGRAVATING
        if name in found
    ]


def _shouting(text: str, weights: Mapping[str, float], *, wrong: bool) -> list[Factor]:
    if not wrong:
        return []  # joy shouts as well
    marks = _SHOUT_MARKS.findall(text[:2000])
    capitals = _CAPITALS.findall(text[:2000])
    if not marks and len(capitals) < 2:
        return []
    return [Factor("shouting", weights["shouting"], " ".join([*marks[:2], *capitals[:2]])[:60])]


def _relief(probabilities: Probabilities | None, found: Found, weights: Mapping[str, float]) -> list[Factor]:
    factors = []
    pleased = probabilities.positive if probabilities is not None else 0.0
    if pleased > _PLEASED:
        share = 0.5 if found.keys() & _NOT_OUTWEIGHED else 1.0
        factors.append(Factor("praise", weights["praise"] * pleased * share, f"positive {pleased:.2f}"))
    elif probabilities is None and "pleased" in found and "displeased" not in found:
        factors.append(Factor("praise", weights["praise"] * 0.7, _words(found["pleased"])))
    unhappy = probabilities is not None and probabilities.negative > 0.6
    # "Thanks for nothing" and a bitter "lol" are no relief.
    counted = [n for n in RELIEVING if n in found and not (unhappy and n in {"thanks", "joke"})]
    return factors + [Factor(name, weights[name], _words(found[name])) for name in counted]


def _balanced(factors: list[Factor]) -> tuple[float, tuple[Factor, ...]]:
    """Round the points and add what keeps the sum between 0 and 1, so that it can be checked by adding up."""
    rounded = [Factor(f.name, round(f.points, 3), f.evidence) for f in factors]
    total = round(sum(f.points for f in rounded), 3)
    limited = min(1.0, max(0.0, total))
    if limited != total:
        rounded.append(Factor("limit", round(limited - total, 3), "urgency stays between 0 and 1"))
    rounded.sort(key=lambda f: -abs(f.points))
    return limited, tuple(f for f in rounded if f.points)


def _words(evidence: tuple[str, ...]) -> str:
    return " · ".join(evidence)
