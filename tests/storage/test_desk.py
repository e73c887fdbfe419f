"""At the desk: every step is stored once, with its audit row, and of two people who act at once one is told."""

import json
import multiprocessing
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from clock import NOW
from sqlmodel import Session, select

from responders import desk, draft_desk
from responders.drafts import hash_of
from responders.ports import DraftText
from responders.saved_replies import SavedReply
from storage.database import Database, open_database
from storage.desk_values import Changed, Held
from storage.errors import NotFoundError, StateError
from storage.models import Approval, Audit, Author, Brand, Case, Draft, Label, Mention, Score, SlaClock

HOUR = timedelta(hours=1)
LATER = NOW + 2 * HOUR


@pytest.fixture
def case_id(database: Database) -> int:
    with database.write() as session:
        return fill(session)


def fill(session: Session) -> int:
    """One open case with two posts, a score and a clock that is due in an hour."""
    brand = Brand(name="Acme", created_at=NOW)
    author = Author(network="x", native_id="a1", handle="jo", first_seen_at=NOW)
    session.add_all([brand, author])
    session.flush()
    case = Case(
        brand_id=brand.id or 0,
        network="x",
        author_key=str(author.id),
        author_id=author.id,
        thread_native_id="m1",
        opened_at=NOW,
        first_seen_at=NOW,
        last_inbound_at=NOW,
        reply_needed=True,
        sentiment="negative",
    )
    session.add(case)
    session.flush()
    posts = [
        Mention(
            brand_id=brand.id or 0,
            network="x",
            native_id=f"m{number}",
            kind="post",
            author_id=author.id,
            case_id=case.id,
            text=f"secret words of the customer {number}",
            text_hash="0",
            posted_at=NOW + number * timedelta(minutes=1),
            first_seen_at=NOW,
            thread_native_id="m1",
            listener="t",
            url=f"https://x.com/jo/status/{number}",
            triaged_version=1,
            lang="en",
        )
        for number in (1, 2)
    ]
    session.add_all(posts)
    session.flush()
    case.lead_mention_id = posts[0].id
    session.add(
        Score(
            mention_id=posts[0].id or 0,
            mention_version=1,
            scorer="m@1",
            language="en",
            sentiment="negative",
            negative=0.8,
            neutral=0.1,
            positive=0.1,
            abstained=False,
            urgency=0.5,
            reply_needed=True,
            reply_reason="complaint",
            scored_at=NOW,
        )
    )
    session.add(
        SlaClock(
            case_id=case.id or 0,
            mention_id=posts[0].id or 0,
            metric="first_reply",
            policy="P2",
            policy_version="1",
            target_seconds=3600,
            started_at=NOW,
            seen_at=NOW,
            due_at=NOW + HOUR,
        )
    )
    session.flush()
    return case.id or 0


def audits(database: Database) -> list[Audit]:
    with database.read() as session:
        return list(session.exec(select(Audit).order_by(Audit.id)).all())  # type: ignore[arg-type]


def get_case(database: Database, case_id: int) -> Case:
    with database.read() as session:
        return session.exec(select(Case).where(Case.id == case_id)).one()


def get_draft(database: Database, draft_id: int) -> Draft:
    with database.read() as session:
        return session.exec(select(Draft).where(Draft.id == draft_id)).one()


def make_draft(database: Database, case_id: int, text: str = "We are sorry.", actor: str = "kim") -> int:
    with database.write() as session:
        report = draft_desk.new_draft(session, case_id, text, actor=actor, now=NOW)
    assert report.draft_id is not None
    return report.draft_id


def approve(database: Database, draft_id: int, shown: str = "We are sorry.", actor: str = "ana") -> None:
    with database.write() as session:
        draft_desk.approve_draft(session, draft_id, shown=shown, actor=actor, now=NOW)


# --- cases ---


def test_a_claim_is_stored_with_who_before_and_after(database: Database, case_id: int) -> None:
    with database.write() as session:
        report = desk.assign(session, case_id, "kim", actor="kim", now=NOW)
    assert report.changed
    assert (report.before, report.after, report.revision) == ({"assigned_to": None}, {"assigned_to": "kim"}, 2)
    case = get_case(database, case_id)
    assert (case.assigned_to, case.revision) == ("kim", 2)
    (audit,) = audits(database)
    assert (audit.actor, audit.action, audit.subject) == ("kim", "case.assign", f"case:{case_id}")
    assert audit.before == {"assigned_to": None, "revision": 1}
    assert audit.after == {"assigned_to": "kim", "revision": 2}


STEPS: dict[str, Callable[[Session, int, bool], object]] = {
    "assign": lambda s, c, dry: desk.assign(s, c, "kim", actor="kim", now=NOW, dry_run=dry),
    "snooze": lambda s, c, dry: desk.snooze(s, c, LATER, actor="kim", now=NOW, dry_run=dry),
    "resolve": lambda s, c, dry: desk.resolve(s, c, actor="kim", now=NOW, dry_run=dry),
    "dismiss": lambda s, c, dry: desk.dismiss(s, c, "opted_out", actor="kim", now=LATER, dry_run=dry),
    "label": lambda s, c, dry: desk.label(s, c, "sentiment", "neutral", actor="kim", now=NOW, dry_run=dry),
    "draft": lambda s, c, dry: draft_desk.new_draft(s, c, "Sorry!", actor="kim", now=NOW, dry_run=dry),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_dry_run_reports_the_same_and_writes_nothing(database: Database, case_id: int, step: str) -> None:
    with database.read() as session:  # cannot write at all
        planned = STEPS[step](session, case_id, True)
    assert audits(database) == []
    assert get_case(database, case_id).revision == 1
    with database.write() as session:
        done = STEPS[step](session, case_id, False)
    for name in ("before", "after", "revision", "warnings", "status", "text_hash"):
        assert getattr(planned, name, None) == getattr(done, name, None)
    assert len(audits(database)) == 1


def test_someone_who_read_an_older_revision_is_told_to_look_again(database: Database, case_id: int) -> None:
    with database.write() as session:
        desk.assign(session, case_id, "kim", actor="kim", now=NOW, expected_revision=1)
    with pytest.raises(Changed, match="revision 1, now 2"), database.write() as session:
        desk.resolve(session, case_id, actor="kim", now=NOW, expected_revision=1)
    assert get_case(database, case_id).status == "open"


def test_a_case_of_somebody_else_needs_an_explicit_takeover(database: Database, case_id: int) -> None:
    with database.write() as session:
        desk.assign(session, case_id, "kim", actor="kim", now=NOW)
    with pytest.raises(Held), database.write() as session:
        desk.assign(session, case_id, "lee", actor="lee", now=NOW)
    with database.write() as session:
        report = desk.assign(session, case_id, "lee", actor="lee", now=NOW, force=True)
        assert report.warnings == ("taken over from kim: tell them",)
    with database.write() as session:
        assert desk.assign(session, case_id, None, actor="lee", now=NOW).after == {"assigned_to": None}


def test_a_late_dismissal_stops_the_clock_and_keeps_the_breach(database: Database, case_id: int) -> None:
    with database.write() as session:
        desk.dismiss(session, case_id, "spam", actor="kim", now=LATER, note="seen before")
    with database.read() as session:
        clock = session.exec(select(SlaClock)).one()
        case = session.exec(select(Case)).one()
    assert (clock.stopped_at, clock.stop_reason, clock.breached_at) == (LATER, "dismissed", LATER)
    assert (case.status, case.close_reason, case.closed_at) == ("dismissed", "spam", LATER)
    (audit,) = audits(database)
    assert audit.after is not None
    assert audit.after["note"] == "seen before"
    assert audit.after["clocks"][0]["stop_reason"] == "dismissed"


def test_reopening_lets_the_clock_run_on_with_its_old_deadline(database: Database, case_id: int) -> None:
    with database.write() as session:
        desk.dismiss(session, case_id, "duplicate", actor="kim", now=NOW)
    with database.write() as session:
        desk.reopen(session, case_id, actor="kim", now=LATER)
    with database.read() as session:
        clock = session.exec(select(SlaClock)).one()
    assert (clock.stopped_at, clock.stop_reason, clock.due_at) == (None, None, NOW + HOUR)
    assert get_case(database, case_id).status == "open"


def test_opting_out_is_remembered_for_the_author(database: Database, case_id: int) -> None:
    with database.write() as session:
        desk.dismiss(session, case_id, "opted_out", actor="kim", now=NOW)
    with database.read() as session:
        assert session.exec(select(Author)).one().opted_out
    with database.write() as session:
        desk.reopen(session, case_id, actor="kim", now=NOW)
        report = draft_desk.new_draft(session, case_id, "Sorry!", actor="kim", now=NOW)
    assert "the customer asked not to be contacted" in report.warnings


def test_a_label_stands_beside_the_score_and_calls_triage_back(database: Database, case_id: int) -> None:
    for value in ("positive", "neutral"):
        with database.write() as session:
            desk.label(session, case_id, "sentiment", value, actor="kim", now=NOW)
    with database.read() as session:
        labels = session.exec(select(Label).order_by(Label.id)).all()  # type: ignore[arg-type]
        lead = session.exec(select(Mention).where(Mention.native_id == "m1")).one()
        score = session.exec(select(Score)).one()
    assert [(one.value, one.model_value, one.by) for one in labels] == [
        ("positive", "negative", "kim"),
        ("neutral", "negative", "kim"),
    ]
    assert lead.triaged_version == 0
    assert score.sentiment == "negative"


def test_an_unknown_number_says_where_to_look(database: Database, case_id: int) -> None:
    with pytest.raises(NotFoundError, match="no case 99"), database.write() as session:
        desk.resolve(session, 99, actor="kim", now=NOW)
    with pytest.raises(NotFoundError, match="no draft 99"), database.write() as session:
        draft_desk.reject_draft(session, 99, actor="kim", now=NOW)


def test_the_same_customer_with_somebody_else_is_pointed_out(database: Database, case_id: int) -> None:
    with database.write() as session:
        one = get = session.exec(select(Case)).one()
        session.add(Case(**{**get.model_dump(exclude={"id"}), "thread_native_id": "other", "assigned_to": "kim"}))
        session.flush()
        report = desk.assign(session, one.id or 0, "lee", actor="lee", now=NOW)
    assert "held by kim: agree who answers" in report.warnings[0]


# --- drafts ---


def test_a_draft_goes_from_proposal_to_handed_off_with_every_step_on_record(
    database: Database, case_id: int
) -> None:
    proposal = DraftText("We are sorry.", "en", "saved-reply", "ask-details@1", ("ask-details: 3 points",))
    with database.write() as session:
        report = draft_desk.new_draft(session, case_id, proposal, actor="kim", now=NOW)
    number = report.draft_id or 0
    draft = get_draft(database, number)
    assert (draft.saved_reply, draft.reasons) == ("ask-details@1", [{"reason": "ask-details: 3 points"}])
    with database.read() as session:
        assert session.get(Mention, draft.in_reply_to).native_id == "m2"  # type: ignore[union-attr]
    approve(database, number, shown=report.text_hash[:12])
    with database.write() as session:
        done, sheet = draft_desk.hand_off_draft(session, number, actor="kim", now=LATER)
    assert (done.status, sheet.text, sheet.url) == ("handed_off", "We are sorry.", "https://x.com/jo/status/2")
    draft = get_draft(database, number)
    assert (draft.status, draft.handed_off_at, draft.approved_by) == ("handed_off", LATER, "ana")
    with database.read() as session:
        approval = session.exec(select(Approval)).one()
    assert (approval.decision, approval.by, approval.text_hash) == ("approved", "ana", hash_of("We are sorry."))
    assert [audit.action for audit in audits(database)] == ["draft.new", "draft.approve", "draft.hand_off"]


def test_the_audit_never_holds_a_text(database: Database, case_id: int) -> None:
    number = make_draft(database, case_id)
    approve(database, number)
    with database.write() as session:
        draft_desk.edit_draft(session, number, "Another text", actor="lee", now=NOW)
        draft_desk.reject_draft(session, number, actor="lee", now=NOW)
        desk.dismiss(session, case_id, "spam", actor="lee", now=NOW)
    written = json.dumps([audit.model_dump(mode="json") for audit in audits(database)])
    assert "sorry" not in written
    assert "Another" not in written
    assert "secret words" not in written


def test_an_edit_voids_the_approval_and_the_old_hash_no_longer_approves(database: Database, case_id: int) -> None:
    number = make_draft(database, case_id)
    approve(database, number)
    with database.write() as session:
        draft_desk.edit_draft(session, number, "Another text", actor="lee", now=NOW)
    with database.read() as session:
        decisions = [one.decision for one in session.exec(select(Approval).order_by(Approval.id)).all()]  # type: ignore[arg-type]
    assert decisions == ["approved", "voided"]
    with pytest.raises(StateError, match="approve it first"), database.write() as session:
        draft_desk.hand_off_draft(session, number, actor="kim", now=NOW)
    with pytest.raises(Changed, match="no longer says"):
        approve(database, number, shown=hash_of("We are sorry."))


def test_an_edited_post_blocks_the_answer(database: Database, case_id: int) -> None:
    first = make_draft(database, case_id)
    approve(database, first)
    with database.write() as session:
        post = session.exec(select(Mention).where(Mention.native_id == "m2")).one()
        post.version = 2
    with pytest.raises(Changed, match="edited the post"), database.write() as session:
        draft_desk.hand_off_draft(session, first, actor="kim", now=NOW)


def test_drafting_for_somebody_elses_case_warns_and_handing_off_is_refused(
    database: Database, case_id: int
) -> None:
    with database.write() as session:
        desk.assign(session, case_id, "kim", actor="kim", now=NOW)
    with database.write() as session:
        report = draft_desk.new_draft(session, case_id, "Sorry!", actor="lee", now=NOW)
    assert report.warnings == (f"case {case_id} is held by kim: agree who answers",)
    approve(database, report.draft_id or 0, shown="Sorry!")
    with pytest.raises(Held), database.write() as session:
        draft_desk.hand_off_draft(session, report.draft_id or 0, actor="lee", now=NOW)
    with database.write() as session:
        draft_desk.hand_off_draft(session, report.draft_id or 0, actor="kim", now=NOW)


def test_a_second_draft_waits_until_the_first_is_taken_back(database: Database, case_id: int) -> None:
    first, second = make_draft(database, case_id), make_draft(database, case_id, "Another")
    approve(database, first)
    with pytest.raises(StateError, match=f"draft {first} of the same case is approved by ana"):
        approve(database, second, shown="Another")
    with database.write() as session:
        draft_desk.hand_off_draft(session, first, actor="kim", now=NOW)
        draft_desk.reject_draft(session, first, actor="kim", now=NOW, note="not used")
    approve(database, second, shown="Another")


def test_no_draft_for_closed_cases_and_deleted_posts(database: Database, case_id: int) -> None:
    with database.write() as session:
        for post in session.exec(select(Mention)).all():
            post.deleted_at = NOW
    with pytest.raises(StateError, match="no post left"):
        make_draft(database, case_id)
    with database.write() as session:
        desk.resolve(session, case_id, actor="kim", now=NOW)
    with pytest.raises(StateError, match="reopen it"):
        make_draft(database, case_id)


def test_a_persons_word_on_the_language_counts_first(database: Database, case_id: int) -> None:
    with database.read() as session:
        assert draft_desk.case_language(session, session.exec(select(Case)).one()) == "en"
    with database.write() as session:
        newest = session.exec(select(Mention.id).where(Mention.native_id == "m2")).one()
        desk.label(session, case_id, "language", "zh-TW", actor="kim", now=NOW, mention_id=newest)
    with database.read() as session:
        assert draft_desk.case_language(session, session.exec(select(Case)).one()) == "zh-Hant"


# --- two at once ---


def test_two_people_who_claim_at_once_get_one_claim(database: Database, case_id: int) -> None:
    outcomes = race(database, lambda session, who: desk.assign(session, case_id, who, actor=who, now=NOW))
    assert sorted(outcomes) == ["Held", "done"]
    assert get_case(database, case_id).revision == 2
    assert len(audits(database)) == 1


def test_two_approvals_of_two_drafts_let_one_through(database: Database, case_id: int) -> None:
    numbers = {"ana": make_draft(database, case_id), "lee": make_draft(database, case_id, "Another")}
    texts = {"ana": "We are sorry.", "lee": "Another"}
    outcomes = race(
        database,
        lambda session, who: draft_desk.approve_draft(session, numbers[who], shown=texts[who], actor=who, now=NOW),
    )
    assert sorted(outcomes) == ["StateError", "done"]
    assert sorted(get_draft(database, number).status for number in numbers.values()) == ["approved", "drafted"]


def test_an_edit_and_an_approval_at_once_never_leave_consent_to_unseen_text(
    database: Database, case_id: int
) -> None:
    number = make_draft(database, case_id)

    def step(session: Session, who: str) -> object:
        if who == "ana":
            return draft_desk.approve_draft(session, number, shown="We are sorry.", actor=who, now=NOW)
        return draft_desk.edit_draft(session, number, "Swapped", actor=who, now=NOW)

    race(database, step)
    draft = get_draft(database, number)
    assert draft.text == "Swapped"
    assert (draft.status, draft.approved_hash) == ("drafted", None)


def race(database: Database, step: Callable[[Session, str], object]) -> list[str]:
    """Both people start at the same moment, each on a connection of their own."""
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def run(who: str) -> None:
        barrier.wait()
        try:
            with database.write() as session:
                step(session, who)
        except StateError as error:
            outcomes.append(type(error).__name__)
        else:
            outcomes.append("done")

    threads = [threading.Thread(target=run, args=(who,)) for who in ("ana", "lee")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


def claim(
    url: str,
    case_id: int,
    who: str,
    barrier: "multiprocessing.synchronize.Barrier",
    results: "multiprocessing.Queue[str]",
) -> None:
    """What each process does; a function of the module, so that a fresh interpreter finds it."""
    database = open_database(url)
    barrier.wait(60)
    try:
        with database.write() as session:
            desk.assign(session, case_id, who, actor=who, now=NOW)
        results.put("done")
    except StateError as error:
        results.put(type(error).__name__)
    finally:
        database.dispose()


def test_four_processes_that_claim_at_once_get_one_claim(database_url: str) -> None:
    database = open_database(database_url)
    with database.write() as session:
        case_id = fill(session)
    context = multiprocessing.get_context("fork")
    database.dispose()  # no connection may be shared with a child
    barrier, results = context.Barrier(4), context.Queue()
    people = ["ana", "kim", "lee", "mei"]
    workers = [
        context.Process(target=claim, args=(database_url, case_id, who, barrier, results)) for who in people
    ]
    for worker in workers:
        worker.start()
    outcomes = sorted(results.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join(60)
    assert outcomes == ["Held", "Held", "Held", "done"]
    assert get_case(database, case_id).assigned_to in people
    database.dispose()


def test_a_proposal_uses_the_handle_and_language_of_the_case(database: Database, case_id: int) -> None:
    replies = (
        SavedReply("hi", "en", "Hi @{{ handle }}, {{ brand }} here. {{ url }}"),
        SavedReply("hi", "zh-Hant", "您好"),
    )
    with database.read() as session:
        choice = draft_desk.propose(session, case_id, replies, today=NOW.date())
    assert choice.draft is not None
    assert choice.draft.text == "Hi @jo, Acme here. https://x.com/jo/status/2"  # the newest post is answered
    assert choice.draft.reasons[0] == "hi: 1.5 points"
