"""Guesses: the right column for each role, with a reason, and an error where nothing was found."""

from pathlib import Path

import pytest

from listeners.files import Guess, Mapping, Options, Reading, guess, inspect, open_source
from listeners.files.records import Record
from storage.errors import ConfigError
from storage.models import MentionData

DATA = Path(__file__).parents[1] / "data" / "files"


def guessed(*rows: dict[str, str]) -> Guess:
    return guess(list(rows[0]), [Record(number, row) for number, row in enumerate(rows, 2)])


def chosen(found: Guess) -> dict[str, str]:
    return {role: choice.column for role, choice in found.choices.items()}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"评论内容": "航班晚点了", "评论时间": "2024年3月5日 14:30", "用户昵称": "小王", "评分": "★★☆☆☆", "链接": "https://a.example",
          "商家回复": "抱歉给您带来不便"},
         {"text": "评论内容", "time": "评论时间", "author": "用户昵称", "rating": "评分", "url": "链接",
          "reply": "商家回复"}),
        ({"評論": "等了三個小時", "時間": "2024-03-05 14:30", "作者": "阿明", "星級": "2"},
         {"text": "評論", "time": "時間", "author": "作者", "rating": "星級"}),
        ({"Timestamp (ET)": "03/25/2024 2:30 pm", "From": "@bo", "Message": "my bag is gone", "Network": "Twitter",
          "Permalink": "https://x.example/1", "Message ID": "17"},
         {"time": "Timestamp (ET)", "author": "From", "text": "Message", "network": "Network", "url": "Permalink",
          "id": "Message ID"}),
        ({"id": "4", "content": "my bag is gone", "message_type": "incoming", "created_at": "1709620200",
          "conversation_id": "9", "sender.name": "Bo"},
         {"id": "4", "text": "content", "ours": "message_type", "time": "created_at", "thread": "conversation_id",
          "author": "sender.name"} | {"id": "id"}),
        ({"Review ID": "r1", "Rating": "4/5", "Title": "Fine", "Review": "does what it says", "Nickname": "bo",
          "Date": "Mar 5, 2024", "Developer Response": "Thank you very much"},
         {"id": "Review ID", "rating": "Rating", "title": "Title", "text": "Review", "author": "Nickname",
          "time": "Date", "reply": "Developer Response"}),
        ({"createdAt": "2024-03-05T06:30:00Z", "fullText": "my bag is gone", "userName": "bo"},
         {"time": "createdAt", "text": "fullText", "author": "userName"}),
    ],
)  # fmt: skip
def test_common_exports_are_understood_by_their_headings(row: dict[str, str], expected: dict[str, str]) -> None:
    found = guessed(row)
    assert chosen(found) == expected
    assert all(choice.reason and choice.confidence > 0 for choice in found.choices.values())


def test_columns_without_telling_headings_are_found_by_what_they_hold() -> None:
    found = guessed(
        {
            "a": "7",
            "b": "my bag is gone and nobody answers",
            "c": "2024-03-05 06:30",
            "d": "https://a.example/very/long/link",
        },
        {
            "a": "8",
            "b": "thank you for the fast help yesterday",
            "c": "2024-03-06 06:30",
            "d": "https://a.example/other/link",
        },
    )
    assert chosen(found) == {"text": "b", "time": "c"}
    assert all(choice.confidence < 0.5 for choice in found.choices.values())


def test_counts_called_comments_are_not_taken_for_texts() -> None:
    found = guessed({"comments": "12", "note": "my bag is gone", "date": "2024-03-05"})
    assert found.column("text") == "note"


def test_the_zone_a_heading_names_is_used() -> None:
    found = guessed({"Timestamp (ET)": "03/25/2024 2:30 pm", "text": "my bag"})
    assert found.mapping().zone == "America/New_York"


def test_ratings_out_of_ten_are_brought_to_five_stars() -> None:
    rows = [{"text": "good enough", "date": "2024-03-05", "rating": value} for value in ("9", "4", "10")]
    assert guessed(*rows).mapping().rating_scale == 10


def test_a_file_without_any_text_is_an_error_that_lists_the_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("qty,when\n1,2024-03-05\n2,2024-03-06\n")
    with open_source(tmp_path / "a.csv") as source, pytest.raises(ConfigError, match="'qty', 'when'"):
        Reading(source, options=Options(brand="Acme"))


def test_a_misspelt_column_in_a_mapping_is_an_error_that_names_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("comment,when\nhello there,2024-03-05\n")
    with open_source(tmp_path / "a.csv") as source, pytest.raises(ConfigError, match="did you mean 'comment'"):
        Reading(source, mapping=Mapping(text="coment", time="when"), options=Options(brand="Acme"))


def test_dates_that_can_be_read_two_ways_stop_an_import_until_somebody_says_which(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,date\nhello there,03/04/2024 10:00\nagain hello,05/06/2024 10:00\n")
    with open_source(tmp_path / "a.csv") as source:
        with pytest.raises(ConfigError, match="time_format = 'dmy'"):
            Reading(source, options=Options(brand="Acme"))
        (first, _) = Reading(source, options=Options(brand="Acme", time_format=("mdy",)))
    assert isinstance(first, MentionData)
    assert first.posted_at.month == 3


def test_a_chinese_export_is_read_from_its_old_encoding() -> None:
    with open_source(DATA / "weibo.csv") as source:
        first, second = Reading(source, options=Options(brand="燕子航空", zone="Asia/Shanghai"))
    assert isinstance(first, MentionData)
    assert isinstance(second, MentionData)
    assert (first.rating, second.rating) == (1, 5)
    assert first.posted_at.isoformat() == "2024-03-05T06:30:00+00:00"
    assert first.text.startswith("航班又晚点了")


def test_an_export_with_a_preamble_is_understood() -> None:
    with open_source(DATA / "brandwatch.csv") as source:
        reading = Reading(source, options=Options(brand="Kestrel Air"))
        first, second = reading
    assert isinstance(first, MentionData)
    assert isinstance(second, MentionData)
    assert (first.text, first.network, first.native_id) == ("my bag is gone", "x", "r1")
    assert first.author is not None
    assert (first.author.handle, first.author.name, first.author.followers) == ("ann_t", "Ann T", 120)
    assert second.network == "forum"
    assert "preamble" in {finding.kind for finding in reading.report.findings}


def test_an_inspection_tells_what_would_go_wrong_and_stores_nothing(tmp_path: Path) -> None:
    rows = [f"{n % 40},user{n},post number {n} about things,2024-03-{1 + n % 28:02}" for n in range(100)]
    rows += [
        "7,x,a post without a date,soon",
        '8,y,"broken,2024-03-01',
        "5,user5,post number 5 about things,2024-03-06",
    ]
    (tmp_path / "a.csv").write_text("id,author,text,date\n" + "\n".join(rows) + "\n")
    with open_source(tmp_path / "a.csv") as source:
        found = inspect(source)
    assert found.rows == 103
    kinds = {finding.kind: finding for finding in found.findings}
    assert kinds["unreadable times"].lines == [102]
    assert kinds["broken rows"].lines == [103]
    assert "share their id" in kinds["spoiled ids"].message
    assert not found.errors
    assert found.guess is not None
    assert "text" in found.guess.choices


def test_an_inspection_reports_what_stands_in_the_way_instead_of_failing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,date\nhello there,03/04/2024\n")
    with open_source(tmp_path / "a.csv") as source:
        found = inspect(source)
    assert [finding.severity for finding in found.errors] == ["error"]
    assert found.report is None


def test_an_inspection_names_the_preset_it_recognised() -> None:
    with open_source(DATA / "threads.csv") as source:
        found = inspect(source, brand="Acme")
    assert (found.preset, found.rows, found.guess) == ("support-threads", 10, None)


def test_a_file_without_times_can_be_tried_but_not_imported(tmp_path: Path) -> None:
    from clock import NOW

    (tmp_path / "a.csv").write_text("text\nhello there everybody\n")
    with open_source(tmp_path / "a.csv") as source:
        with pytest.raises(ConfigError, match="mapped to time"):
            Reading(source, options=Options(brand="Acme"))
        (mention,) = Reading(source, options=Options(brand="Acme", undated_at=NOW))
    assert isinstance(mention, MentionData)
    assert not mention.time_known


@pytest.mark.parametrize(
    ("content", "posts"),
    [
        ("my bag is gone and nobody answers\nthanks, that was quick\n", 2),
        ("Hello, where is it? I asked, twice, on Monday\nno answer\nwell, thanks\n", 3),
        ("航班又晚点了，客服没有人接电话\n谢谢\n", 2),
    ],
)
def test_plain_lines_are_posts_and_the_first_one_is_no_heading(tmp_path: Path, content: str, posts: int) -> None:
    from clock import NOW

    (tmp_path / "a.txt").write_text(content)
    with open_source(tmp_path / "a.txt") as source:
        items = list(Reading(source, options=Options(brand="Acme", undated_at=NOW)))
    assert [item.text for item in items if isinstance(item, MentionData)] == content.splitlines()
    assert len(items) == posts


def test_a_single_column_with_a_heading_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("coment\nmy bag is gone and nobody answers\nthanks a lot for that\n")
    with open_source(tmp_path / "a.csv") as source:
        assert inspect(source).columns == ["coment"]


def test_nested_fields_are_understood_and_an_authors_own_dates_are_not_the_posts() -> None:
    found = guessed(
        {"body": "my bag is gone", "author.created_at": "2011-03-05T06:30:00Z", "author.username": "bo",
         "createdAt": "2024-03-05T06:30:00Z", "reply.text": "we are sorry",
         "reply.created_at": "2024-03-06T06:30:00Z"}
    )  # fmt: skip
    assert chosen(found) == {
        "text": "body", "author": "author.username", "time": "createdAt", "reply": "reply.text",
        "reply_time": "reply.created_at",
    }  # fmt: skip


def test_a_file_without_headings_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,bo,my bag is gone,2024-03-05 10:00\n2,al,thanks a lot,2024-03-06 10:00\n")
    with open_source(tmp_path / "a.csv") as source, pytest.raises(ConfigError, match="headings missing"):
        Reading(source, options=Options(brand="Acme"))


def test_a_field_that_is_rarely_filled_can_be_mapped(tmp_path: Path) -> None:
    lines = [f'{{"text": "hello", "date": "2024-03-05", "id": {number}}}' for number in range(300)]
    lines.append('{"text": "hi", "date": "2024-03-05", "ans": "yes", "id": 300}')
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    mapping = Mapping(id="id", text="text", time="date", reply="ans")
    with open_source(tmp_path / "a.jsonl") as source:
        reading = Reading(source, mapping=mapping, options=Options(brand="Acme"))
        assert len(list(reading)) == 302
    assert reading.report.ours == 1
