"""From what the two halves of a model say to probabilities: a sum with fitted weights, per language and kind.

A model is surer of itself in some languages and kinds of text than it is right; each gets its own weights, fitted
on held-out rows. The sentiment logits are ``deep x deep logits + wide x wide logits + bias``, then a softmax.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sentiment.ports import SENTIMENTS, ModelError

DEFAULT = "default"
"""The entry for every language and kind without one of its own."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the logits of one language and kind of text become probabilities.

    Attributes:
        deep: Factor of the encoder's logits; one over the temperature.
        wide: Factor of the n-gram table's logits.
        bias: Added to the logits of the three sentiments.
        abstain_below: The top probability from which on the model's word counts.
    """

    deep: float = 1.0
    wide: float = 0.0
    bias: tuple[float, float, float] = (0.0, 0.0, 0.0)
    abstain_below: float = 0.0

    def calmed(self, factor: float) -> Calibration:
        """The same with every logit multiplied by a factor: below 1 the answer stays and is less sure."""
        bias = (self.bias[0] * factor, self.bias[1] * factor, self.bias[2] * factor)
        return Calibration(self.deep * factor, self.wide * factor, bias, self.abstain_below)


class Calibrations:
    """The calibrations of a model; every text finds one.

    Args:
        entries: By ``language/kind``, ``language`` or ``default``, which must be there.
    """

    def __init__(self, entries: Mapping[str, Calibration]) -> None:
        self.entries = dict(entries)
        self._found: dict[tuple[str, str | None], Calibration] = {}

    @classmethod
    def of_card(cls, card: Mapping[str, Any]) -> Calibrations:
        """Read ``calibration`` of a card; a card without it gives one temperature and one threshold for all.

        Raises:
            ModelError: An entry is not made of finite numbers; names it.
        """
        try:
            temperature, band = float(card.get("temperature") or 1.0), float(card.get("abstain_below") or 0.0)
        except (TypeError, ValueError) as error:
            raise ModelError("the card's temperature and abstain_below must be numbers") from error
        plain = {"deep": 1.0 / temperature, "abstain_below": band}
        table = card.get("calibration") or {}
        if not isinstance(table, Mapping):
            raise ModelError("the card's calibration is not a table")
        return cls({str(n): _entry(str(n), values, plain) for n, values in {DEFAULT: {}, **table}.items()})

    def find(self, language: str, kind: str | None = None) -> Calibration:
        """Return the entry for a text.

        Args:
            language: Such as ``zh-Hans``; the part before the hyphen counts.
            kind: ``post`` or ``review`` where that is known.
        """
        known = self._found.get((language, kind))
        if known is None:
            base = language.partition("-")[0]
            names = (f"{base}/{kind}", base, DEFAULT)
            known = next(self.entries[name] for name in names if name in self.entries)
            if len(self._found) < 1000:  # codes come from outside
                self._found[language, kind] = known
        return known


def _entry(name: str, values: object, usual: Mapping[str, float]) -> Calibration:
    """Read one entry; what it leaves out is as usual."""
    if not isinstance(values, Mapping):
        raise ModelError(f"the card's calibration of {name!r} is not a table")
    given = {"deep": 1.0, "wide": 0.0, "abstain_below": 0.0, **usual, **values}
    bias = given.get("bias") or (0.0, 0.0, 0.0)
    try:
        numbers = [float(given["deep"]), float(given["wide"]), float(given["abstain_below"]), *map(float, bias)]
    except (TypeError, ValueError) as error:
        raise ModelError(f"the card's calibration of {name!r} is not made of numbers") from error
    if len(numbers) != 3 + len(SENTIMENTS) or not np.isfinite(numbers).all():
        raise ModelError(f"the card's calibration of {name!r} needs finite numbers and a bias of three")
    return Calibration(numbers[0], numbers[1], (numbers[3], numbers[4], numbers[5]), numbers[2])


def probabilities(deep: Floats, wide: Floats, classes: Sequence[int], chosen: Sequence[Calibration]) -> Floats:
    """Return the probabilities of the three sentiments, (texts, 3).

    Args:
        deep: Logits of the encoder's classes, (texts, classes).
        wide: Logits of the table for the three sentiments, (texts, 3).
        classes: For each class 0 (negative), 1 (neutral) or 2 (positive); classes of one sentiment add up.
        chosen: One calibration a text.
    """
    scaled = deep * np.array([c.deep for c in chosen])[:, None]
    three = np.full((len(chosen), len(SENTIMENTS)), -np.inf)
    for column, sentiment in enumerate(classes):
        three[:, sentiment] = np.logaddexp(three[:, sentiment], scaled[:, column])
    three += wide * np.array([c.wide for c in chosen])[:, None] + np.array([c.bias for c in chosen])
    powers = np.exp(three - three.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result
