"""Framing: a broken row is refused with its line and never costs the next one."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listeners.files.records import Broken, Record
from listeners.files.source import open_source
from listeners.files.table import open_table
from storage.errors import ConfigError


def rows(path: Path, content: str | bytes, **options: str) -> list[Record | Broken]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with open_source(path, **options) as source:  # type: ignore[arg-type]
        return list(open_table(source).records())


def lines(found: list[Record | Broken]) -> list[tuple[str, int]]:
    return [(type(row).__name__, row.line) for row in found]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    content = f"id{delimiter}text\n1{delimiter}hello, all; of you\n2{delimiter}b\n".replace(
        "hello, all; of you", '"hello, all; of you"'
    )
    assert [row.cells for row in rows(tmp_path / "a.csv", content) if isinstance(row, Record)] == [
        {"id": "1", "text": "hello, all; of you"},
        {"id": "2", "text": "b"},
    ]


def test_line_numbers_count_the_lines_of_the_file(tmp_path: Path) -> None:
    found = rows(tmp_path / "a.csv", 'id,text\n1,"two\nlines"\n\n2,b\r\n3,c')
    assert lines(found) == [("Record", 2), ("Record", 5), ("Record", 6)]


def test_an_unclosed_quote_costs_its_own_row_only(tmp_path: Path) -> None:
    found = rows(tmp_path / "a.csv", 'id,text,x\n1,"never closed,1\n2,b,2\n3,"c ""quoted""",3\n4,d,4\n')
    assert lines(found) == [("Broken", 2), ("Record", 3), ("Record", 4), ("Record", 5)]
    assert found[2] == Record(4, {"id": "3", "text": 'c "quoted"', "x": "3"})


def test_stray_quotes_in_one_line_are_repaired(tmp_path: Path) -> None:
    found = rows(tmp_path / "a.csv", 'id,text,x\n1,"he said "no" twice",1\n2,5" screen,2\n')
    assert [row.cells["x"] for row in found if isinstance(row, Record)] == ["1", "2"]
    assert len(found) == 2


def test_too_many_cells_are_refused_and_missing_trailing_ones_are_empty(tmp_path: Path) -> None:
    found = rows(tmp_path / "a.csv", "id,text,x\n1,a,b,c\n2,b\n3,c,3,,\n")
    assert lines(found) == [("Broken", 2), ("Record", 3), ("Record", 4)]
    assert isinstance(found[0], Broken)
    assert "too many cells" in found[0].reason
    assert isinstance(found[1], Record)
    assert found[1].cells == {"id": "2", "text": "b", "x": ""}


def test_a_preamble_above_the_headings_is_left_out(tmp_path: Path) -> None:
    found = rows(tmp_path / "a.csv", "Report:,weekly\nBrand:,Acme\n\nid,date,text,author\n1,2024-01-01,hi,bo\n")
    assert found == [Record(5, {"id": "1", "date": "2024-01-01", "text": "hi", "author": "bo"})]


def test_long_cells_and_nul_pass(tmp_path: Path) -> None:
    long = "x" * 3_000_000
    found = rows(tmp_path / "a.csv", f"id,text\n1,{long}\n2,a\x00b\n")
    assert [len(row.cells["text"]) for row in found if isinstance(row, Record)] == [3_000_000, 3]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12),
                 min_size=3, max_size=3).filter(lambda row: any(cell.strip() for cell in row)),
        min_size=1, max_size=8,
    ),
    st.sampled_from([",", ";", "\t"]),
)  # fmt: skip
def test_every_well_formed_file_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], delimiter: str
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([["first", "second", "third"], *table])
    path = tmp_path_factory.mktemp("framing") / "a.csv"
    found = rows(path, out.getvalue(), encoding="utf-8")
    assert [list(row.cells.values()) if isinstance(row, Record) else row for row in found] == table


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text('ab",\n', max_size=14), max_size=12), st.integers(0, 12))
def test_a_whole_row_survives_any_rubbish_around_it(
    tmp_path_factory: pytest.TempPathFactory, rubbish: list[str], place: int
) -> None:
    body = [text for text in rubbish if text.count('"') % 2 == 0 and "\n" not in text]
    body.insert(min(place, len(body)), "good,row,here")
    path = tmp_path_factory.mktemp("framing") / "a.csv"
    found = rows(path, "x,y,z\n" + "\n".join(body) + "\n", delimiter=",")
    numbers = [row.line for row in found]
    assert numbers == sorted(set(numbers))
    kept = [
        row for row in found if isinstance(row, Record) and row.cells == {"x": "good", "y": "row", "z": "here"}
    ]
    assert (
        kept
        or any("good,row,here" in row.raw for row in found if isinstance(row, Broken))
        or any("good,row,here" in cell for row in found if isinstance(row, Record) for cell in row.cells.values())
    )


def test_json_lines_go_on_behind_a_broken_one(tmp_path: Path) -> None:
    found = rows(tmp_path / "a.jsonl", '{"id": 1, "user": {"name": "bo"}}\n{"id": 2,\n\n[1]\n"text"\n{"id": 3}\n')
    assert lines(found) == [("Record", 1), ("Broken", 2), ("Broken", 4), ("Broken", 5), ("Record", 6)]
    assert found[0] == Record(1, {"id": "1", "user.name": "bo"})


def test_a_json_array_is_read_item_by_item_with_true_lines(tmp_path: Path) -> None:
    items = [{"id": number, "text": "é" * 40_000} for number in range(5)]
    found = rows(tmp_path / "a.json", json.dumps(items, indent=1, ensure_ascii=False))
    assert lines(found) == [("Record", 2 + 4 * number) for number in range(5)]


def test_a_broken_item_in_an_array_costs_itself_only(tmp_path: Path) -> None:
    found = rows(tmp_path / "a.json", '[\n{"id": 1},\n{"id": oops},\n{"id": 3}\n]')
    assert lines(found) == [("Record", 2), ("Broken", 3), ("Record", 4)]


def test_a_cut_off_json_file_says_so(tmp_path: Path) -> None:
    found = rows(tmp_path / "a.json", '[\n{"id": 1},\n{"id": 2, "text": "cut of')
    assert lines(found) == [("Record", 2), ("Broken", 3)]


def test_long_numbers_in_json_keep_every_digit(tmp_path: Path) -> None:
    found = rows(
        tmp_path / "a.jsonl", '{"id": 570306133677760513, "n": 5.70306E+17, "deep": ' + "[" * 60 + "]" * 60 + "}"
    )
    assert isinstance(found[0], Record)
    assert (found[0].cells["id"], found[0].cells["n"]) == ("570306133677760513", "5.70306E+17")


def test_absurdly_deep_json_is_refused_not_fatal(tmp_path: Path) -> None:
    found = rows(tmp_path / "a.jsonl", "[" * 100_000 + "\n" + '{"id": 1}\n')
    assert lines(found)[-1] == ("Record", 2)


def test_compressed_files_are_unpacked_and_cut_off_ones_reported(tmp_path: Path) -> None:
    packed = gzip.compress(b"id,text\n" + b"".join(b"%d,hello %d\n" % (n, n * n) for n in range(50_000)))
    assert len(rows(tmp_path / "a.csv.gz", packed)) == 50_000
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    with open_source(tmp_path / "cut.csv.gz") as source:
        assert [finding.kind for finding in source.findings] == ["cut off"]
        assert len(list(open_table(source).records())) > 1_000


def test_standard_input_is_copied_and_the_copy_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe:
        buffer = io.BytesIO(b"id,text\n1,a\n")

    monkeypatch.setattr("sys.stdin", Pipe)
    with open_source("-") as source:
        assert len(list(open_table(source).records())) == 1
        assert source.path.exists()
    assert not source.path.exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "empty"), (b"\n\n  \n", "empty"), (b"PK\x03\x04rest", "CSV"), (b"SQLite format 3\x00", "database")],
)
def test_what_is_no_text_is_refused_with_the_remedy(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ConfigError, match=complaint):
        open_source(tmp_path / "a.csv")
    with pytest.raises(ConfigError, match="no file"):
        open_source(tmp_path / "missing.csv")
    with pytest.raises(ConfigError, match="folder"):
        open_source(tmp_path)


CHINESE = "内容,时间\n这家店的服务很好，我们都很喜欢,2024-03-05\n航班晚点了，客服没有人接电话,2024-03-06\n"
TRADITIONAL = "內容,時間\n這家店的服務很好，我們都很喜歡,2024-03-05\n航班誤點了，客服沒有人接電話,2024-03-06\n"


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (CHINESE, "utf-8"), (CHINESE, "utf-8-sig"), (CHINESE, "utf-16"), (CHINESE, "gb18030"),
        (TRADITIONAL, "big5"),
        ("text,date\nCafé très bien, déjà vu,2024-03-05\n".replace("bien,", "bien;"), "cp1252"),
        ("id,text\n1,plain words of a post\n", "utf-16-le"),
    ],
)  # fmt: skip
def test_the_encoding_is_found_and_a_guess_is_stated(tmp_path: Path, text: str, codec: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(codec))
    with open_source(path) as source:
        cells = [
            cell for row in open_table(source).records() if isinstance(row, Record) for cell in row.cells.values()
        ]
        stated = [finding for finding in source.findings if finding.kind == "encoding"]
    assert all(cell in text for cell in cells)
    assert cells
    assert bool(stated) == (codec not in ("utf-8", "utf-8-sig", "utf-16"))


def test_a_few_broken_places_do_not_turn_utf8_into_something_else(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((CHINESE * 20).encode() + b"x\xffy,2024-03-07\n")
    with open_source(path) as source:
        assert source.encoding == "utf-8"
        assert source.findings[0].count == 1


def test_an_encoding_nobody_can_tell_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("id,text\n1,Самолёт опоздал на три часа, и никто не отвечает\n".encode("cp1251"))
    with pytest.raises(ConfigError, match="encoding ="):
        open_source(path)
    with pytest.raises(ConfigError, match="no encoding"):
        open_source(path, encoding="klingon")
