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
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import FrameType
from zoneinfo import ZoneInfo

from social_care import pipeline
from social_care.workspace import Workspace
from storage.errors import SocialCareError

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

    def tick(self) -> None:
        """Do everything that is due now. A failing part does not stop the rest."""
        for step in (self.poll_due, self.understand, self.track, self.digest):
            try:
                step()
            except SocialCareError as error:
                self.tell(f"{step.__name__.replace('_', ' ')}: {error}")

    def poll_due(self) -> None:
        """Poll every listener that is due and nobody else holds."""
        from storage import leases

        names = {name: item.type for name, item in self.workspace.settings.listeners.items()}
        database = self.workspace.database
        with database.write() as session:
            leases.ensure_listeners(session, names)
            due = leases.claim_due_listeners(session, self.owner, self.clock(), LEASE_SECONDS, names=list(names))
        for state in due:
            self._poll(state.name, state.cursor, state.failures, state.reads, state.reads_day)

    def _poll(self, name: str, cursor: object, failures: int, reads: int, reads_day: str | None) -> None:
        from storage import leases

        settings = self.workspace.listener_settings(name)
        now = self.clock()
        left = settings.reads_per_day
        if left is not None and reads_day == now.date().isoformat():
            left = max(left - reads, 0)
        following = pipeline.NextPoll(at=now + settings.every)
        try:
            listener = self.workspace.listener(name, reads_left=left)
            heard, error, wait_until = pipeline.listen(
                self.workspace.database,
                listener,
                name=name,
                cursor=cursor,
                clock=self.clock,  # type: ignore[arg-type]
            )
            if error is not None:
                following = pipeline.after_failure(error, failures, self.clock())
            elif wait_until is not None:
                following = pipeline.NextPoll(at=max(wait_until, now))
            if heard.pages or error is not None:
                self.tell(f"{name}: {pipeline.say_heard(heard)}" + (f"; {error}" if error else ""))
        except SocialCareError as error:
            following = pipeline.NextPoll(at=now, failures=failures + 1, error=str(error), parked=str(error))
            self.tell(f"{name}: parked: {error}")
        with self.workspace.database.write() as session:
            leases.finish_poll(
                session, name, self.owner, now=self.clock(), next_poll_at=following.at,
                failures=following.failures, error=following.error, parked=following.parked,
            )  # fmt: skip

    def understand(self) -> None:
        """Score and triage what waits, under one lease so that two processes do not compute the same."""
        from storage import leases, queries

        database = self.workspace.database
        with database.read() as session:
            if not queries.has_work(session, self.workspace.scorer_name):
                return
        with database.write() as session:
            if not leases.take_lease(session, "understand", self.owner, self.clock(), LEASE_SECONDS):
                return
        try:
            scored = pipeline.score_pending(
                database, self.workspace.scorer, now=self.clock(), limit=8 * pipeline.SCORE_BATCH
            )
            triaged = pipeline.triage_pending(
                database,
                scorer_name=self.workspace.scorer_name,
                policies=self.workspace.policies,
                now=self.clock(),
            )
            if scored or triaged:
                self.tell(f"scored {scored:,}, triaged {triaged:,}")
        finally:
            with database.write() as session:
                leases.release(session, "understand", self.owner)

    def track(self) -> None:
        """Record warnings and breaches that came due."""
        found = pipeline.track(self.workspace.database, now=self.clock())
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
