"""Urgency where the model has read the post: the rubric's levels as its heads see them, then words and signals.

Words alone find danger in songs, films and quarrels about politics. So what the lexicon found counts as much as
the model takes the post for something a care team must look at. The shares below were set on the labelled rows
that taught no head (docs/urgency.md has the figures).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sentiment.ports import Factor, Probabilities
from sentiment.signals import Found

LEVELS = ("soon_or_more", "today_or_more", "now")
"""Heads of the rubric's levels: at least an ordinary complaint or question, at least trouble today, danger now."""
SEVERE_SHARE, AGGRAVATING_SHARE, RELIEF_SHARE, PRAISE_SHARE = 0.7, 0.6, 0.5, 0.3
"""Of a weight where the levels have spoken already: they know most of what the words say."""
SPOKEN = 0.5
"""Probability from which on a head's word is a factor of its own."""
CONFIRMED = 0.2
"""From this chance of a post being for a care team on, a word of danger is taken for danger."""
MENTIONED = "mentioned_danger"
"""Factor of a word of danger in a post that the model takes for something else: shown, and weighing little."""
_DANGER = frozenset({"safety", "fraud_or_account", "legal", "outage", "stranded_or_locked_out"})
_SMALLEST = 0.005


def speaks(heads: Mapping[str, float]) -> bool:
    """Whether the model has the heads of the levels."""
    return all(name in heads for name in LEVELS)


def reading(heads: Mapping[str, float], weights: Mapping[str, float]) -> list[Factor]:
    """One factor a level, its points in proportion to its probability; and complaint and question as such."""
    factors = [
        Factor(name, weights[name] * heads[name], spoken(name, heads[name]))
        for name in LEVELS
        if weights[name] * heads[name] >= _SMALLEST
    ]
    return factors + [
        Factor(name, weights[name] * AGGRAVATING_SHARE * heads[name] * _ADDED[name], spoken(name, heads[name]))
        for name in ("complaint", "question")
        if heads.get(name, 0.0) >= SPOKEN
    ]


_ADDED = {"complaint": 0.2, "question": 1.0}
"""The levels hold most of what a complaint weighs; as a factor it mainly says that it is one."""


def troubles(
    heads: Mapping[str, float],
    found: Found,
    weights: Mapping[str, float],
    severe: tuple[str, ...],
    secondary: float,
) -> list[Factor]:
    """The troubles that words or heads name: the heaviest in full, each further one for a share of its weight."""
    chance = heads["soon_or_more"]
    strength: dict[str, tuple[float, str]] = {}
    for name in severe:
        head = heads.get(name, 0.0)
        if name in found and (chance >= CONFIRMED or name not in _DANGER):
            strength[name] = (max(chance, head), " · ".join(found[name]))
        elif head >= SPOKEN:
            strength[name] = (head * chance, spoken(name, head))
    ranked = sorted(strength, key=lambda name: -weights[name] * strength[name][0])
    factors = [
        Factor(
            name,
            weights[name] * SEVERE_SHARE * strength[name][0] * (secondary if rank else 1.0),
            strength[name][1],
        )
        for rank, name in enumerate(ranked)
    ]
    doubtful = [" · ".join(found[name]) for name in severe if name in found and name in _DANGER - strength.keys()]
    return factors + ([Factor(MENTIONED, weights["base"], "; ".join(doubtful)[:80])] if doubtful else [])


def pressing(
    heads: Mapping[str, float], found: Found, weights: Mapping[str, float], names: tuple[str, ...]
) -> list[Factor]:
    """What makes it press more, in proportion to the chance that the post is for a care team at all."""
    factors = []
    for name in names:
        head = heads.get(name, 0.0)
        if name in found and not (name == "question" and head >= SPOKEN):
            share = AGGRAVATING_SHARE * max(heads["soon_or_more"], head)
            factors.append(Factor(name, weights[name] * share, " · ".join(found[name])))
        elif name == "churn_threat" and head >= SPOKEN:
            share = AGGRAVATING_SHARE * head * heads["soon_or_more"]
            factors.append(Factor(name, weights[name] * share, spoken(name, head)))
    return factors


def relief(
    probabilities: Probabilities, found: Found, weights: Mapping[str, float], names: tuple[str, ...]
) -> list[Factor]:
    """What takes away: praise by the model, thanks, settled matters, jokes, advertising and news by the words."""
    factors = []
    if probabilities.positive > SPOKEN:
        points = weights["praise"] * PRAISE_SHARE * probabilities.positive
        factors.append(Factor("praise", points, spoken("positive", probabilities.positive)))
    # "Thanks for nothing" and a bitter "lol" are no relief.
    counted = [n for n in names if n in found and not (probabilities.negative > 0.6 and n in {"thanks", "joke"})]
    return factors + [Factor(name, weights[name] * RELIEF_SHARE, " · ".join(found[name])) for name in counted]


def spoken(name: str, probability: float) -> str:
    """What a head or the sentiment says, as evidence; `why` adds the words that drove it."""
    return f"{name} {probability:.2f}"


def in_short(factors: Iterable[Mapping[str, Any]]) -> list[str]:
    """Name what presses for a line of a list, the strongest first: troubles by name, else the level.

    Args:
        factors: As stored, with ``name`` and ``points``.
    """
    ranked = sorted(factors, key=lambda factor: -abs(float(factor.get("points") or 0)))
    names = [str(factor.get("name", "")) for factor in ranked if factor.get("points")]
    troubles = [name for name in names if name not in {*LEVELS, "base", "limit", ""}]
    levels = [name.partition("_")[0] for name in names if name in LEVELS]
    return list(dict.fromkeys(name.replace("_", " ") for name in troubles or levels[:1] or names))
