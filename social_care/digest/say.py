"""Figures in words: shares, times, moments, languages. The same in every format."""

from datetime import datetime
from zoneinfo import ZoneInfo

from social_care.digest.figures import Elapsed, Share
from social_care.durations import say_duration

NONE = "–"
LANGUAGES = {
    "en": "English", "zh": "Chinese", "zh-Hans": "Chinese, simplified", "zh-Hant": "Chinese, traditional",
    "yue": "Cantonese", "ja": "Japanese", "ko": "Korean", "es": "Spanish", "de": "German", "fr": "French",
    "it": "Italian", "pt": "Portuguese", "nl": "Dutch", "pl": "Polish", "ru": "Russian", "uk": "Ukrainian",
    "tr": "Turkish", "ar": "Arabic", "hi": "Hindi", "id": "Indonesian", "vi": "Vietnamese", "th": "Thai",
    "sv": "Swedish", "da": "Danish", "no": "Norwegian", "fi": "Finnish", "el": "Greek", "he": "Hebrew",
    "und": "not told",
}  # fmt: skip
NETWORKS = {
    "x": "X", "reddit": "Reddit", "appstore": "App Store", "googleplay": "Google Play", "forum": "Forum",
    "hackernews": "Hacker News", "mastodon": "Mastodon", "bluesky": "Bluesky", "youtube": "YouTube",
}  # fmt: skip


def percent(value: float | None) -> str:
    """`26 %`; never a rounded 0 % or 100 % that is not one."""
    if value is None:
        return NONE
    if 0 < value < 0.005:
        return "< 1 %"
    if 0.995 <= value < 1:
        return f"{int(value * 1000) / 10} %"
    return f"{value * 100:.0f} %"


def share(figure: Share) -> str:
    """A share with its n; flagged where the n is small, and no share of nothing."""
    if figure.value is None:
        return NONE
    return f"{percent(figure.value)} of {figure.n:,}" + (" (few)" if figure.few else "")


def share_before(figure: Share) -> str:
    """The same of the window before."""
    return share(Share(figure.before, figure.before_n))


def elapsed(figure: Elapsed) -> str:
    """`11h 15m`, or `> 15h 45m` where that many have not been answered yet."""
    if figure.seconds is None:
        return NONE
    return ("" if figure.reached else "> ") + say_duration(figure.seconds)


def when(moment: datetime, zone: str, now: datetime | None = None) -> str:
    """A moment on the zone's clocks: `Mon 2 Mar 08:21`, with the year where it is not `now`'s."""
    local = moment.astimezone(ZoneInfo(zone))
    year = f" {local.year}" if now is not None and local.year != now.astimezone(ZoneInfo(zone)).year else ""
    return f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M}"


def span(first: datetime, last: datetime, zone: str) -> str:
    """A stretch of time, its day named once."""
    start, end = first.astimezone(ZoneInfo(zone)), last.astimezone(ZoneInfo(zone))
    same = start.date() == end.date()
    return f"{when(first, zone)} to {end:%H:%M}" if same else f"{when(first, zone)} to {when(last, zone)}"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 case`, `2,310 cases`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def language(code: str) -> str:
    """A language's English name, else its code."""
    return LANGUAGES.get(code, code)


def network(name: str) -> str:
    """A network's name as it writes it, else as we do."""
    return NETWORKS.get(name, name)
