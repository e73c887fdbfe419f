"""Reading one post, and recognising whom ours answer: decisions without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from responders.readings import TriageRules, read
from responders.reply_match import addressees, answered_mention, index_thread, link_drafts
from responders.sla import PolicySet, default_policies
from responders.triage import decide
from storage.models import Draft
from storage.threads import Post, ScoreState, Thread

T0 = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = TriageRules()


def post(number: int, minute: float = 0, *, by: str | None = "alice", ours: bool = False, **more: Any) -> Post:
    at = T0 + timedelta(minutes=minute)
    author = None if by is None else sum(map(ord, by))
    fields: dict[str, Any] = {
        "id": number, "native_id": str(number), "kind": "post", "author_id": author, "posted_at": at,
        "edited_at": None, "first_seen_at": at, "has_text": True, "text": "", "lang": None, "rating": None,
        "url": None, "parent_native_id": None, "quoted_native_id": None, "ours": ours, "addressed": True,
        "backfilled": False, "time_known": True, "permissions": {}, "version": 1, "triaged_version": 0,
        "deleted_at": None, "case_id": None, "handle": by,
    } | more  # fmt: skip
    return Post(**fields)


def scored(
    reason: str = "complaint", *, needed: bool = True, urgency: float = 0.4, names: tuple[str, ...] = ()
) -> ScoreState:
    factors = [{"name": name, "points": 0.1, "evidence": ""} for name in names]
    return ScoreState("negative", False, urgency, needed, reason, "en", factors)


@pytest.mark.parametrize(
    ("score", "complaint", "question"),
    [
        (scored("complaint"), True, False),
        (scored("urgent"), True, False),
        (scored("question"), False, True),
        (scored("request"), False, True),
        (scored("unsure", names=("complaint", "question")), True, True),
        (scored("chatter", needed=False), False, False),
    ],
)
def test_complaints_and_questions_are_told_by_reason_and_signals(
    score: ScoreState, complaint: bool, question: bool
) -> None:
    reading = read(post(1, score=score), RULES)
    assert (reading.complaint, reading.question) == (complaint, question)


@pytest.mark.parametrize(("stars", "complaint"), [(1.0, True), (2.0, True), (3.0, False), (0.0, False)])
def test_two_stars_or_fewer_are_a_complaint_whatever_the_words(stars: float, complaint: bool) -> None:
    reading = read(post(1, kind="review", rating=stars, score=scored("chatter", needed=False)), RULES)
    assert reading.complaint is complaint


@pytest.mark.parametrize("value", ["nan", "very", "", "inf", "-3", "7"])
def test_a_label_that_is_no_urgency_does_no_harm(value: str) -> None:
    assert 0 <= read(post(1, score=scored(), labels={"urgency": value}), RULES).urgency <= 1


def to(own: Post, *others: Post, root: str = "1") -> set[str | None]:
    index = index_thread([own, *others])
    names = {one.author_key: one.handle for one in others}
    return {names[key] for key in addressees(own, index, root)}


def test_the_parent_decides_before_the_names() -> None:
    alice, bob = post(1), post(2, 1, by="bob", parent_native_id="1")
    own = post(3, 2, by="us", ours=True, parent_native_id="2", text="@alice @bob hello")
    assert to(own, alice, bob) == {"bob"}


def test_names_decide_where_the_parent_is_unknown_and_email_like_dots_do_not_confuse() -> None:
    alice, bob = post(1), post(2, 1, by="bob")
    assert to(post(3, 2, by="us", ours=True, parent_native_id="77", text="@Bob. sorry"), alice, bob) == {"bob"}
    assert to(post(3, 2, by="us", ours=True, parent_native_id="77", text="sorry"), alice, bob) == set()


def test_a_lone_customer_is_meant_only_where_nothing_says_otherwise() -> None:
    assert to(post(3, 2, by="us", ours=True), post(1)) == {"alice"}
    assert to(post(3, 2, by="us", ours=True, parent_native_id="77"), post(1)) == set()
    assert to(post(3, 2, by="us", ours=True), post(1, 5)) == set()
    assert to(post(3, 2, by="us", ours=True), post(1), post(2, 1, by="bob")) == set()


def test_posts_that_answer_each_other_in_a_circle_end() -> None:
    first = post(3, 2, by="us", ours=True, parent_native_id="4")
    second = post(4, 2, by="us", ours=True, parent_native_id="3")
    assert to(first, second, post(1)) == set()


def test_an_answer_points_at_its_parent_else_at_the_latest_post_before_it() -> None:
    one, two, three = post(1, 0), post(2, 1), post(4, 9)
    index = index_thread([one, two, three])
    pointed = answered_mention(post(3, 5, ours=True, parent_native_id="1"), [one, two, three], index)
    latest = answered_mention(post(3, 5, ours=True), [one, two, three], index)
    assert (pointed, latest) == (one, two)
    assert answered_mention(post(3, -5, ours=True), [one], index) is None


def test_a_hand_off_is_not_a_reply_that_came_before_it() -> None:
    draft = Draft(
        id=9, case_id=1, in_reply_to=1, mention_version=1, text="We are sorry", text_hash="h", language="en",
        made_by="mei", status="handed_off", handed_off_at=T0, created_at=T0, updated_at=T0,
    )  # fmt: skip
    before = post(1, -10, ours=True, text="We are sorry")
    after = post(2, 10, ours=True, text="Something else")
    assert link_drafts([draft], [before]) == {}
    assert link_drafts([draft], [before, after]) == {2: 9}


def thread(*posts: Post) -> Thread:
    return Thread(1, "Acme", "x", "1", posts=list(posts), fresh={one.id for one in posts})


def test_a_whole_conversation_heard_at_once_is_replayed_in_its_order() -> None:
    policies = PolicySet.of(default_policies())
    talk = thread(
        post(1, 0, score=scored()),
        post(2, 30, by="us", ours=True, parent_native_id="1"),
        post(3, 40, parent_native_id="2", score=scored()),
        post(4, 45, parent_native_id="2", score=scored()),
        post(5, 110, by="us", ours=True, parent_native_id="4"),
        post(6, 120, parent_native_id="5", score=scored("resolved", needed=False)),
    )
    (outcome,) = decide(talk, policies, RULES, T0).outcomes
    found = [
        (c["metric"], c["mention_id"], c["stop_reason"], c["stopped_at"] <= c["due_at"]) for c in outcome.clocks
    ]
    assert found == [("first_reply", 1, "reply", True), ("next_reply", 3, "reply", False)]
    assert (outcome.values["status"], outcome.values["sequence"]) == ("answered", 1)
    assert [row["in_reply_to"] for row in outcome.replies] == [1, 4]
    assert outcome.mention_ids == [1, 3, 4, 6]


def test_the_post_to_read_first_is_the_most_urgent_unanswered_one() -> None:
    talk = thread(
        post(1, 0, score=scored(urgency=0.8, names=("legal",))),
        post(2, 5, by="us", ours=True, parent_native_id="1"),
        post(3, 10, parent_native_id="2", score=scored(urgency=0.3)),
        post(4, 11, parent_native_id="2", score=scored(urgency=0.4)),
    )
    (outcome,) = decide(talk, PolicySet.of(default_policies()), RULES, T0).outcomes
    assert (outcome.values["lead_mention_id"], outcome.values["urgency"]) == (4, 0.4)
    assert outcome.values["priority"] == "P2"
