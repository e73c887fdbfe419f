"""Facts for figures: read whole, in the window asked for, with a constant number of statements."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from clock import NOW
from making import mention, store
from sqlalchemy import event, insert

from responders.care import TriageRules, triage_batch
from responders.metrics import report
from responders.sla import default_policies
from storage.database import Database
from storage.models import AuthorData
from storage.pages import Interval
from storage.reporting import case_facts, heard_facts
from storage.tables import SCORE

US = AuthorData(native_id="acme", handle="AcmeCares")


def hour(count: float) -> datetime:
    return NOW - timedelta(hours=48) + timedelta(hours=count)


def fill(database: Database) -> None:
    """Two customers of Acme, one answered twice; one of another brand."""
    posts = [
        mention("1", posted_at=hour(0)),
        mention("r1", "sorry", author=US, is_ours=True, posted_at=hour(1), parent_native_id="1"),
        mention("2", "still nothing", posted_at=hour(2), parent_native_id="r1"),
        mention("r2", "sorry", author=US, is_ours=True, posted_at=hour(3), parent_native_id="2"),
        mention("3", author="bob", posted_at=hour(24)),
        mention("4", author="bob", posted_at=hour(25), brand="Zeta"),
    ]
    stored = store(database, *posts, heard=Interval(hour(0), hour(36)))
    with database.write() as session:
        scores = [
            score(number, version, positive)
            for number in stored.ids
            for version, positive in (("old", 0.9), ("new", 0.1))
        ]
        session.execute(insert(SCORE), scores)
        triage_batch(session, stored.ids, default_policies(), TriageRules(), NOW)


def score(number: int, scorer: str, positive: float) -> dict[str, Any]:
    return {
        "mention_id": number, "mention_version": 1, "scorer": scorer, "language": "en", "sentiment": "negative",
        "negative": 0.7, "neutral": 0.3 - positive / 10, "positive": positive, "abstained": False, "urgency": 0.2,
        "reply_needed": True, "reply_reason": "complaint", "factors": [],
        "scored_at": NOW if scorer == "new" else NOW - timedelta(days=1),
    }  # fmt: skip


def test_a_case_comes_with_its_clocks_replies_and_newest_scores(database: Database) -> None:
    fill(database)
    with database.read() as session:
        first, second, third = case_facts(session)
    assert [fact.brand for fact in (first, second, third)] == ["Acme", "Acme", "Zeta"]
    assert [clock.metric for clock in first.clocks] == ["first_reply", "next_reply"]
    assert [reply.posted_at for reply in first.replies] == [hour(1), hour(3)]
    assert [one.posted_at for one in first.mentions] == [hour(0), hour(2)]
    assert [one.polarity for one in first.mentions] == [pytest.approx(-0.6)] * 2
    assert (first.first_reply_at, second.first_reply_at) == (hour(1), None)
    assert first.mentions[0].listener == "acme-x"


def test_the_window_includes_its_beginning_and_not_its_end(sqlite_database: Database) -> None:
    fill(sqlite_database)
    with sqlite_database.read() as session:
        found = case_facts(session, since=hour(0), until=hour(24))
        assert [fact.opened_at for fact in found] == [hour(0)]
        assert len(found[0].mentions) == 2, "a case of the cohort comes whole"
        assert [fact.opened_at for fact in case_facts(session, since=hour(24))] == [hour(24), hour(25)]
        assert [fact.brand for fact in case_facts(session, brand="Zeta")] == ["Zeta"]
        assert case_facts(session, brand="Nobody") == []


def test_what_was_heard_is_read_with_its_network(sqlite_database: Database) -> None:
    fill(sqlite_database)
    with sqlite_database.read() as session:
        (heard,) = heard_facts(session, since=hour(10), until=hour(20))
        assert (heard.listener, heard.network, heard.started_at, heard.ended_at) == (
            "acme-x",
            "x",
            hour(0),
            hour(36),
        )
        assert heard_facts(session, since=hour(36)) == []


def test_the_report_of_what_is_stored_adds_up(database: Database) -> None:
    fill(database)
    with database.read() as session:
        found = report(
            case_facts(session), now=NOW, by="brand", since=hour(0), until=NOW, heard=heard_facts(session)
        ).to_dict()
    acme, zeta = found["groups"]
    assert (acme["name"], acme["n"], acme["response_rate"]["value"]) == ("Acme", 2, 0.5)
    assert zeta["response_rate"]["answered"] == 0
    assert acme["coverage"] == {"acme-x": 0.75}
    assert acme["next_reply"]["seconds"]["p50"] == 3600


def test_the_number_of_statements_is_constant(sqlite_database: Database) -> None:
    fill(sqlite_database)
    seen: list[str] = []
    event.listen(sqlite_database._engine, "before_cursor_execute", lambda *arguments: seen.append(arguments[2]))
    with sqlite_database.read() as session:
        case_facts(session)
    assert len([one for one in seen if one.startswith("SELECT")]) == 4
