"""Where each listener got to: cursor, schedule, failures and the day's reads."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from storage.bulk import insert_ignoring
from storage.models import ListenerState
from storage.pages import Page
from storage.tables import LISTENER


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
