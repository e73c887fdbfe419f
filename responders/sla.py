"""Promises: which policy applies, when its clock is due, and what became of it.

Definitions are those of docs/metrics.md. Policies are ordered, the first that fits applies, and each result
stores its policy's name and version, so history never changes when a policy does.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Literal, Protocol, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from responders.hours import Hours, HoursSettings
from storage.errors import ConfigError

Priority = Literal["P1", "P2", "P3"]
State = Literal[
    "pending", "met", "breached_open", "breached_answered", "breached_on_arrival", "withdrawn", "exempt"
]
STATES: tuple[State, ...] = (
    "pending", "met", "breached_open", "breached_answered", "breached_on_arrival", "withdrawn", "exempt",
)  # fmt: skip
BREACHED: frozenset[State] = frozenset({"breached_open", "breached_answered", "breached_on_arrival"})

Basis = Literal["customer", "team", "calendar"]
"""`customer`: the policy's deadline, from `posted_at`. `team`: the same from `first_seen_at`, what staff could do.
`calendar`: the target counted round the clock from `posted_at`, whatever hours the policy keeps."""

P1_SIGNALS = ("safety", "legal", "outage", "fraud_or_account", "spread")

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds_of(duration: object) -> int:
    """Seconds in `"15m"`, `"1h30m"`, `"2d"`; a whole number is seconds already.

    Raises:
        ValueError: it is no positive duration.
    """
    if isinstance(duration, int) and not isinstance(duration, bool):
        total: float = duration
    else:
        text = str(duration).strip().lower()
        total = sum(float(number) * _UNIT[unit] for number, unit in _PART.findall(text))
        if _PART.sub("", text).strip():
            total = 0
    if total < 1:
        raise ValueError(f'{duration!r} is no duration; write "15m", "1h30m", "24h" or "2d"')
    return int(total)


Duration = Annotated[int, BeforeValidator(seconds_of)]


class Conditions(BaseModel):
    """When a policy applies. All that are given must hold; in a list one is enough.

    `complaint` and `question` are the one pair of alternatives: where both are true, either is enough.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds: tuple[str, ...] = ()
    """`review`, `dm`, `comment` ...; `post` stands for everything that is not a review."""
    networks: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """Language codes; `zh` covers `zh-Hans` and `zh-Hant`."""
    min_urgency: float | None = Field(default=None, ge=0, le=1)
    signals: tuple[str, ...] = ()
    """Names of urgency factors, of which one is enough."""
    signals_or_urgency: float | None = Field(default=None, ge=0, le=1)
    """An urgency that is enough without any of `signals`."""
    complaint: bool | None = None
    question: bool | None = None
    addressed: bool | None = None
    min_rating: float | None = None
    max_rating: float | None = None

    @property
    def empty(self) -> bool:
        """Applies to everything."""
        return not self.model_dump(exclude_defaults=True)

    def fits(self, traits: "Traits") -> bool:
        """Whether a case with these traits falls under the policy."""
        return (
            _in(self.kinds, traits.kinds)
            and (not self.networks or traits.network in self.networks)
            and (not self.brands or traits.brand in self.brands)
            and (not self.languages or _speaks(traits.language, self.languages))
            and (self.min_urgency is None or traits.urgency >= self.min_urgency)
            and self._pressing(traits)
            and self._asks(traits)
            and (self.addressed is None or traits.addressed is self.addressed)
            and self._rated(traits.rating)
        )

    def _pressing(self, traits: "Traits") -> bool:
        if not self.signals and self.signals_or_urgency is None:
            return True
        enough = self.signals_or_urgency is not None and traits.urgency >= self.signals_or_urgency
        return enough or not traits.signals.isdisjoint(self.signals)

    def _asks(self, traits: "Traits") -> bool:
        if self.complaint and self.question:
            return traits.complaint or traits.question
        return (self.complaint is None or traits.complaint is self.complaint) and (
            self.question is None or traits.question is self.question
        )

    def _rated(self, rating: float | None) -> bool:
        if self.min_rating is None and self.max_rating is None:
            return True
        if rating is None:
            return False
        low = self.min_rating is None or rating >= self.min_rating
        return low and (self.max_rating is None or rating <= self.max_rating)


@dataclass(frozen=True, slots=True)
class Traits:
    """What a policy looks at in a case."""

    network: str
    brand: str
    kinds: frozenset[str] = frozenset({"post"})
    language: str = "und"
    urgency: float = 0.0
    signals: frozenset[str] = frozenset()
    complaint: bool = False
    question: bool = False
    addressed: bool = False
    rating: float | None = None


class SlaPolicy(BaseModel):
    """One promise: when it applies, within what time, on which clock."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64)
    priority: Priority = "P3"
    when: Conditions = Conditions()
    first_reply: Duration
    next_reply: Duration | None = None
    """None: only the first reply is promised."""
    hours: HoursSettings | Literal["always"] = "always"
    warn_at: float = Field(default=0.75, gt=0, lt=1)
    """Share of the time after which the tracker warns."""

    @field_validator("name")
    @classmethod
    def _one_word(cls, value: str) -> str:
        if not value.isprintable() or value != value.strip():
            raise ValueError("a policy's name is printable text without spaces around it")
        return value

    @model_validator(mode="after")
    def _sound_hours(self) -> Self:
        self.clock()  # a policy that is never open is refused when it is read, not when a case arrives
        return self

    def clock(self) -> Hours:
        """The hours in which this policy's time passes."""
        return _hours(self.hours)

    def warn_seconds(self, target: int) -> float:
        """Open seconds of a target of `target` seconds after which to warn."""
        return target * self.warn_at


_HOURS: dict[str, Hours] = {}


def _hours(settings: HoursSettings | Literal["always"]) -> Hours:
    if isinstance(settings, str):
        return Hours.ALWAYS
    key = settings.model_dump_json()
    if key not in _HOURS:
        _HOURS[key] = Hours.from_settings(settings)
    return _HOURS[key]


def policy_version(policy: SlaPolicy) -> str:
    """8 hex digits that change whenever anything in the policy does."""
    text = json.dumps(policy.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Policies in the order in which they are asked; every reply-needed case finds one."""

    policies: tuple[SlaPolicy, ...]
    versions: tuple[str, ...]
    note: str | None = None
    """What was added so that no case is left without a promise; for the user to read."""
    _names: dict[str, SlaPolicy] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, policies: "Sequence[SlaPolicy] | PolicySet") -> "PolicySet":
        """Check an ordered list; a list that could leave a case unmatched gets P3 at its end, and `note` says so.

        Raises:
            ConfigError: two policies have one name.
        """
        if isinstance(policies, PolicySet):
            return policies
        names = [policy.name for policy in policies]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigError(f"Two SLA policies are called {doubled[0]!r}; give each its own name.")
        listed, note = tuple(policies), None
        if not any(policy.when.empty for policy in listed):
            fallback = _P3 if "P3" not in names else _P3.model_copy(update={"name": "P3-fallback"})
            listed = (*listed, fallback)
            note = (
                f"No SLA policy applies to every case, so {fallback.name} (first reply within 24 h) "
                "was added at the end of the list."
            )
        versions = tuple(policy_version(policy) for policy in listed)
        return cls(listed, versions, note, {policy.name: policy for policy in listed})

    def match(self, traits: Traits) -> tuple[SlaPolicy, str]:
        """The first policy that fits, with its version."""
        for policy, version in zip(self.policies, self.versions, strict=True):
            if policy.when.fits(traits):
                return policy, version
        raise AssertionError("a policy set ends with a policy that fits everything")

    def named(self, name: str) -> SlaPolicy | None:
        """The policy of that name, as it is now."""
        return self._names.get(name)


_P3 = SlaPolicy.model_validate({"name": "P3", "priority": "P3", "first_reply": "24h", "next_reply": "24h"})


def default_policies() -> tuple[SlaPolicy, ...]:
    """The published expectations: 15 minutes for danger, an hour for complaints, a day for the rest.

    Reviews keep their own, slower promise and are asked before P2, except where P1 applies.
    """
    return (
        SlaPolicy.model_validate(
            {
                "name": "P1",
                "priority": "P1",
                "when": {"signals": P1_SIGNALS, "signals_or_urgency": 0.85},
                "first_reply": "15m",
                "next_reply": "30m",
            }
        ),
        SlaPolicy.model_validate(
            {"name": "review-low", "when": {"kinds": ["review"], "max_rating": 3}, "first_reply": "24h"}
        ),
        SlaPolicy.model_validate(
            {"name": "review-high", "when": {"kinds": ["review"], "min_rating": 4}, "first_reply": "72h"}
        ),
        SlaPolicy.model_validate(
            {
                "name": "P2",
                "priority": "P2",
                "when": {"complaint": True, "question": True, "addressed": True},
                "first_reply": "1h",
                "next_reply": "1h",
            }
        ),
        _P3,
    )


def strict_policies() -> tuple[SlaPolicy, ...]:
    """Every reply-needed case within an hour, the first and each next reply; P1 stays as quick as it is."""
    return tuple(
        policy.model_copy(
            update={
                "first_reply": min(3600, policy.first_reply),
                "next_reply": min(3600, policy.next_reply or 3600),
            }
        )
        for policy in default_policies()
    )


class Clock(Protocol):
    """What a state is read from: a stored `SlaClock` row, or a light copy of one."""

    @property
    def target_seconds(self) -> int: ...  # noqa: D102
    @property
    def started_at(self) -> datetime: ...  # noqa: D102
    @property
    def seen_at(self) -> datetime: ...  # noqa: D102
    @property
    def due_at(self) -> datetime: ...  # noqa: D102
    @property
    def team_due_at(self) -> datetime | None: ...  # noqa: D102
    @property
    def stopped_at(self) -> datetime | None: ...  # noqa: D102
    @property
    def stop_reason(self) -> str | None: ...  # noqa: D102


def calendar_due(clock: Clock) -> datetime:
    """The deadline with every hour counted, whatever hours the policy keeps."""
    return clock.started_at + timedelta(seconds=clock.target_seconds)


def clock_state(clock: Clock, now: datetime, basis: Basis = "customer") -> State:
    """What became of a promise, as far as it is known at `now`.

    A stop after `now` has not happened yet. Answering exactly at the deadline meets it. What was dismissed,
    exempted or deleted after the deadline stays breached; before it, it counts neither way. A reply whose time
    nobody knows is exempt. `team` of a backfilled clock is exempt: no staff was there.
    """
    due = calendar_due(clock) if basis == "calendar" else clock.due_at
    if basis == "team":
        if clock.team_due_at is None:
            return "exempt"
        due = clock.team_due_at
    stopped = clock.stopped_at if clock.stopped_at is not None and clock.stopped_at <= now else None
    if stopped is None:
        if now <= due:
            return "pending"
        return "breached_on_arrival" if _arrived_late(clock, due, basis) else "breached_open"
    if stopped <= due:
        return _KEPT.get(clock.stop_reason or "", "exempt")
    if _arrived_late(clock, due, basis) and clock.seen_at <= stopped:
        return "breached_on_arrival"
    return "breached_answered" if clock.stop_reason == "reply" else "breached_open"


_KEPT: dict[str, State] = {"reply": "met", "withdrawn": "withdrawn"}


def _arrived_late(clock: Clock, due: datetime, basis: Basis) -> bool:
    """It was past due when it was first seen: charged to collection. History has no arrival."""
    return basis != "team" and clock.team_due_at is not None and clock.seen_at > due


def _in(wanted: Sequence[str], found: frozenset[str]) -> bool:
    return not wanted or not found.isdisjoint(wanted)


def _speaks(language: str, wanted: Sequence[str]) -> bool:
    return any(language == code or language.startswith(f"{code}-") for code in wanted)
