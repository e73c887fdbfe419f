"""The sections on work and promises, as blocks."""

from social_care.digest import say
from social_care.digest.blocks import Cell, Column, Item, Items, Note, Section, Table, Tile, Tiles, Tone
from social_care.digest.figures import Digest, Promises, Share, UrgentCase
from social_care.durations import say_duration

_PRIORITY: dict[str, Tone] = {"P1": "bad", "P2": "warn", "P3": "plain"}


def glance(digest: Digest) -> Section:
    """The figures to see first."""
    counts, promises = digest.counts, digest.promises
    assert promises is not None
    before = digest.window.before_name
    kept, sore = promises.attainment_customer, promises.unanswered_complaints
    tiles = (
        Tile("mentions", f"{counts.mentions:,}", detail=f"{counts.mentions_before:,} {before}"),
        Tile("new cases", f"{counts.new_cases:,}", detail=f"{counts.new_reply_needed:,} need a reply"),
        Tile("open now", f"{counts.open:,}", detail=f"{counts.snoozed:,} snoozed" if counts.snoozed else ""),
        Tile("at risk", f"{counts.at_risk:,}", "warn" if counts.at_risk else "plain", "of the open ones"),
        Tile("past due", f"{counts.breached:,}", "bad" if counts.breached else "good", "of the open ones"),
        Tile("replies in time", say.percent(kept.value), _against(kept, promises.goal), _of(kept, promises.goal)),
        Tile("median first reply", say.elapsed(promises.p50), detail="from posting"),
        Tile("complaints unanswered", say.percent(sore.value), _sore(digest), _due(sore)),
    )
    return Section(
        "At a glance",
        (Tiles(tiles),),
        (
            ("mentions", counts.mentions_command),
            ("cases, replies, complaints", counts.cases_command),
            ("open, at risk, past due", counts.open_command),
        ),
    )


def _of(share: Share, goal: float) -> str:
    if share.value is None:
        return "none decided yet"
    return f"of {share.n:,}{', few' if share.few else ''}; goal {say.percent(goal)}"


def _due(share: Share) -> str:
    return f"of {share.n:,} due{', few' if share.few else ''}" if share.n else "none due"


def _against(share: Share, goal: float) -> Tone:
    if share.value is None:
        return "quiet"
    return "good" if share.value >= goal else "warn" if share.few else "bad"


def _sore(digest: Digest) -> Tone:
    assert digest.promises is not None
    value = digest.promises.unanswered_complaints.value
    line = next((item.value for item in digest.foot.references if item.name == "unanswered_complaints"), None)
    if value is None or line is None:
        return "quiet"
    return "bad" if value >= line else "warn" if value > 0 else "good"


def urgent(digest: Digest) -> Section:
    """The head of the inbox."""
    if not digest.urgent:
        nothing = Note("No case waits for an answer.", "good")
        return Section("Answer first", (nothing,), (("open cases", digest.urgent_command),))
    items = Items(tuple(_urgent_item(case, digest) for case in digest.urgent))
    rest = digest.counts.open - len(digest.urgent)
    more = (Note(f"{say.count(rest, 'more case')} in the inbox."),) if rest > 0 else ()
    return Section("Answer first", (items, *more), (("this list", digest.urgent_command),))


def _urgent_item(case: UrgentCase, digest: Digest) -> Item:
    now = digest.now
    age = say_duration((now - case.opened_at).total_seconds())
    facts = [", ".join(case.reasons), f"waits {age}"]
    if case.due_at is not None:
        left = (case.due_at - now).total_seconds()
        facts.append(f"past due {say_duration(-left)}" if left < 0 else f"due in {say_duration(left)}")
    if case.assigned_to:
        facts.append(f"with {case.assigned_to}")
    brand = f" · {case.brand}" if len(digest.brands) > 1 else ""
    return Item(
        head=f"{say.network(case.network)}{brand} · urgency {case.urgency:.2f}",
        tone="bad" if case.state == "breached" else _PRIORITY.get(case.priority, "plain"),
        badge=case.priority,
        who=case.handle or "",
        facts=tuple(facts),
        quote=case.snippet,
        url=case.url,
        commands=(case.command,),
    )


def promises(digest: Digest) -> Section:
    """Attainment, reply times and rates beside the goal and the window before."""
    figures = digest.promises
    assert figures is not None
    columns = (
        Column("of the cases posted in the window", flexible=True), Column("now", "right"),
        Column(digest.window.before_name, "right"), Column("goal", "right"),
    )  # fmt: skip
    return Section(
        "Promises",
        (
            Table(columns, _rates(figures)),
            Table(_TIMES, _times(figures)),
            *_history(digest),
            *_beside(figures),
            *_lines(digest),
        ),
        (("the window", figures.command), (digest.window.before_name, figures.before_command)),
    )


def _rates(figures: Promises) -> tuple[tuple[Cell, ...], ...]:
    goal = say.percent(figures.goal)
    sore = figures.unanswered_complaints
    return (
        _rate("replies in time, from posting", figures.attainment_customer, goal, figures.goal),
        _rate("replies in time, from first sight (team)", figures.attainment_team, goal, figures.goal),
        _rate(
            "response rate, of those needing a reply",
            figures.response_rate,
            say.percent(figures.response_goal),
            figures.response_goal,
        ),
        (
            Cell("complaints unanswered past their time"),
            Cell(say.share(sore)),
            Cell(say.share_before(sore), "quiet"),
            Cell("0 %"),
        ),
    )


def _rate(name: str, share: Share, goal: str, wanted: float) -> tuple[Cell, ...]:
    return (
        Cell(name),
        Cell(say.share(share), _against(share, wanted)),
        Cell(say.share_before(share), "quiet"),
        Cell(goal),
    )


_TIMES = (Column("first reply", flexible=True), Column("half within", "right"), Column("90 % within", "right"))


def _times(figures: Promises) -> tuple[tuple[Cell, ...], ...]:
    return (
        (Cell("customer: from posting"), Cell(say.elapsed(figures.p50)), Cell(say.elapsed(figures.p90))),
        (Cell("team: from first sight"), Cell(say.elapsed(figures.team_p50)), Cell(say.elapsed(figures.team_p90))),
    )


def _beside(figures: Promises) -> tuple[Note, ...]:
    pending = "No case is still within its time"
    if figures.pending:
        pending = f"{say.count(figures.pending, 'case')} still within their time, not yet part of “in time”"
    arrived = figures.states.get("breached_on_arrival", 0)
    late = f"; {arrived:,} were past due when first seen, which counts against hearing" if arrived else ""
    censored = not all(item.reached for item in (figures.p50, figures.p90, figures.team_p50, figures.team_p90))
    longer = " “>” means longer: that many have no answer yet." if censored else ""
    variants = (
        f"Other variants of the response rate: {say.percent(figures.response_raw)} of everything inbound (raw), "
        f"{say.percent(figures.response_handled)} answered or dismissed with a reason (handled)."
    )
    return (Note(f"{pending}{late}.{longer}"), Note(variants))


def _history(digest: Digest) -> tuple[Note, ...]:
    """Imported history needs a word: a file without the answers reads as if nobody had answered."""
    imported = sum(row.backfilled for row in digest.listeners)
    if not imported:
        return ()
    return (
        Note(
            f"{imported:,} of {digest.counts.mentions:,} mentions are imported history: they count in the "
            "customer’s figures and in no team figure. Where a file holds no answers, they look unanswered.",
            "warn",
        ),
    )


def _lines(digest: Digest) -> tuple[Table, ...]:
    """Ours beside published figures."""
    figures = digest.promises
    assert figures is not None
    ours = {
        "answered_within_15_minutes": figures.within.get("900"),
        "expected_within_1_hour": figures.within.get("3600"),
        "expected_within_24_hours": figures.within.get("86400"),
        "unanswered_complaints": figures.unanswered_complaints.value,
    }
    verbs = {
        "answered_within_15_minutes": "answered within 15 minutes",
        "expected_within_1_hour": "answered within an hour",
        "expected_within_24_hours": "answered within a day",
        "unanswered_complaints": "complaints unanswered",
    }
    columns = (Column("beside published figures"), Column("here", "right"), Column("elsewhere", flexible=True))
    rows = tuple(
        (
            Cell(verbs[line.name]),
            Cell(say.percent(ours[line.name])),
            Cell(f"{say.percent(line.value)} {line.text}", "quiet"),
        )
        for line in digest.foot.references
        if line.name in ours
    )
    return (Table(columns, rows),) if rows else ()
