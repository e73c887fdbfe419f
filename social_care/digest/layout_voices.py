"""The sections on what was said and heard, as blocks."""

from collections.abc import Callable

from social_care.digest import say
from social_care.digest.blocks import Bars, Block, Cell, Column, Item, Items, Note, Section, Table, Tone
from social_care.digest.figures import (
    FEW,
    Digest,
    Driver,
    GapFigure,
    KeptAside,
    ListenerFigure,
    MoodRow,
    RatingFigure,
    SpikeFigure,
)
from social_care.digest.themes import Theme
from social_care.durations import say_duration

_MOST_ROWS = 8
_MOST_GAPS = 3


def volume(digest: Digest) -> Section:
    """Mentions over time and the spikes among them."""
    figures = digest.volume
    assert figures is not None
    zone = digest.window.zone
    step = figures.step_seconds
    high = frozenset(
        place
        for place, start in enumerate(figures.starts)
        for spike in figures.spikes
        if start < spike.ended_at and spike.started_at.timestamp() < start.timestamp() + step
    )
    blocks: list[Block] = []
    if figures.counts:
        days = step // 86_400
        unit = "an hour" if step == 3_600 else "in 24 hours" if days == 1 else f"in {days} days"
        first, last = (say.when(figures.starts[place], zone, digest.now) for place in (0, -1))
        blocks.append(Bars(figures.counts, high, first, last, f"mentions {unit}"))
    if figures.spikes:
        blocks.append(Items(tuple(_spike(spike, digest) for spike in figures.spikes)))
    else:
        blocks.append(Note("No spike.", "good"))
    note = f"; {figures.note}" if figures.note else ""
    blocks.append(Note(f"A spike is {figures.rule}{note}."))
    commands = [("mentions", figures.command)]
    for spike in figures.spikes:
        commands.append((f"spike {say.span(spike.started_at, spike.ended_at, zone)}", spike.command))
        kinds = {driver.kind: driver for driver in spike.drivers if driver.kind != "term"}
        commands += [(f"its {kind}s", driver.command) for kind, driver in kinds.items()]
    return Section("Volume and spikes", tuple(blocks), tuple(commands))


def _spike(spike: SpikeFigure, digest: Digest) -> Item:
    facts = [
        f"{spike.negative:,} negative, {spike.positive:,} positive",
        f"peak {spike.peak:,} an hour at {digest.window.local(spike.peak_at):%H:%M}",
        f"{spike.height:g} deviations above",
    ]
    if spike.warm_up:
        facts.append("warm-up baseline")
    words = [driver for driver in spike.drivers if driver.kind == "term"]
    others = [driver for driver in spike.drivers if driver.kind != "term"]
    if words:
        facts.append("driven by " + ", ".join(f"{driver.name} ({driver.count})" for driver in words))
    facts += [_more_than_usual(driver) for driver in others]
    commands = tuple(driver.command for driver in words[:2])
    commands += tuple(f"social-care case show {number}" for number in spike.cases[:1])
    usual = f"{spike.expected:g}"
    return Item(
        head=f"{say.span(spike.started_at, spike.ended_at, digest.window.zone)}: {spike.count:,} mentions, "
        f"usually {usual}",
        tone="bad" if spike.negative > spike.positive else "warn",
        badge="spike",
        facts=tuple(facts),
        commands=commands,
        foreign_head=False,
    )


def _more_than_usual(driver: Driver) -> str:
    read = {"language": say.language, "network": say.network}.get(driver.kind, str)
    return f"{driver.kind} {read(driver.name)} {say.percent(driver.share)}, usually {say.percent(driver.usual)}"


def themes(digest: Digest) -> Section:
    """What recurs."""
    before = digest.window.before_name
    notes = (Note(digest.themes_note[:1].upper() + digest.themes_note[1:] + "."),) if digest.themes_note else ()
    if not digest.themes:
        return Section("Themes", (Note("No subject recurs among three authors or more."), *notes))
    items = tuple(_theme(theme, before) for theme in digest.themes)
    return Section("Themes", (Items(items), *notes))


def _theme(theme: Theme, before: str) -> Item:
    mood = theme.mood
    negative, positive = mood.get("negative", 0), mood.get("positive", 0)
    facts = [f"{theme.count:,} posts, {theme.before:,} {before}", f"{negative:,} negative, {positive:,} positive"]
    unsure = mood.get("abstained", 0)
    if unsure:
        facts.append(f"{unsure:,} abstained")
    if theme.cases:
        facts.append("cases " + ", ".join(map(str, theme.cases)))
    tone: Tone = "bad" if negative > 2 * positive else "good" if positive > 2 * negative else "plain"
    return Item(
        head=" · ".join(theme.terms),
        tone=tone,
        badge="rising" if theme.rising else "",
        facts=tuple(facts),
        quote=theme.snippet,
        commands=(theme.command,),
        foreign_head=True,
    )


def moods(digest: Digest) -> Section:
    """The mood by network and by language."""
    figures = digest.moods
    assert figures is not None
    blocks: list[Block] = [
        _mood_table("network", figures.by_network, say.network),
        _mood_table("language", figures.by_language, say.language),
        Note("“Unsure”: the model abstained, a person should look. “Unread”: no text, or no score yet."),
    ]
    return Section(
        "Mood",
        tuple(blocks),
        (("by network", figures.network_command), ("by language", figures.language_command)),
    )


def _mood_table(name: str, rows: tuple[MoodRow, ...], read: Callable[[str], str]) -> Table:
    columns = (
        Column(name, flexible=True), Column("all", "right"), Column("negative", "right"),
        Column("neutral", "right"), Column("positive", "right"), Column("unsure", "right"),
        Column("unread", "right"), Column("mix"),
    )  # fmt: skip
    shown = [_mood_row(read(row.name), row) for row in rows[:_MOST_ROWS]]
    if len(rows) > _MOST_ROWS:
        rest = rows[_MOST_ROWS:]
        fields = ("negative", "neutral", "positive", "abstained", "unscored")
        sums = [sum(getattr(row, field) for row in rest) for field in fields]
        shown.append(_mood_row(f"{len(rest)} others", MoodRow("", *sums)))
    return Table(columns, tuple(shown))


def _mood_row(name: str, row: MoodRow) -> tuple[Cell, ...]:
    parts: tuple[tuple[Tone, int], ...] = (
        ("bad", row.negative), ("quiet", row.neutral), ("good", row.positive), ("warn", row.abstained),
        ("plain", row.unscored),
    )  # fmt: skip
    total = row.total or 1
    return (
        Cell(name, foreign=True),
        Cell(f"{row.total:,}"),
        Cell(f"{row.negative:,}", "bad" if row.negative * 2 > row.total else "plain"),
        Cell(f"{row.neutral:,}"),
        Cell(f"{row.positive:,}"),
        Cell(f"{row.abstained:,}", "quiet"),
        Cell(f"{row.unscored:,}", "quiet"),
        Cell("", parts=tuple((tone, count / total) for tone, count in parts)),
    )


def ratings(digest: Digest) -> Section | None:
    """Stars by source against the line; None where nobody gave any."""
    if not digest.ratings:
        return None
    line = next((item for item in digest.foot.references if item.name == "rating"), None)
    columns = (
        Column("source", flexible=True), Column("stars", "right"), Column("ratings", "right"),
        Column("3 or fewer", "right"), Column(digest.window.before_name, "right"),
    )  # fmt: skip
    rows = tuple(_rating(row, line.value if line else None) for row in digest.ratings)
    note = (Note(f"The line is {line.value:.1f} {line.text} ({line.cite()})."),) if line else ()
    few = any(row.count < FEW for row in digest.ratings)
    flag = (Note(f"Means of fewer than {FEW} ratings are marked “few”."),) if few else ()
    return Section("Stars", (Table(columns, rows), *note, *flag), (("stars", digest.ratings[0].command),))


def _rating(row: RatingFigure, line: float | None) -> tuple[Cell, ...]:
    tone: Tone = "plain"
    if line is not None:
        tone = "good" if row.mean >= line else "warn" if row.count < FEW else "bad"
    before = say.NONE if row.before is None else f"{row.before:.2f} of {row.before_count:,}"
    return (
        Cell(say.network(row.network), foreign=True),
        Cell(f"{row.mean:.2f}" + (" (few)" if row.count < FEW else ""), tone),
        Cell(f"{row.count:,}"),
        Cell(f"{row.low:,}"),
        Cell(before, "quiet"),
    )


def praise(digest: Digest) -> Section | None:
    """Kind words worth passing on; None where there are none."""
    if not digest.praise:
        return None
    items = tuple(
        Item(
            head=say.network(word.network) + (f" · {word.rating:g} stars" if word.rating else ""),
            tone="good",
            who=word.handle or "",
            quote=word.snippet,
            url=word.url,
            commands=(word.command,),
        )
        for word in digest.praise
    )
    ask = Note("Ask the author before you use their words anywhere else.")
    return Section("Praise worth sharing", (Items(items), ask), (("all of it", digest.praise_command),))


def hearing(digest: Digest) -> Section:
    """Coverage and lag per listener, gaps by name."""
    if not digest.listeners:
        return Section("What was heard", (Note("No listener is configured, and nothing was imported."),))
    columns = (
        Column("listener", flexible=True), Column("mentions", "right"), Column("heard", "right"),
        Column("lag: half within", "right"), Column("95 % within", "right"),
    )  # fmt: skip
    rows = tuple(_listener(row) for row in digest.listeners)
    notes = [note for row in digest.listeners for note in _troubles(row, digest)]
    blocks: list[Block] = [Table(columns, rows), *notes]
    if not notes:
        blocks.append(Note("No gap.", "good"))
    blocks.append(Note("Lag: from posting to first sight. “–”: imported history, which keeps no account of time."))
    return Section("What was heard", tuple(blocks), (("coverage and detection lag", digest.listeners_command),))


def _listener(row: ListenerFigure) -> tuple[Cell, ...]:
    tone: Tone = "plain" if row.heard is None else "good" if row.heard >= 0.99 else "bad"
    return (
        Cell(row.name, foreign=True),
        Cell(f"{row.mentions:,}"),
        Cell(say.percent(row.heard), tone),
        Cell(say_duration(row.lag_p50) if row.lag_p50 is not None else say.NONE),
        Cell(say_duration(row.lag_p95) if row.lag_p95 is not None else say.NONE),
    )


def _troubles(row: ListenerFigure, digest: Digest) -> list[Note]:
    notes = [
        Note(f"{row.name}: not heard {_gap(gap, digest)}", "warn", foreign=True) for gap in _longest(row.gaps)
    ]
    if len(row.gaps) > _MOST_GAPS:
        notes.append(Note(f"{row.name}: {len(row.gaps) - _MOST_GAPS:,} shorter gaps", "warn", foreign=True))
    if row.problem:
        notes.append(Note(f"{row.name}: {row.problem}", "bad", foreign=True))
    return notes


def _longest(gaps: tuple[GapFigure, ...]) -> list[GapFigure]:
    longest = sorted(gaps, key=lambda gap: -gap.seconds)[:_MOST_GAPS]
    return sorted(longest, key=lambda gap: gap.started_at)


def _gap(gap: GapFigure, digest: Digest) -> str:
    return (
        f"{say.span(gap.started_at, gap.ended_at, digest.window.zone)} ({say_duration(gap.seconds)}): {gap.reason}"
    )


def kept_aside(figures: KeptAside) -> Section | None:
    """Rows kept aside and work that waits; None where there is neither."""
    waiting = figures.unscored or figures.untriaged
    if not figures.total and not waiting:
        return None
    blocks: list[Block] = []
    commands = []
    if figures.rows:
        columns = (Column("kept aside by"), Column("rows", "right"), Column("why", flexible=True))
        rows = tuple(
            (
                Cell(listener, foreign=True),
                Cell(f"{count:,}"),
                Cell(f"{reason} (for example {place})", foreign=True),
            )
            for listener, reason, count, place in figures.rows[:_MOST_ROWS]
        )
        blocks.append(Table(columns, rows))
        commands.append(("rows kept aside", figures.command))
    if waiting:
        blocks.append(
            Note(
                f"Not dealt with yet: {say.count(figures.unscored, 'mention')} without a score, "
                f"{figures.untriaged:,} not triaged. The figures above do not count them in.",
                "warn",
            )
        )
        commands.append(("what waits", figures.waiting_command))
    return Section("Kept aside", tuple(blocks), tuple(commands))
