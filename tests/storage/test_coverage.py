"""What was heard and what was not: intervals that never overlap, the last word wins."""

import itertools
from datetime import datetime, timedelta

from clock import NOW
from hypothesis import given
from hypothesis import strategies as st
from making import mention, store
from sqlmodel import select

from storage.coverage import Stretch, find_gaps, heard_shares, paint
from storage.database import Database
from storage.listening import listener_status, record_failure
from storage.models import Coverage
from storage.pages import Gap, Interval


def at(minute: float) -> datetime:
    return NOW + timedelta(minutes=minute)


def spans(database: Database) -> list[tuple[str, float, float, str | None]]:
    with database.read() as session:
        rows = session.exec(select(Coverage).order_by(Coverage.started_at)).all()  # type: ignore[arg-type]
    return [
        (
            row.kind,
            (row.started_at - NOW).total_seconds() / 60,
            (row.ended_at - NOW).total_seconds() / 60,
            row.reason,
        )
        for row in rows
    ]


def test_adjacent_and_overlapping_intervals_grow_together(database: Database) -> None:
    for start, end in ((0, 10), (20, 30), (10, 15), (14, 20), (22, 25)):
        store(database, heard=Interval(at(start), at(end)))
    assert spans(database) == [("heard", 0, 30, None)]


def test_a_gap_is_cut_out_of_what_was_heard_until_it_is_heard(database: Database) -> None:
    store(database, heard=Interval(at(0), at(60)), gaps=[Gap(Interval(at(20), at(30)), "page limit")])
    assert spans(database) == [("heard", 0, 20, None), ("gap", 20, 30, "page limit"), ("heard", 30, 60, None)]
    with database.read() as session:
        assert heard_shares(session, at(0), at(60)) == {"acme-x": 50 / 60}
        assert find_gaps(session, at(25), at(60)) == {"acme-x": [Gap(Interval(at(25), at(30)), "page limit")]}
    store(database, heard=Interval(at(18), at(32)))
    assert spans(database) == [("heard", 0, 60, None)]


def test_empty_intervals_are_not_stored(database: Database) -> None:
    store(database, heard=Interval(at(5), at(5)))
    assert spans(database) == []


def test_each_listener_has_its_own_coverage(database: Database) -> None:
    store(database, heard=Interval(at(0), at(30)), listener="one")
    store(database, heard=Interval(at(15), at(60)), listener="two")
    with database.read() as session:
        assert heard_shares(session, at(0), at(60)) == {"one": 0.5, "two": 0.75}
        assert heard_shares(session, at(70), at(80)) == {}


strokes = st.lists(
    st.tuples(
        st.integers(0, 30), st.integers(1, 10), st.sampled_from([("heard", None), ("gap", "a"), ("gap", "b")])
    ),
    max_size=12,
)


@given(strokes)
def test_every_minute_says_what_was_said_about_it_last(
    said: list[tuple[int, int, tuple[str, str | None]]],
) -> None:
    stretches: list[Stretch] = []
    expected: dict[int, tuple[str, str | None]] = {}
    for start, length, (kind, reason) in said:
        stretches = paint(stretches, Stretch(at(start), at(start + length), kind, reason))
        expected |= dict.fromkeys(range(start, start + length), (kind, reason))
    ordered = sorted(stretches, key=lambda item: item.started_at)
    assert all(one.started_at < one.ended_at for one in ordered)
    for one, two in itertools.pairwise(ordered):
        assert one.ended_at < two.started_at or (one.ended_at == two.started_at and not one.like(two))
    actual = {
        minute: (item.kind, item.reason)
        for item in ordered
        for minute in range(40)
        if item.started_at <= at(minute) < item.ended_at
    }
    assert actual == expected


def test_the_status_says_how_each_listener_is_doing(database: Database) -> None:
    store(
        database,
        *(mention(str(lag), posted_at=NOW - timedelta(minutes=lag)) for lag in range(101)),
        heard=Interval(NOW - timedelta(hours=6), NOW),
        gaps=[Gap(Interval(NOW - timedelta(hours=2), NOW - timedelta(hours=1)), "page limit")],
        reads=101,
    )
    store(database, mention("old", posted_at=NOW - timedelta(days=900)), listener="files", backfilled=True)
    with database.write() as session:
        record_failure(session, listener="broken", network="reddit", error="HTTP 503", now=NOW, next_poll_at=at(5))
        record_failure(
            session, listener="locked", network="reddit", error="bad key", now=NOW, next_poll_at=None, park=True
        )
    with database.read() as session:
        found = {item.name: item for item in listener_status(session, NOW, window=timedelta(hours=12))}
    x = found["acme-x"]
    assert (x.mentions, x.mentions_in_window, x.reads_today, x.condition) == (101, 101, 101, "due")
    assert (x.coverage, x.lag_p50, x.lag_p95) == (5 / 12, 50 * 60, 95 * 60)
    assert [gap.reason for gap in x.gaps] == ["page limit"]
    assert (found["files"].mentions, found["files"].lag_p50, found["files"].coverage) == (1, None, None)
    assert (found["broken"].condition, found["broken"].failures, found["broken"].last_error) == (
        "failing",
        1,
        "HTTP 503",
    )
    assert (found["locked"].condition, found["locked"].parked_reason) == ("parked", "bad key")
