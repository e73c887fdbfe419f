"""The line, step by step: listen, store, score, triage, track. Each step selects its work by state.

Any step may be killed and run again: what is stored is stored with its cursor, what is scored or triaged is marked
in the transaction that wrote it. Every step takes `now`; none looks at the clock.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from listeners.errors import AuthFailed, RateLimited, SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listeners.ports import Cursor, Listener, Page
    from responders.readings import TriageRules
    from responders.sla import PolicySet
    from sentiment.ports import Scorer, TextScore
    from storage.database import Database
    from storage.ingest import Stored
    from storage.work import NewScore, Unscored

SCORE_BATCH = 2048
"""Mentions scored between two commits: large enough to sort by length, small enough to lose little to a kill."""
TRIAGE_BATCH = 2000
_BACKOFF = (60, 120, 300, 900, 1800, 3600)
"""Seconds to wait after the first, second, ... failure in a row; the last value repeats."""
PARK_AFTER = 20
"""Failures in a row after which a listener waits for a person."""

Advance = Callable[[int], object]


def _nobody(count: int) -> None:
    del count


@dataclass
class Heard:
    """What one poll or import brought, in counts that add up."""

    pages: int = 0
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    tombstoned: int = 0
    """Heard again after they were deleted where they stood; not stored."""
    rejected: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    error: str | None = None

    @property
    def mentions(self) -> int:
        """Everything that was understood."""
        return self.new + self.updated + self.unchanged

    def add(self, stored: "Stored") -> None:
        """Add the counts of one committed page."""
        self.pages += 1
        self.new += stored.new
        self.updated += stored.updated
        self.unchanged += stored.unchanged
        self.deleted += stored.deleted
        self.tombstoned += stored.tombstoned
        self.rejected += stored.rejected
        for reason, count in stored.skipped.items():
            self.skipped[reason] = self.skipped.get(reason, 0) + count


def store_pages(
    database: "Database",
    pages: "Iterable[Page]",
    *,
    listener: str,
    network: str,
    clock: Callable[[], datetime],
    brand: str | None = None,
    advance: Advance = _nobody,
    enqueue: Callable[..., None] | None = None,
) -> Heard:
    """Store pages as they come, one transaction each: mentions, cursor and coverage together.

    `clock` is asked once a page, when it is about to be committed: that is the moment we first saw its mentions.
    `brand` is whose deletions these are, so that a post deleted before it was heard is remembered too.
    `enqueue` runs inside the transaction with the ids that need scoring (the work queue's hook).
    """
    from storage.ingest import store_page

    heard = Heard()
    for page in pages:
        with database.write() as session:
            stored = store_page(
                session,
                page,
                listener=listener,
                network=network,
                now=clock(),
                after_store=enqueue,
                brand=brand,
            )
        heard.add(stored)
        advance(len(page.mentions) + len(page.rejections))
    if heard.deleted:
        # The log and the search index keep the words of deleted posts until they are folded.
        database.compact()
    return heard


@dataclass(frozen=True, slots=True)
class NextPoll:
    """When a listener is due again, and why."""

    at: datetime
    failures: int = 0
    error: str | None = None
    parked: str | None = None


def after_failure(error: SourceError, failures: int, now: datetime) -> NextPoll:
    """What a failed poll means for the schedule: wait as told, back off, or park and tell somebody."""
    if isinstance(error, RateLimited):
        return NextPoll(at=max(error.until, now + timedelta(seconds=1)), failures=failures, error=str(error))
    count = failures + 1
    if isinstance(error, AuthFailed):
        return NextPoll(at=now, failures=count, error=str(error), parked=str(error))
    if count >= PARK_AFTER:
        return NextPoll(at=now, failures=count, error=str(error), parked=f"{count} failures in a row: {error}")
    wait = _BACKOFF[min(count, len(_BACKOFF)) - 1]
    return NextPoll(at=now + timedelta(seconds=wait), failures=count, error=str(error))


def listen(
    database: "Database",
    listener: "Listener",
    *,
    name: str,
    cursor: "Cursor | None",
    clock: Callable[[], datetime],
    brand: str | None = None,
    advance: Advance = _nobody,
    enqueue: Callable[..., None] | None = None,
) -> tuple[Heard, SourceError | None, datetime | None]:
    """Poll one listener and store what it hands over.

    Returns the counts, the error that ended the poll (pages before it are stored), and the time before which the
    source asked not to be polled again.
    """
    wait_until: datetime | None = None
    problem: SourceError | None = None

    def pages() -> "Iterable[Page]":
        nonlocal wait_until, problem
        try:
            for page in listener.poll(cursor, clock()):
                wait_until = page.retry_after or wait_until
                yield page
        except SourceError as error:
            problem = error

    heard = store_pages(
        database,
        pages(),
        listener=name,
        network=listener.network,
        clock=clock,
        brand=brand,
        advance=advance,
        enqueue=enqueue,
    )
    if problem is not None:
        heard.error = str(problem)
    return heard, problem, wait_until


def score_pending(
    database: "Database",
    scorer: "Scorer",
    *,
    now: datetime,
    advance: Advance = _nobody,
    limit: int | None = None,
) -> int:
    """Score what has no score by this scorer for its current version. Computes first, then one commit a batch."""
    from storage import queries

    done = 0
    while limit is None or done < limit:
        with database.read() as session:
            waiting = queries.unscored(
                session, scorer.name, SCORE_BATCH if limit is None else min(SCORE_BATCH, limit - done)
            )
        if not waiting:
            break
        verdicts = judged(scorer, waiting)
        rows = [
            to_row(item.id, item.version, verdict, now) for item, verdict in zip(waiting, verdicts, strict=True)
        ]
        with database.write() as session:
            queries.save_scores(session, rows)
        done += len(rows)
        advance(len(rows))
    return done


def judged(scorer: "Scorer", waiting: "Sequence[Unscored]") -> "list[TextScore]":
    """Ask the scorer about mentions."""
    return scorer.score(
        [text_of(item.title, item.text) for item in waiting],
        [item.lang for item in waiting],
        [kind_of(item.kind) for item in waiting],
    )


def kind_of(kind: str) -> str | None:
    """What a scorer is told of a mention's kind: only a review is sure, a file may call its reviews posts."""
    return "review" if kind == "review" else None


def text_of(title: str | None, text: str) -> str:
    """What the model reads of a mention: the title is part of what the customer said."""
    return f"{title}. {text}" if title and not text.startswith(title) else text


def to_row(mention_id: int, version: int, verdict: "TextScore", now: datetime) -> "NewScore":
    """The row that keeps one verdict."""
    from storage.work import NewScore

    return NewScore(
        mention_id=mention_id,
        mention_version=version,
        scorer=verdict.scorer,
        language=verdict.language,
        sentiment=verdict.sentiment,
        negative=verdict.probabilities.negative,
        neutral=verdict.probabilities.neutral,
        positive=verdict.probabilities.positive,
        abstained=verdict.abstained,
        urgency=verdict.urgency,
        reply_needed=verdict.reply_needed,
        reply_reason=verdict.reply_reason,
        factors=[{"name": f.name, "points": f.points, "evidence": f.evidence} for f in verdict.factors],
        scored_at=now,
    )


def triage_pending(
    database: "Database",
    *,
    scorer_name: str,
    policies: "PolicySet",
    rules: "TriageRules",
    now: datetime,
    advance: Advance = _nobody,
) -> int:
    """Turn scored mentions into cases, clocks and matched replies; each batch is one transaction."""
    from responders.care import triage_batch
    from storage import queries

    done = 0
    while True:
        with database.write() as session:
            ids = queries.untriaged(session, scorer_name, TRIAGE_BATCH)
            if not ids:
                return done
            triage_batch(session, ids, policies, rules, now, scorer_name)
        done += len(ids)
        advance(len(ids))


def track(database: "Database", *, policies: "PolicySet", now: datetime) -> int:
    """Hold running clocks against `now`: warnings and breaches are recorded once each. Returns how many were."""
    from responders import care

    with database.write() as session:
        return len(care.track(session, now, policies))


def say_heard(heard: Heard) -> str:
    """The counts in one line: they add up to what was read."""
    parts = [f"{heard.new:,} new"]
    for count, word in (
        (heard.updated, "updated"),
        (heard.unchanged, "unchanged"),
        (heard.deleted, "deleted"),
        (heard.tombstoned, "deleted before"),
        (heard.rejected, "kept aside"),
    ):
        if count:
            parts.append(f"{count:,} {word}")
    parts += [f"{count:,} {reason}" for reason, count in heard.skipped.items() if count]
    return ", ".join(parts)
