"""Hours with far more mentions than that hour of the week usually brings.

The baseline of an hour is the median of earlier hours: the same hour of the week and the hours beside it, over
the eight weeks before. Its spread is the median absolute deviation, scaled to a standard deviation, and never less
than the square root of the median, because counts scatter at least that much. An hour sees only earlier ones.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
LOOKBACK = timedelta(weeks=8)
WARM = timedelta(weeks=2)
LEAST_HISTORY = timedelta(hours=24)
COOLDOWN = timedelta(minutes=60)
DEVIATIONS = 4.0
"""k: how many robust deviations above the baseline count as a spike."""
MINIMUM = 6
"""Mentions in one hour below which nothing is a spike."""
_TO_SIGMA = 1.4826  # median absolute deviation to standard deviation, for a normal distribution


@dataclass(frozen=True, slots=True)
class Baseline:
    """What an hour usually brings.

    Attributes:
        expected: median count of the comparable hours.
        deviation: robust standard deviation, at least sqrt(expected) and at least 1.
        hours: how many earlier hours it rests on.
        warm_up: under two weeks of history: hours of the same time on any day, or all there are, were used.
    """

    expected: float
    deviation: float
    hours: int
    warm_up: bool

    def threshold(self, k: float, minimum: int) -> float:
        """A count above this is a spike (and it must reach `minimum`)."""
        return max(self.expected + k * self.deviation, minimum - 1)


@dataclass(frozen=True, slots=True)
class Spike:
    """One or more hours above their baseline, with pauses of up to the cooldown folded in.

    `count` and `expected` are sums over the hours from `started_at` to `ended_at`; `peak` is the busiest hour's
    count and `peak_at` its beginning; `height` its robust deviations above the baseline.
    """

    started_at: datetime
    ended_at: datetime
    count: int
    expected: float
    peak: int
    peak_at: datetime
    height: float
    warm_up: bool


def hour_of(moment: datetime) -> datetime:
    """The beginning of the moment's hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def baseline(counts: Mapping[datetime, int], hour: datetime, first: datetime, zone: str) -> Baseline | None:
    """What `hour` usually brings, judged by earlier hours only.

    Args:
        counts: mentions by beginning of the hour (UTC); hours that are not there had none.
        hour: the beginning of the hour to judge.
        first: the hour in which anything was heard first.
        zone: the zone whose hours of the week are compared.

    Returns:
        None with less than 24 hours of history, or none in the eight weeks before.
    """
    start = max(hour - LOOKBACK, first)
    if hour - start < LEAST_HISTORY:
        return None
    warm_up = hour - start < WARM
    values = [counts.get(moment, 0) for moment in _comparable(hour, start, zone, warm_up)]
    if warm_up and len(values) < 9:  # three days of three hours; with fewer, take every hour there is
        values = [counts.get(start + HOUR * number, 0) for number in range(int((hour - start) / HOUR))]
    if not values:
        return None
    middle = median(values)
    spread = _TO_SIGMA * median(abs(value - middle) for value in values)
    return Baseline(middle, max(spread, math.sqrt(max(middle, 1.0))), len(values), warm_up)


def _comparable(hour: datetime, start: datetime, zone: str, warm_up: bool) -> list[datetime]:
    """Earlier hours with the same local hour (and weekday, once there is enough), and their neighbours."""
    local = hour.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    step = timedelta(days=1) if warm_up else timedelta(weeks=1)
    found: list[datetime] = []
    then = local - step
    while True:
        # Through local time, so that nine o'clock stays nine o'clock when the clocks change.
        middle = hour_of(then.replace(tzinfo=ZoneInfo(zone)).astimezone(hour.tzinfo))
        if middle + HOUR < start:
            return found
        found += [moment for moment in (middle - HOUR, middle, middle + HOUR) if start <= moment < hour]
        then -= step


def find_spikes(
    counts: Mapping[datetime, int],
    since: datetime,
    until: datetime,
    zone: str,
    *,
    k: float = DEVIATIONS,
    minimum: int = MINIMUM,
) -> list[Spike]:
    """The spikes among the hours that overlap the window, oldest first.

    Args:
        counts: mentions by beginning of the hour (UTC), of the window and of the eight weeks before it.
        since: the window's beginning.
        until: the window's end (outside).
        zone: the zone whose hours of the week are compared.
        k: robust deviations above the baseline.
        minimum: mentions in one hour below which nothing is a spike.
    """
    if not counts:
        return []
    first = min(counts)
    high: list[tuple[datetime, int, Baseline]] = []
    for hour in hours(since, until):
        count = counts.get(hour, 0)
        if count < minimum:
            continue
        usual = baseline(counts, hour, _first_within(counts, hour, first), zone)
        if usual is not None and count > usual.threshold(k, minimum):
            high.append((hour, count, usual))
    return [_merge(run, counts) for run in _runs(high)]


def _first_within(counts: Mapping[datetime, int], hour: datetime, first: datetime) -> datetime:
    """The first hour with anything in the lookback: silence before it is no history."""
    if first >= hour - LOOKBACK:
        return first
    return min((moment for moment in counts if hour - LOOKBACK <= moment < hour), default=hour)


def hours(since: datetime, until: datetime) -> list[datetime]:
    """The beginnings of the hours that overlap the window."""
    start = hour_of(since)
    return [start + HOUR * number for number in range(math.ceil((until - start) / HOUR))]


def _runs(
    high: Sequence[tuple[datetime, int, Baseline]],
) -> list[list[tuple[datetime, int, Baseline]]]:
    runs: list[list[tuple[datetime, int, Baseline]]] = []
    for item in high:
        if runs and item[0] - (runs[-1][-1][0] + HOUR) <= COOLDOWN:
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


def _merge(run: Sequence[tuple[datetime, int, Baseline]], counts: Mapping[datetime, int]) -> Spike:
    start, end = run[0][0], run[-1][0] + HOUR
    peak_at, peak, usual = max(run, key=lambda item: (item[1] - item[2].expected) / item[2].deviation)
    between = [start + HOUR * number for number in range(int((end - start) / HOUR))]
    known = {hour: item.expected for hour, _, item in run}
    mean = sum(known.values()) / len(known)
    return Spike(
        started_at=start,
        ended_at=end,
        count=sum(counts.get(hour, 0) for hour in between),
        expected=round(sum(known.get(hour, mean) for hour in between), 2),
        peak=peak,
        peak_at=peak_at,
        height=round((peak - usual.expected) / usual.deviation, 1),
        warm_up=any(item.warm_up for _, _, item in run),
    )
