"""Durations as people write them (`15m`, `1h30m`, `2d`), read and said."""

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

from responders.sla import seconds_of


def parse_duration(value: object) -> timedelta:
    """Read `1h30m` and the like; a timedelta passes through.

    Raises:
        ValueError: anything else, with examples.
    """
    return value if isinstance(value, timedelta) else timedelta(seconds=seconds_of(value))


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
