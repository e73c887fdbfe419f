"""When an hour is called a spike, and when it is not."""

from datetime import UTC, datetime, timedelta

import pytest
from clock import NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from social_care.digest.spikes import HOUR, LOOKBACK, baseline, find_spikes, hours

DAY = timedelta(days=1)
SINCE = NOW - DAY


def series(level: int, length: timedelta, until: datetime = NOW) -> dict[datetime, int]:
    """The same count in every hour."""
    return {until - HOUR * number: level for number in range(1, int(length / HOUR) + 1) if level}


def spiking(counts: dict[datetime, int], **options: float) -> set[datetime]:
    """The hours covered by a spike of the last day."""
    found = find_spikes(counts, SINCE, NOW, "UTC", **options)  # type: ignore[arg-type]
    return {hour for spike in found for hour in hours(spike.started_at, spike.ended_at)}


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(1, 70), st.floats(0.5, 10), st.integers(1, 20))
def test_a_flat_series_never_alarms(level: int, days: int, k: float, minimum: int) -> None:
    counts = series(level, DAY * days)
    assert find_spikes(counts, SINCE, NOW, "Europe/London", k=k, minimum=minimum) == []


_NOISE = st.lists(st.integers(0, 12), min_size=24 * 5, max_size=24 * 5)


@settings(deadline=None)
@given(_NOISE, st.floats(0.5, 8), st.floats(0, 8))
def test_asking_for_more_deviations_never_finds_more_hours(noise: list[int], k: float, more: float) -> None:
    counts = {NOW - HOUR * (number + 1): count for number, count in enumerate(noise) if count}
    loose = find_spikes(counts, SINCE, NOW, "UTC", k=k, minimum=1)
    strict = find_spikes(counts, SINCE, NOW, "UTC", k=k + more, minimum=1)
    covered = {hour for spike in loose for hour in hours(spike.started_at, spike.ended_at)}
    assert {hour for spike in strict for hour in hours(spike.started_at, spike.ended_at)} <= covered


@settings(deadline=None)
@given(_NOISE, st.integers(1, 12), st.integers(0, 12))
def test_asking_for_a_higher_minimum_never_finds_more_hours(noise: list[int], minimum: int, more: int) -> None:
    counts = {NOW - HOUR * (number + 1): count for number, count in enumerate(noise) if count}
    assert spiking(counts, k=2, minimum=minimum + more) <= spiking(counts, k=2, minimum=minimum)


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 23), st.integers(0, 500)))
def test_an_empty_history_never_alarms(burst: dict[int, int]) -> None:
    counts = {SINCE + HOUR * place: count for place, count in burst.items()}
    assert find_spikes(counts, SINCE, NOW, "UTC") == []
    assert find_spikes({}, SINCE, NOW, "UTC") == []


def test_silence_before_the_first_mention_is_no_history() -> None:
    counts = {NOW - LOOKBACK - timedelta(weeks=100): 1, NOW - HOUR * 3: 300}
    assert find_spikes(counts, SINCE, NOW, "UTC") == []


def test_a_burst_is_found_with_its_peak_and_what_is_usual() -> None:
    counts = series(4, DAY * 30)
    counts[NOW - HOUR * 5] = 40
    (spike,) = find_spikes(counts, SINCE, NOW, "UTC")
    assert (spike.started_at, spike.ended_at) == (NOW - HOUR * 5, NOW - HOUR * 4)
    assert (spike.count, spike.expected, spike.peak, spike.height) == (40, 4, 40, 18.0)
    assert spike.warm_up is False


def test_what_is_usual_at_that_hour_of_the_week_is_no_spike() -> None:
    counts = series(2, DAY * 56)
    for week in range(9):
        counts[NOW - HOUR * 3 - timedelta(weeks=week)] = 60
        counts[NOW - HOUR * 4 - timedelta(weeks=week)] = 60
    assert find_spikes(counts, SINCE, NOW, "UTC") == []


def test_hours_within_the_cooldown_are_one_spike_and_beyond_it_two() -> None:
    counts = series(1, DAY * 30)
    for number in (10, 8, 4):  # one hour between the first two, three before the last
        counts[NOW - HOUR * number] = 30
    found = find_spikes(counts, SINCE, NOW, "UTC")
    assert [(spike.started_at, spike.ended_at, spike.count) for spike in found] == [
        (NOW - HOUR * 10, NOW - HOUR * 7, 61),
        (NOW - HOUR * 4, NOW - HOUR * 3, 30),
    ]


def test_under_two_weeks_of_history_is_said() -> None:
    counts = series(1, DAY * 9)
    counts[NOW - HOUR * 2] = 30
    (spike,) = find_spikes(counts, SINCE, NOW, "UTC")
    assert spike.warm_up is True


def test_a_day_that_starts_with_a_burst_is_not_its_own_baseline() -> None:
    usual = baseline({**series(1, DAY * 3), NOW: 99}, NOW, NOW - DAY * 3, "UTC")
    assert usual is not None
    assert usual.expected == 1
    assert baseline(series(1, HOUR * 23), NOW, NOW - HOUR * 23, "UTC") is None


@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Kolkata", "Asia/Taipei", "America/New_York"])
def test_hours_are_compared_by_local_time_through_a_change_of_clocks(zone: str) -> None:
    end = datetime(2026, 4, 20, 12, 0, tzinfo=UTC)  # clocks changed in March in two of these zones
    counts = series(3, timedelta(weeks=8), end)
    usual = baseline(counts, end - HOUR, min(counts), zone)
    assert usual is not None
    assert (usual.expected, usual.warm_up) == (3, False)
    assert usual.hours in range(21, 25)  # three hours of each of the seven or eight weeks


def test_the_hours_of_a_window_include_its_broken_first_and_last_one() -> None:
    start = NOW + timedelta(minutes=50)
    assert hours(start, start + timedelta(minutes=20)) == [NOW, NOW + HOUR]
