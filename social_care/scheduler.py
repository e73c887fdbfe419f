"""`social-care run`: one tick asks the database what is due; APScheduler only wakes it.

The schedule lives in our tables (`ListenerState.next_poll_at`, `Slot`), so a killed process loses nothing and
catches up, and two processes never do one thing twice: a listener is claimed for the time of its poll, scoring and
triage run under a lease, a day's digest has one slot. Claims and leases are short and renewed by a heartbeat while
their process works: those of a dead one lapse within `LEASE_SECONDS`, on whatever machine it died.
"""

import logging
import os
import secrets
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sentiment.ports import ModelError
from social_care import pipeline
from social_care.config import ListenerSettings
from social_care.workspace import Workspace
from storage.errors import ConfigError, SocialCareError

if TYPE_CHECKING:
    from sqlmodel import Session

    from storage.models import ListenerState

log = logging.getLogger("social_care.run")

TICK = timedelta(seconds=5)
LEASE_SECONDS = 60.0
"""How long a claim outlives its owner; renewed six times as often."""
BEAT = timedelta(seconds=10)
BATCHES = 8
"""Batches scored in one tick, so that listening is never kept waiting for long."""


def owner_name() -> str:
    """This process, as leases know it. The last part tells it from an earlier one that had the same number."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass
class Ticker:
    """One tick after another over one workspace. `clock` is asked for the time; nothing else is."""

    workspace: Workspace
    clock: Callable[[], datetime]
    owner: str = field(default_factory=owner_name)
    tell: Callable[[str], None] = log.info
    stopping: Callable[[], bool] = lambda: False
    """Asked between two pieces of work: a tick that is told to stop ends after the piece in hand."""
    beat: timedelta = BEAT
    _told: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def enqueue(self) -> "Callable[[Session, Sequence[int]], None] | None":
        """The work queue's hook, where the database may carry one."""
        from social_care.worker import enqueue_hook

        return enqueue_hook(self.workspace)

    def tick(self) -> None:
        """Do everything that is due now. A failing part stops no other, and is told once, not each tick."""
        for step in (self.poll_due, self.recheck, self.understand, self.track, self.drift, self.digest):
            if self.stopping():
                return
            problem = ""
            try:
                step()
            except (SocialCareError, ModelError) as error:
                problem = str(error)
            except Exception as error:  # noqa: BLE001  (a defect in one part must not end listening for good)
                problem = _say_defect(error)
            if problem and problem != self._told.get(step.__name__):
                self.tell(f"{step.__name__.replace('_', ' ')}: {problem}")
            self._told[step.__name__] = problem

    def poll_due(self) -> None:
        """Poll every listener that is due and nobody else holds."""
        self.poll(None)

    def poll(self, names: Sequence[str] | None) -> dict[str, pipeline.Heard]:
        """Poll the named listeners now, or those that are due; returns what each brought.

        One is claimed at a time: another process may take the next.
        """
        from storage import leases

        types = {name: item.type for name, item in self.workspace.settings.listeners.items()}
        left = set(types if names is None else names)
        results: dict[str, pipeline.Heard] = {}
        while left and not self.stopping():
            with self.workspace.database.write() as session:
                leases.ensure_listeners(session, types)
                claimed = leases.claim_listeners(
                    session, self.owner, self.clock(), LEASE_SECONDS,
                    names=left, due_only=names is None, limit=1,
                )  # fmt: skip
            if not claimed:
                break
            state = claimed[0]
            left.discard(state.name)
            with self._renewing():
                results[state.name] = self._poll(state)
        return results

    def _poll(self, state: "ListenerState") -> pipeline.Heard:
        settings = self.workspace.listener_settings(state.name)
        now = self.clock()
        heard = pipeline.Heard()
        try:
            listener = self.workspace.listener(state.name, reads_left=reads_left(settings, state, now))
            heard, error, wait_until = pipeline.listen(
                self.workspace.database,
                listener,
                name=state.name,
                cursor=state.cursor,
                clock=self.clock,
                brand=settings.brand,
                enqueue=self.enqueue,
            )
            # A poll that brought something and then failed has not failed in a row.
            failures = 0 if heard.new or heard.updated else state.failures
            if error is not None:
                following = pipeline.after_failure(error, failures, self.clock())
            else:
                following = pipeline.NextPoll(at=max(wait_until or now + settings.every, now))
        except ConfigError as error:
            heard.error = str(error)
            following = pipeline.NextPoll(at=now, failures=state.failures + 1, error=str(error), parked=str(error))
        except Exception as error:  # noqa: BLE001  (third parties write listeners; theirs must not stop the others)
            from listeners.errors import Transient

            heard.error = str(error) if isinstance(error, SocialCareError) else _say_defect(error)
            following = pipeline.after_failure(Transient(heard.error), state.failures, self.clock())
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

    def recheck(self) -> None:
        """Once a day, ask each source that can tell whether the posts of open cases still stand."""
        from social_care.rechecking import can_recheck, recheck_posts
        from storage import leases, queries

        for name, settings in self.workspace.settings.listeners.items():
            if not can_recheck(settings.type):
                continue
            now = self.clock()
            day = now.date().isoformat()
            slot = f"recheck {name}"
            with self.workspace.database.read() as session:
                state = queries.listener_state(session, name)
                done = leases.slot_taken(session, slot, day)
            if done or state is None or state.parked_at is not None or self.stopping():
                continue
            with self.workspace.database.write() as session:
                if not leases.claim_slot(session, slot, day, self.owner, now):
                    continue
            left = reads_left(settings, state, now)
            heard = recheck_posts(self.workspace, name, self.clock, reads_left=left)
            if heard.deleted or heard.updated or heard.error:
                said = pipeline.say_heard(heard) + (f"; {heard.error}" if heard.error else "")
                self.tell(f"{name}: looked again: {said}")

    def understand(self) -> None:
        """Score and triage what waits, under one lease so that two processes do not compute the same."""
        from storage import jobs, queries

        database, scorer_name = self.workspace.database, self.workspace.scorer_name
        with database.read() as session:
            if jobs.workers_alive(session, self.clock()) or not queries.has_work(session, scorer_name):
                return
        scored = triaged = 0
        with self._lease("understand") as held:
            if not held:
                return
            for _ in range(BATCHES):
                if self.stopping():
                    break
                count = pipeline.score_pending(
                    database, self.workspace.scorer, now=self.clock(), limit=pipeline.SCORE_BATCH
                )
                scored += count
                triaged += self.workspace.triage(self.clock())
                if count < pipeline.SCORE_BATCH:
                    break
        if scored or triaged:
            self.tell(f"scored {scored:,}, triaged {triaged:,}")

    def track(self) -> None:
        """Record warnings and breaches that came due."""
        found = self.workspace.track(self.clock())
        if found:
            self.tell(f"{found} SLA warnings or breaches recorded")

    def drift(self) -> None:
        """Once a day, look whether what is heard, or how it is read, has moved; drift is told once a week."""
        from social_care.drifting import watch_daily

        told = watch_daily(self.workspace, self.clock, self.owner)
        if told:
            self.tell(told)

    def digest(self) -> None:
        """Write the digest of the day once, after the configured time, however late we are."""
        from social_care.digest.write import write_daily
        from storage import leases

        now = self.clock()
        local = now.astimezone(ZoneInfo(self.workspace.zone))
        hour, minute = (int(part) for part in self.workspace.settings.digest.at.split(":"))
        if (local.hour, local.minute) < (hour, minute):
            return
        day = local.date().isoformat()
        if self._has_digest(day):
            return
        with self._lease("digest") as held:
            # Asked again under the lease: another process may have written it meanwhile.
            if not held or self._has_digest(day):
                return
            paths = write_daily(self.workspace, now=now)
            # The slot is taken last: killed in between, the next start writes the same files again.
            with self.workspace.database.write() as session:
                leases.claim_slot(session, "digest", day, self.owner, now)
        self.tell("digest written: " + ", ".join(str(path) for path in paths))

    def _has_digest(self, day: str) -> bool:
        from storage import leases

        with self.workspace.database.read() as session:
            return leases.slot_taken(session, "digest", day)

    @contextmanager
    def _lease(self, name: str) -> Iterator[bool]:
        """Hold a named lease while the block runs; False where another process holds it."""
        from storage import leases

        with self.workspace.database.write() as session:
            held = leases.take_lease(session, name, self.owner, self.clock(), LEASE_SECONDS)
        if not held:
            yield False
            return
        try:
            with self._renewing():
                yield True
        finally:
            with self.workspace.database.write() as session:
                leases.release(session, name, self.owner)

    @contextmanager
    def _renewing(self) -> Iterator[None]:
        """Renew what this process holds, from a thread of its own, while the block runs."""
        from storage import leases

        done = threading.Event()

        def beat() -> None:
            while not done.wait(self.beat.total_seconds()):
                try:
                    with self.workspace.database.write() as session:
                        leases.renew(session, self.owner, self.clock(), LEASE_SECONDS)
                except SocialCareError as error:
                    # The next beat may succeed; if none does the claim lapses, and what is stored twice is one.
                    log.info("claims not renewed: %s", error)

        thread = threading.Thread(target=beat, name="renew-claims", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _say_defect(error: Exception) -> str:
    """What broke and where, for a report; not its message, which may quote a post or a secret."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" at {Path(last[0].filename).name}:{last[0].lineno}" if last else ""
    return f"unexpected {type(error).__name__}{place}; please report this"


def reads_left(settings: ListenerSettings, state: "ListenerState | None", now: datetime) -> int | None:
    """How many billed posts the listener may still read on this UTC day; None without a budget."""
    if settings.reads_per_day is None:
        return None
    used = state.reads if state is not None and state.reads_day == now.date().isoformat() else 0
    return max(settings.reads_per_day - used, 0)


def run(
    workspace: Workspace, clock: Callable[[], datetime], tell: Callable[[str], None], *, tick: timedelta = TICK
) -> None:
    """Tick until SIGINT or SIGTERM. The piece of work in hand is finished; a second signal kills at once."""
    from apscheduler.schedulers.background import BackgroundScheduler

    stop = threading.Event()
    ticker = Ticker(workspace, clock, tell=tell, stopping=stop.is_set)

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        del frame
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        stop.set()
        tell(f"stopping after the work in hand (signal {number})")

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
    scheduler = BackgroundScheduler(timezone=UTC)
    # One instance, late ticks folded into one and never skipped: the tables know what is due.
    scheduler.add_job(
        ticker.tick, "interval", seconds=tick.total_seconds(), id="tick", max_instances=1, coalesce=True,
        misfire_grace_time=None, next_run_time=datetime.now(UTC),
    )  # fmt: skip
    scheduler.start()
    stop.wait()
    scheduler.shutdown(wait=True)
