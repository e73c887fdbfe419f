"""Durations as people write them: `45s`, `15m`, `1h`, `24h`, `2d`, `1h30m`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|m|s)", re.IGNORECASE)
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def parse_duration(value: object) -> timedelta:
    """Read `1h30m` and the like; a timedelta passes through.

    Raises:
        ValueError: anything else, with examples.
    """
    if isinstance(value, timedelta):
        return value
    text = str(value).replace(" ", "")
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{value!r} is not a duration; write 45s, 15m, 1h, 24h or 2d")
    return timedelta(seconds=sum(float(number) * _UNITS[unit.lower()] for number, unit in parts))


def say_duration(seconds: float | None) -> str:
    """The two largest units of a duration: `1h 05m`, `3d 04h`, `12s`; `-` for None."""
    if seconds is None:
        return "-"
    sign, rest = ("-" if seconds < 0 else ""), round(abs(seconds))
    if rest < 60:
        return f"{sign}{rest}s"
    if rest < 3_600:
        return f"{sign}{rest // 60}m {rest % 60:02d}s" if rest < 600 else f"{sign}{rest // 60}m"
    if rest < 86_400:
        return f"{sign}{rest // 3_600}h {rest % 3_600 // 60:02d}m"
    return f"{sign}{rest // 86_400}d {rest % 86_400 // 3_600:02d}h"


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
