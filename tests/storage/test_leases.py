"""One process at a time, one thing once: leases, slots and claims on listeners."""

import threading
from datetime import timedelta

import pytest
from clock import NOW

from storage import leases
from storage.database import Database, open_database
from storage.errors import NotFoundError
from storage.models import Audit, ListenerState
from storage.queries import listener_state

SOON = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(hours=1)


def test_a_lease_is_held_by_one_and_free_when_its_time_is_past(database: Database) -> None:
    with database.write() as session:
        assert leases.take_lease(session, "understand", "a", NOW, 60)
        assert not leases.take_lease(session, "understand", "b", NOW + timedelta(seconds=59), 60)
        assert leases.take_lease(session, "understand", "a", NOW + timedelta(seconds=30), 60), "prolonged"
        assert not leases.take_lease(session, "understand", "b", NOW + timedelta(seconds=60), 60)
        assert leases.take_lease(session, "understand", "b", NOW + timedelta(seconds=90), 60), "taken over"
        assert not leases.release(session, "understand", "a")
        assert leases.release(session, "understand", "b")
        assert leases.take_lease(session, "understand", "a", NOW, 60)


def test_a_slot_is_taken_once(database: Database) -> None:
    with database.write() as session:
        assert not leases.slot_taken(session, "digest", "2026-03-02")
        assert leases.claim_slot(session, "digest", "2026-03-02", "a", NOW)
        assert not leases.claim_slot(session, "digest", "2026-03-02", "a", NOW)
        assert leases.claim_slot(session, "digest", "2026-03-03", "b", NOW)
        assert leases.slot_taken(session, "digest", "2026-03-02")


def test_due_listeners_are_claimed_the_longest_due_first(database: Database) -> None:
    with database.write() as session:
        leases.ensure_listeners(session, {"new": "x", "late": "x", "early": "x", "parked": "x", "waiting": "x"})
        leases.ensure_listeners(session, {"new": "x"})
        for name, due in (("late", NOW - timedelta(hours=2)), ("early", NOW), ("waiting", LATER)):
            session.get_one(ListenerState, name).next_poll_at = due
        leases.set_parked(session, "parked", "no key", actor="me", now=NOW)
    with database.write() as session:
        assert [row.name for row in leases.claim_due_listeners(session, "a", NOW, 600)] == ["new", "late", "early"]
        assert leases.claim_due_listeners(session, "b", SOON, 600) == []
        assert [row.name for row in leases.claim_due_listeners(session, "b", LATER, 600)] != []


def test_a_listener_polled_by_hand_is_claimed_before_it_is_due(database: Database) -> None:
    with database.write() as session:
        leases.ensure_listeners(session, {"one": "x", "two": "x"})
        session.get_one(ListenerState, "one").next_poll_at = LATER
        claimed = leases.claim_listeners(session, "a", NOW, 600, names=["one"], due_only=False)
        assert [(row.name, row.owner) for row in claimed] == [("one", "a")]
        assert leases.claim_listeners(session, "b", NOW, 600, names=["one"], due_only=False) == []


def test_finishing_a_poll_frees_the_listener_and_sets_its_next_time(database: Database) -> None:
    with database.write() as session:
        leases.ensure_listeners(session, {"one": "x"})
        leases.claim_due_listeners(session, "a", NOW, 600)
        assert not leases.finish_poll(session, "one", "b", now=NOW, next_poll_at=SOON), "not b's"
        assert leases.finish_poll(session, "one", "a", now=NOW, next_poll_at=SOON, failures=2, error="503")
        row = session.get_one(ListenerState, "one")
        assert (row.owner, row.next_poll_at, row.failures, row.last_error) == (None, SOON, 2, "503")
        assert row.last_success_at is None
        assert leases.claim_due_listeners(session, "a", NOW, 600) == []
        leases.claim_due_listeners(session, "a", SOON, 600)
        assert leases.finish_poll(
            session, "one", "a", now=SOON, next_poll_at=LATER, parked="bad key", error="bad key"
        )
        assert leases.claim_due_listeners(session, "a", LATER, 600) == []
        assert leases.set_parked(session, "one", None, actor="me", now=LATER)
        assert not leases.set_parked(session, "one", None, actor="me", now=LATER)
        assert [row.name for row in leases.claim_due_listeners(session, "a", LATER, 600)] == ["one"]


def test_parking_is_audited_and_unknown_names_are_refused(database: Database) -> None:
    from sqlmodel import select

    with database.write() as session:
        leases.ensure_listeners(session, {"one": "x"})
        assert leases.set_parked(session, "one", "holiday", actor="me", now=NOW)
        assert not leases.set_parked(session, "one", "again", actor="me", now=NOW)
        row = session.exec(select(Audit)).one()
        assert (row.actor, row.action, row.subject, row.after) == (
            "me", "listener.park", "listener:one", {"parked_reason": "holiday"},
        )  # fmt: skip
        with pytest.raises(NotFoundError, match="no listener two"):
            leases.set_parked(session, "two", "x", actor="me", now=NOW)
    with database.read() as session:
        assert listener_state(session, "two") is None


def test_of_many_claiming_at_once_each_listener_goes_to_one(database: Database, database_url: str) -> None:
    with database.write() as session:
        leases.ensure_listeners(session, {f"l{number}": "x" for number in range(12)})
    barrier, claimed, slots = threading.Barrier(4), [], []

    def claim(owner: str) -> None:
        mine = open_database(database_url)
        barrier.wait(timeout=30)
        with mine.write() as session:
            claimed.extend(row.name for row in leases.claim_due_listeners(session, owner, NOW, 600))
        with mine.write() as session:
            slots.append(leases.claim_slot(session, "digest", "today", owner, NOW))
        mine.dispose()

    threads = [threading.Thread(target=claim, args=(f"o{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(claimed) == sorted(f"l{number}" for number in range(12))
    assert sorted(slots) == [False, False, False, True]
