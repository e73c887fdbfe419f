"""Business hours: what a promise in opening hours means, to the second, across weekends, holidays and DST."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from responders.hours import WEEKDAYS, Hours, HoursSettings
from responders.sla import SlaPolicy
from storage.errors import ConfigError

OFFICE = dict.fromkeys(WEEKDAYS[:5], ("09:00-17:00",))


def hours(zone: str = "Europe/London", week: dict | None = None, **more) -> Hours:
    return Hours.from_settings(HoursSettings(zone=zone, week=OFFICE if week is None else week, **more))


def local(text: str, zone: str = "Europe/London") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def test_thirty_minutes_from_friday_1645_are_due_on_monday_0915() -> None:
    assert hours().add(local("2026-03-06 16:45"), 1800) == local("2026-03-09 09:15")


def test_a_start_outside_hours_begins_at_the_next_opening() -> None:
    assert hours().add(local("2026-03-07 12:00"), 600) == local("2026-03-09 09:10")
    assert hours().add(local("2026-03-06 17:00"), 600) == local("2026-03-09 09:10")
    assert hours().add(local("2026-03-06 03:00"), 0) == local("2026-03-06 09:00")


def test_time_that_runs_out_at_closing_is_due_at_closing_not_at_the_next_opening() -> None:
    assert hours().add(local("2026-03-06 16:45"), 900) == local("2026-03-06 17:00")


def test_a_lunch_break_does_not_count() -> None:
    split = hours(week={"mon": ("09:00-12:30", "13:30-17:00")})
    assert split.add(local("2026-03-09 12:00"), 3600) == local("2026-03-09 14:00")
    assert split.elapsed(local("2026-03-09 12:00"), local("2026-03-09 14:00")) == 3600


def test_a_night_shift_is_two_intervals_that_join_at_midnight() -> None:
    night = hours(week={"mon": ("22:00-24:00",), "tue": ("00:00-06:00",)})
    assert night.add(local("2026-03-09 23:30"), 3600) == local("2026-03-10 00:30")


def test_public_holidays_explicit_dates_and_extra_days_are_known() -> None:
    bank = hours(holidays={"country": "GB", "subdivision": "ENG"}, closed=[date(2026, 4, 7)])
    assert bank.add(local("2026-04-02 16:30"), 3600) == local("2026-04-08 09:30")  # Easter, then our own day off
    assert not bank.is_open(local("2026-12-25 10:00"))
    open_anyway = hours(
        holidays={"country": "GB", "subdivision": "ENG"}, open={date(2026, 12, 25): ["10:00-12:00"]}
    )
    assert open_anyway.is_open(local("2026-12-25 10:00"))
    assert not open_anyway.is_open(local("2026-12-25 12:00"))


@pytest.mark.parametrize(
    ("begin", "end", "seconds"),
    [
        ("2026-03-28 00:00", "2026-03-30 00:00", 47 * 3600),  # clocks go forward on the 29th
        ("2026-10-24 00:00", "2026-10-26 00:00", 49 * 3600),  # and back on 25 October
    ],
)
def test_a_day_on_which_clocks_change_has_its_real_length(begin: str, end: str, seconds: int) -> None:
    whole = hours(week=dict.fromkeys(WEEKDAYS, ("00:00-24:00",)))
    assert whole.elapsed(local(begin), local(end)) == seconds


def test_an_opening_in_the_skipped_hour_is_the_moment_of_the_skip() -> None:
    skipped = hours(week={"sun": ("01:30-04:00",)})  # 01:00 to 02:00 does not exist on 2026-03-29
    assert skipped.add(local("2026-03-28 12:00"), 0) == local("2026-03-29 02:00")
    assert skipped.elapsed(local("2026-03-29 00:00"), local("2026-03-29 23:00")) == 2 * 3600


def test_an_hour_that_occurs_twice_is_not_counted_three_times() -> None:
    twice = hours(week={"sun": ("00:00-01:30", "01:30-03:00")})  # 01:00 to 02:00 occurs twice on 2026-10-25
    assert twice.elapsed(local("2026-10-24 12:00"), local("2026-10-25 12:00")) == 4 * 3600


def test_always_is_the_calendar() -> None:
    start = local("2026-03-07 03:00")
    assert Hours.from_settings("always") is Hours.ALWAYS
    assert Hours.ALWAYS.add(start, 90) == start + timedelta(seconds=90)
    assert Hours.ALWAYS.elapsed(start, start + timedelta(days=1)) == 86_400


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"zone": "Europe/London", "week": {}}, "never open"),
        ({"zone": "Europe/London", "week": {"mon": ()}}, "never open"),
        ({"zone": "Europe/Londres", "week": OFFICE}, "IANA"),
        ({"zone": "../etc/passwd", "week": OFFICE}, "IANA"),
        ({"zone": "UTC", "week": {"mon": ("9 to 5",)}}, "09:00-17:30"),
        ({"zone": "UTC", "week": {"mon": ("25:00-26:00",)}}, "09:00-17:30"),
        ({"zone": "UTC", "week": {"mon": ("22:00-06:00",)}}, "two intervals"),
        ({"zone": "UTC", "week": {"mon": ("09:00-12:00", "11:00-13:00")}}, "overlap"),
        ({"zone": "UTC", "week": OFFICE, "holidays": {"country": "XX"}}, "XX"),
        ({"zone": "UTC", "week": OFFICE, "holidays": {"country": "GB", "subdivision": "ZZZ"}}, "ZZZ"),
    ],
)
def test_hours_that_cannot_be_are_refused_with_what_to_fix(settings: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Hours.from_settings(HoursSettings.model_validate(settings))


def test_a_policy_without_open_time_is_refused_when_it_is_read() -> None:
    with pytest.raises(ConfigError, match="never open"):
        SlaPolicy(name="x", first_reply="1h", hours=HoursSettings(zone="UTC"))


def test_unknown_days_and_keys_are_refused() -> None:
    with pytest.raises(ValidationError):
        HoursSettings.model_validate({"zone": "UTC", "week": {"monday": ["09:00-17:00"]}})
    with pytest.raises(ValidationError):
        HoursSettings.model_validate({"zone": "UTC", "weeks": {}})


def test_hours_that_end_for_ever_say_so_instead_of_searching_for_ever() -> None:
    once = hours(week={}, open={date(2026, 3, 2): ["09:00-10:00"]})
    with pytest.raises(ConfigError, match="too little open time"):
        once.add(local("2026-03-03 00:00"), 60)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        hours().add(datetime(2026, 3, 2, 9), 60)  # noqa: DTZ001


# --- what holds for all hours --------------------------------------------------------------------------------

MOMENTS = st.datetimes(
    min_value=datetime(2024, 1, 1),  # noqa: DTZ001
    max_value=datetime(2028, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
DURATIONS = st.integers(min_value=1, max_value=3 * 86_400)  # of open time: a quarter of an hour a week is enough


@st.composite
def open_hours(draw: st.DrawFn) -> Hours:
    zones = ["UTC", "Europe/London", "America/New_York", "Asia/Taipei", "Australia/Lord_Howe", "America/Santiago"]
    zone = draw(st.sampled_from(zones))
    week = {}
    for day in draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7, unique=True)):
        edges = draw(st.lists(st.integers(0, 96), min_size=2, max_size=6, unique=True).map(sorted))
        pairs = zip(edges[0::2], edges[1::2], strict=False)
        week[day] = tuple(f"{a // 4:02}:{a % 4 * 15:02}-{b // 4:02}:{b % 4 * 15:02}" for a, b in pairs)
    return hours(zone, week)


@settings(deadline=None, max_examples=60)
@given(open_hours(), MOMENTS, DURATIONS)
def test_adding_seconds_and_counting_them_back_agree(clock: Hours, start: datetime, seconds: int) -> None:
    assert clock.elapsed(start, clock.add(start, seconds)) == pytest.approx(seconds, abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(open_hours(), MOMENTS, DURATIONS, DURATIONS)
def test_more_time_is_never_due_earlier(clock: Hours, start: datetime, one: int, two: int) -> None:
    first, second = sorted((one, two))
    assert start <= clock.add(start, first) <= clock.add(start, second)


@settings(deadline=None, max_examples=60)
@given(open_hours(), MOMENTS, MOMENTS, DURATIONS)
def test_a_later_start_is_never_due_earlier(clock: Hours, one: datetime, two: datetime, seconds: int) -> None:
    first, second = sorted((one, two))
    assert clock.add(first, seconds) <= clock.add(second, seconds)


@settings(deadline=None, max_examples=60)
@given(open_hours(), MOMENTS, MOMENTS, MOMENTS)
def test_open_time_adds_up_over_any_cut(clock: Hours, a: datetime, b: datetime, c: datetime) -> None:
    a, b, c = sorted((a, b, c))
    assert clock.elapsed(a, b) + clock.elapsed(b, c) == pytest.approx(clock.elapsed(a, c), abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(open_hours(), MOMENTS, DURATIONS)
def test_open_time_never_exceeds_real_time(clock: Hours, start: datetime, seconds: int) -> None:
    assert 0 <= clock.elapsed(start, start + timedelta(seconds=seconds)) <= seconds
    assert clock.add(start, seconds) - start >= timedelta(seconds=seconds)


@settings(deadline=None, max_examples=60)
@given(open_hours(), MOMENTS)
def test_what_is_due_is_due_while_open_or_at_closing(clock: Hours, start: datetime) -> None:
    due = clock.add(start, 60)
    assert clock.is_open(due - timedelta(microseconds=1))
