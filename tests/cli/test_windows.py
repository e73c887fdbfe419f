"""Windows as people name them: a date is its whole day where the workspace is, summer time included."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from clock import NOW
from hypothesis import given
from hypothesis import strategies as st

from social_care.cli.windows import read_window
from social_care.durations import parse_duration, say_duration
from storage.errors import ConfigError

ZONES = st.sampled_from(["UTC", "Europe/London", "Asia/Hong_Kong", "America/New_York", "Asia/Kathmandu"])


@given(st.dates(date(2000, 1, 2), date(2035, 12, 30)), ZONES)
def test_a_date_is_its_whole_day_in_the_zone(day: date, zone: str) -> None:
    window = read_window(str(day), str(day), zone, NOW)
    assert window.since is not None
    assert window.until is not None
    assert window.since.astimezone(ZoneInfo(zone)).date() == day
    assert (window.until - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() == day
    assert timedelta(hours=22) < window.until - window.since < timedelta(hours=26)
    assert window.since.tzinfo is UTC


@given(st.dates(date(2000, 1, 2), date(2035, 1, 1)), st.integers(0, 400), ZONES)
def test_days_follow_each_other_without_gap_or_overlap(day: date, more: int, zone: str) -> None:
    last = day + timedelta(days=more)
    first = read_window(str(day), str(last), zone, NOW)
    following = read_window(str(last + timedelta(days=1)), None, zone, NOW)
    assert first.until == following.since


def test_open_ends_stay_open() -> None:
    assert read_window(None, None, "UTC", NOW).since is None
    assert read_window(None, None, "UTC", NOW).until is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7d", NOW - timedelta(days=7)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("today", datetime(2026, 3, 1, 16, tzinfo=UTC)),
        ("yesterday", datetime(2026, 2, 28, 16, tzinfo=UTC)),
        ("2026-03-02T09:30", datetime(2026, 3, 2, 1, 30, tzinfo=UTC)),
        ("2026-03-02T09:30+01:00", datetime(2026, 3, 2, 8, 30, tzinfo=UTC)),
        ("2026-03-02T09:30Z", datetime(2026, 3, 2, 9, 30, tzinfo=UTC)),
    ],
)
def test_since_is_read_as_written(value: str, expected: datetime) -> None:
    assert read_window(value, None, "Asia/Hong_Kong", NOW).since == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "2026-13-01",
        "2026-02-30",
        "7 parsecs",
        "-7d",
        "99999999999d",
        "0001-01-01T00:00+14:00",
        "\x00",
    ],
)
def test_what_is_no_time_is_told_with_an_example(value: str) -> None:
    with pytest.raises(ConfigError, match=r"2026-03-02"):
        read_window(value, None, "UTC", NOW)


@given(st.text(max_size=20))
def test_no_text_crashes(value: str) -> None:
    with suppress(ConfigError):
        assert read_window(value, None, "UTC", NOW).since is not None


def test_an_empty_window_is_an_error() -> None:
    with pytest.raises(ConfigError, match="empty"):
        read_window("2026-03-02", "2026-03-01", "UTC", NOW)


@given(st.integers(0, 10**8))
def test_a_duration_is_said_in_few_characters(seconds: int) -> None:
    assert 2 <= len(say_duration(seconds)) <= 9
    assert say_duration(-seconds - 1).startswith("-")


@given(st.integers(1, 400), st.integers(0, 23), st.integers(0, 59))
def test_durations_are_read_as_written(days: int, hours: int, minutes: int) -> None:
    assert parse_duration(f"{days}d{hours}h{minutes}m") == timedelta(days=days, hours=hours, minutes=minutes)
