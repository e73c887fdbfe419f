"""What was truly heard: coverage and detection lag per listener, gaps by name, and rows kept aside."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from responders.metrics import Report, coverage
from social_care.digest import commands
from social_care.digest.figures import GapFigure, KeptAside, ListenerFigure
from social_care.digest.scope import Scope
from storage import digest_queries as ask
from storage.reporting import HeardFact

LEAST_GAP = timedelta(minutes=1)
"""Shorter pauses are the time between two polls, not gaps."""


def listener_figures(scope: Scope, cohort: Report, heard: Sequence[HeardFact]) -> tuple[ListenerFigure, ...]:
    """One line a listener that is configured, recorded coverage or brought mentions, by name.

    Coverage and lag are those of the report: the same numbers under another roof would be two truths.
    """
    since, end = scope.window.since, scope.end
    rows = [
        row
        for row in ask.listeners(scope.session, since, scope.window.until, scope.brand_ids)
        if _belongs(scope, row)
    ]
    known = {row.name for row in rows}
    rows += [
        ask.ListenerRow(name, item.type, 0, 0, None, None, None)
        for name, item in scope.settings.listeners.items()
        if name not in known and scope.brand in (None, item.brand)
    ]
    shares = coverage(heard, [row.name for row in rows], since, end)
    stretches = ask.stretches(scope.session, since, end)
    lags = cohort.total.figures["detection_lag_seconds"]
    figures = [
        _figure(
            scope,
            row,
            shares[row.name],
            [item for item in stretches if item.listener == row.name],
            lags.get(row.name, {}),
        )
        for row in rows
    ]
    return tuple(sorted(figures, key=lambda figure: figure.name))


def _belongs(scope: Scope, row: ask.ListenerRow) -> bool:
    configured = scope.settings.listeners.get(row.name)
    if configured is None:
        return row.mentions > 0 or (row.covered and scope.brand is None)
    return scope.brand is None or configured.brand == scope.brand or row.mentions > 0


def _figure(
    scope: Scope,
    row: ask.ListenerRow,
    share: float | None,
    stretches: Sequence[ask.Stretch],
    lag: Mapping[str, float | int | None],
) -> ListenerFigure:
    live = row.covered or (row.name in scope.settings.listeners and row.mentions == 0)
    return ListenerFigure(
        name=row.name,
        network=row.network,
        mentions=row.mentions,
        backfilled=row.backfilled,
        heard=(share or 0.0) if live else None,
        gaps=tuple(unheard(stretches, scope.window.since, scope.end)) if live else (),
        lag_p50=lag.get("p50"),
        lag_p95=lag.get("p95"),
        lag_count=int(lag.get("n") or 0),
        problem=f"parked: {row.parked_reason}" if row.parked_reason else row.last_error,
    )


def unheard(stretches: Iterable[ask.Stretch], since: datetime, until: datetime) -> list[GapFigure]:
    """What lies between the heard stretches, each part with its recorded reason, or `not polled`."""
    gaps: list[GapFigure] = []
    place = since
    for item in sorted(stretches, key=lambda stretch: (stretch.started_at, stretch.ended_at)):
        if item.started_at > place:
            gaps.append(GapFigure(place, item.started_at, "not polled"))
        if item.kind == "gap":
            gaps.append(GapFigure(item.started_at, item.ended_at, item.reason or "no reason recorded"))
        place = max(place, item.ended_at)
    if place < until:
        gaps.append(GapFigure(place, until, "not polled"))
    return [gap for gap in gaps if gap.ended_at - gap.started_at >= LEAST_GAP]


def kept_aside(scope: Scope) -> KeptAside:
    """Rows set aside while the window passed, and mentions that wait for scoring or triage."""
    window = scope.window
    rows = ask.rejections(scope.session, window.since, window.until)
    waiting = ask.waiting(scope.session, scope.brand_ids)
    limits = f"seen_at >= {commands.moment(window.since)} AND seen_at < {commands.moment(window.until)}"
    brand = f" AND m.brand_id IN ({', '.join(map(str, scope.brand_ids))})" if scope.brand_ids else ""
    return KeptAside(
        rows=tuple((row.listener, row.reason, row.count, row.example) for row in rows),
        total=sum(row.count for row in rows),
        unscored=waiting.unscored,
        untriaged=waiting.untriaged,
        command=commands.select(
            "listener, reason, count(*), max(place)", "rejected", limits, "GROUP BY 1, 2 ORDER BY 3 DESC"
        ),
        waiting_command=commands.select(
            "sum(CASE WHEN s.id IS NULL AND trim(coalesce(m.title, '') || m.text) <> '' THEN 1 ELSE 0 END) "
            "AS unscored, "
            "sum(CASE WHEN m.triaged_version < m.version THEN 1 ELSE 0 END) AS untriaged",
            commands.UNDERSTOOD,
            f"{commands.INBOUND} AND m.deleted_at IS NULL{brand}",
        ),
    )
