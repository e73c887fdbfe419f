"""From stored mentions to cases, clocks, replies and notices, on the real database."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from clock import NOW
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert, select, update
from sqlmodel import SQLModel

from responders.care import Tracked, TriageCounts, TriageRules, track, triage_batch
from responders.hours import HoursSettings
from responders.sla import SlaPolicy, clock_state, default_policies, policy_version
from storage.database import Database
from storage.ingest import store_page
from storage.models import AuthorData, MentionData
from storage.pages import Deletion, Page
from storage.tables import AUDIT, AUTHOR, CASE, CLOCK, DRAFT, LABEL, MENTION, REPLY, SCORE

APPROVAL = SQLModel.metadata.tables["approval"]
NOTICE = SQLModel.metadata.tables["notice"]

OLD = NOW - timedelta(hours=2)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@dataclass
class World:
    """A brand on X whose posts are heard, scored and triaged one after the other."""

    database: Database
    now: datetime = NOW
    policies: tuple[SlaPolicy, ...] = field(default_factory=default_policies)
    rules: TriageRules = field(default_factory=TriageRules)
    heard: list[int] = field(default_factory=list)

    def hear(
        self,
        native_id: str,
        at: datetime,
        *,
        by: str | None = "alice",
        urgency: float = 0.3,
        needed: bool = True,
        reason: str = "complaint",
        signals: tuple[str, ...] = ("complaint",),
        backfilled: bool = False,
        text: str = "my order never came",
        **more: Any,
    ) -> int:
        """Store and score one customer's post; returns its number."""
        author = AuthorData(native_id=by, handle=by) if isinstance(by, str) else by
        fields: dict[str, Any] = {"network": "x", "brand": "Acme", "addressed": True} | more
        data = MentionData(native_id=native_id, author=author, text=text, posted_at=at, **fields)
        number = self._store(data, backfilled=backfilled)
        if text:
            self.score(number, urgency=urgency, needed=needed, reason=reason, signals=signals)
        return number

    def answer(self, native_id: str, at: datetime, to: str | None = None, **more: Any) -> int:
        """Store one of the brand's own posts."""
        us = AuthorData(native_id="acme", handle="AcmeCares")
        fields: dict[str, Any] = {"network": "x", "brand": "Acme", "text": "so sorry"} | more
        return self._store(
            MentionData(native_id=native_id, author=us, is_ours=True, posted_at=at, parent_native_id=to, **fields),
            backfilled=False,
        )

    def _store(self, data: MentionData, *, backfilled: bool) -> int:
        with self.database.write() as session:
            page = Page(mentions=[data], backfilled=backfilled)
            stored = store_page(session, page, listener="acme-x", network="x", now=self.now)
        self.heard += stored.ids
        return stored.ids[0] if stored.ids else 0

    def score(
        self,
        number: int,
        *,
        urgency: float,
        needed: bool,
        reason: str,
        signals: tuple[str, ...] = (),
        version: int = 1,
    ) -> None:
        row = {
            "mention_id": number, "mention_version": version, "scorer": f"fake@{self.now.isoformat()}",
            "language": "en", "sentiment": "negative", "negative": 0.8, "neutral": 0.1, "positive": 0.1,
            "abstained": False, "urgency": urgency, "reply_needed": needed, "reply_reason": reason,
            "factors": [{"name": name, "points": 0.3, "evidence": "words"} for name in signals],
            "scored_at": self.now,
        }  # fmt: skip
        with self.database.write() as session:
            session.execute(insert(SCORE), [row])

    def delete(self, native_id: str, at: datetime) -> None:
        with self.database.write() as session:
            page = Page(deletions=[Deletion(native_id, "deleted by its author", at)])
            self.heard += store_page(session, page, listener="acme-x", network="x", now=self.now).ids

    def label(self, number: int, name: str, value: str) -> None:
        row = {
            "mention_id": number,
            "mention_version": 1,
            "field": name,
            "value": value,
            "by": "mei",
            "at": self.now,
        }
        with self.database.write() as session:
            session.execute(insert(LABEL), [row])
        self.heard.append(number)

    def triage(self, now: datetime | None = None) -> TriageCounts:
        """Triage what was heard since the last time."""
        ids, self.heard = self.heard, []
        return self.triage_again(ids, now)

    def triage_again(self, ids: list[int], now: datetime | None = None) -> TriageCounts:
        with self.database.write() as session:
            return triage_batch(session, ids, self.policies, self.rules, now or self.now)

    def track(self, now: datetime) -> list[Tracked]:
        with self.database.write() as session:
            return track(session, now, self.policies)

    def rows(self, table: Any) -> list[Any]:
        with self.database.read() as session:
            return list(session.execute(select(table).order_by(next(iter(table.c)))).all())

    def case(self) -> Any:
        (only,) = self.rows(CASE)
        return only

    def clocks(self) -> list[Any]:
        return self.rows(CLOCK)

    def close(self, status: str, at: datetime) -> None:
        """What the desk writes when a person closes the case."""
        with self.database.write() as session:
            values = {"status": status, "closed_at": at, "close_reason": status, "revision": CASE.c.revision + 1}
            session.execute(update(CASE).values(values))
            running = update(CLOCK).where(CLOCK.c.stopped_at.is_(None))
            session.execute(running.values(stopped_at=at, stop_reason=status))

    def everything(self) -> list[Any]:
        return [self.rows(table) for table in (CASE, CLOCK, REPLY, DRAFT, NOTICE, AUDIT, MENTION)]


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


@pytest.fixture
def lite(sqlite_database: Database) -> World:
    return World(sqlite_database)


# --- cases and clocks ----------------------------------------------------------------------------------------


def test_a_complaint_becomes_an_open_case_with_both_deadlines(world: World) -> None:
    number = world.hear("1", NOW - minutes(20))
    assert world.triage() == TriageCounts(mentions=1, new_cases=1, clocks=1)
    case, (clock,) = world.case(), world.clocks()
    assert (case.status, case.priority, case.policy, case.reply_needed) == ("open", "P2", "P2", True)
    assert (case.reply_reason, case.complaint, case.lead_mention_id) == ("complaint", True, number)
    assert case.reasons == [{"name": "complaint", "points": 0.3, "evidence": "words"}]
    assert (clock.metric, clock.due_at, clock.team_due_at) == ("first_reply", NOW + minutes(40), NOW + minutes(60))
    assert clock.policy_version == policy_version(world.policies[3])
    assert world.rows(MENTION)[0].case_id == case.id


def test_fifty_authors_in_one_thread_are_fifty_cases_and_one_author_is_one(world: World) -> None:
    world.hear("root", OLD, by="author 0")
    for n in range(1, 50):
        world.hear(f"c{n}", OLD + minutes(n), by=f"author {n}", parent_native_id="root")
    world.hear("again", OLD + minutes(70), by="author 7", parent_native_id="c7")
    assert world.triage().new_cases == 50
    assert len(world.clocks()) == 50


def test_posts_without_an_author_are_a_case_each(lite: World) -> None:
    lite.hear("a", OLD, by=None)
    lite.hear("b", OLD, by=None, thread_native_id="a")
    assert lite.triage().new_cases == 2
    assert {row.author_key for row in lite.rows(CASE)} == {"anon:a", "anon:b"}


def test_what_needs_no_reply_is_a_case_without_a_clock_or_priority(lite: World) -> None:
    lite.hear("1", OLD, needed=False, reason="praise_without_ask", urgency=0.05, signals=())
    lite.triage()
    case = lite.case()
    assert (case.reply_needed, case.reply_reason, case.priority, case.policy) == (
        False,
        "praise_without_ask",
        "none",
        "",
    )
    assert lite.clocks() == []


@pytest.mark.parametrize(
    ("post", "reason"),
    [
        ({"text": ""}, "no_text"),
        ({"permissions": {"locked": True}}, "platform_forbids"),
        ({"permissions": {"reply_settings": "mentionedUsers"}, "addressed": False}, "platform_forbids"),
        ({"permissions": {"reply_settings": "mentionedUsers"}}, "complaint"),
    ],
)
def test_the_rules_correct_the_model(lite: World, post: dict[str, Any], reason: str) -> None:
    lite.hear("1", OLD, **post)
    lite.triage()
    case = lite.case()
    assert (case.reply_reason, case.reply_needed) == (reason, reason != "platform_forbids")


def test_a_post_nobody_scored_waits_for_a_person_rather_than_for_nobody(lite: World) -> None:
    lite.hear("1", OLD)
    with lite.database.write() as session:
        session.execute(SCORE.delete())
    lite.triage()
    assert (lite.case().reply_needed, lite.case().reply_reason) == (True, "unscored")


def test_who_opted_out_is_left_alone(lite: World) -> None:
    lite.hear("1", OLD)
    with lite.database.write() as session:
        session.execute(update(AUTHOR).values(opted_out=True))
    lite.triage()
    assert (lite.case().reply_needed, lite.case().reply_reason) == (False, "opted_out")


def test_reposts_and_our_own_posts_are_no_cases(lite: World) -> None:
    lite.hear("1", OLD, kind="repost")
    lite.answer("2", OLD)
    assert lite.triage() == TriageCounts(mentions=2)
    assert [row.triaged_version for row in lite.rows(MENTION)] == [1, 1]


def test_a_person_has_the_last_word_on_reply_needed_and_urgency(lite: World) -> None:
    number = lite.hear("1", NOW, needed=False, reason="chatter", urgency=0.1, signals=())
    lite.triage()
    lite.label(number, "reply_needed", "true")
    lite.label(number, "urgency", "0.9")
    lite.triage()
    assert (lite.case().priority, lite.case().urgency, lite.case().reply_reason) == ("P1", 0.9, "labelled")
    lite.label(number, "reply_needed", "false")
    lite.triage(NOW + minutes(5))
    (clock,) = lite.clocks()
    assert (clock.stop_reason, clock_state(clock, NOW + minutes(99))) == ("exempt", "exempt")
    lite.label(number, "reply_needed", "true")
    lite.triage(NOW + minutes(6))
    (clock,) = lite.clocks()
    assert (clock.stopped_at, clock_state(clock, NOW + minutes(16))) == (None, "breached_open")


def test_relabelling_after_the_deadline_erases_no_breach(lite: World) -> None:
    number = lite.hear("1", OLD)
    lite.triage()
    lite.label(number, "reply_needed", "no")
    lite.triage()
    assert clock_state(lite.clocks()[0], NOW) == "breached_on_arrival"


def test_the_third_unanswered_post_of_one_author_is_repeated_contact(lite: World) -> None:
    for n in range(3):
        lite.hear(str(n), OLD + minutes(n), thread_native_id="0", urgency=0.3 + n / 100)
    lite.triage()
    case = lite.case()
    assert case.urgency == pytest.approx(0.32 + 0.15)
    assert case.reasons[-1] == {
        "name": "repeated_contact",
        "points": 0.15,
        "evidence": "3 posts without an answer",
    }


def test_reach_adds_to_urgency_by_steps(lite: World) -> None:
    lite.hear("1", OLD, by=AuthorData(native_id="s", handle="star", followers=123_456))  # type: ignore[arg-type]
    lite.triage()
    assert lite.case().urgency == pytest.approx(0.4)
    assert lite.case().reasons[-1] == {"name": "reach", "points": 0.1, "evidence": "123,456 followers"}


def test_history_is_marked_and_has_no_team_clock_and_no_notice(lite: World) -> None:
    lite.hear("1", OLD, backfilled=True, urgency=0.95)
    assert lite.triage().notices == 0
    assert (lite.case().backfilled, lite.clocks()[0].team_due_at) == (True, None)
    assert lite.track(NOW + timedelta(days=1)) == []


def test_a_new_p1_puts_one_notice_without_the_post_text_into_the_outbox(world: World) -> None:
    world.hear("1", NOW, signals=("safety",), text="my child was injured")
    assert world.triage().notices == 1
    world.hear("2", NOW, signals=("safety",), thread_native_id="1")
    assert world.triage().notices == 0
    (notice,) = world.rows(NOTICE)
    assert (notice.kind, notice.key) == ("new_p1", f"p1:case:{world.case().id}")
    assert notice.body["reasons"] == ["safety"]
    assert "injured" not in str(notice.body)


def test_business_hours_of_the_policy_set_the_deadlines(lite: World) -> None:
    office = HoursSettings(
        zone="Europe/London", week=dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("09:00-17:00",))
    )
    lite.policies = (SlaPolicy(name="office", first_reply="30m", hours=office),)
    friday = datetime.fromisoformat("2026-02-27T16:45:00+00:00")
    lite.now = friday + minutes(5)
    lite.hear("1", friday)
    lite.triage()
    (clock,) = lite.clocks()
    assert clock.due_at == datetime.fromisoformat("2026-03-02T09:15:00+00:00")
    assert clock.team_due_at == datetime.fromisoformat("2026-03-02T09:20:00+00:00")
    assert lite.track(clock.due_at - minutes(8)) == []
    assert [t.event for t in lite.track(clock.due_at - minutes(7))] == ["warning"]
    assert lite.track(clock.due_at) == []
    assert [t.event for t in lite.track(clock.due_at + minutes(1))] == ["breach"]


# --- replies -------------------------------------------------------------------------------------------------


def test_a_native_reply_stops_the_clock_and_answers_the_case(world: World) -> None:
    first = world.hear("1", OLD)
    world.triage()
    own = world.answer("2", OLD + minutes(30), to="1")
    counts = world.triage()
    assert (counts.replies, counts.changed_cases) == (1, 1)
    case, (clock,), (reply,) = world.case(), world.clocks(), world.rows(REPLY)
    assert (case.status, case.first_reply_at, case.reply_needed) == ("answered", OLD + minutes(30), True)
    assert (clock.stopped_at, clock.stop_reason) == (OLD + minutes(30), "reply")
    assert (reply.in_reply_to, reply.mention_id, reply.by, reply.time_known) == (first, own, "AcmeCares", True)


def test_everything_at_once_or_in_any_order_gives_the_same_result(database: Database, tmp_path: Any) -> None:
    world = World(database)
    world.answer("r2", OLD + minutes(50), to="3")
    world.answer("r1", OLD + minutes(30), to="1")
    world.triage()
    world.hear("3", OLD + minutes(40), parent_native_id="r1")
    world.triage()
    world.hear("1", OLD)
    world.triage()
    case = world.case()
    assert (case.status, case.opened_at, case.first_reply_at) == ("answered", OLD, OLD + minutes(30))
    found = sorted((c.metric, c.started_at, c.stopped_at) for c in world.clocks())
    assert [(a, c) for _, a, c in found if a == OLD] == [(OLD, OLD + minutes(30))]
    assert all(clock.stop_reason == "reply" for clock in world.clocks())


def test_a_reply_heard_late_that_came_earlier_corrects_the_time(lite: World) -> None:
    lite.hear("1", OLD)
    lite.answer("late", OLD + minutes(90), to="1")
    lite.triage()
    lite.answer("early", OLD + minutes(10), to="1")
    lite.triage()
    assert lite.case().first_reply_at == OLD + minutes(10)
    assert clock_state(lite.clocks()[0], NOW) == "met"


def test_an_answer_to_one_customer_answers_nobody_else_in_the_thread(lite: World) -> None:
    lite.hear("1", OLD, by="alice")
    lite.hear("2", OLD + minutes(1), by="bob", parent_native_id="1")
    lite.answer("r", OLD + minutes(5), to="2", text="@alice @bob sorry")
    lite.triage()
    assert {row.author_key: row.status for row in lite.rows(CASE)} == {"1": "open", "2": "answered"}


def test_an_answer_in_two_parts_belongs_to_the_customer_above(lite: World) -> None:
    lite.hear("1", OLD, by="alice")
    lite.hear("2", OLD + minutes(1), by="bob", parent_native_id="1")
    lite.answer("a", OLD + minutes(5), to="1")
    lite.answer("b", OLD + minutes(6), to="a")
    assert lite.triage().replies == 2
    assert {row.author_key: row.status for row in lite.rows(CASE)} == {"1": "answered", "2": "open"}


def test_our_announcement_and_what_we_add_under_it_answer_nobody(lite: World) -> None:
    lite.answer("post", OLD, text="New menu!")
    lite.hear("c", OLD + minutes(1), parent_native_id="post", by="alice")
    lite.answer("more", OLD + minutes(5), to="post", text="It starts on Monday.")
    lite.triage()
    assert (lite.case().status, lite.rows(REPLY)) == ("open", [])
    lite.answer("named", OLD + minutes(6), to="post", text="@Alice sorry!")
    lite.triage()
    assert lite.case().status == "answered"


def test_quoting_the_customer_from_our_own_thread_is_an_answer(lite: World) -> None:
    lite.hear("1", OLD)
    lite.triage()
    lite.answer("q", OLD + minutes(3), kind="quote", quoted_native_id="1")
    lite.triage()
    assert lite.case().status == "answered"


def test_a_bot_first_touch_is_no_reply(lite: World) -> None:
    lite.rules = TriageRules(automated_accounts=frozenset({"acmecares"}))
    lite.hear("1", OLD)
    lite.answer("r", OLD + minutes(1), to="1")
    lite.triage()
    assert lite.case().status == "open"


def test_a_reply_whose_time_nobody_knows_counts_for_the_rate_and_not_for_times(lite: World) -> None:
    lite.hear("1", OLD, kind="review", rating=2.0, backfilled=True)
    lite.answer("r", OLD, to="1", time_known=False)
    lite.triage()
    case, (clock,) = lite.case(), lite.clocks()
    assert (case.status, case.reply_time_known, case.first_reply_at) == ("answered", False, OLD)
    assert (clock.stop_reason, clock_state(clock, NOW)) == ("exempt", "exempt")


def test_the_next_reply_clock_starts_with_the_oldest_unanswered_post(lite: World) -> None:
    lite.hear("1", OLD)
    lite.answer("r1", OLD + minutes(10), to="1")
    second = lite.hear("2", OLD + minutes(20), parent_native_id="r1")
    lite.hear("3", OLD + minutes(25), parent_native_id="r1")
    lite.triage()
    assert lite.case().status == "open"
    clock = lite.clocks()[1]
    assert (clock.metric, clock.mention_id, clock.started_at, clock.stopped_at) == (
        "next_reply", second, OLD + minutes(20), None,
    )  # fmt: skip
    lite.answer("r2", OLD + minutes(50), to="3")
    lite.triage()
    assert [c.stop_reason for c in lite.clocks()] == ["reply", "reply"]
    assert lite.clocks()[1].stopped_at == OLD + minutes(50)
    assert lite.case().first_reply_at == OLD + minutes(10)


def test_thanks_after_our_answer_do_not_reopen_the_case(lite: World) -> None:
    lite.hear("1", OLD)
    lite.answer("r1", OLD + minutes(10), to="1")
    lite.hear("2", OLD + minutes(20), parent_native_id="r1", needed=False, reason="resolved", signals=())
    lite.triage()
    assert (lite.case().status, len(lite.clocks())) == ("answered", 1)


def test_reviews_promise_a_first_reply_only(lite: World) -> None:
    lite.hear("1", OLD, kind="review", rating=1.0)
    lite.answer("r1", OLD + minutes(10), to="1")
    lite.hear("2", OLD + minutes(20), parent_native_id="1", kind="review", rating=1.0)
    lite.triage()
    assert [(c.metric, c.policy) for c in lite.clocks()] == [("first_reply", "review-low")]


# --- closing, reopening, edits, deletions --------------------------------------------------------------------


def test_a_new_post_within_seven_days_of_closing_reopens_and_a_later_one_is_a_new_case(lite: World) -> None:
    lite.hear("1", OLD)
    lite.answer("r", OLD + minutes(5), to="1")
    lite.triage()
    lite.close("resolved", NOW)
    frozen = lite.clocks()
    lite.hear("2", NOW + timedelta(days=7), parent_native_id="r")
    assert lite.triage().reopened == 1
    assert (lite.case().status, lite.case().closed_at) == ("open", None)
    assert [c.metric for c in lite.clocks()] == ["first_reply", "next_reply"]
    assert lite.clocks()[0] == frozen[0]
    lite.close("resolved", NOW + timedelta(days=8))
    lite.hear("3", NOW + timedelta(days=15, seconds=1), parent_native_id="r")
    assert lite.triage().new_cases == 1
    assert [(c.sequence, c.status) for c in lite.rows(CASE)] == [(1, "resolved"), (2, "open")]
    assert lite.clocks()[-1].metric == "first_reply"


def test_a_dismissed_case_that_is_contacted_again_gets_no_second_first_reply_clock(lite: World) -> None:
    lite.hear("1", NOW)
    lite.triage()
    lite.close("dismissed", NOW + minutes(5))
    lite.hear("2", NOW + minutes(30), thread_native_id="1")
    lite.triage()
    assert [c.metric for c in lite.clocks()] == ["first_reply", "next_reply"]
    assert lite.case().status == "open"


def test_a_post_that_needs_no_reply_leaves_a_closed_case_closed(lite: World) -> None:
    lite.hear("1", OLD)
    lite.triage()
    lite.close("resolved", NOW)
    lite.hear("2", NOW + minutes(1), thread_native_id="1", needed=False, reason="resolved", signals=())
    lite.triage()
    assert lite.case().status == "resolved"


def test_deleted_before_it_was_due_is_withdrawn_and_after_it_stays_breached(lite: World) -> None:
    lite.hear("1", NOW - minutes(5))
    lite.hear("2", NOW - minutes(5), by="bob")
    lite.triage()
    lite.delete("1", NOW + minutes(55))
    lite.delete("2", NOW + minutes(56))
    lite.triage(NOW + minutes(60))
    assert [c.status for c in lite.rows(CASE)] == ["withdrawn", "withdrawn"]
    assert [clock_state(c, NOW + timedelta(days=1)) for c in lite.clocks()] == ["withdrawn", "breached_open"]
    assert [c.reply_needed for c in lite.rows(CASE)] == [True, True]


def test_deleted_after_our_reply_stays_answered(lite: World) -> None:
    lite.hear("1", OLD)
    lite.answer("r", OLD + minutes(5), to="1")
    lite.triage()
    before = lite.clocks()
    lite.delete("1", NOW)
    lite.triage()
    assert (lite.case().status, lite.clocks()) == ("answered", before)


def test_deleting_one_of_two_posts_withdraws_nothing_while_the_other_waits(lite: World) -> None:
    lite.hear("1", NOW)
    lite.hear("2", NOW, thread_native_id="1")
    lite.triage()
    lite.delete("1", NOW)
    lite.triage()
    assert (lite.case().status, lite.clocks()[0].stopped_at) == ("open", None)


def edit(
    world: World, native_id: str, text: str, at: datetime, posted_at: datetime, *, by: str = "alice", **more: Any
) -> int:
    author = AuthorData(native_id=by, handle=by)
    data = MentionData(
        native_id=native_id, author=author, text=text, posted_at=posted_at, edited_at=at,
        **({"network": "x", "brand": "Acme", "addressed": True} | more),
    )  # fmt: skip
    number = world._store(data, backfilled=False)
    if not number:
        return 0  # an edit older than the last one changes nothing
    version = next(row.version for row in world.rows(MENTION) if row.id == number)
    world.score(number, urgency=0.5, needed=True, reason="complaint", version=version)
    return number


def draft(
    world: World, status: str, *, text: str = "We are sorry, please send us your order number.", **more: Any
) -> None:
    case = world.case()
    row = {
        "case_id": case.id, "in_reply_to": case.lead_mention_id, "mention_version": 1, "text": text,
        "text_hash": "h", "language": "en", "made_by": "mei", "reasons": [], "status": status,
        "approved_by": "mei", "approved_hash": "h", "created_at": NOW, "updated_at": NOW, "revision": 1,
    }  # fmt: skip
    with world.database.write() as session:
        session.execute(insert(DRAFT), [row | more])


def test_an_edit_after_our_answer_starts_the_next_reply_clock_and_before_it_resets_nothing(lite: World) -> None:
    lite.hear("1", OLD)
    lite.triage()
    first = lite.clocks()
    edit(lite, "1", "my order never came, and it was a gift", OLD + minutes(5), OLD)
    lite.triage()
    assert lite.clocks() == first
    lite.answer("r", OLD + minutes(10), to="1")
    lite.triage()
    edit(lite, "1", "still nothing", OLD + minutes(30), OLD)
    lite.triage()
    assert lite.case().status == "open"
    assert [(c.metric, c.started_at) for c in lite.clocks()] == [
        ("first_reply", OLD),
        ("next_reply", OLD + minutes(30)),
    ]


def test_an_edit_voids_drafts_of_what_was_said_before_with_an_audit_trail(world: World) -> None:
    world.hear("1", OLD)
    world.triage()
    draft(world, "approved")
    edit(world, "1", "forget it", OLD + minutes(5), OLD)
    assert world.triage().drafts_voided == 1
    (row,) = world.rows(DRAFT)
    assert (row.status, row.approved_hash) == ("void", None)
    assert [a.decision for a in world.rows(APPROVAL)] == ["voided"]
    assert [a.action for a in world.rows(AUDIT)] == ["draft.void"]


def test_the_native_reply_after_a_hand_off_settles_its_draft(world: World) -> None:
    world.hear("1", OLD)
    world.triage()
    draft(world, "handed_off", handed_off_at=NOW)
    world.answer("before", NOW - minutes(30), to="1", text="Hello!")
    world.answer("other", NOW + minutes(3), to="1", text="Our shop opens at nine.")
    world.answer("ours", NOW + minutes(4), to="1", text="@alice We are sorry! Please send us your order number")
    assert world.triage().drafts_posted == 1
    (row,) = world.rows(DRAFT)
    assert row.status == "posted"
    assert {reply.native_id: reply.draft_id for reply in world.rows(REPLY)} == {
        "before": None, "other": None, "ours": row.id,
    }  # fmt: skip


def test_a_rewritten_hand_off_is_taken_for_the_first_reply_after_it(lite: World) -> None:
    lite.hear("1", OLD)
    lite.triage()
    draft(lite, "handed_off", handed_off_at=NOW)
    lite.answer("r", NOW + minutes(1), to="1", text="ok :)")
    lite.triage()
    assert (lite.rows(DRAFT)[0].status, lite.rows(REPLY)[0].draft_id) == ("posted", lite.rows(DRAFT)[0].id)


# --- policy changes, repetition, cost ------------------------------------------------------------------------


def test_a_policy_change_touches_no_promise_already_made(lite: World) -> None:
    lite.hear("1", NOW)
    lite.triage()
    before = lite.clocks(), lite.case().policy, lite.case().policy_version
    lite.policies = (SlaPolicy(name="quick", first_reply="1m", priority="P1"),)
    lite.hear("2", NOW, thread_native_id="1")
    lite.triage()
    assert (lite.clocks(), lite.case().policy, lite.case().policy_version) == before
    assert lite.case().priority == "P1"


STEPS = st.lists(
    st.tuples(st.sampled_from("hhhaaed"), st.integers(0, 5), st.integers(0, 300), st.booleans()),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # Each example opens two databases, so shrinking would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(steps=STEPS)
def test_triage_twice_or_in_pieces_changes_nothing_more(
    steps: list[tuple[str, int, int, bool]], sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import shutil

    from storage.database import open_database

    worlds = []
    for _ in range(2):
        path = tmp_path_factory.mktemp("twice") / "t.db"
        shutil.copyfile(sqlite_template, path)
        worlds.append(World(open_database(f"sqlite:///{path}")))
    once, pieces = worlds
    for number in range(len(steps)):
        for one in worlds:
            act(one, steps, number)
        pieces.triage()
    once.triage()
    ids = [row.id for row in once.rows(MENTION)]
    for one in worlds:
        before = one.everything()
        one.triage_again(ids)
        assert one.everything() == before
        assert all(row.triaged_version == row.version for row in one.rows(MENTION))
        metrics = [(c.case_id, c.metric) for c in one.clocks() if c.metric == "first_reply"]
        assert len(metrics) == len(set(metrics)), "one first reply clock a case"
    # Words deleted before triage ever read them cannot be known to need a reply.
    known = not any(step[0] == "d" for step in steps)
    replied = [
        sorted((c.author_key, c.first_reply_at, known and c.reply_needed) for c in w.rows(CASE)) for w in worlds
    ]
    assert replied[0] == replied[1]
    for one in worlds:
        one.database.dispose()


def act(world: World, steps: list[tuple[str, int, int, bool]], number: int) -> None:
    what, other, when, needed = steps[number]
    at = OLD - timedelta(days=1) + minutes(when)
    native = f"{number}"
    stored = {row.native_id: row for row in world.rows(MENTION) if not row.is_ours and row.deleted_at is None}
    if what == "h":
        world.hear(native, at, by=f"author {other % 2}", thread_native_id="t", needed=needed)
    elif what == "a":
        world.answer(native, at, to=f"{other}", thread_native_id="t", text="sorry")
    elif f"{other}" in stored and what == "e":
        author = f"author {steps[other][1] % 2}"
        edit(world, f"{other}", f"now {number}", at, stored[f"{other}"].posted_at, by=author, thread_native_id="t")
    elif f"{other}" in stored:
        world.delete(f"{other}", at)


def statements(database: Database, work: Callable[[], object]) -> int:
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    event.listen(database._engine, "before_cursor_execute", note)
    work()
    event.remove(database._engine, "before_cursor_execute", note)
    return len(seen)


def test_the_number_of_statements_does_not_grow_with_the_batch(lite: World) -> None:
    lite.hear("one", OLD, by="author one")
    few = statements(lite.database, lite.triage)
    for n in range(60):
        lite.hear(f"m{n}", OLD, by=f"author {n}")
    assert statements(lite.database, lite.triage) == few


# --- tracking ------------------------------------------------------------------------------------------------


def test_warning_and_breach_are_recorded_once_each_with_a_notice(world: World) -> None:
    world.hear("1", NOW)
    world.triage()
    assert world.track(NOW + minutes(44)) == []
    (warned,) = world.track(NOW + minutes(45))
    assert (warned.event, warned.due_at, warned.on_arrival) == ("warning", NOW + minutes(60), False)
    assert world.track(NOW + minutes(60)) == []
    (breach,) = world.track(NOW + minutes(61))
    assert breach.event == "breach"
    assert world.track(NOW + minutes(62)) == []
    (clock,) = world.clocks()
    assert (clock.warned_at, clock.breached_at) == (NOW + minutes(45), NOW + minutes(61))
    assert [n.key for n in world.rows(NOTICE)] == [f"warning:clock:{clock.id}", f"breach:clock:{clock.id}"]


def test_after_a_night_off_the_tracker_tells_of_the_breach_only(lite: World) -> None:
    lite.hear("1", NOW)
    lite.triage()
    assert [t.event for t in lite.track(NOW + minutes(600))] == ["breach"]
    assert lite.clocks()[0].warned_at == NOW + minutes(600)
    assert len(lite.rows(NOTICE)) == 1


def test_late_on_arrival_is_told_at_once_and_warned_before_the_team_is_late(lite: World) -> None:
    lite.hear("1", NOW - minutes(180))
    lite.triage()
    (told,) = lite.track(NOW)
    assert (told.event, told.on_arrival) == ("breach", True)
    (warned,) = lite.track(NOW + minutes(45))
    assert (warned.event, warned.due_at) == ("warning", NOW + minutes(60))


def test_answered_and_closed_cases_disturb_nobody(lite: World) -> None:
    lite.hear("1", NOW)
    lite.answer("r", NOW + minutes(1), to="1")
    lite.hear("2", NOW, by="bob")
    lite.triage()
    with lite.database.write() as session:
        session.execute(update(CASE).where(CASE.c.author_key != "1").values(status="dismissed"))
    assert lite.track(NOW + timedelta(days=2)) == []


def test_a_late_reply_records_the_breach_the_tracker_had_not_seen_yet(lite: World) -> None:
    lite.hear("1", NOW)
    lite.triage()
    lite.answer("r", NOW + minutes(90), to="1")
    lite.triage(NOW + minutes(91))
    assert lite.clocks()[0].breached_at == NOW + minutes(91)
