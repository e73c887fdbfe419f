"""What a person may do with a case, and what that does to its clocks."""

from datetime import timedelta

import pytest
from clock import NOW

from responders import actions
from storage.desk_values import CaseFacts, Held
from storage.errors import StateError
from storage.models import Case, Mention, Score, SlaClock

HOUR = timedelta(hours=1)


def make_case(**values: object) -> Case:
    base: dict[str, object] = {
        "id": 5,
        "brand_id": 1,
        "network": "x",
        "author_key": "1",
        "author_id": 1,
        "thread_native_id": "t",
        "opened_at": NOW,
        "first_seen_at": NOW,
        "last_inbound_at": NOW,
        "reply_needed": True,
    }
    return Case(**(base | values))


def make_clock(due_in: timedelta, **values: object) -> SlaClock:
    base: dict[str, object] = {
        "id": 1,
        "case_id": 5,
        "mention_id": 1,
        "metric": "first_reply",
        "policy": "P2",
        "policy_version": "1",
        "target_seconds": 3600,
        "started_at": NOW,
        "seen_at": NOW,
        "due_at": NOW + due_in,
    }
    return SlaClock(**(base | values))


def facts(*clocks: SlaClock, held: tuple[tuple[int, str], ...] = (), **values: object) -> CaseFacts:
    return CaseFacts(make_case(**values), clocks, held)


def test_a_case_somebody_holds_is_taken_over_only_explicitly() -> None:
    with pytest.raises(Held, match="held by kim"):
        actions.assign(facts(assigned_to="kim"), "lee", now=NOW)
    change = actions.assign(facts(assigned_to="kim"), "lee", now=NOW, force=True)
    assert change.values == {"assigned_to": "lee"}
    assert "taken over from kim" in change.warnings[0]


def test_assigning_twice_to_the_same_person_changes_nothing() -> None:
    assert actions.assign(facts(assigned_to="lee"), "lee", now=NOW).empty


def test_the_same_customer_with_somebody_else_is_pointed_out() -> None:
    change = actions.assign(facts(held=((9, "kim"),)), "lee", now=NOW)
    assert change.warnings == ("the same customer has case 9, held by kim: agree who answers",)


@pytest.mark.parametrize("step", ["snooze", "resolve", "dismiss", "reopen", "release"])
def test_nobody_closes_or_hides_a_case_that_somebody_else_holds(step: str) -> None:
    held = facts(assigned_to="kim", status="resolved" if step == "reopen" else "open")
    calls = {
        "snooze": lambda force: actions.snooze(held, NOW + HOUR, actor="lee", now=NOW, force=force),
        "resolve": lambda force: actions.resolve(held, actor="lee", now=NOW, force=force),
        "dismiss": lambda force: actions.dismiss(held, "spam", actor="lee", now=NOW, force=force),
        "reopen": lambda force: actions.reopen(held, actor="lee", force=force),
        "release": lambda force: actions.release(held, actor="lee", force=force),
    }
    with pytest.raises(Held):
        calls[step](False)
    assert not calls[step](True).empty


def test_dismissing_after_the_deadline_keeps_the_breach() -> None:
    change = actions.dismiss(facts(make_clock(-HOUR)), "spam", actor="lee", now=NOW)
    assert change.clocks[0].values == {"stopped_at": NOW, "stop_reason": "dismissed", "breached_at": NOW}
    assert "stays breached" in change.warnings[0]


def test_dismissing_in_time_or_at_the_very_deadline_is_no_breach() -> None:
    for due_in in (HOUR, timedelta(0)):
        change = actions.dismiss(facts(make_clock(due_in)), "spam", actor="lee", now=NOW)
        assert "breached_at" not in change.clocks[0].values


def test_a_recorded_breach_keeps_its_time() -> None:
    clock = make_clock(-HOUR, breached_at=NOW - timedelta(minutes=30))
    assert "breached_at" not in actions.resolve(facts(clock), actor="lee", now=NOW).clocks[0].values


def test_stopped_clocks_are_left_alone() -> None:
    clock = make_clock(-HOUR, stopped_at=NOW - HOUR, stop_reason="reply")
    assert actions.dismiss(facts(clock), "spam", actor="lee", now=NOW).clocks == ()


def test_dismiss_and_reopen_wins_no_time() -> None:
    clock = make_clock(HOUR)
    case = facts(clock)
    closed = actions.dismiss(case, "duplicate", actor="lee", now=NOW)
    for name, value in {**closed.values}.items():
        setattr(case.case, name, value)
    for name, value in closed.clocks[0].values.items():
        setattr(clock, name, value)
    again = actions.reopen(case, actor="lee")
    assert again.values["status"] == "open"
    assert again.clocks[0].values == {"stopped_at": None, "stop_reason": None}  # due_at is not touched


def test_reopening_an_answered_case_leaves_the_answered_clock_frozen() -> None:
    clock = make_clock(HOUR, stopped_at=NOW, stop_reason="reply")
    done = facts(clock, status="resolved", closed_at=NOW, first_reply_at=NOW)
    change = actions.reopen(done, actor="lee")
    assert change.clocks == ()
    assert change.values["status"] == "answered"


def test_a_withdrawn_case_cannot_be_reopened_or_dismissed() -> None:
    with pytest.raises(StateError, match="deleted"):
        actions.reopen(facts(status="withdrawn"), actor="lee")
    with pytest.raises(StateError, match="deleted"):
        actions.dismiss(facts(status="withdrawn"), "spam", actor="lee", now=NOW)


def test_a_dismissal_names_a_known_reason_and_other_needs_a_note() -> None:
    with pytest.raises(StateError, match="spam, news, duplicate"):
        actions.dismiss(facts(), "boring", actor="lee", now=NOW)
    with pytest.raises(StateError, match="needs a note"):
        actions.dismiss(facts(), "other", actor="lee", now=NOW, note="  ")
    change = actions.dismiss(facts(), "other", actor="lee", now=NOW, note="see\x1b[2Jmail")
    assert change.note == "see [2Jmail"


def test_opted_out_is_remembered_for_the_author() -> None:
    assert actions.dismiss(facts(), "opted_out", actor="lee", now=NOW).opt_out_author
    assert not actions.dismiss(facts(author_id=None), "opted_out", actor="lee", now=NOW).opt_out_author


def test_snoozing_past_a_deadline_warns_and_stops_no_clock() -> None:
    change = actions.snooze(facts(make_clock(HOUR)), NOW + 2 * HOUR, actor="lee", now=NOW)
    assert change.clocks == ()
    assert "before the snooze ends" in change.warnings[0]
    assert not actions.snooze(facts(make_clock(3 * HOUR)), NOW + 2 * HOUR, actor="lee", now=NOW).warnings


@pytest.mark.parametrize("until", [NOW, NOW - HOUR, NOW + timedelta(days=91), (NOW + HOUR).replace(tzinfo=None)])
def test_a_snooze_ends_in_the_future_and_within_reach(until: object) -> None:
    with pytest.raises(StateError):
        actions.snooze(facts(), until, actor="lee", now=NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\x1b[2Jb", "a\u202eb"])
def test_names_are_visible_text(name: str) -> None:
    with pytest.raises(StateError, match="name of 1 to 100"):
        actions.assign(facts(), name, now=NOW)


def make_mention(**values: object) -> Mention:
    base: dict[str, object] = {
        "id": 1,
        "brand_id": 1,
        "network": "x",
        "native_id": "m1",
        "kind": "post",
        "text": "help",
        "text_hash": "0",
        "posted_at": NOW,
        "first_seen_at": NOW,
        "thread_native_id": "m1",
        "listener": "t",
        "case_id": 5,
    }
    return Mention(**(base | values))


SCORE = Score(
    mention_id=1,
    mention_version=1,
    scorer="m@1",
    language="en",
    sentiment="neutral",
    negative=0.1,
    neutral=0.8,
    positive=0.1,
    abstained=False,
    urgency=0.25,
    reply_needed=False,
    reply_reason="news",
    scored_at=NOW,
)


@pytest.mark.parametrize(
    ("field", "given", "stored", "model"),
    [
        ("sentiment", " Negative ", "negative", "neutral"),
        ("urgency", "0.90", "0.9", "0.25"),
        ("reply_needed", "Yes", "true", "false"),
        ("language", "zh-Hant", "zh-Hant", "en"),
        ("theme", "late parcels", "late parcels", None),
    ],
)
def test_a_label_stands_beside_what_the_model_said(field: str, given: str, stored: str, model: str | None) -> None:
    said = actions.label(facts(), field, given, make_mention(), SCORE).label
    assert said is not None
    assert (said.value, said.model_value, said.mention_version) == (stored, model, 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sentiment", "angry"),
        ("urgency", "2"),
        ("urgency", "nan"),
        ("urgency", "x"),
        ("reply_needed", "maybe"),
        ("language", "中文"),
        ("theme", ""),
        ("mood", "bad"),
    ],
)
def test_a_label_with_a_wrong_value_is_refused(field: str, value: str) -> None:
    with pytest.raises(StateError):
        actions.label(facts(), field, value, make_mention(), SCORE)


def test_a_mention_of_another_case_is_not_labelled_here() -> None:
    with pytest.raises(StateError, match="does not belong"):
        actions.label(facts(), "sentiment", "negative", make_mention(case_id=6), None)
