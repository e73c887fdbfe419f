"""The digest as a plain value: every figure with the command that reproduces it. Renderers only read it.

Times are aware UTC, durations seconds, shares 0 to 1. None means that there is nothing to take a figure of.
"""

from dataclasses import dataclass, field
from datetime import datetime

from social_care.digest.reference import Reference
from social_care.digest.themes import Theme
from social_care.digest.window import Window

FEW = 20
"""A share of fewer than this many is flagged: one case more or less moves it by five points or more."""


@dataclass(frozen=True, slots=True)
class GapFigure:
    """A stretch of the window that a listener did not hear, and why."""

    started_at: datetime
    ended_at: datetime
    reason: str

    @property
    def seconds(self) -> float:
        """How long it was."""
        return (self.ended_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class ListenerFigure:
    """What one listener heard of the window.

    `heard` is the share of the window's time, None where it keeps no account of time (imported files).
    The lag runs from `posted_at` to `first_seen_at`, over `lag_count` mentions that were not backfilled.
    """

    name: str
    network: str
    mentions: int
    backfilled: int
    heard: float | None
    gaps: tuple[GapFigure, ...]
    lag_p50: float | None
    lag_p95: float | None
    lag_count: int
    problem: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is to do. From `open` on: as of the digest's `now`, whatever the window."""

    mentions: int
    mentions_before: int
    new_cases: int
    new_reply_needed: int
    open: int
    at_risk: int
    breached: int
    snoozed: int
    mentions_command: str
    cases_command: str
    open_command: str


@dataclass(frozen=True, slots=True)
class Elapsed:
    """A percentile of reply times; `reached` is False where too few have been answered to tell: it is longer."""

    seconds: float | None
    reached: bool = True


@dataclass(frozen=True, slots=True)
class Share:
    """A share of `n`, with the same of the window before. None: there is nothing to take a share of."""

    value: float | None
    n: int
    before: float | None = None
    before_n: int = 0

    @property
    def few(self) -> bool:
        """Too few for the share to mean much."""
        return 0 < self.n < FEW


@dataclass(frozen=True, slots=True)
class Promises:
    """Answers and promises of the window's cohort (cases whose first mention was posted in it), as of `now`.

    Customer: from `posted_at`, around the clock. Team: from `first_seen_at`, without backfill.
    """

    cases: int
    attainment_customer: Share
    attainment_team: Share
    goal: float
    states: dict[str, int]
    pending: int
    p50: Elapsed
    p90: Elapsed
    team_p50: Elapsed
    team_p90: Elapsed
    within: dict[str, float | None]
    response_rate: Share
    response_raw: float | None
    response_handled: float | None
    response_goal: float
    unanswered_complaints: Share
    command: str
    before_command: str


@dataclass(frozen=True, slots=True)
class UrgentCase:
    """One open case. `snippet` holds the customer's words, unsafe until shown through `social_care.safe`."""

    id: int
    network: str
    brand: str
    handle: str | None
    priority: str
    urgency: float
    sentiment: str
    state: str
    reasons: tuple[str, ...]
    opened_at: datetime
    due_at: datetime | None
    snippet: str
    url: str | None
    assigned_to: str | None
    command: str


@dataclass(frozen=True, slots=True)
class Driver:
    """What makes a spike: a term, topic, language or network, its share in the spike and what it usually is."""

    kind: str
    name: str
    count: int
    share: float
    usual: float
    command: str


@dataclass(frozen=True, slots=True)
class SpikeFigure:
    """A spike with its drivers. `expected` is what these hours usually bring, `height` in robust deviations."""

    started_at: datetime
    ended_at: datetime
    count: int
    expected: float
    peak: int
    peak_at: datetime
    height: float
    warm_up: bool
    drivers: tuple[Driver, ...]
    negative: int
    positive: int
    cases: tuple[int, ...]
    command: str


@dataclass(frozen=True, slots=True)
class Volume:
    """Mentions by hour, or by day in a long window, and what stood out. `rule` says how a spike is told."""

    starts: tuple[datetime, ...]
    counts: tuple[int, ...]
    step_seconds: int
    spikes: tuple[SpikeFigure, ...]
    rule: str
    note: str | None
    command: str


@dataclass(frozen=True, slots=True)
class RatingFigure:
    """Stars on one network in the window, and in the window before."""

    network: str
    count: int
    mean: float
    low: int
    before: float | None
    before_count: int
    command: str


@dataclass(frozen=True, slots=True)
class MoodRow:
    """The mood of one network's or language's mentions; the five counts add up to `total`."""

    name: str
    negative: int
    neutral: int
    positive: int
    abstained: int
    unscored: int

    @property
    def total(self) -> int:
        """All mentions of the row."""
        return self.negative + self.neutral + self.positive + self.abstained + self.unscored


@dataclass(frozen=True, slots=True)
class Moods:
    """The mood by network and by language."""

    by_network: tuple[MoodRow, ...]
    by_language: tuple[MoodRow, ...]
    network_command: str
    language_command: str


@dataclass(frozen=True, slots=True)
class Praise:
    """A kind word; `snippet` is the customer's, unsafe until shown through `social_care.safe`."""

    network: str
    handle: str | None
    snippet: str
    url: str | None
    rating: float | None
    case_id: int | None
    mention_id: int
    command: str


@dataclass(frozen=True, slots=True)
class KeptAside:
    """Rows that could not be understood, by listener and reason, and mentions the line has not dealt with yet."""

    rows: tuple[tuple[str, str, int, str], ...]
    total: int
    unscored: int
    untriaged: int
    command: str
    waiting_command: str


@dataclass(frozen=True, slots=True)
class Foot:
    """What the figures rest on."""

    scorers: dict[str, int]
    policies: tuple[tuple[str, str, int], ...]
    references: tuple[Reference, ...]
    definitions: str
    again: str
    """The command that makes this digest again."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """A window without a mention: when the newest one was, which command shows it, and what still waits."""

    newest: datetime | None
    command: str
    waiting: str | None


@dataclass(frozen=True, slots=True)
class Digest:
    """One digest. A quiet one holds `quiet` and no sections worth printing."""

    brands: tuple[str, ...]
    window: Window
    now: datetime
    counts: Counts
    listeners: tuple[ListenerFigure, ...]
    listeners_command: str
    foot: Foot
    quiet: Quiet | None = None
    promises: Promises | None = None
    urgent: tuple[UrgentCase, ...] = ()
    urgent_command: str = ""
    volume: Volume | None = None
    themes: tuple[Theme, ...] = ()
    themes_note: str | None = None
    ratings: tuple[RatingFigure, ...] = ()
    moods: Moods | None = None
    praise: tuple[Praise, ...] = ()
    praise_command: str = ""
    kept_aside: KeptAside | None = None
    notes: tuple[str, ...] = field(default=())
