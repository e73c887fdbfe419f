"""The digest's figures against a small world whose figures were worked out by hand."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from clock import NOW
from digest_world import SETTINGS, World, ago
from sqlalchemy import text as sql_text

from social_care.config import make_settings
from social_care.digest.figures import Digest
from social_care.digest.make import make_digest, whole_history
from social_care.digest.window import calendar_day, last_day
from storage.database import Database, open_database
from storage.errors import ConfigError
from storage.models import Rejected

HOUR = timedelta(hours=1)


def digest_of(database: Database, **options: object) -> Digest:
    """The digest of the last day."""
    return make_digest(database, SETTINGS, last_day(NOW, "UTC"), NOW, **options)  # type: ignore[arg-type]


def fill(made: World) -> None:
    """One day of nine mentions, one of the day before, two that are no inbound mentions."""
    # answered in 30 minutes: met; answered in two hours: breached; one waits past due; one waits within its time
    made.say("where is my refund", ago(10), target=HOUR, replied_at=ago(9.5), mood="negative", complaint=True)
    made.say("my order is broken", ago(9), target=HOUR, replied_at=ago(7), mood="negative", complaint=True)
    made.say("nobody answers me", ago(8), target=HOUR, mood="negative", complaint=True, urgency=0.9)
    made.say("how do I reset it", ago(minutes=20), target=HOUR, mood="neutral", lang="de")
    made.say("this made my whole week, thank you", ago(6), mood="positive", network="reddit")
    made.say("hm, not sure what to think", ago(5), mood="negative", abstained=True)
    made.say("great, just great", ago(4), mood="positive", label="negative")
    made.say("not yet read by any model", ago(3), mood=None)
    made.say("two stars from me", ago(2), mood="negative", network="appstore", rating=2, kind="review")
    made.say("RT", ago(2), kind="repost")
    made.say("hello from the brand", ago(2), ours=True)
    made.say("from the day before", ago(30), target=HOUR, replied_at=ago(29.9), mood="neutral")


@pytest.fixture(scope="module")
def filled(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world's database, written once."""
    path = tmp_path_factory.mktemp("world") / "world.db"
    shutil.copyfile(sqlite_template, path)
    database = open_database(f"sqlite:///{path}")
    fill(World(database))
    database.compact()
    database.dispose()
    return path


@pytest.fixture
def world(filled: Path, tmp_path: Path) -> Iterator[World]:
    """A fresh copy of it."""
    shutil.copyfile(filled, tmp_path / "copy.db")
    database = open_database(f"sqlite:///{tmp_path / 'copy.db'}")
    yield World(database, count=50)
    database.dispose()


def test_mentions_are_inbound_posts_of_the_window_and_of_the_one_before(world: World) -> None:
    counts = digest_of(world.database).counts
    assert (counts.mentions, counts.mentions_before) == (9, 1)


def test_open_at_risk_and_past_due_are_those_of_the_inbox(world: World) -> None:
    counts = digest_of(world.database).counts
    assert (counts.open, counts.breached, counts.at_risk, counts.snoozed) == (2, 1, 0, 0)


def test_attainment_counts_decided_promises_and_keeps_pending_beside(world: World) -> None:
    promises = digest_of(world.database).promises
    assert promises is not None
    assert (promises.attainment_customer.value, promises.attainment_customer.n) == (1 / 3, 3)
    assert promises.attainment_customer.few
    assert (promises.attainment_customer.before, promises.attainment_customer.before_n) == (1.0, 1)
    assert promises.attainment_team.n == 3
    assert promises.pending == 1


def test_response_rate_and_unanswered_complaints_follow_their_definitions(world: World) -> None:
    promises = digest_of(world.database).promises
    assert promises is not None
    assert (promises.response_rate.value, promises.response_rate.n) == (0.5, 4)
    assert (promises.unanswered_complaints.value, promises.unanswered_complaints.n) == (1 / 3, 3)


def test_a_percentile_that_is_not_reached_is_longer_than_the_longest_wait(world: World) -> None:
    promises = digest_of(world.database).promises
    assert promises is not None
    assert promises.p90.reached is False
    assert promises.p90.seconds == 8 * 3600


def test_the_mood_counts_abstained_and_unread_apart_and_a_person_overrules_the_model(world: World) -> None:
    moods = digest_of(world.database).moods
    assert moods is not None
    rows = {row.name: row for row in moods.by_network}
    x = rows["x"]
    assert (x.negative, x.neutral, x.positive, x.abstained, x.unscored) == (4, 1, 0, 1, 1)
    assert rows["reddit"].positive == 1
    assert {row.name: row.total for row in moods.by_language} == {"en": 8, "de": 1}


def test_stars_are_means_by_source(world: World) -> None:
    (row,) = digest_of(world.database).ratings
    assert (row.network, row.count, row.mean, row.low, row.before) == ("appstore", 1, 2.0, 1, None)


def test_praise_is_sure_kind_and_asks_for_nothing(world: World) -> None:
    (word,) = digest_of(world.database).praise
    assert word.snippet == "this made my whole week, thank you"
    assert word.network == "reddit"


def test_the_most_urgent_case_comes_first_with_reasons_and_its_command(world: World) -> None:
    first, second = digest_of(world.database).urgent
    assert first.snippet == "nobody answers me"
    assert first.state == "breached"
    assert first.command == f"social-care case show {first.id}"
    assert first.reasons == ("complaint",)
    assert second.state == "pending"


def test_coverage_names_each_gap_and_the_lag_is_from_posting_to_first_sight(world: World) -> None:
    world.hear("acme-x", ago(24), ago(12))
    world.hear("acme-x", ago(12), ago(11), "gap", "rate limited")
    world.hear("acme-x", ago(11), ago(2))
    row = next(item for item in digest_of(world.database).listeners if item.name == "acme-x")
    assert row.heard == pytest.approx(21 / 24)
    assert [(gap.started_at, gap.ended_at, gap.reason) for gap in row.gaps] == [
        (ago(12), ago(11), "rate limited"),
        (ago(2), NOW, "not polled"),
    ]
    assert row.lag_p50 == 120


def test_a_configured_listener_that_never_polled_heard_nothing(world: World) -> None:
    settings = make_settings(
        {"brands": [{"name": "Acme"}], "listeners": {"deaf": {"type": "x", "brand": "Acme"}}}, "test"
    )
    made = make_digest(world.database, settings, last_day(NOW, "UTC"), NOW)
    row = next(item for item in made.listeners if item.name == "deaf")
    assert (row.heard, row.mentions) == (0.0, 0)
    assert [gap.reason for gap in row.gaps] == ["not polled"]


def test_imported_history_keeps_no_account_of_time(sqlite_database: Database) -> None:
    World(sqlite_database).say("from a file", ago(3), backfilled=True, listener="import")
    (row,) = digest_of(sqlite_database).listeners
    assert (row.heard, row.gaps, row.lag_p50, row.backfilled) == (None, (), None, 1)


def test_rows_kept_aside_are_counted_by_listener_and_reason(world: World) -> None:
    with world.database.write() as session:
        for line in (3, 9):
            session.add(
                Rejected(
                    listener="file",
                    place=f"line {line}",
                    reason="no date",
                    raw="x",
                    digest=str(line),
                    seen_at=ago(1),
                )
            )
    kept = digest_of(world.database).kept_aside
    assert kept is not None
    assert kept.rows == (("file", "no date", 2, "line 9"),)
    assert (kept.unscored, kept.untriaged) == (1, 0)


def test_one_brand_is_digested_alone_and_an_unknown_one_is_named(world: World) -> None:
    other = World(world.database, brand="Globex", count=100)
    other.say("something about the others", ago(1), target=HOUR)
    assert digest_of(world.database, brand="Globex").counts.mentions == 1
    assert digest_of(world.database, brand="Acme").counts.mentions == 9
    assert digest_of(world.database).counts.mentions == 10
    with pytest.raises(ConfigError, match="known: Acme, Globex"):
        digest_of(world.database, brand="Initech")


def test_a_named_day_is_compared_with_the_day_before(world: World) -> None:
    day = calendar_day(ago(6).date(), "UTC")
    made = make_digest(world.database, SETTINGS, day, NOW)
    assert made.counts.mentions == 9
    assert made.counts.mentions_before == 1
    assert made.window.before().day == day.day - timedelta(days=1) if day.day else False


def test_the_whole_history_reaches_from_the_oldest_mention_to_the_newest(world: World) -> None:
    window = whole_history(world.database, "UTC")
    assert window is not None
    assert (window.since, window.until) == (ago(30), ago(minutes=20) + timedelta(seconds=1))
    assert make_digest(world.database, SETTINGS, window, NOW).counts.mentions == 10


def test_an_empty_database_and_a_quiet_day_are_told_apart(sqlite_database: Database) -> None:
    quiet = digest_of(sqlite_database).quiet
    assert quiet is not None
    assert quiet.newest is None
    World(sqlite_database).say("long ago", ago(24 * 40), target=HOUR)
    quiet = digest_of(sqlite_database).quiet
    assert quiet is not None
    assert quiet.newest == ago(24 * 40)
    assert quiet.command == "social-care digest --date 2026-01-21"
    assert quiet.waiting == "1 open case, 1 past due"


def _ask(database: Database, command: str) -> list[tuple[object, ...]]:
    found = re.fullmatch(r'social-care db sql "(.*)"', command)
    assert found is not None, command
    with database.read() as session:
        return [tuple(row) for row in session.connection().execute(sql_text(found[1]))]


def test_the_sql_behind_a_figure_gives_the_same_figure_on_both_databases(database: Database) -> None:
    world = World(database)
    fill(world)
    made = digest_of(database)
    assert made.moods is not None
    assert made.kept_aside is not None
    assert made.volume is not None
    assert _ask(world.database, made.counts.mentions_command) == [(made.counts.mentions,)]
    assert made.counts.mentions == 9
    assert _ask(world.database, made.volume.command) == [(sum(made.volume.counts),)]
    moods = {(row[0], row[1]): row[2] for row in _ask(world.database, made.moods.network_command)}
    assert moods == {
        (row.name, mood): getattr(row, mood)
        for row in made.moods.by_network
        for mood in ("negative", "neutral", "positive", "abstained", "unscored")
        if getattr(row, mood)
    }
    languages = _ask(world.database, made.moods.language_command)
    assert sum(int(str(row[2])) for row in languages) == made.counts.mentions
    (stars,) = _ask(world.database, made.ratings[0].command)
    assert stars == ("appstore", 1, 2.0, 1)
    assert _ask(world.database, made.kept_aside.waiting_command) == [(1, 0)]
    assert [row[0] for row in _ask(world.database, made.praise_command)] == [
        word.mention_id for word in made.praise
    ]
