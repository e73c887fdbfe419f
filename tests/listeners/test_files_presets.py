"""Presets: each export format becomes the right mentions, in any order, and a foreign file is refused."""

import csv
import io
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from listeners.files import Options, Reading, open_source
from storage.errors import ConfigError
from storage.models import MentionData
from storage.pages import Deletion, Rejection

DATA = Path(__file__).parents[1] / "data" / "files"
Items = list[MentionData | Deletion | Rejection]


def read(
    path: Path, preset: str | None = None, **options: object
) -> tuple[dict[tuple[str, str], MentionData], Reading, Items]:
    with open_source(path) as source:
        reading = Reading(source, preset=preset, options=Options(**options))  # type: ignore[arg-type]
        items = list(reading)
    assert reading.report.balanced
    mentions = {(item.brand, item.native_id): item for item in items if isinstance(item, MentionData)}
    return mentions, reading, [item for item in items if not isinstance(item, MentionData)]


@pytest.mark.parametrize(
    ("name", "preset"),
    [("airline.csv", "airline"), ("threads.csv", "support-threads"), ("reply_pairs.csv", "support-reply-pairs"),
     ("appstore.csv", "appstore-replies"), ("play_console.csv", "play-console"), ("x_api.jsonl", "x-api")],
)  # fmt: skip
def test_a_known_format_is_recognised_by_its_columns(name: str, preset: str) -> None:
    _, reading, _ = read(DATA / name, brand="Kestrel")
    assert reading.preset is not None
    assert reading.preset.name == preset


@pytest.mark.parametrize("preset", ["airline", "support-threads", "support-reply-pairs", "appstore-replies",
                                    "play-console", "x-api"])  # fmt: skip
def test_a_file_of_another_format_is_refused_naming_its_columns(tmp_path: Path, preset: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text("coment,when\nhello,2024-01-01\n")
    with open_source(path) as source, pytest.raises(ConfigError, match=rf"not a {preset} file.*'coment', 'when'"):
        Reading(source, preset=preset, options=Options(brand="Kestrel"))


def test_reply_pairs_give_one_mention_a_post_and_brand_and_every_reply() -> None:
    mentions, reading, refused = read(DATA / "reply_pairs.csv")
    assert {key for key, mention in mentions.items() if not mention.is_ours} == {
        ("KestrelCare", "24"), ("PloverHelp", "24"), ("PloverHelp", "29"),
    }  # fmt: skip
    reply = mentions["KestrelCare", "22"]
    assert (reply.is_ours, reply.parent_native_id, reply.thread_native_id) == (True, "24", "24")
    assert reply.posted_at == datetime(2017, 10, 31, 22, 18, 28, tzinfo=UTC)
    assert reading.report.skipped == {"repeat within the file": 1}
    assert [(item.place, item.reason[:26]) for item in refused if isinstance(item, Rejection)] == [
        ("line 5", "the time cannot be read: '")
    ]


def test_threads_find_their_root_and_brand_whatever_the_order(tmp_path: Path) -> None:
    mentions, reading, refused = read(DATA / "threads.csv")
    assert {key: mention.thread_native_id for key, mention in mentions.items()} == {
        ("KestrelCare", "10"): "10", ("KestrelCare", "11"): "10", ("KestrelCare", "12"): "10",
        ("KestrelCare", "13"): "10", ("KestrelCare", "14"): "10",
        ("KestrelCare", "20"): "20", ("PloverHelp", "20"): "20", ("KestrelCare", "21"): "20",
        ("PloverHelp", "22"): "20", ("PloverHelp", "40"): "7",
    }  # fmt: skip
    assert mentions["KestrelCare", "10"].text == "@KestrelCare my suitcase never came <again>"
    assert mentions["KestrelCare", "11"].parent_native_id == "10"
    assert [item.place for item in refused if isinstance(item, Rejection)] == ["line 10"]
    kinds = {finding.kind: finding.count for finding in reading.report.findings}
    assert kinds == {"responses outside": 1, "outside": 1}

    table = list(csv.reader(io.StringIO((DATA / "threads.csv").read_text())))
    header, body = table[0], table[1:]
    random.Random(7).shuffle(body)
    order = random.Random(8).sample(range(len(header)), len(header))
    with (tmp_path / "shuffled.csv").open("w", newline="") as out:
        csv.writer(out).writerows([[row[place] for place in order] for row in [header, *body]])
    assert read(tmp_path / "shuffled.csv")[0] == mentions


def test_a_post_that_points_to_no_brand_goes_to_the_brand_given_and_that_is_said() -> None:
    mentions, reading, refused = read(DATA / "threads.csv", brand="Kestrel")
    assert ("Kestrel", "30") in mentions
    assert not refused
    assert any("Kestrel" in finding.message for finding in reading.report.findings)


def test_threads_that_answer_in_a_ring_end(tmp_path: Path) -> None:
    head = "tweet_id,author_id,inbound,created_at,text,in_response_to_tweet_id\n"
    when = "Tue Oct 31 22:11:45 +0000 2017"
    (tmp_path / "ring.csv").write_text(
        head
        + f"1,77,True,{when},@Care hi,3.0\n2,Care,False,{when},yes,1.0\n"
        + f"3,77,True,{when},and?,2.0\n4,78,True,{when},self @Care,4\n"
    )
    mentions, _, _ = read(tmp_path / "ring.csv")
    assert {mention.thread_native_id for mention in mentions.values()} == {"1", "4"}


def test_rounded_ids_make_threads_an_error_not_a_muddle(tmp_path: Path) -> None:
    text = (DATA / "threads.csv").read_text().replace("11.0", "9.25E+17")
    (tmp_path / "spoiled.csv").write_text(text)
    with pytest.raises(ConfigError, match="rounded by a spreadsheet"):
        read(tmp_path / "spoiled.csv", "support-threads")


def test_spoiled_ids_merge_nothing_and_the_identity_rule_is_said() -> None:
    mentions, reading, refused = read(DATA / "airline.csv")
    assert len(mentions) == 3
    assert reading.report.skipped == {"repeat within the file": 1}
    assert [item.place for item in refused if isinstance(item, Rejection)] == ["line 8"]
    finding = next(finding for finding in reading.report.findings if finding.kind == "spoiled ids")
    assert "author, time, title and text" in finding.message
    first = next(mention for mention in mentions.values() if mention.text.startswith("@KestrelAir my bag"))
    assert first.text == "@KestrelAir my bag is still in Oslo & nobody answers.\nDay three."
    assert (first.brand, first.network, first.posted_at) == (
        "Kestrel Air", "x", datetime(2015, 2, 24, 11, 35, tzinfo=UTC),
    )  # fmt: skip
    assert first.raw["airline_sentiment"] == "negative"


def test_airline_times_are_read_in_the_zone_that_is_configured() -> None:
    mentions, _, _ = read(DATA / "airline.csv", zone="America/New_York")
    assert min(mention.posted_at for mention in mentions.values()) == datetime(2015, 2, 23, 13, 1, tzinfo=UTC)


def test_the_original_airline_file_with_whole_ids_uses_them(tmp_path: Path) -> None:
    (tmp_path / "whole.csv").write_text(
        "text,airline,tweet_created,name,tweet_id\n"
        "late,Kestrel Air,2015-02-24 11:35:52 -0800,bo,570306133677760513\n"
    )
    mentions, _, _ = read(tmp_path / "whole.csv", "airline")
    assert mentions["Kestrel Air", "570306133677760513"].posted_at == datetime(2015, 2, 24, 19, 35, 52, tzinfo=UTC)


def test_app_store_reviews_keep_equal_ones_apart_and_answers_without_time() -> None:
    mentions, reading, _ = read(DATA / "appstore.csv")
    reviews = [mention for mention in mentions.values() if not mention.is_ours]
    answers = [mention for mention in mentions.values() if mention.is_ours]
    assert (len(reviews), len(answers)) == (4, 1)
    assert reading.report.mentions == 5
    assert [review.rating for review in reviews] == [5, 1, 4, 4]
    assert all(review.kind == "review" and review.network == "appstore" for review in reviews)
    assert answers[0].parent_native_id == reviews[1].native_id
    assert not answers[0].time_known
    removed = [review for review in reviews if review.permissions]
    assert [review.permissions for review in removed] == [{"removed_at_source": True}]


def test_app_store_answers_need_no_brand_column_when_the_brand_is_given(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("reply,content,rating,date\n,fine,5,2021-12-30 22:27:47\n")
    mentions, _, _ = read(tmp_path / "own.csv", "appstore-replies", brand="Notewell")
    assert [key[0] for key in mentions] == ["Notewell"]
    with pytest.raises(ConfigError, match="--brand"):
        read(tmp_path / "own.csv", "appstore-replies")


def test_play_console_reviews_carry_edits_answers_and_ids_from_their_links() -> None:
    mentions, reading, _ = read(DATA / "play_console.csv", brand="Notewell")
    assert reading.table.source.encoding == "utf-16"
    edited = mentions["Notewell", "gp:AOqp-one"]
    assert edited.edited_at == datetime(2024, 3, 6, 6, 30, tzinfo=UTC)
    assert (edited.text, edited.rating, edited.lang) == ("更新之後打不開", 2, "zh-TW")
    answer = mentions["Notewell", "gp:AOqp-one:reply"]
    assert (answer.is_ours, answer.time_known) == (True, True)
    assert answer.posted_at == datetime(2024, 3, 6, 7, 0, tzinfo=UTC)
    assert mentions["Notewell", "gp:AOqp-two"].edited_at is None
    wordless = [mention for mention in mentions.values() if not mention.text]
    assert [mention.rating for mention in wordless] == [5]
    assert wordless[0].native_id.startswith("content-")


def test_play_console_reviews_without_a_brand_given_go_by_their_package() -> None:
    mentions, _, _ = read(DATA / "play_console.csv")
    assert {key[0] for key in mentions} == {"org.example.notewell"}


def test_x_posts_are_heard_as_the_listener_hears_them_and_errors_kept_aside() -> None:
    mentions, reading, refused = read(
        DATA / "x_api.jsonl", brand="Kestrel", our_accounts=frozenset({"kestrelair"})
    )
    question = mentions["Kestrel", "1500000000000000002"]
    assert question.text.endswith("it is in Oslo & I am not.")
    assert question.addressed
    assert question.author is not None
    assert (question.author.handle, question.author.followers) == ("bagless", 12)
    answer = mentions["Kestrel", "1500000000000000003"]
    assert (answer.is_ours, answer.parent_native_id) == (True, "1500000000000000002")
    repost = mentions["Kestrel", "1500000000000000009"]
    assert (repost.kind, repost.quoted_native_id) == ("repost", "1500000000000000002")
    assert [item.place for item in refused if isinstance(item, Rejection)] == ["line 3", "line 5", "line 6"]
    assert reading.report.skipped == {
        "errors about users or posts only referred to": 1, "repeat within the file": 1,
    }  # fmt: skip


def test_x_files_need_the_brand_and_an_empty_answer_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text('{"meta": {"result_count": 0}}')
    with pytest.raises(ConfigError, match="--brand"):
        read(tmp_path / "empty.json", "x-api")
    assert read(tmp_path / "empty.json", "x-api", brand="Kestrel")[0] == {}


def test_x_counts_are_no_posts(tmp_path: Path) -> None:
    (tmp_path / "counts.json").write_text('{"data": [{"start": "a", "end": "b", "tweet_count": 3}], "meta": {}}')
    with pytest.raises(ConfigError, match="not a x-api file"):
        read(tmp_path / "counts.json", "x-api", brand="Kestrel")


@pytest.mark.parametrize("name", ["airline.csv", "threads.csv", "reply_pairs.csv", "appstore.csv",
                                  "play_console.csv",
                                  "x_api.jsonl"])  # fmt: skip
def test_a_file_read_twice_gives_the_same_mentions(name: str) -> None:
    assert read(DATA / name, brand="Kestrel")[0] == read(DATA / name, brand="Kestrel")[0]
