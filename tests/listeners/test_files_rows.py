"""Rows: hostile cells pass or are refused with line and reason; every row is accounted for."""

from pathlib import Path

import pytest
from clock import NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from listeners.files import Mapping, Options, Reading, open_source
from listeners.files.cells import is_rounded, is_scientific, read_id, read_network, read_rating
from listeners.files.csvfiles import Dialect
from listeners.files.identity import IdSurvey, fingerprint
from listeners.files.report import ImportReport
from listeners.files.rows import RowMapper
from storage.models import MentionData
from storage.pages import Deletion, Rejection

MAPPING = Mapping(id="id", author="author", text="text", time="date", time_format=("iso",))
ACME = Options(brand="Acme", now=NOW)


def read(
    path: Path, content: str, mapping: Mapping = MAPPING, options: Options = ACME
) -> tuple[list[object], ImportReport]:
    path.write_text(content, encoding="utf-8")
    with open_source(path) as source:
        reading = Reading(source, mapping=mapping, options=options)
        items: list[object] = list(reading)
    assert reading.report.balanced
    return items, reading.report


@pytest.mark.parametrize(
    "text",
    ["\x1b[31mred\x1b[0m\x1b]0;title\x07", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "a\u202egnp.exe",
     "a\x00b",
     "﷽" * 2_000, "x" * 1_000_000, "'; drop table mention; --", "{{ 7 * 7 }}"],
)  # fmt: skip
def test_a_hostile_text_arrives_as_it_was_written(tmp_path: Path, text: str) -> None:
    quoted = text.replace('"', '""')
    items, _ = read(tmp_path / "a.csv", f'id,author,text,date\n1,bo,"{quoted}",2024-03-05T06:30:00Z\n')
    assert isinstance(items[0], MentionData)
    assert items[0].text == text.replace("\x00", "\ufffd")


def test_a_text_nobody_can_keep_is_refused_not_cut(tmp_path: Path) -> None:
    items, _ = read(tmp_path / "a.csv", f"id,author,text,date\n1,bo,{'x' * 4_000_001},2024-03-05T06:30:00Z\n")
    assert isinstance(items[0], Rejection)
    assert items[0].place == "line 2"
    assert "text" in items[0].reason
    assert len(items[0].raw) < 3_000


def test_an_unreadable_date_is_never_replaced_by_another(tmp_path: Path) -> None:
    items, report = read(
        tmp_path / "a.csv",
        "id,author,text,date\n1,bo,one,soon\n2,bo,two,\n3,bo,three,2031-01-01T00:00:00Z\n4,bo,four,2024-03-05\n",
    )
    assert [item.place for item in items if isinstance(item, Rejection)] == ["line 2", "line 3", "line 4"]
    assert report.rejected == {
        "the time cannot be read": 1, "the row has no time": 1, "the time lies in the future": 1,
    }  # fmt: skip
    assert report.mentions == 1


def test_repeated_rows_are_counted_and_changed_ones_reported(tmp_path: Path) -> None:
    lines = [f"{n},bo,text {n},2024-03-05" for n in range(300)]
    lines += ["7,bo,text 7,2024-03-05", "8,bo,text 8 but corrected,2024-03-05"]
    items, report = read(tmp_path / "a.csv", "id,author,text,date\n" + "\n".join(lines) + "\n")
    assert report.skipped == {"repeat within the file": 1}
    assert [(finding.kind, finding.lines) for finding in report.findings if finding.kind == "changed"] == [
        ("changed", [303])
    ]
    assert len(items) == 301


def test_ids_shared_by_different_posts_are_not_believed(tmp_path: Path) -> None:
    lines = [f"{n % 20},user{n},text {n},2024-03-05" for n in range(200)]
    items, report = read(tmp_path / "a.csv", "id,author,text,date\n" + "\n".join(lines) + "\n")
    assert len({item.native_id for item in items if isinstance(item, MentionData)}) == 200
    assert "spoiled ids" in {finding.kind for finding in report.findings}


def test_the_same_words_without_an_author_are_kept_apart(tmp_path: Path) -> None:
    mapping = Mapping(text="text", time="date", time_format=("iso",))
    content = "text,date\nnice,2024-03-05\nnice,2024-03-05\n"
    items, _ = read(tmp_path / "a.csv", content, mapping)
    again, _ = read(tmp_path / "b.csv", content, mapping)
    assert items == again
    assert len({item.native_id for item in items if isinstance(item, MentionData)}) == 2


def test_our_own_posts_are_told_by_column_or_by_account(tmp_path: Path) -> None:
    content = (
        "id,author,text,date,dir\n1,bo,a,2024-03-05,in\n2,AcmeHelp,b,2024-03-05,out\n3,@AcmeHelp,c,2024-03-05,in\n"
    )
    by_column, _ = read(
        tmp_path / "a.csv", content, MAPPING.model_copy(update={"ours": "dir", "ours_values": ("OUT",)})
    )
    by_account, _ = read(
        tmp_path / "a.csv", content, options=Options(brand="Acme", our_accounts=frozenset({"acmehelp"}))
    )
    assert [item.is_ours for item in by_column if isinstance(item, MentionData)] == [False, True, False]
    assert [item.is_ours for item in by_account if isinstance(item, MentionData)] == [False, True, True]


def test_deleted_posts_become_deletions_or_stay_noted(tmp_path: Path) -> None:
    content = "id,author,text,date,gone\n1,bo,,2024-03-05,1\n2,bo,b,2024-03-05,0\n"
    purged, report = read(tmp_path / "a.csv", content, MAPPING.model_copy(update={"deleted": "gone"}))
    assert purged[0] == Deletion("1", "deleted at the source")
    assert report.deletions == 1
    noted, _ = read(
        tmp_path / "a.csv", content.replace("bo,,", "bo,a,"),
        MAPPING.model_copy(update={"deleted": "gone", "deleted_means": "note"}),
    )  # fmt: skip
    assert isinstance(noted[0], MentionData)
    assert noted[0].permissions == {"removed_at_source": True}


def test_spoiled_links_point_to_nothing_rather_than_to_the_wrong_post(tmp_path: Path) -> None:
    content = "id,author,text,date,to\n1,bo,a,2024-03-05,9.1E+17\n2,bo,b,2024-03-05,1.0\n"
    items, report = read(tmp_path / "a.csv", content, MAPPING.model_copy(update={"parent": "to"}))
    assert [item.parent_native_id for item in items if isinstance(item, MentionData)] == [None, "1"]
    assert "link" in {finding.kind for finding in report.findings}


def test_answers_in_the_row_keep_their_time_where_it_can_be_read(tmp_path: Path) -> None:
    content = "id,author,text,date,ans,at\n1,bo,a,2024-03-05,thanks,2024-03-06\n2,bo,b,2024-03-05,sorry,soon\n"
    mapping = MAPPING.model_copy(update={"reply": "ans", "reply_time": "at"})
    items, report = read(tmp_path / "a.csv", content, mapping)
    answers = [item for item in items if isinstance(item, MentionData) and item.is_ours]
    assert [(answer.parent_native_id, answer.time_known) for answer in answers] == [("1", True), ("2", False)]
    assert "reply time" in {finding.kind for finding in report.findings}


def test_words_for_nothing_are_no_answers_and_no_links(tmp_path: Path) -> None:
    content = "id,author,text,date,ans,to\n1,bo,a,2024-03-05,NaN,null\n2,bo,None,2024-03-05,,\n"
    items, _ = read(tmp_path / "a.csv", content, MAPPING.model_copy(update={"reply": "ans", "parent": "to"}))
    assert [(item.text, item.parent_native_id) for item in items if isinstance(item, MentionData)] == [
        ("a", None), ("None", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "stars"),
    [("4/5", 4), ("8/10", 4), ("★★★☆☆", 3), ("⭐⭐⭐⭐", 4), ("5 stars", 5), ("4,5", 4.5), ("四星", 4), ("5星", 5),
     ("3.0", 3),
     ("", None), ("great", None), ("-1", None), ("11", None), ("4/0", None), ("∞", None)],
)  # fmt: skip
def test_ratings_are_read_as_people_write_them(cell: str, stars: float | None) -> None:
    assert read_rating(cell) == stars


def test_spoiled_ids_are_told_from_whole_ones() -> None:
    assert all(map(is_scientific, ("5.70306E+17", "5.7e17", "5,70306E+17")))
    assert not any(map(is_scientific, ("570306133677760513", "e17", "12", "abc")))
    assert is_rounded("570306133677761000")
    assert not is_rounded("570306133677760513")
    assert read_id("31.0") == "31"
    assert read_network("Twitter") == "x"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=40))
def test_the_survey_counts_every_row_once(rows: list[tuple[str, int]]) -> None:
    survey = IdSurvey("id")
    for name, content in rows:
        survey.add(name, content)
    assert survey.rows == len(rows)
    assert survey.clashing + survey.repeated + len({name for name, _ in rows}) == len(rows)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(["id", "author", "text", "date", "x"]), st.text(max_size=30)))
def test_no_row_makes_the_mapper_fail(cells: dict[str, str]) -> None:
    from listeners.files.records import Record

    mapper = RowMapper(MAPPING, ACME, ImportReport(), None)
    assert len(list(mapper.convert(Record(2, cells)))) == 1


def test_the_rules_of_a_mapping_are_checked_when_it_is_written() -> None:
    for wrong in ({"text": "t", "zone": "Mars"}, {"text": "t", "time_format": "weird"}, {"time": "t"},
                  {"text": "t", "id_pattern": "("}, {"text": "t", "id_pattern": "x"},
                  {"text": "t", "txt": "x"}):  # fmt: skip
        with pytest.raises(ValueError, match=r"."):
            Mapping(**wrong)  # type: ignore[arg-type]


def test_fingerprints_keep_fields_apart() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert Dialect(",", [], 0).findings == []
