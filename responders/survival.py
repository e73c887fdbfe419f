"""Percentiles of waiting times when some are still waiting. Pure."""

import math
from collections.abc import Sequence
from typing import NamedTuple

PERCENTILES = (50, 75, 90, 95)
_ROUNDING = 1e-12


class Waited(NamedTuple):
    """One waiting time in seconds; `over` is False where nobody has answered yet (censored)."""

    seconds: float
    over: bool


class Curve:
    """The share still waiting after a time: Kaplan and Meier's estimate (JASA 53, 1958, pages 457-481).

    The unanswered count as waiting until they were last looked at, and leave the ranks then; an average over the
    answered alone would flatter.
    """

    def __init__(self, waited: Sequence[Waited]) -> None:
        self._ordered = sorted(waited, key=lambda one: (one.seconds, not one.over))  # at a tie answers come first
        self.n = len(self._ordered)
        self.unanswered = sum(not one.over for one in self._ordered)
        self.age = self._ordered[-1].seconds if self._ordered else 0.0
        """The longest time seen, answered or not."""
        self._steps = self._estimate()

    def _estimate(self) -> list[tuple[float, float]]:
        """(time, share still waiting from then on), ascending."""
        steps: list[tuple[float, float]] = []
        share, at_risk, index = 1.0, self.n, 0
        while index < self.n:
            seconds, answered, left = self._ordered[index].seconds, 0, 0
            while index < self.n and self._ordered[index].seconds == seconds:
                answered += self._ordered[index].over
                left += 1
                index += 1
            if answered:
                share = 0.0 if answered == at_risk else share * (1 - answered / at_risk)
                steps.append((seconds, share))
            at_risk -= left
        return steps

    def percentile(self, percent: float) -> float | None:
        """The time after which at most `100 - percent` per cent still wait; None where that is not reached.

        Where everybody was answered: linear interpolation between order statistics.
        """
        if not self.n:
            return None
        if not self.unanswered:
            place = percent / 100 * (self.n - 1)
            below, above = self._ordered[math.floor(place)].seconds, self._ordered[math.ceil(place)].seconds
            return below + (above - below) * (place - math.floor(place))
        wanted = 1 - percent / 100
        return next((seconds for seconds, share in self._steps if share <= wanted + _ROUNDING), None)

    def within(self, seconds: float) -> float | None:
        """Share answered within so many seconds (0 to 1); None where nothing was waiting."""
        if not self.n:
            return None
        if not self.unanswered:
            return sum(one.seconds <= seconds for one in self._ordered) / self.n
        share = 1.0
        for at, still in self._steps:
            if at > seconds:
                break
            share = still
        return 1 - share

    def to_dict(self) -> dict[str, float | int | None]:
        """`p50` to `p95` in seconds (None: not reached, print `> age`), `n`, `unanswered` and `age`."""
        figures: dict[str, float | int | None] = {
            f"p{percent}": self.percentile(percent) for percent in PERCENTILES
        }
        return figures | {"n": self.n, "unanswered": self.unanswered, "age": self.age if self.n else None}
