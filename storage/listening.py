"""Where each listener got to: cursor, schedule, failures and the day's reads."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import Session

from storage.bulk import insert_ignoring
from storage.coverage import find_gaps, heard_shares
from storage.models import ListenerState
from storage.pages import Gap, Page
from storage.tables import LISTENER, MENTION


def state(session: Session, listener: str, network: str) -> ListenerState:
    """The listener's row, made where it is new."""
    found = session.get(ListenerState, listener)
    if found is None:
        fresh = {"name": listener, "network": network, "failures": 0, "reads": 0}
        insert_ignoring(session, LISTENER, [fresh])
        found = session.get_one(ListenerState, listener)
    return found


def record_page(
    session: Session, page: Page, *, listener: str, network: str, now: datetime, next_poll_at: datetime | None
) -> None:
    """Advance the cursor to what the page says; call it in the transaction that stores the page's mentions."""
    row = state(session, listener, network)
    row.network = network  # a row made before the first poll knows only the listener's type
    if page.cursor is not None:
        row.cursor = dict(page.cursor)
    row.last_poll_at = row.last_success_at = now
    row.last_error, row.failures = None, 0
    due = [moment for moment in (next_poll_at, page.retry_after) if moment is not None]
    if due:
        row.next_poll_at = max(due)
    _count_reads(row, page.reads, now)
    session.flush()


def record_failure(
    session: Session,
    *,
    listener: str,
    network: str,
    error: str,
    now: datetime,
    next_poll_at: datetime | None,
    park: bool = False,
) -> None:
    """Note that a poll failed; what its earlier pages stored stays. `park` stops it until a person acts."""
    row = state(session, listener, network)
    row.last_poll_at, row.last_error = now, error
    row.failures += 1
    if next_poll_at is not None:
        row.next_poll_at = next_poll_at
    if park:
        row.parked_at, row.parked_reason = now, error
    session.flush()


def reads_today(session: Session, listener: str, now: datetime) -> int:
    """Posts billed to the listener on this UTC day."""
    row = session.connection().execute(
        select(LISTENER.c.reads).where(LISTENER.c.name == listener, LISTENER.c.reads_day == now.date().isoformat())
    )
    return int(row.scalar() or 0)


def _count_reads(row: ListenerState, reads: int, now: datetime) -> None:
    today = now.date().isoformat()
    if row.reads_day != today:
        row.reads, row.reads_day = 0, today
    row.reads += reads


@dataclass(frozen=True, slots=True)
class ListenerStatus:
    """One listener at a glance."""

    name: str
    network: str
    condition: str
    """`parked`, `failing`, `polling` (a process is at it), `due`, `waiting` or `new` (never polled)."""
    next_poll_at: datetime | None
    last_poll_at: datetime | None
    last_success_at: datetime | None
    last_error: str | None
    failures: int
    parked_reason: str | None
    reads_today: int
    mentions: int
    """Heard in all."""
    mentions_in_window: int
    """Of these, first seen in the window."""
    coverage: float | None
    """Share (0 to 1) of the window truly heard; None where the listener reports no coverage."""
    gaps: tuple[Gap, ...]
    """What it knows it has not heard in the window."""
    lag_p50: float | None
    """Detection lag in seconds (first seen minus posted) of the window's mentions, imported history aside."""
    lag_p95: float | None


def listener_state(session: Session, name: str) -> ListenerState | None:
    """One listener's row."""
    return session.get(ListenerState, name)


def listener_status(
    session: Session, now: datetime, *, window: timedelta = timedelta(hours=24)
) -> list[ListenerStatus]:
    """Every listener, by name, with coverage and detection lag over the window that ends now."""
    since = now - window
    connection = session.connection()
    counts = connection.execute(select(MENTION.c.listener, func.count()).group_by(MENTION.c.listener))
    totals = {row[0]: int(row[1]) for row in counts}
    lags, recent = _lags(session, since, now)
    shares = heard_shares(session, since, now)
    gaps = find_gaps(session, since, now)
    rows = session.execute(select(ListenerState).order_by(LISTENER.c.name)).scalars()
    return [
        ListenerStatus(
            name=row.name,
            network=row.network,
            condition=_condition(row, now),
            next_poll_at=row.next_poll_at,
            last_poll_at=row.last_poll_at,
            last_success_at=row.last_success_at,
            last_error=row.last_error,
            failures=row.failures,
            parked_reason=row.parked_reason,
            reads_today=row.reads if row.reads_day == now.date().isoformat() else 0,
            mentions=totals.get(row.name, 0),
            mentions_in_window=recent.get(row.name, 0),
            coverage=shares.get(row.name),
            gaps=tuple(gaps.get(row.name, ())),
            lag_p50=_percentile(lags.get(row.name, []), 0.50),
            lag_p95=_percentile(lags.get(row.name, []), 0.95),
        )
        for row in rows
    ]


def _condition(row: ListenerState, now: datetime) -> str:
    if row.parked_at is not None:
        return "parked"
    if row.owner_until is not None and row.owner_until > now:
        return "polling"
    if row.failures:
        return "failing"
    if row.last_poll_at is None:
        return "new"
    return "due" if row.next_poll_at is None or row.next_poll_at <= now else "waiting"


def _lags(session: Session, since: datetime, until: datetime) -> tuple[dict[str, list[float]], dict[str, int]]:
    rows = session.connection().execute(
        select(MENTION.c.listener, MENTION.c.posted_at, MENTION.c.first_seen_at, MENTION.c.backfilled).where(
            MENTION.c.first_seen_at >= since, MENTION.c.first_seen_at <= until
        )
    )
    lags: dict[str, list[float]] = {}
    counts: dict[str, int] = {}
    for listener, posted_at, first_seen_at, backfilled in rows:
        counts[listener] = counts.get(listener, 0) + 1
        if not backfilled:
            lags.setdefault(listener, []).append((first_seen_at - posted_at).total_seconds())
    return lags, counts


def _percentile(values: list[float], share: float) -> float | None:
    """Linear interpolation between order statistics."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
