"""Business hours: when a policy's clock runs.

Times are counted in real elapsed seconds inside the open intervals of an IANA zone, so a day on which the clocks
change has 23 or 25 hours. Everything in and out is aware; results are UTC.
"""

import itertools
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from storage.errors import ConfigError

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

HORIZON = timedelta(days=3660)
"""How far `Hours.add` looks for open time before it says that there is none."""

_DAY = timedelta(days=1)
_ZERO = timedelta(0)
_MIDNIGHT_MINUTES = 24 * 60

Span = tuple[datetime, datetime]


class HolidaySettings(BaseModel):
    """Public holidays of a country, from the `holidays` library."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    country: str
    """ISO 3166 code: `GB`, `TW`."""
    subdivision: str | None = None
    """State, province or region in that country: `ENG`, `BY`."""


class HoursSettings(BaseModel):
    """Opening hours as they are written in the configuration.

    `week = {mon = ["09:00-12:30", "13:30-17:00"], ...}`; a day that is left out is closed. `closed` adds dates to
    the holidays, `open` gives a date hours of its own, even a holiday or a Sunday. Night shifts are two intervals:
    `22:00-24:00` and, on the next day, `00:00-06:00`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    zone: str
    week: dict[Weekday, tuple[str, ...]] = Field(default_factory=dict)
    holidays: HolidaySettings | None = None
    closed: tuple[date, ...] = ()
    open: dict[date, tuple[str, ...]] = Field(default_factory=dict)


class Hours:
    """Open time as arithmetic. `Hours.ALWAYS` is the 24x7 clock: what customers expect, and the default."""

    ALWAYS: ClassVar["Hours"]

    def __init__(
        self,
        zone: ZoneInfo,
        week: Mapping[int, Sequence[tuple[int, int]]],
        *,
        closed: Container[date] = frozenset(),
        extra: Mapping[date, Sequence[tuple[int, int]]] | None = None,
        always: bool = False,
    ) -> None:
        """Use `from_settings` for hours that a person wrote.

        Args:
            zone: Where the clock on the wall hangs.
            week: Weekday (Monday is 0) to disjoint, ascending (from, to) in minutes since midnight.
            closed: Dates without hours, unless `extra` has them.
            extra: Hours of single dates, in place of the weekday's.
            always: Never closed; the other arguments are ignored.
        """
        self._zone = zone
        self._week = week
        self._closed = closed
        self._extra = extra or {}
        self.always = always
        self._days: dict[date, tuple[Span, ...]] = {}

    @classmethod
    def from_settings(cls, settings: HoursSettings | Literal["always"]) -> Self | "Hours":
        """Check and build.

        Raises:
            ConfigError: unknown zone, country or time of day, overlapping intervals, or no open time at all.
        """
        if settings == "always":
            return cls.ALWAYS
        week = {WEEKDAYS.index(day): _minutes(day, spans) for day, spans in settings.week.items()}
        extra = {day: _minutes(day.isoformat(), spans) for day, spans in settings.open.items()}
        if not any(week.values()) and not any(extra.values()):
            raise ConfigError(
                "These hours are never open, so no promise could ever fall due. "
                'Add open time, such as mon = ["09:00-17:00"], or write hours = "always".'
            )
        explicit = frozenset(settings.closed)
        official = _public_holidays(settings.holidays)
        closed = _Either(explicit, official) if official is not None else explicit
        return cls(_zone(settings.zone), week, closed=closed, extra=extra)

    def add(self, start: datetime, seconds: float) -> datetime:
        """The moment at which `seconds` of open time have passed since `start`.

        A start outside the hours begins at the next opening. Exactly at closing time counts as that day: the
        result is the closing, not the next opening.

        Raises:
            ConfigError: there is not that much open time in the next ten years.
        """
        moment = _utc(start)
        left = timedelta(seconds=seconds)
        if left < _ZERO:
            raise ValueError(f"open time cannot be {seconds} seconds; a duration is zero or more")
        if self.always:
            return moment + left
        for opens, closes in self._spans(moment, moment + HORIZON + left):
            begin = max(opens, moment)
            room = closes - begin
            if room <= _ZERO:
                continue
            if left <= room:
                return begin + left
            left -= room
        raise ConfigError(
            f"These hours have too little open time after {moment:%Y-%m-%d} to count {seconds:.0f} s; "
            "check `week`, `open` and the holidays."
        )

    def elapsed(self, start: datetime, end: datetime) -> float:
        """Seconds of open time between two moments; 0 where `end` is not after `start`."""
        begin, finish = _utc(start), _utc(end)
        if finish <= begin:
            return 0.0
        if self.always:
            return (finish - begin).total_seconds()
        total = _ZERO
        for opens, closes in self._spans(begin, finish):
            total += max(_ZERO, min(closes, finish) - max(opens, begin))
        return total.total_seconds()

    def is_open(self, moment: datetime) -> bool:
        """Whether the clock runs at this moment; opening time counts, closing time does not."""
        at = _utc(moment)
        return self.always or any(opens <= at < closes for opens, closes in self._spans(at, at))

    def _spans(self, begin: datetime, end: datetime) -> Iterator[Span]:
        """Open intervals that may touch [begin, end], ascending and disjoint."""
        # One day earlier and later: a zone's local date is at most a day away from the UTC date.
        day, last = begin.date() - _DAY, end.date() + _DAY
        done: datetime | None = None
        while day <= last:
            for opens, closes in self._day(day):
                # Where clocks go back, the end of one interval can fall after the start of the next.
                clipped = opens if done is None else max(opens, done)
                if clipped < closes:
                    done = closes
                    yield clipped, closes
            day += _DAY

    def _day(self, day: date) -> tuple[Span, ...]:
        known = self._days.get(day)
        if known is None:
            if day in self._extra:
                minutes = self._extra[day]
            else:
                minutes = () if day in self._closed else self._week.get(day.weekday(), ())
            known = tuple(
                (_instant(day, first, self._zone, fold=0), _instant(day, last, self._zone, fold=1))
                for first, last in minutes
            )
            self._days[day] = known
        return known


Hours.ALWAYS = Hours(ZoneInfo("UTC"), {}, always=True)


class _Either:
    """Dates that are in one of two containers."""

    def __init__(self, first: Container[date], second: Container[date]) -> None:
        self._first = first
        self._second = second

    def __contains__(self, day: object) -> bool:
        return day in self._first or day in self._second


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no zone; business hours need aware times")
    return moment.astimezone(UTC)


def _instant(day: date, minutes: int, zone: ZoneInfo, *, fold: Literal[0, 1]) -> datetime:
    """The UTC moment at which the wall clock shows this.

    A time that occurs twice is its first occurrence when opening (fold 0), its last when closing (fold 1). A time
    that is skipped is the moment of the skip.
    """
    if minutes == _MIDNIGHT_MINUTES:
        day, minutes = day + _DAY, 0
    wall = datetime.combine(day, time(minutes // 60, minutes % 60))
    moment = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    late = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return _first(lambda at: at.astimezone(zone).replace(tzinfo=None) >= wall, early, late)


def _first(true_from: Callable[[datetime], bool], low: datetime, high: datetime) -> datetime:
    """The first whole second in (low, high] from which the condition holds; it holds at `high`."""
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle <= low:
            break
        if true_from(middle):
            high = middle
        else:
            low = middle
    return high


def _minutes(where: str, spans: Sequence[str]) -> tuple[tuple[int, int], ...]:
    read = sorted(_span(where, span) for span in spans)
    for (_, before), (after, _) in itertools.pairwise(read):
        if after < before:
            raise ConfigError(f"The hours of {where} overlap: {', '.join(spans)}. Write each open minute once.")
    return tuple(read)


def _span(where: str, span: str) -> tuple[int, int]:
    first, dash, last = span.partition("-")
    try:
        begin, end = _clock(first), _clock(last)
    except ValueError:
        begin = end = -1
    if not dash or begin < 0:
        raise ConfigError(f'The hours of {where} hold {span!r}; write them as "09:00-17:30" (24-hour clock).')
    if end <= begin:
        raise ConfigError(
            f"The hours of {where} end before they begin: {span!r}. "
            'Write a night shift as two intervals: "22:00-24:00", and "00:00-06:00" on the next day.'
        )
    return begin, end


def _clock(text: str) -> int:
    hours, colon, minutes = text.strip().partition(":")
    if not (hours.isdecimal() and hours.isascii() and len(hours) <= 2):
        raise ValueError(text)
    if colon and not (minutes.isdecimal() and minutes.isascii() and len(minutes) == 2):
        raise ValueError(text)
    value = int(hours) * 60 + (int(minutes) if colon else 0)
    if value > _MIDNIGHT_MINUTES or (colon and int(minutes) > 59):
        raise ValueError(text)
    return value


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ConfigError(
            f"The zone {name!r} is not known; use an IANA name such as Europe/London or Asia/Taipei."
        ) from error


def _public_holidays(settings: HolidaySettings | None) -> Container[date] | None:
    if settings is None:
        return None
    import holidays

    try:
        return holidays.country_holidays(settings.country, subdiv=settings.subdivision)
    except NotImplementedError as error:
        raise ConfigError(
            f"There is no holiday calendar for this country or subdivision ({error}). "
            "Use an ISO code such as GB, or list the dates under `closed`."
        ) from error
