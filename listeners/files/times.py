"""Read the times people export: one format a column, decided once, and never a guess for a single cell.

A format is one of the names in `FORMATS` or a `strptime` pattern. Where a value names no zone, the configured
zone is meant, else UTC, and the reader counts that so that the report can say it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from storage.errors import ConfigError

FORMATS = ("iso", "epoch", "epoch_ms", "named", "ymd", "dmy", "mdy", "excel")
"""`iso`; seconds or milliseconds since 1970; month by name (`Tue Oct 31 22:10:47 +0000 2017`);
year-month-day, also `2024年3月5日`; day first; month first; days since 1900 as a spreadsheet counts them."""

EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
"""No network kept here is older: an earlier time is a failed export (1970, 1900), not a post."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"), 1,
    ) for name in names.split()
}  # fmt: skip
# Abbreviations of RFC 2822, except CST, which is Chicago to some and China to others.
_ABBREVIATIONS = {
    "utc": 0,
    "gmt": 0,
    "z": 0,
    "est": -5,
    "edt": -4,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
}
_AFTERNOON = {"pm", "下午", "晚上", "午後", "午后"}
_MORNING = {"am", "上午", "凌晨", "早上", "午前"}
_HALF = r"(?P<half1>上午|下午|凌晨|早上|晚上|午前|午後|午后|[ap]m)?"
_CLOCK = (
    rf"(?:{_HALF}\s*(?P<hour>\d{{1,2}})\s*[:.时時點点]\s*(?P<minute>\d{{1,2}})分?"
    r"(?:\s*[:.]?\s*(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?秒?)?\s*(?P<half2>[ap]\.?m\.?)?)"
)
_ZONE = r"(?P<zone>[a-z]{1,5}(?:[+-]\d{1,2}(?::?\d{2})?)?|[+-]\d{2}:?\d{2})"
_NUMERIC = re.compile(
    rf"(?P<a>\d{{1,4}})\s*[-/.年]\s*(?P<b>\d{{1,2}})\s*[-/.月]\s*(?P<c>\d{{1,4}})\s*[日号號]?"
    rf"(?:[\st,]*{_CLOCK}(?:\s*\(?{_ZONE}\)?)?)?"
)
_WEEKDAY = r"(?:[a-z]{3,9}\.?,?\s+)?"
_MONTH = r"(?P<month>[a-z]{3,9})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_AT = rf"(?:[\s,]+(?:at\s+)?{_CLOCK}(?:\s*\(?{_ZONE}\)?)?)?"
_NAMED = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY}\s+{_CLOCK}\s+(?:{_ZONE}\s+)?{_YEAR}",
        rf"{_WEEKDAY}{_DAY}[\s-]+{_MONTH}[\s,-]+{_YEAR}{_AT}",
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY},?\s+{_YEAR}{_AT}",
    )
)


class UnreadableTime(ValueError):
    """A cell that is no time in the format of its column; the message says why."""


def zone_of(name: str) -> tzinfo:
    """The zone of an IANA name (`Asia/Hong_Kong`) or an offset (`+08:00`).

    Raises:
        ConfigError: there is no such zone.
    """
    if offset := _offset(name.strip().lower()):
        return offset
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ConfigError(
            f"there is no time zone {name!r}; an IANA name such as Asia/Hong_Kong is needed"
        ) from None


def _offset(text: str) -> timezone | None:
    if text in _ABBREVIATIONS:
        return timezone(timedelta(hours=_ABBREVIATIONS[text])) if _ABBREVIATIONS[text] else UTC
    found = re.fullmatch(r"(?:utc|gmt)?([+-])(\d{1,2}):?(\d{2})?", text)
    if not found:
        return None
    minutes = int(found[2]) * 60 + int(found[3] or 0)
    return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes)) if minutes < 24 * 60 else None


@dataclass(slots=True)
class TimeReader:
    """Reads one column. `formats` are tried in order; a naive time is taken to be in `zone`, else in UTC."""

    formats: Sequence[str] = ("iso",)
    zone: tzinfo | None = None
    latest: datetime | None = None
    """Times after this are refused: a swapped day and month, or a wrong zone."""
    assumed: int = 0
    """Values read that named no zone while none was configured."""
    _readers: list[Callable[[str], datetime]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._readers = [_reader(name) for name in self.formats]

    def read(self, text: str) -> datetime:
        """The time as aware UTC.

        Raises:
            UnreadableTime: with the reason.
        """
        reason = ""
        for reader in self._readers:
            try:
                return self._place(reader(text.strip()), text)
            except UnreadableTime as error:
                reason = reason or str(error)
            except (ValueError, OverflowError, OSError):
                continue
        raise UnreadableTime(reason or f"the time cannot be read: {text.strip()[:60]!r} is not {self._expected()}")

    def _place(self, moment: datetime, text: str) -> datetime:
        if moment.tzinfo is None:
            self.assumed += self.zone is None
            moment = moment.replace(tzinfo=self.zone or UTC)
        moment = moment.astimezone(UTC)
        if moment < EARLIEST:
            raise UnreadableTime(f"the time is before {EARLIEST.year}: {text.strip()[:60]!r}")
        if self.latest and moment > self.latest:
            raise UnreadableTime(
                f"the time lies in the future: {text.strip()[:60]!r} (day and month swapped, or a wrong zone?)"
            )
        return moment

    def _expected(self) -> str:
        return " or ".join(_DESCRIPTIONS.get(name, f"of the form {name}") for name in self.formats)


_DESCRIPTIONS = {
    "iso": "an ISO time", "epoch": "seconds since 1970", "epoch_ms": "milliseconds since 1970",
    "named": "a date with the month by name", "ymd": "year-month-day", "dmy": "day-month-year",
    "mdy": "month-day-year", "excel": "a spreadsheet's day number",
}  # fmt: skip


def _reader(name: str) -> Callable[[str], datetime]:
    if name in _READERS:
        return _READERS[name]
    if "%" in name:
        return lambda text: datetime.strptime(text, name)  # noqa: DTZ007 - the zone is settled by the caller
    raise ConfigError(
        f"there is no time format {name!r}; one of {', '.join(FORMATS)} or a pattern like '%d.%m.%Y'"
    )


def _iso(text: str) -> datetime:
    if text[4:5] != "-":
        raise ValueError
    return datetime.fromisoformat(text.removesuffix(" UTC"))


def _epoch(text: str) -> datetime:
    return datetime.fromtimestamp(_number(text, 9, 11), UTC)


def _epoch_ms(text: str) -> datetime:
    return datetime.fromtimestamp(_number(text, 12, 14) / 1000, UTC)


def _excel(text: str) -> datetime:
    days = _number(text, 5, 5)
    return datetime(1899, 12, 30) + timedelta(seconds=round(days * 86_400))  # noqa: DTZ001 - placed by the caller


def _number(text: str, shortest: int, longest: int) -> float:
    if not re.fullmatch(rf"\d{{{shortest},{longest}}}(\.\d+)?", text, re.ASCII):
        raise ValueError
    return float(text)


def _numeric(order: str) -> Callable[[str], datetime]:
    def read(text: str) -> datetime:
        found = _NUMERIC.fullmatch(_fold(text))
        if not found:
            raise ValueError
        parts = dict(zip(order, (found["a"], found["b"], found["c"]), strict=True))
        year = int(parts["y"])
        if len(parts["y"]) == 2 and order != "ymd":
            year += 2000 if year < 70 else 1900
        elif len(parts["y"]) != 4:
            raise ValueError
        return _assemble(year, int(parts["m"]), int(parts["d"]), found)

    return read


def _fold(text: str) -> str:
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).lower()


def _named(text: str) -> datetime:
    folded = _fold(text)
    for pattern in _NAMED:
        found = pattern.fullmatch(folded)
        if found and found["month"] in _MONTHS:
            return _assemble(int(found["year"]), _MONTHS[found["month"]], int(found["day"]), found)
    raise ValueError


def _assemble(year: int, month: int, day: int, found: re.Match[str]) -> datetime:
    hour = int(found["hour"] or 0)
    half = (found["half1"] or found["half2"] or "").replace(".", "")
    if half in _AFTERNOON and hour < 12:
        hour += 12
    elif half in _MORNING and hour == 12:
        hour = 0
    fraction = int((found["fraction"] or "0").ljust(6, "0")[:6])
    zone = None
    if found["zone"]:
        zone = _offset(found["zone"])
        if zone is None:
            raise UnreadableTime(
                f"the zone is ambiguous or unknown: {found['zone'].upper()!r}; an offset is needed"
            )
    return datetime(year, month, day, hour, int(found["minute"] or 0), int(found["second"] or 0), fraction, zone)


_READERS: dict[str, Callable[[str], datetime]] = {
    "iso": _iso, "epoch": _epoch, "epoch_ms": _epoch_ms, "excel": _excel, "named": _named,
    "ymd": _numeric("ymd"), "dmy": _numeric("dmy"), "mdy": _numeric("mdy"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TimeGuess:
    """What format a column is in, from a sample of its values."""

    formats: tuple[str, ...]
    reason: str
    readable: float
    """Share of the filled sample cells the format reads."""
    ambiguous: bool = False
    """Day-first and month-first both read every value: a person must say which is meant."""
    has_zone: bool = True


def guess_format(values: Iterable[str]) -> TimeGuess | None:
    """The format that reads most of the values, None where none reads half of them."""
    sample = [value.strip() for value in values if value.strip()]
    if not sample:
        return None
    shares = {name: sum(_reads(name, value) for value in sample) / len(sample) for name in FORMATS}
    best = max(FORMATS, key=lambda name: (shares[name], -FORMATS.index(name)))
    if shares[best] < 0.5:
        return None
    if shares["dmy"] == shares["mdy"] == shares[best] and best == "dmy":
        first = sample[0]
        reason = f"times such as {first[:30]!r} can be day-month or month-day; nothing in the sample decides"
        return TimeGuess(("dmy",), reason, shares[best], ambiguous=True, has_zone=_names_zone("dmy", sample))
    reason = f"{shares[best]:.0%} of the sample is {_DESCRIPTIONS[best]}"
    if best in ("dmy", "mdy") and (proof := _decider(best, sample)):
        reason += f" ({proof[:30]!r} can be nothing else)"
    return TimeGuess((best,), reason, shares[best], has_zone=_names_zone(best, sample))


def _reads(name: str, text: str) -> bool:
    try:
        TimeReader((name,)).read(text)
    except UnreadableTime:
        return False
    return True


def _decider(best: str, sample: list[str]) -> str | None:
    other = "mdy" if best == "dmy" else "dmy"
    return next((value for value in sample if _reads(best, value) and not _reads(other, value)), None)


def _names_zone(name: str, sample: list[str]) -> bool:
    reader = TimeReader((name,))
    for value in sample:
        try:
            reader.read(value)
        except UnreadableTime:
            continue
    return reader.assumed == 0
