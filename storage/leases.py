"""Keeping processes apart with rows: named leases, once-only slots, and claims on listeners.

A claim ends by itself when its time is past. Its holder keeps it short and renews it while at work (`renew`): a
killed process blocks nothing for long, whatever machine it ran on.
`now` comes from the caller; machines that share a database are expected to agree on the time within seconds.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col
from sqlmodel import select as select_models

from storage.bulk import insert_ignoring, is_sqlite
from storage.errors import NotFoundError
from storage.models import Audit, ListenerState
from storage.tables import LEASE, LISTENER, NOTICE, SLOT


def take_lease(session: Session, name: str, owner: str, now: datetime, seconds: float) -> bool:
    """Take or prolong the lease `name` until `now + seconds`; False while somebody else holds it."""
    until = now + timedelta(seconds=seconds)
    statement = _insert(session, LEASE).values(name=name, owner=owner, until=until)
    statement = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"owner": owner, "until": until},
        where=or_(LEASE.c.owner == owner, LEASE.c.until <= now),
    )
    return session.connection().execute(statement.returning(LEASE.c.owner)).first() is not None


def renew(session: Session, owner: str, now: datetime, seconds: float) -> int:
    """Prolong every lease and claim that `owner` still holds until `now + seconds`; returns how many it holds."""
    until = now + timedelta(seconds=seconds)
    held = update(LEASE).where(LEASE.c.owner == owner, LEASE.c.until > now).values(until=until)
    claimed = (
        update(LISTENER)
        .where(LISTENER.c.owner == owner, LISTENER.c.owner_until.is_not(None))
        .values(owner_until=until)
    )
    connection = session.connection()
    return int(connection.execute(held).rowcount) + int(connection.execute(claimed).rowcount)


def release(session: Session, name: str, owner: str) -> bool:
    """Give the lease back; False where `owner` does not hold it."""
    statement = delete(LEASE).where(LEASE.c.name == name, LEASE.c.owner == owner)
    return bool(session.connection().execute(statement).rowcount == 1)


def claim_slot(session: Session, name: str, slot: str, owner: str, now: datetime) -> bool:
    """Take what happens once (`digest` of `2026-03-02`); False where it is taken, by whomever."""
    statement = _insert(session, SLOT).values(name=name, slot=slot, owner=owner, at=now).on_conflict_do_nothing()
    return session.connection().execute(statement.returning(SLOT.c.owner)).first() is not None


def slot_taken(session: Session, name: str, slot: str) -> bool:
    """Whether somebody has taken it."""
    statement = select(SLOT.c.owner).where(SLOT.c.name == name, SLOT.c.slot == slot)
    return session.connection().execute(statement).first() is not None


def _insert(session: Session, table: Table) -> Any:
    """`INSERT ... ON CONFLICT` in the session's dialect; both write it alike but share no type."""
    return sqlite.insert(table) if is_sqlite(session) else postgresql.insert(table)


def ensure_listeners(session: Session, networks: Mapping[str, str]) -> None:
    """Make a row for each configured listener that has none: `networks` maps its name to its network."""
    known = set(session.connection().execute(select(LISTENER.c.name)).scalars())
    insert_ignoring(
        session,
        LISTENER,
        [
            {"name": name, "network": network, "failures": 0, "reads": 0}
            for name, network in sorted(networks.items())
            if name not in known
        ],
    )


def claim_listeners(
    session: Session,
    owner: str,
    now: datetime,
    lease_seconds: float,
    *,
    names: Collection[str] | None = None,
    due_only: bool = True,
    limit: int | None = None,
) -> list[ListenerState]:
    """Claim listeners to poll, the longest due first; each is `owner`'s until `finish_poll` or the lease's end.

    Left out are those that are parked and those another process is polling. `names` narrows the choice;
    `due_only=False` polls now whatever the schedule says; at most `limit` are taken.
    """
    statement = (
        select_models(ListenerState)
        .where(col(ListenerState.parked_at).is_(None))
        .where(or_(col(ListenerState.owner_until).is_(None), col(ListenerState.owner_until) <= now))
        .order_by(
            case((col(ListenerState.next_poll_at).is_(None), 0), else_=1),
            col(ListenerState.next_poll_at),
            col(ListenerState.name),
        )
        .limit(limit)
        # Two processes asking at once never wait for each other and never get the same listener.
        .with_for_update(skip_locked=True)
    )
    if due_only:
        statement = statement.where(
            or_(col(ListenerState.next_poll_at).is_(None), col(ListenerState.next_poll_at) <= now)
        )
    if names is not None:
        statement = statement.where(col(ListenerState.name).in_(sorted(names)))
    claimed = list(session.exec(statement))
    for row in claimed:
        row.owner, row.owner_until = owner, now + timedelta(seconds=lease_seconds)
    session.flush()
    return claimed


def claim_due_listeners(session: Session, owner: str, now: datetime, lease_seconds: float) -> list[ListenerState]:
    """Claim every listener that is due, not parked and free."""
    return claim_listeners(session, owner, now, lease_seconds)


def finish_poll(
    session: Session,
    name: str,
    owner: str,
    *,
    now: datetime,
    next_poll_at: datetime,
    failures: int = 0,
    error: str | None = None,
    parked: str | None = None,
) -> bool:
    """Note how a poll ended and free the listener; False where another process has taken it over meanwhile.

    Parking puts a notice into the outbox: somebody has to act before this listener hears again.
    """
    statement = select_models(ListenerState).where(col(ListenerState.name) == name).with_for_update()
    row = session.exec(statement).one_or_none()
    if row is None or row.owner != owner:
        return False
    row.owner = row.owner_until = None
    row.last_poll_at, row.next_poll_at = now, next_poll_at
    row.failures, row.last_error = failures, error
    if error is None:
        row.last_success_at = now
    if parked is not None:
        row.parked_at, row.parked_reason = now, parked
        _notify_parked(session, row, parked, now)
    session.flush()
    return True


def _notify_parked(session: Session, row: ListenerState, reason: str, now: datetime) -> None:
    notice = {
        "key": f"parked:{row.name}:{now.isoformat()}",
        "kind": "listener_parked",
        "body": {"listener": row.name, "network": row.network, "reason": reason},
        "created_at": now,
        "attempts": 0,
    }
    insert_ignoring(session, NOTICE, [notice])


def set_parked(session: Session, name: str, reason: str | None, *, actor: str, now: datetime) -> bool:
    """Park a listener, or let it poll again (`reason=None`: it is due at once); False where it was so already.

    Raises:
        NotFoundError: no listener has that name.
    """
    row = session.get(ListenerState, name)
    if row is None:
        raise NotFoundError(f"There is no listener {name}; social-care listener list shows them.")
    if (row.parked_at is not None) == (reason is not None):
        return False
    before = {"parked_reason": row.parked_reason} if row.parked_at else None
    row.parked_at, row.parked_reason = (now, reason) if reason is not None else (None, None)
    if reason is None:
        row.failures, row.next_poll_at = 0, now
    session.add(
        Audit(
            at=now,
            actor=actor,
            action="listener.park" if reason is not None else "listener.resume",
            subject=f"listener:{name}",
            before=before,
            after={"parked_reason": reason} if reason is not None else None,
        )
    )
    session.flush()
    return True
