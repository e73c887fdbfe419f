"""Texts are read out of lines, CSV and JSONL in any usual encoding; what is broken is reported, nothing lost."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.records import Broken, Record, StreamError, records


def read(data: bytes | str, name: str = "-") -> tuple[list[Record], list[Broken]]:
    broken: list[Broken] = []
    source = io.BytesIO(data) if isinstance(data, bytes) else io.StringIO(data, newline="")
    return list(records(source, name, broken.append)), broken


def texts(data: bytes | str, name: str = "-") -> list[str]:
    return [record.text for record in read(data, name)[0]]


def test_lines_are_texts_and_commas_do_not_make_a_table() -> None:
    assert texts(b"Hello, world\nsecond\r\n\nthird") == ["Hello, world", "second", "third"]
    assert read(b"a\n\nb")[0][1].line == 3
    assert texts(b"") == []
    assert texts(b"\n\n") == []


@pytest.mark.parametrize("heading", ["text", "Text", "内容", "內容", "文本", "content", "review content"])
def test_a_table_is_known_by_its_heading(heading: str) -> None:
    assert texts(f'id,{heading}\n1,"a, ""b""\nc"\n2,d\n'.encode()) == ['a, "b"\nc', "d"]
    assert texts(f"id;{heading}\n1;a\n".encode(), "x.csv") == ["a"]
    assert texts(f"{heading}\tid\na\t1\n".encode(), "x.tsv") == ["a"]


def test_the_language_column_comes_along() -> None:
    assert read("lang,text\nzh-TW,好\n,ok\n")[0] == [Record(2, "好", "zh-TW"), Record(3, "ok", None)]


def test_a_table_without_texts_is_refused_with_its_headings() -> None:
    with pytest.raises(StreamError, match=r"no column of texts: name one `text` \(found 'id', 'stars'\)"):
        texts("id,stars\n1,5\n", "reviews.csv")


def test_short_rows_are_reported_with_their_line() -> None:
    found, broken = read("id,text\n1,a\n2\n3,c\n")
    assert [r.text for r in found] == ["a", "c"]
    assert broken == [Broken(3, "the row has 1 of 2 columns, and no text")]


def test_a_quote_that_never_closes_costs_one_row_not_the_file() -> None:
    rows = "".join(f"{i},row {i}\n" for i in range(3, 6000))
    found, broken = read(f'id,text\n1,ok\n2,"never closed\n{rows}', "a.csv")
    assert [b.line for b in broken] == [3]
    assert "does not close" in broken[0].reason
    assert len(found) == 5998
    assert (found[-1].text, found[-1].line) == ("row 5999", 6000)


def test_json_lines_and_what_is_wrong_with_some() -> None:
    lines = [
        '{"text": "a", "lang": "fr"}',
        '{"text": 3}',
        "nope",
        "[1]",
        '{"body": "b"}',
        '{"id": 1}',
        "[" * 99_999,
    ]
    found, broken = read("\n".join(lines))
    assert found == [Record(1, "a", "fr"), Record(5, "b", None)]
    assert [b.line for b in broken] == [2, 3, 4, 6, 7]
    assert "int, not text" in broken[0].reason


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"]
)
def test_simplified_chinese_is_read_in_every_usual_encoding(encoding: str) -> None:
    lines = ["你们的客服一直不回复", "退款什么时候到，我等了两个月了"] * 5
    assert texts("\n".join(lines).encode(encoding)) == lines


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "big5"])
def test_traditional_chinese_is_read_in_every_usual_encoding(encoding: str) -> None:
    table = "編號,內容\n1,我們等了很久都沒有人回覆\n2,這個不好吃\n"
    assert texts(table.encode(encoding), "a.csv") == ["我們等了很久都沒有人回覆", "這個不好吃"]


def test_western_texts_of_old_are_read_and_damage_stays_local() -> None:
    assert texts("café noir très bon".encode("cp1252")) == ["café noir très bon"]
    assert texts("好的，谢谢你们".encode() + b"\xff" + "，再见".encode()) == ["好的，谢谢你们\ufffd，再见"]


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04zip", b"%PDF-1.7", b"\x00\x00\x00\x01\x00\x00\x02\x00", b"\x1f\x8b\x08"]
)
def test_what_is_no_text_is_refused_with_advice(data: bytes) -> None:
    with pytest.raises(StreamError, match="export it as UTF-8"):
        texts(data, "file")


def test_a_json_list_is_refused_with_advice() -> None:
    with pytest.raises(StreamError, match="one JSON object a line"):
        texts('[{"text": "a"}]', "a.json")


def test_nul_bytes_inside_texts_do_no_harm() -> None:
    assert texts(b"a\x00b and more text\nc") == ["a\x00b and more text", "c"]
    assert texts(json.dumps({"text": "a\x00b"})) == ["a\x00b"]
    assert texts("id,text\n1,a\x00b\n") == ["a\x00b"]


def test_a_line_without_end_is_reported_and_the_next_one_read() -> None:
    found, broken = read(b"a\n" + b"x" * (9 * 1024 * 1024) + b"\nb\n")
    assert [r.text for r in found] == ["a", "b"]
    assert [b.line for b in broken] == [2]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\x00"), min_size=1)))
def test_every_csv_row_comes_back_in_order(rows: list[str]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(["id", "text"])
    writer.writerows([str(i), row] for i, row in enumerate(rows))
    assert texts(buffer.getvalue().encode(), "a.csv") == rows


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read(data)
    except StreamError as error:
        assert str(error)  # noqa: PT017
