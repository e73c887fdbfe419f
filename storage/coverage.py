"""What a listener has heard and what it knows it has not: intervals that never overlap, the last word wins."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlmodel import Session

from storage.pages import Gap, Interval
from storage.tables import COVERAGE


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stored interval."""

    started_at: datetime
    ended_at: datetime
    kind: str
    reason: str | None = None

    def like(self, other: "Stretch") -> bool:
        """Whether both say the same, so that they may become one."""
        return (self.kind, self.reason) == (other.kind, other.reason)


def paint(stretches: Iterable[Stretch], new: Stretch) -> list[Stretch]:
    """Lay `new` over `stretches`: it replaces what it covers and grows together with equal neighbours."""
    start, end = new.started_at, new.ended_at
    rest: list[Stretch] = []
    for old in stretches:
        if old.ended_at < start or old.started_at > end:
            rest.append(old)
        elif old.like(new):
            start, end = min(start, old.started_at), max(end, old.ended_at)
        else:
            rest.extend(_outside(old, new))
    return [*rest, Stretch(start, end, new.kind, new.reason)]


def _outside(old: Stretch, new: Stretch) -> Iterable[Stretch]:
    if old.started_at < new.started_at:
        yield Stretch(old.started_at, min(old.ended_at, new.started_at), old.kind, old.reason)
    if old.ended_at > new.ended_at:
        yield Stretch(max(old.started_at, new.ended_at), old.ended_at, old.kind, old.reason)


def record(session: Session, listener: str, heard: Interval | None, gaps: Sequence[Gap], now: datetime) -> None:
    """Store what a page says about time: first what was heard, then the gaps in it."""
    news = [Stretch(heard.started_at, heard.ended_at, "heard")] if heard else []
    news += [Stretch(gap.interval.started_at, gap.interval.ended_at, "gap", gap.reason) for gap in gaps]
    news = [stretch for stretch in news if stretch.ended_at > stretch.started_at]
    if not news:
        return
    first, last = min(item.started_at for item in news), max(item.ended_at for item in news)
    rows = session.connection().execute(
        select(COVERAGE.c.id, COVERAGE.c.started_at, COVERAGE.c.ended_at, COVERAGE.c.kind, COVERAGE.c.reason)
        .where(COVERAGE.c.listener == listener)
        .where(COVERAGE.c.ended_at >= first, COVERAGE.c.started_at <= last)
    )
    before = {Stretch(*row[1:]): row[0] for row in rows}
    after = list(before)
    for stretch in news:
        after = paint(after, stretch)
    gone = [before[stretch] for stretch in before.keys() - set(after)]
    if gone:
        session.connection().execute(delete(COVERAGE).where(COVERAGE.c.id.in_(gone)))
    fresh = [stretch for stretch in after if stretch not in before]
    if fresh:
        session.connection().execute(insert(COVERAGE), [_row(listener, stretch, now) for stretch in fresh])


def _row(listener: str, stretch: Stretch, now: datetime) -> dict[str, object]:
    return {
        "listener": listener,
        "kind": stretch.kind,
        "started_at": stretch.started_at,
        "ended_at": stretch.ended_at,
        "reason": stretch.reason,
        "recorded_at": now,
    }


def heard_shares(session: Session, since: datetime, until: datetime) -> dict[str, float]:
    """For each listener with coverage on record, the share (0 to 1) of the window it has truly heard.

    Args:
        session: an open session.
        since: the window's beginning.
        until: the window's end, not before `since`.
    """
    length = (until - since).total_seconds()
    rows = session.connection().execute(
        select(COVERAGE.c.listener, COVERAGE.c.kind, COVERAGE.c.started_at, COVERAGE.c.ended_at).where(
            COVERAGE.c.ended_at > since, COVERAGE.c.started_at < until
        )
    )
    seconds: dict[str, float] = {}
    for listener, kind, started_at, ended_at in rows:
        heard = (min(ended_at, until) - max(started_at, since)).total_seconds() if kind == "heard" else 0.0
        seconds[listener] = seconds.get(listener, 0.0) + heard
    return {listener: min(1.0, total / length) if length > 0 else 0.0 for listener, total in seconds.items()}


def find_gaps(session: Session, since: datetime, until: datetime) -> dict[str, list[Gap]]:
    """For each listener the stretches of the window it knows it has not heard, in order."""
    rows = session.connection().execute(
        select(COVERAGE.c.listener, COVERAGE.c.started_at, COVERAGE.c.ended_at, COVERAGE.c.reason)
        .where(COVERAGE.c.kind == "gap", COVERAGE.c.ended_at > since, COVERAGE.c.started_at < until)
        .order_by(COVERAGE.c.started_at)
    )
    gaps: dict[str, list[Gap]] = {}
    for listener, started_at, ended_at, reason in rows:
        interval = Interval(max(started_at, since), min(ended_at, until))
        gaps.setdefault(listener, []).append(Gap(interval, reason or ""))
    return gaps
