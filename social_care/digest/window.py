"""Which stretch of time a digest is about: the last day, a calendar day, or any other period."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` (inside) to `until` (outside), both aware UTC and whole seconds, read in `zone`.

    `day` is set where the window is one calendar day of that zone (23 to 25 hours long).
    """

    since: datetime
    until: datetime
    zone: str
    day: date | None = None

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.until - self.since

    @property
    def date(self) -> date:
        """The date that names the digest: the day itself, or the local date on which the window ends."""
        return self.day or self.local(self.until).date()

    def local(self, moment: datetime) -> datetime:
        """A moment on the clocks of the window's zone."""
        return moment.astimezone(ZoneInfo(self.zone))

    def before(self) -> "Window":
        """What this window is compared with: the calendar day before, or as long a stretch just before."""
        if self.day is not None:
            return calendar_day(self.day - timedelta(days=1), self.zone)
        return Window(self.since - self.length, self.since, self.zone)

    @property
    def before_name(self) -> str:
        """What to call the window before, in a sentence."""
        return "the day before" if self.day is not None or self.length == DAY else "the period before"

    def say(self) -> str:
        """The window in words: `Sun 1 Mar 2026 12:00 to Mon 2 Mar 2026 12:00 (UTC)`."""
        if self.day is not None:
            return f"{self.day:%a} {self.day.day} {self.day:%b %Y} ({self.zone})"
        return f"{_say(self.local(self.since))} to {_say(self.local(self.until))} ({self.zone})"


def _say(moment: datetime) -> str:
    return f"{moment:%a} {moment.day} {moment:%b %Y %H:%M}"


def last_day(now: datetime, zone: str) -> Window:
    """The 24 hours that end now."""
    end = whole_second(now)
    return Window(end - DAY, end, zone)


def calendar_day(day: date, zone: str) -> Window:
    """One day from midnight to midnight on the clocks of `zone`, whatever daylight saving makes of it."""
    place = ZoneInfo(zone)
    first = datetime.combine(day, time(), tzinfo=place)
    last = datetime.combine(day + timedelta(days=1), time(), tzinfo=place)
    return Window(first.astimezone(UTC), last.astimezone(UTC), zone, day)


def between(since: datetime, until: datetime, zone: str) -> Window:
    """Any period.

    Raises:
        ValueError: it ends before it begins.
    """
    first, last = whole_second(since), whole_second(until)
    if last <= first:
        raise ValueError(f"the period ends ({stamp(last)}) before it begins ({stamp(first)})")
    return Window(first, last, zone)


def whole_second(moment: datetime) -> datetime:
    """The moment in UTC without its fraction: commands name whole seconds, so the figures count by them."""
    return moment.astimezone(UTC).replace(microsecond=0)


def stamp(moment: datetime) -> str:
    """A moment as commands take it: `2026-03-02T12:00Z`, with seconds only where there are any."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ" if moment.second else "%Y-%m-%dT%H:%MZ")
