"""Finding, asking and taking out: Chinese words are found, SQL cannot write, a spreadsheet runs nothing."""

import csv
import io
import json

import pytest
from cli_program import HOSTILE, UNSAFE, App, rows


@pytest.mark.parametrize("word", ["退款", "客服", "闪退", "refund", '"charged twice"', "發", "謝謝你們", "crash*"])
def test_search_finds_every_post_with_the_words(reader: App, word: str) -> None:
    found = reader("--json", "search", word, "-n", 500).json
    plain = word.strip('"').rstrip("*")
    expected = {row["text"].replace("\x00", "\ufffd") for row in rows() if plain in row["text"].lower()}
    assert {hit["text"] for hit in found} == expected
    assert all(hit["untrusted"] for hit in found)


def test_all_words_must_be_there_and_a_minus_excludes(reader: App) -> None:
    assert reader("--json", "search", "refund", "parcel", "-n", 500).json
    without = reader("--json", "search", "--", "refund", "-parcel").json
    assert without
    assert not any("parcel" in hit["text"] for hit in without)


@pytest.mark.parametrize(
    "query", ['"', "*", "-", "a OR", ")(", "\x00", "' OR 1=1 --", "%", "NEAR(", "col:x", "🙂"]
)
def test_odd_queries_never_crash(reader: App, query: str) -> None:
    answer = reader("search", "--", query, code=None)
    assert answer.code in (0, 2)
    assert "Traceback" not in answer.said


def test_sql_answers_questions(reader: App) -> None:
    found = reader("--json", "db", "sql", "select count(*) as n from mention").json
    assert found == [{"n": len(rows())}]
    assert "64" in reader("db", "sql", "select count(*) from mention;").out


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO brand (name) VALUES ('x')",
        "UPDATE mention SET text = 'x'",
        "DELETE FROM mention",
        "DROP TABLE mention",
        "CREATE TABLE x (y)",
        "ALTER TABLE mention ADD COLUMN z",
        "PRAGMA query_only = 0",
        "PRAGMA query_only = 0; DELETE FROM mention",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA user_version = 7",
        "PRAGMA writable_schema = 1",
        "ATTACH DATABASE 'stolen.db' AS stolen",
        "VACUUM INTO 'stolen.db'",
        "VACUUM",
        "REINDEX",
        "SELECT 1; DELETE FROM mention",
        "WITH x AS (SELECT 1) DELETE FROM mention",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "",
        "nonsense",
    ],
)
def test_sql_cannot_write(desk: App, statement: str) -> None:
    answer = desk("db", "sql", statement, code=2)
    assert "Traceback" not in answer.err
    assert desk("--json", "db", "sql", "select count(*) as n from mention").json == [{"n": len(rows())}]
    assert not (desk.folder / "stolen.db").exists()
    assert desk("--json", "db", "sql", "pragma user_version").json == [{"user_version": 0}]


def test_the_json_export_gives_back_every_text_exactly(reader: App) -> None:
    out = reader("db", "export", "mentions").out
    assert UNSAFE.search(out) is None
    found = {item["native_id"]: item["text"] for item in map(json.loads, out.splitlines())}
    expected = {row["id"]: row["text"].replace("\x00", "\ufffd").strip() for row in rows()}
    assert {name: text.strip() for name, text in found.items()} == expected


def test_no_cell_of_the_csv_export_runs_as_a_formula_or_moves_a_cursor(reader: App) -> None:
    out = reader("db", "export", "mentions", "--format", "csv").out
    assert UNSAFE.search(out.replace("\r\n", "\n")) is None
    csv.field_size_limit(10_000_000)
    table = list(csv.DictReader(io.StringIO(out, newline="")))
    assert len(table) == len(rows())
    for row in table:
        for cell in row.values():
            assert not (cell or "").startswith(("=", "+", "-", "@", "\t", "\r"))
    formulas = {row["native_id"]: row["text"] for row in table}
    assert formulas["h5"] == "'" + HOSTILE["h5"]


def test_an_export_never_overwrites_and_leaves_no_half_file(reader: App, tmp_path) -> None:
    out = tmp_path / "out.csv"
    reader("db", "export", "cases", "--format", "csv", "--out", out)
    size = out.stat().st_size
    answer = reader("db", "export", "cases", "--format", "csv", "--out", out, code=2)
    assert "there already" in answer.err
    assert out.stat().st_size == size
    reader("db", "export", "nonsense", "--out", tmp_path / "n.jsonl", code=2)
    assert not (tmp_path / "n.jsonl").exists()
    reader("db", "export", "cases", "--out", tmp_path / "no" / "such" / "folder", code=2)


@pytest.mark.parametrize("what", ["mentions", "cases", "replies"])
def test_everything_can_be_taken_out(reader: App, what: str) -> None:
    lines = reader("db", "export", what).out.splitlines()
    assert len(lines) == {"mentions": 64, "cases": 64, "replies": 0}[what]


def test_upgrading_an_up_to_date_database_changes_nothing(reader: App) -> None:
    assert reader("--json", "db", "upgrade", "--dry-run").json["changed"] is False
    assert reader("--json", "db", "upgrade").json["changed"] is False
