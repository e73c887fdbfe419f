"""Windows of time as people name them: a date means its whole day, in the workspace's zone."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from storage.errors import ConfigError

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Window:
    """[since, until); None is open."""

    since: datetime | None
    until: datetime | None


def read_window(since: str | None, until: str | None, zone: str, now: datetime) -> Window:
    """Read `--since` and `--until`: a date, a time, or how long ago (`7d`). `--until DATE` includes that day.

    Raises:
        ConfigError: one of them cannot be read, or the window is empty.
    """
    window = Window(_edge(since, zone, now, ends=False), _edge(until, zone, now, ends=True))
    if window.since and window.until and window.until <= window.since:
        raise ConfigError(
            f"the window is empty: since {window.since:%Y-%m-%d %H:%M}, until {window.until:%Y-%m-%d %H:%M}"
        )
    return window


def _edge(value: str | None, zone: str, now: datetime, *, ends: bool) -> datetime | None:
    if value is None:
        return None
    local = ZoneInfo(zone)
    try:
        if _DATE.fullmatch(value):
            day = date.fromisoformat(value) + timedelta(days=1 if ends else 0)
            return datetime.combine(day, time(), local).astimezone(UTC)
        if value in ("today", "yesterday"):
            day = now.astimezone(local).date() - timedelta(days=value == "yesterday")
            return datetime.combine(day + timedelta(days=ends), time(), local).astimezone(UTC)
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=local)).astimezone(UTC)
    except OverflowError:
        raise ConfigError(f"{value!r} is too far away; write a date such as 2026-03-02") from None
    except ValueError:
        return _ago(value, now)


def _ago(value: str, now: datetime) -> datetime:
    from social_care.durations import parse_duration

    try:
        return now - parse_duration(value)
    except OverflowError:
        raise ConfigError(f"{value!r} is too far away; write a date such as 2026-03-02") from None
    except ValueError:
        raise ConfigError(f"{value!r} is neither a date (2026-03-02), a time, nor how long ago (7d)") from None
