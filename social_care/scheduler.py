"""`social-care run`: one tick asks the database what is due; APScheduler only wakes it.

The schedule lives in our tables (`ListenerState.next_poll_at`, `Slot`), so a killed process loses nothing and
catches up, and two processes never do one thing twice: a listener is claimed for the time of its poll, scoring and
triage run under a lease, a day's digest has one slot.
"""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from social_care import pipeline
from social_care.config import ListenerSettings
from social_care.workspace import Workspace
from storage.errors import ConfigError, SocialCareError

if TYPE_CHECKING:
    from sqlmodel import Session

    from storage.models import ListenerState

log = logging.getLogger("social_care.run")

TICK = timedelta(seconds=5)
LEASE_SECONDS = 600
"""How long a claim lasts when its owner dies: longer than any one poll or batch takes."""


def owner_name() -> str:
    """This process, as leases know it."""
    return f"{socket.gethostname()}:{os.getpid()}"


@dataclass
class Ticker:
    """One tick after another over one workspace. `clock` is asked for the time; nothing else is."""

    workspace: Workspace
    clock: Callable[[], datetime]
    owner: str = field(default_factory=owner_name)
    tell: Callable[[str], None] = log.info

    @cached_property
    def enqueue(self) -> "Callable[[Session, Sequence[int]], None] | None":
        """The work queue's hook, where the database carries one."""
        from social_care.worker import enqueue_hook

        return enqueue_hook(self.workspace)

    def tick(self) -> None:
        """Do everything that is due now. A failing part does not stop the rest."""
        for step in (self.poll_due, self.understand, self.track, self.digest):
            try:
                step()
            except SocialCareError as error:
                self.tell(f"{step.__name__.replace('_', ' ')}: {error}")

    def poll_due(self) -> None:
        """Poll every listener that is due and nobody else holds."""
        self.poll(None)

    def poll(self, names: Sequence[str] | None) -> dict[str, pipeline.Heard]:
        """Poll the named listeners now, or those that are due; returns what each brought."""
        from storage import leases

        types = {name: item.type for name, item in self.workspace.settings.listeners.items()}
        with self.workspace.database.write() as session:
            leases.ensure_listeners(session, types)
            claimed = leases.claim_listeners(
                session,
                self.owner,
                self.clock(),
                LEASE_SECONDS,
                names=list(names or types),
                due_only=names is None,
            )
        return {state.name: self._poll(state) for state in claimed}

    def _poll(self, state: "ListenerState") -> pipeline.Heard:
        settings = self.workspace.listener_settings(state.name)
        now = self.clock()
        following = pipeline.NextPoll(at=now + settings.every)
        heard = pipeline.Heard()
        try:
            listener = self.workspace.listener(state.name, reads_left=_reads_left(settings, state, now))
            heard, error, wait_until = pipeline.listen(
                self.workspace.database,
                listener,
                name=state.name,
                cursor=state.cursor,
                clock=self.clock,
                enqueue=self.enqueue,
            )
            if error is not None:
                following = pipeline.after_failure(error, state.failures, self.clock())
            elif wait_until is not None:
                following = pipeline.NextPoll(at=max(wait_until, now))
        except ConfigError as error:
            heard.error = str(error)
            following = pipeline.NextPoll(at=now, failures=state.failures + 1, error=str(error), parked=str(error))
        if heard.pages or heard.error:
            told = f"{state.name}: {pipeline.say_heard(heard)}"
            self.tell(
                told + (f"; {heard.error}" if heard.error else "") + ("; parked" if following.parked else "")
            )
        self._finish(state.name, following)
        return heard

    def _finish(self, name: str, following: pipeline.NextPoll) -> None:
        from storage import leases

        with self.workspace.database.write() as session:
            leases.finish_poll(
                session,
                name,
                self.owner,
                now=self.clock(),
                next_poll_at=following.at,
                failures=following.failures,
                error=following.error,
                parked=following.parked,
            )

    def understand(self) -> None:
        """Score and triage what waits, under one lease so that two processes do not compute the same."""
        from storage import jobs, leases, queries

        database = self.workspace.database
        with database.read() as session:
            if jobs.workers_alive(session, self.clock()) or not queries.has_work(
                session, self.workspace.scorer_name
            ):
                return
        with database.write() as session:
            if not leases.take_lease(session, "understand", self.owner, self.clock(), LEASE_SECONDS):
                return
        try:
            scored = pipeline.score_pending(
                database, self.workspace.scorer, now=self.clock(), limit=8 * pipeline.SCORE_BATCH
            )
            triaged = self.workspace.triage(self.clock())
            if scored or triaged:
                self.tell(f"scored {scored:,}, triaged {triaged:,}")
        finally:
            with database.write() as session:
                leases.release(session, "understand", self.owner)

    def track(self) -> None:
        """Record warnings and breaches that came due."""
        found = self.workspace.track(self.clock())
        if found:
            self.tell(f"{found} SLA warnings or breaches recorded")

    def digest(self) -> None:
        """Write the digest of the day once, after the configured time, however late we are."""
        from social_care.digest.write import write_daily
        from storage import leases

        zone = ZoneInfo(self.workspace.zone)
        now = self.clock().astimezone(zone)
        hour, minute = (int(part) for part in self.workspace.settings.digest.at.split(":"))
        if (now.hour, now.minute) < (hour, minute):
            return
        with self.workspace.database.read() as session:
            if leases.slot_taken(session, "digest", now.date().isoformat()):
                return
        paths = write_daily(self.workspace, now=now.astimezone(UTC))
        with self.workspace.database.write() as session:
            leases.claim_slot(session, "digest", now.date().isoformat(), self.owner, now.astimezone(UTC))
        self.tell("digest written: " + ", ".join(str(path) for path in paths))


def _reads_left(settings: ListenerSettings, state: "ListenerState", now: datetime) -> int | None:
    if settings.reads_per_day is None:
        return None
    used = state.reads if state.reads_day == now.date().isoformat() else 0
    return max(settings.reads_per_day - used, 0)


def run(workspace: Workspace, clock: Callable[[], datetime], tell: Callable[[str], None]) -> None:
    """Tick until SIGINT or SIGTERM. The tick in progress is finished; a second signal ends at once."""
    from apscheduler.schedulers.background import BackgroundScheduler

    ticker = Ticker(workspace, clock, tell=tell)
    stop = threading.Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        del frame
        if stop.is_set():
            raise KeyboardInterrupt
        tell(f"stopping after this tick (signal {number})")
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
    scheduler = BackgroundScheduler(timezone=UTC)
    # One instance, late ticks folded into one and never skipped: the tables know what is due.
    scheduler.add_job(
        ticker.tick, "interval", seconds=TICK.total_seconds(), id="tick", max_instances=1, coalesce=True,
        misfire_grace_time=None, next_run_time=datetime.now(UTC),
    )  # fmt: skip
    scheduler.start()
    stop.wait()
    scheduler.shutdown(wait=True)
