"""How many mentions came when, which hours stood out, and what drove them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from social_care.digest import commands, spikes
from social_care.digest.figures import Driver, SpikeFigure, Volume
from social_care.digest.scope import Scope
from social_care.digest.terms import SIGNIFICANT, keyness, likelihood_ratio, terms_of, without_echoes
from social_care.digest.window import Window
from storage import digest_queries as ask

MOST_SPIKES = 5
MOST_TERMS = 5
LEAST_DRIVER = 3
_MOST_BARS = 72
_STEPS = (1, 24, 24 * 7, 24 * 28, 24 * 364)  # hours a bar
_COMPARED_POSTS = 3_000
_KINDS: tuple[tuple[str, Callable[[ask.Post], str | None]], ...] = (
    ("topic", lambda post: post.topic),
    ("language", lambda post: post.language),
    ("network", lambda post: post.network),
)


def volume(scope: Scope) -> Volume:
    """Mentions over time with the spikes among them."""
    window = scope.window
    counts = ask.hourly(scope.session, window.since - spikes.LOOKBACK, window.until, scope.brand_ids)
    found = spikes.find_spikes(counts, window.since, scope.end, window.zone)
    strongest = sorted(found, key=lambda spike: -spike.height)[:MOST_SPIKES]
    # Counted again for the bars: the window may begin within an hour, and a bar shows what lies in it only.
    inside = ask.hourly(scope.session, window.since, window.until, scope.brand_ids)
    starts, bars, step = _bars(inside, window.since, scope.end)
    return Volume(
        starts=starts,
        counts=bars,
        step_seconds=int(step.total_seconds()),
        spikes=tuple(_described(scope, spike) for spike in sorted(strongest, key=lambda spike: spike.started_at)),
        rule=(
            f"an hour above its hour-of-week median by {spikes.DEVIATIONS:g} robust deviations "
            f"and with at least {spikes.MINIMUM} mentions"
        ),
        note=_note(counts, window.since, len(found)),
        command=commands.count(window, scope.brand_ids),
    )


def _bars(
    counts: dict[datetime, int], since: datetime, until: datetime
) -> tuple[tuple[datetime, ...], tuple[int, ...], timedelta]:
    """By hour, or by as many days as keep the bars few enough to be seen."""
    hours = spikes.hours(since, until)
    size = next((size for size in _STEPS if len(hours) <= size * _MOST_BARS), _STEPS[-1])
    groups = [hours[at : at + size] for at in range(0, len(hours), size)]
    return (
        tuple(group[0] for group in groups),
        tuple(sum(counts.get(hour, 0) for hour in group) for group in groups),
        timedelta(hours=size),
    )


def _note(counts: dict[datetime, int], since: datetime, found: int) -> str | None:
    first = min((hour for hour in counts if hour < since), default=None)
    notes = []
    if first is None or since - first < spikes.LEAST_HISTORY:
        notes.append("no day of history before the window: its first 24 hours cannot be called a spike")
    elif since - first < spikes.WARM:
        days = max((since - first).days, 1)
        notes.append(f"warm-up: only {days} days of history, so the hours of any day are compared")
    if found > MOST_SPIKES:
        notes.append(f"the {MOST_SPIKES} strongest of {found} spikes")
    return "; ".join(notes) or None


def _described(scope: Scope, spike: spikes.Spike) -> SpikeFigure:
    session, brands = scope.session, scope.brand_ids
    inside = ask.posts(session, spike.started_at, spike.ended_at, brands, _COMPARED_POSTS)
    since = spike.started_at - spikes.LOOKBACK
    usual = ask.posts(session, since, spike.started_at, brands, _COMPARED_POSTS)
    span = Window(spike.started_at, spike.ended_at, scope.window.zone)
    urgent = sorted((post for post in inside if post.case_id), key=lambda post: -(post.urgency or 0.0))
    return SpikeFigure(
        started_at=spike.started_at,
        ended_at=spike.ended_at,
        count=spike.count,
        expected=spike.expected,
        peak=spike.peak,
        peak_at=spike.peak_at,
        height=spike.height,
        warm_up=spike.warm_up,
        drivers=(*_words(inside, usual, scope.brand), *_kinds(span, brands, inside, usual)),
        negative=sum(post.mood == "negative" for post in inside),
        positive=sum(post.mood == "positive" for post in inside),
        cases=tuple(dict.fromkeys(post.case_id for post in urgent if post.case_id))[:3],
        command=commands.count(span, brands),
    )


def _words(inside: Sequence[ask.Post], usual: Sequence[ask.Post], brand: str | None) -> list[Driver]:
    group = [terms_of(_text(post)) for post in inside]
    rest = [terms_of(_text(post)) for post in usual]
    terms = without_echoes(keyness(group, rest, least=LEAST_DRIVER))[:MOST_TERMS]
    return [
        Driver(
            "term",
            term.text,
            term.inside,
            term.inside / len(group),
            term.outside / max(len(rest), 1),
            commands.search(term.text, brand),
        )
        for term in terms
    ]


def _text(post: ask.Post) -> str:
    return f"{post.title}\n{post.text}" if post.title else post.text


def _kinds(
    span: Window, brands: Sequence[int], inside: Sequence[ask.Post], usual: Sequence[ask.Post]
) -> list[Driver]:
    """Topics, languages and networks that are more of the spike than they usually are."""
    drivers = []
    for kind, read in _KINDS:
        here, there = Counter(map(read, inside)), Counter(map(read, usual))
        for name, count in here.most_common(3):
            sure = likelihood_ratio(count, len(inside), there[name], len(usual)) >= SIGNIFICANT
            if name and count >= LEAST_DRIVER and sure:
                drivers.append(
                    Driver(kind, name, count, count / len(inside), there[name] / max(len(usual), 1), "")
                )
    return [replace(driver, command=_kind_command(driver, span, brands)) for driver in drivers]


def _kind_command(driver: Driver, span: Window, brands: Sequence[int]) -> str:
    column = {"topic": "m.topic", "network": "m.network", "language": "coalesce(s.language, m.lang, 'und')"}
    return commands.select(
        f"{column[driver.kind]}, count(*)",
        commands.UNDERSTOOD,
        f"{commands.within(span, brands)} AND m.deleted_at IS NULL",
        "GROUP BY 1 ORDER BY 2 DESC",
    )
