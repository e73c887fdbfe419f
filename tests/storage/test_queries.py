"""What waits, what is most pressing, and one case with everything that belongs to it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from clock import NOW
from making import mark_triaged, mention, store, stored
from sqlmodel import Session, select

from storage import queries
from storage.database import Database
from storage.errors import NotFoundError
from storage.models import Approval, Audit, Brand, Case, Draft, Label, Mention, Reply, Score, SlaClock
from storage.pages import Deletion
from storage.queries import EVERYTHING, InboxFilter

HOUR = timedelta(hours=1)


def score(mention_id: int, version: int = 1, scorer: str = "m@1", **fields: Any) -> Score:
    values: dict[str, Any] = {
        "mention_id": mention_id, "mention_version": version, "scorer": scorer, "language": "en",
        "sentiment": "negative", "negative": 0.8, "neutral": 0.1, "positive": 0.1, "abstained": False,
        "urgency": 0.5, "reply_needed": True, "reply_reason": "complaint",
        "factors": [{"name": "anger", "points": 0.2, "evidence": "furious"}], "scored_at": NOW,
    }  # fmt: skip
    return Score(**(values | fields))


def save(database: Database, *rows: Score) -> int:
    with database.write() as session:
        return queries.save_scores(session, rows)


def names(database: Database, ids: list[int]) -> set[str]:
    known = {row.id: name for name, row in stored(database).items()}
    return {known[number] for number in ids}


def to_score(database: Database, scorer: str = "m@1") -> set[str]:
    with database.read() as session:
        found = queries.unscored(session, scorer, 100)
        assert queries.unscored_count(session, scorer) == len(found)
        return names(database, [item.id for item in found])


def to_triage(database: Database, scorer: str = "m@1") -> set[str]:
    with database.read() as session:
        return names(database, queries.untriaged(session, scorer, 100))


def works(database: Database, scorer: str = "m@1") -> bool:
    with database.read() as session:
        return queries.has_work(session, scorer)


def test_customers_words_are_scored_and_everything_else_goes_straight_to_triage(database: Database) -> None:
    assert not works(database)
    store(
        database,
        mention("words"), mention("title only", "", title="Broken"), mention("ours", is_ours=True),
        mention("repost", kind="repost"), mention("silent", "  "),
    )  # fmt: skip
    assert to_score(database) == {"words", "title only"}
    assert to_triage(database) == {"ours", "repost", "silent"}
    save(database, score(stored(database)["words"].id or 0))
    assert to_score(database) == {"title only"}
    assert to_triage(database) == {"ours", "repost", "silent", "words"}


def test_an_edit_a_deletion_and_another_model_make_work_again(database: Database) -> None:
    store(database, mention("1"), mention("2"))
    ids = {name: row.id or 0 for name, row in stored(database).items()}
    save(database, *(score(number) for number in ids.values()))
    mark_triaged(database)
    assert (to_score(database), to_triage(database), works(database)) == (set(), set(), False)
    assert (to_score(database, "m@2"), to_triage(database, "m@2"), works(database, "m@2")) == (
        {"1", "2"},
        set(),
        True,
    )
    store(database, mention("1", "edited", edited_at=NOW))
    assert (to_score(database), to_triage(database), works(database)) == ({"1"}, set(), True)
    store(database, deletions=[Deletion("2", "gone")])
    assert (to_score(database), to_triage(database)) == ({"1"}, {"2"})


def test_a_score_is_kept_once_and_never_for_what_was_deleted(database: Database) -> None:
    store(database, mention("1"), mention("2"))
    one, two = (stored(database)[name].id or 0 for name in ("1", "2"))
    store(database, deletions=[Deletion("2", "gone")])
    assert save(database, score(one), score(two)) == 1
    save(database, score(one, urgency=0.9), score(one, scorer="m@2", urgency=0.7))
    with database.read() as session:
        rows = session.exec(select(Score).order_by(Score.id)).all()  # type: ignore[arg-type]
        assert [(row.mention_id, row.scorer, row.urgency) for row in rows] == [
            (one, "m@1", 0.5),
            (one, "m@2", 0.7),
        ]
        assert queries.latest_scores(session, [one, two])[one].scorer == "m@2"
        assert queries.latest_scores(session, [one, two], "m@1")[one].scorer == "m@1"


def test_a_deletion_takes_the_quoted_words_out_of_the_scores(database: Database) -> None:
    store(database, mention("1", "I am furious"))
    save(database, score(stored(database)["1"].id or 0))
    store(database, deletions=[Deletion("1", "gone")])
    with database.read() as session:
        assert session.exec(select(Score)).one().factors == [{"name": "anger", "points": 0.2, "evidence": ""}]


def test_scoring_chosen_mentions_only(database: Database) -> None:
    store(database, mention("1"), mention("2"), mention("3"))
    two = stored(database)["2"].id or 0
    with database.read() as session:
        assert [item.id for item in queries.unscored(session, "m@1", 9, ids=[two, 999])] == [two]
        assert queries.unscored(session, "m@1", 9, ids=[]) == []


# --- the inbox -----------------------------------------------------------------------------------------------


def add_case(
    session: Session, name: str, *, due: timedelta | None = None, warned: bool = False, **fields: Any
) -> int:
    """A case named by its thread, with a mention that leads it and, where `due` is given, a running clock."""
    brand = session.exec(select(Brand).where(Brand.name == fields.pop("brand", "Acme"))).first()
    if brand is None:
        brand = Brand(name="Acme", created_at=NOW)
        session.add(brand)
        session.flush()
    assert brand.id is not None
    words = fields.pop("words", f"words of {name}")
    lang = fields.pop("lang", None)
    values: dict[str, Any] = {
        "brand_id": brand.id, "network": "x", "author_key": name, "thread_native_id": name, "priority": "P2",
        "urgency": 0.5, "reply_needed": True, "opened_at": NOW - HOUR, "first_seen_at": NOW,
        "last_inbound_at": NOW,
    }  # fmt: skip
    case = Case(**(values | fields))
    session.add(case)
    session.flush()
    post = Mention(
        brand_id=brand.id, network="x", native_id=name, kind="post", text=words, text_hash="",
        posted_at=NOW - HOUR,
        first_seen_at=NOW, thread_native_id=name, listener="l", lang=lang, case_id=case.id,
    )  # fmt: skip
    session.add(post)
    session.flush()
    case.lead_mention_id = post.id
    assert case.id is not None
    assert post.id is not None
    if due is not None:
        add_clock(session, case.id, post.id, due, warned=warned)
    return case.id


def add_clock(
    session: Session, case_id: int, mention_id: int, due: timedelta, *, warned: bool = False, **fields: Any
) -> None:
    values: dict[str, Any] = {
        "case_id": case_id, "mention_id": mention_id, "metric": "first_reply", "policy": "P2",
        "policy_version": "1",
        "target_seconds": 3600, "started_at": NOW - HOUR, "seen_at": NOW, "due_at": NOW + due,
        "warned_at": NOW if warned else None,
    }  # fmt: skip
    session.add(SlaClock(**(values | fields)))
    session.flush()


def listed(database: Database, where: InboxFilter | None = None, now: datetime = NOW, **page: int) -> list[str]:
    with database.read() as session:
        rows = queries.inbox(session, now=now, where=where, **page)
        if not page:
            assert queries.inbox_counts(session, now=now, where=where).total == len(rows)
        return [row.thread_native_id for row in rows]


def test_the_most_pressing_case_comes_first(database: Database) -> None:
    with database.write() as session:
        add_case(session, "P3 late", due=-HOUR, priority="P3")
        add_case(session, "P1 pending late", due=3 * HOUR, priority="P1", urgency=0.99)
        add_case(session, "P1 pending soon", due=2 * HOUR, priority="P1", urgency=0.86)
        add_case(session, "P1 no clock", priority="P1")
        add_case(session, "P1 breached mild", due=-HOUR, priority="P1", urgency=0.86)
        add_case(session, "P1 breached wild, long ago", due=-500 * HOUR, priority="P1", urgency=0.97)
        add_case(session, "P1 breached wild, just now", due=-HOUR, priority="P1", urgency=0.97)
        add_case(session, "P1 at risk", due=HOUR / 60, warned=True, priority="P1")
        add_case(session, "P2 at risk", due=HOUR / 60, warned=True)
        add_case(session, "none", priority="none", due=-HOUR)
    expected = [
        "P1 at risk", "P1 pending soon", "P1 pending late",
        "P1 breached wild, just now", "P1 breached wild, long ago", "P1 breached mild",
        "P1 no clock", "P2 at risk", "P3 late", "none",
    ]  # fmt: skip
    assert listed(database) == expected
    assert listed(database, limit=3, offset=2) == expected[2:5]
    with database.read() as session:
        counts = queries.inbox_counts(session, now=NOW)
        assert (counts.total, counts.at_risk, counts.breached, counts.pending) == (10, 2, 5, 2)
        assert counts.by_priority == {"P1": 7, "P2": 1, "P3": 1, "none": 1}
        assert counts.unassigned == 10


def test_a_clock_due_this_very_moment_is_not_past_due(database: Database) -> None:
    with database.write() as session:
        add_case(session, "a", due=timedelta(0))
    with database.read() as session:
        assert [row.state for row in queries.inbox(session, now=NOW)] == ["pending"]
        assert [row.state for row in queries.inbox(session, now=NOW + timedelta(seconds=1))] == ["breached"]


def test_of_several_clocks_the_first_due_that_still_runs_counts(database: Database) -> None:
    with database.write() as session:
        number = add_case(session, "a", due=2 * HOUR)
        lead = session.get_one(Case, number).lead_mention_id or 0
        add_clock(session, number, lead, HOUR, metric="next_reply")
        other = store_other(session, number)
        add_clock(session, number, other, -HOUR, metric="next_reply", stopped_at=NOW, stop_reason="reply")
    with database.read() as session:
        row = queries.inbox(session, now=NOW)[0]
    assert (row.state, row.due_at, row.mentions) == ("pending", NOW + HOUR, 2)


def store_other(session: Session, case_id: int) -> int:
    case = session.get_one(Case, case_id)
    post = Mention(
        brand_id=case.brand_id, network="x", native_id="other", kind="post", text="more", text_hash="",
        posted_at=NOW,
        first_seen_at=NOW, thread_native_id=case.thread_native_id, listener="l", case_id=case_id,
    )  # fmt: skip
    session.add(post)
    session.flush()
    assert post.id is not None
    return post.id


def test_the_inbox_can_be_narrowed_in_every_way(database: Database) -> None:
    with database.write() as session:
        session.add(Brand(name="Beta", created_at=NOW))
        add_case(session, "plain", due=HOUR)
        add_case(session, "beta", brand="Beta")
        add_case(session, "reddit", network="reddit")
        add_case(session, "answered", status="answered")
        add_case(session, "praise", reply_needed=False, sentiment="positive")
        add_case(session, "p1", priority="P1", due=-HOUR)
        add_case(session, "mine", assigned_to="me")
        add_case(session, "asleep", snoozed_until=NOW + HOUR)
        add_case(session, "awake", snoozed_until=NOW)
        add_case(session, "chinese", lang="zh-Hant", words="航班延誤")
        add_case(session, "complaint", complaint=True, opened_at=NOW)
    waiting = {"plain", "beta", "reddit", "p1", "mine", "awake", "chinese", "complaint"}
    everything = waiting | {"answered", "praise", "asleep"}
    cases: list[tuple[InboxFilter | None, set[str]]] = [
        (None, waiting),
        (EVERYTHING, everything),
        (InboxFilter(brand="Beta"), {"beta"}),
        (InboxFilter(network="reddit"), {"reddit"}),
        (InboxFilter(status=["answered"]), {"answered"}),
        (InboxFilter(reply_needed=False), {"praise"}),
        (InboxFilter(sentiment="positive", reply_needed=None), {"praise"}),
        (InboxFilter(priority=["P1"]), {"p1"}),
        (InboxFilter(state=["breached"]), {"p1"}),
        (InboxFilter(state=["pending"]), {"plain"}),
        (InboxFilter(assignee="me"), {"mine"}),
        (InboxFilter(assignee=""), waiting - {"mine"}),
        (InboxFilter(snoozed=True), {"asleep"}),
        (InboxFilter(snoozed=None), waiting | {"asleep"}),
        (InboxFilter(language="zh"), {"chinese"}),
        (InboxFilter(language="zh-hant"), {"chinese"}),
        (InboxFilter(language="en"), set()),
        (InboxFilter(complaint=True), {"complaint"}),
        (InboxFilter(opened_since=NOW), {"complaint"}),
        (InboxFilter(opened_until=NOW), waiting - {"complaint"}),
        (InboxFilter(status=[]), set()),
    ]
    for where, expected in cases:
        assert set(listed(database, where)) == expected, where


def test_the_inbox_finds_words_in_any_mention_of_a_case(database: Database) -> None:
    store(database, mention("root", "my bag"), mention("more", "still no suitcase", parent_native_id="root"))
    with database.write() as session:
        number = add_case(session, "else")
        for row in session.exec(select(Mention).where(Mention.native_id != "else")):
            row.case_id = number
    assert listed(database, InboxFilter(text="suitcase")) == ["else"]
    assert listed(database, InboxFilter(text="guitar")) == []
    assert listed(database, InboxFilter(text="!!!")) == []


def test_a_row_shows_who_what_where_and_by_when(database: Database) -> None:
    store(database, mention("m", "words", url="https://x.com/1", title="T", rating=2.0))
    with database.write() as session:
        number = add_case(session, "case", due=HOUR, assigned_to="me")
        post = session.exec(select(Mention).where(Mention.native_id == "m")).one()
        case = session.get_one(Case, number)
        case.author_id, case.lead_mention_id = post.author_id, post.id
        queries.save_scores(session, [score(post.id or 0, language="de")])
        for status in ("posted", "drafted", "void"):
            session.add(
                Draft(
                    case_id=number, in_reply_to=post.id or 0, mention_version=1, text="t", text_hash="h",
                    language="en",
                    made_by="me", status=status, created_at=NOW, updated_at=NOW,
                )
            )  # fmt: skip
    with database.read() as session:
        row = queries.inbox(session, now=NOW)[0]
        assert queries.case_counts(session, NOW) == {"waiting": 1, "at risk": 0, "breached": 0}
        assert queries.table_counts(session) == {
            "mentions": 2, "authors": 1, "scores": 1, "labels": 0, "cases": 1, "drafts": 3, "replies": 0,
        }  # fmt: skip
    assert (row.id, row.brand, row.author, row.text, row.url) == (
        number,
        "Acme",
        "alice",
        "words",
        "https://x.com/1",
    )
    assert (row.title, row.rating, row.language, row.metric) == ("T", 2.0, "de", "first_reply")
    assert (row.due_at, row.state, row.draft_status, row.mentions) == (NOW + HOUR, "pending", "drafted", 1)


# --- one case ------------------------------------------------------------------------------------------------


def test_a_case_comes_with_its_thread_scores_promises_and_history(database: Database) -> None:
    store(
        database,
        mention("root", "my bag", posted_at=NOW - 3 * HOUR),
        mention("ours", "sorry", parent_native_id="root", is_ours=True, author="acme", posted_at=NOW - 2 * HOUR),
        mention("stranger", "me too", parent_native_id="root", author="bob"),
        mention("elsewhere", "hello"),
    )
    store(database, mention("root", "my red bag", edited_at=NOW - HOUR, posted_at=NOW - 3 * HOUR))
    rows = stored(database)
    with database.write() as session:
        number = add_case(session, "root case", due=HOUR)
        case = session.get_one(Case, number)
        case.thread_native_id, case.author_id = "root", rows["root"].author_id
        session.get_one(Mention, rows["root"].id).case_id = number
        root, ours = rows["root"].id or 0, rows["ours"].id or 0
        queries.save_scores(session, [score(root), score(root, version=2, urgency=0.9)])
        session.add(Label(mention_id=root, mention_version=2, field="sentiment", value="neutral", by="me", at=NOW))
        draft = Draft(
            case_id=number, in_reply_to=root, mention_version=2, text="t", text_hash="h", language="en",
            made_by="me",
            created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        session.add(draft)
        session.flush()
        session.add(Approval(draft_id=draft.id or 0, text_hash="h", decision="approved", by="me", at=NOW))
        session.add(
            Reply(
                brand_id=case.brand_id, case_id=number, network="x", native_id="ours", mention_id=ours,
                in_reply_to=root, posted_at=NOW, by="acme",
            )
        )  # fmt: skip
        session.add(Audit(at=NOW, actor="me", action="case.assign", subject=f"case:{number}"))
        session.add(Audit(at=NOW, actor="me", action="draft.approve", subject=f"draft:{draft.id}"))
        session.add(Audit(at=NOW, actor="me", action="case.assign", subject=f"case:{number}0"))
    with database.read() as session:
        detail = queries.case_detail(session, number)
    assert (detail.brand, detail.author and detail.author.handle) == ("Acme", "alice")
    assert [item.mention.native_id for item in detail.thread] == ["root", "ours", "stranger", "root case"]
    assert {item.mention.native_id for item in detail.mentions} == {"root", "root case"}
    first = detail.thread[0]
    assert (first.score and first.score.urgency, [label.value for label in first.labels]) == (0.9, ["neutral"])
    assert [version.text for version in first.versions] == ["my bag", "my red bag"]
    assert detail.lead is not None
    assert detail.lead.mention.native_id == "root case"
    assert (len(detail.clocks), len(detail.replies), len(detail.drafts), len(detail.approvals)) == (1, 1, 1, 1)
    assert [entry.action for entry in detail.audit] == ["case.assign", "draft.approve"]


def test_an_unknown_case_is_named(database: Database) -> None:
    with database.read() as session, pytest.raises(NotFoundError, match="no case 7"):
        queries.case_detail(session, 7)
