"""SLA policies: which promise applies, and what became of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from responders.hours import HoursSettings
from responders.sla import (
    BREACHED,
    STATES,
    Conditions,
    PolicySet,
    SlaPolicy,
    Traits,
    clock_state,
    default_policies,
    policy_version,
    seconds_of,
    strict_policies,
)
from storage.errors import ConfigError
from storage.models import SlaClock

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


@dataclass
class Clock:
    """A one-hour promise on a post of 12:00."""

    seen_at: datetime = START
    stopped_at: datetime | None = None
    stop_reason: str | None = None
    team_due_at: datetime | None = None
    target_seconds: int = 3600
    started_at: datetime = START
    due_at: datetime = START + timedelta(hours=1)

    def __post_init__(self) -> None:
        if self.team_due_at is None:
            self.team_due_at = self.seen_at + timedelta(hours=1)


def backfilled(**values) -> Clock:
    clock = Clock(**values)
    clock.team_due_at = None
    return clock


# --- durations and policies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"), [("15m", 900), ("1h", 3600), ("24h", 86_400), ("1h30m", 5400), ("2d", 172_800), (90, 90)]
)
def test_durations_are_written_as_people_say_them(text: object, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "15", "-5m", "0m", "15m later", "15 minutes", True, None, 0, -3])
def test_what_is_no_duration_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="15m"):
        seconds_of(text)


def chosen(**traits) -> SlaPolicy:
    return PolicySet.of(default_policies()).match(Traits(network="x", brand="Acme", **traits))[0]


@pytest.mark.parametrize("signal", ["safety", "legal", "outage", "fraud_or_account", "spread"])
def test_danger_is_p1_within_15_minutes_whatever_else_holds(signal: str) -> None:
    policy = chosen(signals=frozenset({signal}), kinds=frozenset({"review"}), rating=5.0)
    assert (policy.name, policy.first_reply, policy.next_reply) == ("P1", 900, 1800)


def test_an_urgency_of_085_is_p1_and_just_below_is_not() -> None:
    assert chosen(urgency=0.85).name == "P1"
    assert chosen(urgency=0.8499).name == "P3"


def test_a_complaint_or_question_aimed_at_the_brand_is_p2_within_an_hour() -> None:
    for asks in ({"complaint": True}, {"question": True}):
        policy = chosen(addressed=True, **asks)
        assert (policy.name, policy.first_reply, policy.next_reply) == ("P2", 3600, 3600)
        assert chosen(addressed=False, **asks).name == "P3"


def test_other_reply_needed_mentions_have_a_day() -> None:
    assert (chosen().name, chosen().first_reply, chosen().next_reply) == ("P3", 86_400, 86_400)


@pytest.mark.parametrize(
    ("stars", "name", "first"), [(1, "review-low", 24), (3, "review-low", 24), (4, "review-high", 72)]
)
def test_reviews_have_a_day_or_three_and_no_next_reply(stars: float, name: str, first: int) -> None:
    policy = chosen(kinds=frozenset({"review"}), rating=float(stars), complaint=True, addressed=True)
    assert (policy.name, policy.first_reply, policy.next_reply) == (name, first * 3600, None)


def test_a_review_without_stars_is_treated_as_any_post() -> None:
    assert chosen(kinds=frozenset({"review"})).name == "P3"


def test_the_strict_preset_answers_everything_within_an_hour() -> None:
    strict = strict_policies()
    assert {p.first_reply for p in strict} == {900, 3600}
    assert all(p.first_reply <= 3600 and p.next_reply is not None and p.next_reply <= 3600 for p in strict)


def test_the_first_policy_that_fits_applies() -> None:
    vip = SlaPolicy(name="vip", first_reply="5m", when=Conditions(networks=("x",), languages=("zh",)))
    known = PolicySet.of((vip, *default_policies()))
    assert known.match(Traits(network="x", brand="Acme", language="zh-Hant"))[0].name == "vip"
    assert known.match(Traits(network="x", brand="Acme", language="en"))[0].name == "P3"
    assert known.match(Traits(network="reddit", brand="Acme", language="zh"))[0].name == "P3"


def test_a_list_with_a_hole_gets_p3_at_its_end_and_says_so() -> None:
    only = SlaPolicy(name="loud", first_reply="1h", when=Conditions(min_urgency=0.5))
    known = PolicySet.of([only])
    assert known.match(Traits(network="x", brand="Acme"))[0].name == "P3"
    assert known.note is not None
    assert "P3" in known.note
    assert PolicySet.of(default_policies()).note is None


def test_two_policies_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="'P1'"):
        PolicySet.of([SlaPolicy(name="P1", first_reply="1h"), SlaPolicy(name="P1", first_reply="2h")])


def test_the_version_changes_with_anything_in_the_policy_and_only_then() -> None:
    policy = default_policies()[0]
    assert policy_version(policy) == policy_version(default_policies()[0])
    changed = [
        policy.model_copy(update={"first_reply": 901}),
        policy.model_copy(update={"hours": HoursSettings(zone="UTC", week={"mon": ("09:00-17:00",)})}),
        policy.model_copy(update={"when": Conditions(kinds=("review",))}),
        policy.model_copy(update={"warn_at": 0.5}),
    ]
    assert len({policy_version(one) for one in [policy, *changed]}) == 5


def test_unknown_keys_in_a_policy_are_refused() -> None:
    with pytest.raises(ValidationError):
        SlaPolicy.model_validate({"name": "x", "first_reply": "1h", "when": {"urgency": 0.5}})


# --- states --------------------------------------------------------------------------------------------------


def test_answering_exactly_at_the_deadline_is_met_and_a_second_later_is_not() -> None:
    assert clock_state(Clock(stopped_at=at(60), stop_reason="reply"), at(99)) == "met"
    late = Clock(stopped_at=at(60) + timedelta(seconds=1), stop_reason="reply")
    assert clock_state(late, at(99)) == "breached_answered"


def test_a_running_clock_is_pending_up_to_the_deadline_and_breached_after_it() -> None:
    assert clock_state(Clock(), at(60)) == "pending"
    assert clock_state(Clock(), at(60.1)) == "breached_open"


def test_what_was_late_when_first_seen_is_charged_to_collection_and_the_team_has_its_own_hour() -> None:
    clock = Clock(seen_at=at(180))
    assert clock_state(clock, at(181)) == "breached_on_arrival"
    assert clock_state(clock, at(181), "team") == "pending"
    answered = Clock(seen_at=at(180), stopped_at=at(200), stop_reason="reply")
    assert clock_state(answered, at(300)) == "breached_on_arrival"
    assert clock_state(answered, at(300), "team") == "met"


def test_an_answer_before_we_even_saw_the_post_is_judged_by_its_own_time() -> None:
    assert clock_state(Clock(seen_at=at(180), stopped_at=at(30), stop_reason="reply"), at(300)) == "met"
    late = Clock(seen_at=at(180), stopped_at=at(90), stop_reason="reply")
    assert clock_state(late, at(300)) == "breached_answered"
    assert clock_state(late, at(300), "team") == "met"


def test_history_has_customer_states_and_no_team_clock() -> None:
    clock = backfilled(seen_at=at(100_000), stopped_at=at(90), stop_reason="reply")
    assert clock_state(clock, at(200_000)) == "breached_answered"
    assert clock_state(clock, at(200_000), "team") == "exempt"
    assert clock_state(backfilled(seen_at=at(100_000)), at(200_000)) == "breached_open"


def test_deleting_before_the_deadline_withdraws_and_after_it_changes_nothing() -> None:
    assert clock_state(Clock(stopped_at=at(60), stop_reason="withdrawn"), at(99)) == "withdrawn"
    assert clock_state(Clock(stopped_at=at(61), stop_reason="withdrawn"), at(99)) == "breached_open"


@pytest.mark.parametrize("reason", ["dismissed", "resolved", "exempt"])
def test_closing_without_an_answer_counts_neither_way_in_time_and_erases_no_breach(reason: str) -> None:
    assert clock_state(Clock(stopped_at=at(59), stop_reason=reason), at(99)) == "exempt"
    assert clock_state(Clock(stopped_at=at(61), stop_reason=reason), at(99)) == "breached_open"


def test_a_replay_does_not_know_what_came_later() -> None:
    clock = Clock(stopped_at=at(90), stop_reason="reply")
    assert [clock_state(clock, at(m)) for m in (30, 75, 90)] == ["pending", "breached_open", "breached_answered"]


def test_the_calendar_basis_ignores_opening_hours() -> None:
    clock = Clock(due_at=at(60 * 60), stopped_at=at(90), stop_reason="reply")
    assert clock_state(clock, at(99_999)) == "met"
    assert clock_state(clock, at(99_999), "calendar") == "breached_answered"


def test_a_stored_clock_row_can_be_asked_as_it_is() -> None:
    row = SlaClock(
        case_id=1, mention_id=1, metric="first_reply", policy="P2", policy_version="x", target_seconds=3600,
        started_at=START, seen_at=START, due_at=at(60), team_due_at=at(60),
    )  # fmt: skip
    assert clock_state(row, at(30)) == "pending"


MINUTES = st.integers(0, 300)
REASONS = st.sampled_from(["reply", "withdrawn", "dismissed", "resolved", "exempt"])


@settings(deadline=None, max_examples=60)
@given(MINUTES, st.none() | MINUTES, REASONS, st.sampled_from(["customer", "team", "calendar"]))
def test_once_stopped_a_state_never_changes_again(seen: int, stop: int | None, reason: str, basis: str) -> None:
    clock = Clock(seen_at=at(seen), stopped_at=None if stop is None else at(stop), stop_reason=reason)
    moments = [clock_state(clock, at(m), basis) for m in range(max(stop or 0, seen), 500, 25)]  # type: ignore[arg-type]
    assert set(moments) <= set(STATES)
    if stop is not None:
        assert len(set(moments)) == 1
    breached = [state in BREACHED for state in moments]
    assert breached == sorted(breached), "a breach is for ever"
