"""What people corrected, as tuning and drift read it: the newest word, what may be used, counts of windows."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from clock import NOW
from making import mention, store, stored
from sqlmodel import select

from storage.corrections import (
    Span,
    add_notice,
    corrections,
    moved,
    overrules,
    recent_words,
    sample_words,
    score_distributions,
    sort_again,
    uncorrected,
)
from storage.database import Database
from storage.models import Label, Mention, Notice
from storage.pages import Deletion
from storage.purge import purge
from storage.work import NewScore, save_scores


def put_label(database: Database, native_id: str, value: str, **given: Any) -> None:
    row = stored(database)[native_id]
    values = {
        "field": "sentiment",
        "model_value": "neutral",
        "by": "ann",
        "at": NOW,
        "mention_version": row.version,
    }
    with database.write() as session:
        session.add(Label(mention_id=row.id, value=value, **(values | given)))


def put_score(database: Database, native_id: str, **given: Any) -> None:
    row = stored(database)[native_id]
    assert row.id is not None
    values: dict[str, Any] = {
        "mention_id": row.id, "mention_version": row.version, "scorer": "m@1", "language": "en",
        "sentiment": "neutral", "negative": 0.1, "neutral": 0.8, "positive": 0.1, "abstained": False,
        "urgency": 0.1, "reply_needed": False, "reply_reason": "chatter", "factors": [], "scored_at": NOW,
    }  # fmt: skip
    with database.write() as session:
        save_scores(session, [NewScore(**(values | given))])


def test_the_newest_word_on_each_field_counts_with_the_words_it_was_about(database: Database) -> None:
    store(database, mention("a", "it is slow"))
    put_label(database, "a", "neutral", by="bob")
    put_label(database, "a", "negative", at=NOW - timedelta(days=1))  # written later, whatever its clock said
    put_label(database, "a", "true", field="reply_needed", model_value="true")
    store(database, mention("a", "it is fast now", edited_at=NOW), now=NOW)
    with database.read() as session:
        found = corrections(session)
    assert [(r.field, r.value, r.by, r.text, r.overruled) for r in found.rows] == [
        ("reply_needed", "true", "ann", "it is slow", False),
        ("sentiment", "negative", "ann", "it is slow", True),
    ]
    assert stored(database)["a"].version == 2


def test_networks_that_may_not_be_used_are_counted_and_deleted_posts_are_gone(database: Database) -> None:
    for name, network in (("a", "x"), ("b", "x"), ("c", "forum"), ("d", "forum")):
        store(database, mention(name, f"words of {name}", network=network))
        put_label(database, name, "negative")
    with database.write() as session:
        brand = session.exec(select(Mention.brand_id)).first()
        purge(session, [Deletion("d", "deleted", NOW)], network="forum", brand_ids=[brand or 0], now=NOW)
    with database.read() as session:
        found = corrections(session, without={"x"})
        assert [(r.network, r.text) for r in found.rows] == [("forum", "words of c")]
        assert (found.left_out, found.gone) == ({"x": 2}, 1)
        assert uncorrected(session, 10, without={"x"}) == []


def test_what_nobody_corrected_is_sampled_the_same_way_each_time(database: Database) -> None:
    store(database, *[mention(f"m{number}", f"words {number}") for number in range(60)])
    put_label(database, "m3", "negative")
    with database.read() as session:
        first, again = uncorrected(session, 20), uncorrected(session, 20)
        everything = uncorrected(session, 1_000)
    assert first == again == everything[:20]
    assert len(everything) == 59
    numbers = [row.mention_id for row in first]
    assert max(numbers) - min(numbers) > 30
    assert numbers != sorted(numbers)


def test_recent_words_are_the_newest_first_and_ours_are_not_among_them(database: Database) -> None:
    store(
        database,
        *[mention(f"m{n}", posted_at=NOW - timedelta(days=n), text=f"post {n}") for n in range(5)],
        mention("ours", is_ours=True), mention("empty", " "), mention("repost", kind="repost"),
    )  # fmt: skip
    with database.read() as session:
        assert [row.text for row in recent_words(session, None, 3)] == ["post 0", "post 1", "post 2"]
        assert len(recent_words(session, NOW - timedelta(days=2), 10)) == 3


def span(first: float, last: float) -> Span:
    return Span(NOW - timedelta(days=first), NOW - timedelta(days=last))


def test_distributions_are_counted_by_the_time_of_the_post_and_the_scorer(database: Database) -> None:
    for number, (days, language, negative) in enumerate(
        ((1, "en", 0.0), (1, "fr", 0.05), (2, "en", 0.1), (3, "en", 1.0), (9, "en", 0.95), (20, "de", 0.5))
    ):
        store(database, mention(f"m{number}", f"post {number}", posted_at=NOW - timedelta(days=days)))
        put_score(database, f"m{number}", language=language, negative=negative, abstained=number % 2 == 0)
        put_score(database, f"m{number}", scorer="other@1", language="xx")
    with database.read() as session:
        found = score_distributions(session, "m@1", span(35, 7), span(7, 0))
        assert found["language"].recent == {"en": 3, "fr": 1}
        assert found["language"].reference == {"en": 1, "de": 1}
        assert found["negative"].recent == {"0": 2, "1": 1, "9": 1}
        assert found["negative"].reference == {"9": 1, "5": 1}
        assert found["abstained"].recent == {"yes": 2, "no": 2}
        assert [row.text for row in sample_words(session, span(7, 0), 2)] != []


def test_an_earlier_version_of_a_post_is_not_counted(database: Database) -> None:
    store(database, mention("a", "one"))
    put_score(database, "a", language="fr")
    store(database, mention("a", "two", edited_at=NOW), now=NOW)
    put_score(database, "a", language="en")
    with database.read() as session:
        assert score_distributions(session, "m@1", span(35, 7), span(7, -1))["language"].recent == {"en": 1}


def test_overruling_counts_mentions_once_and_small_moves_of_urgency_not(database: Database) -> None:
    store(database, *[mention(f"m{number}", f"words {number}") for number in range(4)])
    put_label(database, "m0", "negative")
    put_label(database, "m0", "0.9", field="urgency", model_value="0.1")
    put_label(database, "m1", "neutral")
    put_label(database, "m2", "0.12", field="urgency", model_value="0.1")
    put_label(database, "m3", "negative", model_value=None)
    with database.read() as session:
        assert overrules(session, span(1, -1)) == (1, 3)
        assert overrules(session, span(9, 1)) == (0, 0)


@pytest.mark.parametrize(
    ("field", "value", "said", "expected"),
    [("urgency", "0.15", "0.1", True), ("urgency", "0.14", "0.1", False), ("urgency", "x", "0.1", True),
     ("sentiment", "neutral", "neutral", False), ("reply_needed", "true", "false", True)],
)  # fmt: skip
def test_what_counts_as_overruled(field: str, value: str, said: str, expected: bool) -> None:
    assert moved(field, value, said) is expected


def test_a_notice_of_one_key_is_put_into_the_outbox_once(database: Database) -> None:
    def put(now: datetime) -> bool:
        with database.write() as session:
            return add_notice(session, "drift:2026-W10", "model_drift", {"a": 1}, now)

    assert (put(NOW), put(NOW + timedelta(days=1))) == (True, False)
    with database.read() as session:
        rows = session.exec(select(Notice)).all()
    assert [(row.key, row.kind, row.body, row.attempts) for row in rows] == [
        ("drift:2026-W10", "model_drift", {"a": 1}, 0)
    ]


def test_only_posts_of_cases_somebody_waits_on_are_sorted_again(database: Database) -> None:
    store(database, mention("a"), mention("b", "other", author="bob"))
    with database.write() as session:
        for row in session.exec(select(Mention)).all():
            row.triaged_version = row.version
        assert sort_again(session) == 0
