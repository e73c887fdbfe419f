"""`social-care import`: every row is accounted for, and the same file twice changes nothing."""

import json

import pytest
from cli_program import App, rows, write_csv

SMALL = [
    {"id": "a1", "author": "li", "text": "订单没有发货", "posted": "2026-02-01T09:00:00+00:00"},
    {"id": "a2", "author": "bo", "text": "Where is it?", "posted": "2026-02-01T10:00:00+00:00"},
]


def add_up(report: dict) -> None:
    """Rows are what became mentions, was left out, or was kept aside."""
    assert report["rows"] == report["mentions"] + sum(report["skipped"].values()) + sum(
        report["kept_aside"].values()
    ), report


def test_every_row_becomes_a_mention_a_score_and_a_case(desk: App) -> None:
    found = desk("--json", "inbox", "is:any", "-n", 500).json
    assert found["counts"]["total"] == len(rows())
    texts = {case["text"] for case in found["cases"]}
    assert rows()[0]["text"] in texts


def test_the_same_file_again_changes_nothing(desk: App, posts_csv) -> None:
    before = desk("--json", "inbox", "is:any", "-n", 500).json
    report = desk("--json", "import", posts_csv).json
    assert (report["new"], report["updated"], report["scored"], report["triaged"]) == (0, 0, 0, 0)
    assert report["unchanged"] == len(rows())
    assert desk("--json", "inbox", "is:any", "-n", 500).json == before


def test_counts_add_up_with_broken_rows_and_the_exit_code_says_partly(fresh: App) -> None:
    table = [
        *SMALL,
        {"id": "a3", "author": "cy", "text": "when?", "posted": "not a time"},
        {"id": "a4", "author": "dy", "text": "", "posted": "2026-02-01T11:00:00+00:00"},
        SMALL[0],
    ]
    write_csv(fresh.folder / "t.csv", table)
    report = fresh("--json", "import", "t.csv", "--no-score", code=3).json
    assert report["rows"] == len(table)
    add_up(report)
    assert sum(report["kept_aside"].values()) >= 1
    answer = fresh("import", "t.csv", "--no-score", code=3)
    assert "kept aside" in answer.said


def test_a_dry_run_counts_and_stores_nothing(fresh: App, posts_csv) -> None:
    report = fresh("--json", "import", posts_csv, "--dry-run").json
    assert report["dry_run"] is True
    assert report["rows"] == report["mentions"] == len(rows())
    assert fresh("--json", "inbox", "is:any").json["counts"]["total"] == 0
    assert fresh("--json", "listener", "status").json == []


def test_columns_can_be_named(fresh: App) -> None:
    (fresh.folder / "t.csv").write_text("Note,Body,Stamp\nx,late parcel,2026-02-01 10:00\n", encoding="utf-8")
    fresh("import", "t.csv", "--map", "text=Body", "--map", "time=Stamp", "--no-score")
    row = json.loads(fresh("db", "export", "mentions").out)
    assert row["text"] == "late parcel"
    assert row["posted_at"].startswith("2026-02-01T10:00")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--map", "text=Nothing"], "Nothing"),
        (["--map", "txt=text"], "no role 'txt'"),
        (["--map", "text"], "ROLE=COLUMN"),
        (["--preset", "nonsense"], "nonsense"),
        (["--preset", "airline", "--map", "text=text"], "not both"),
        (["--zone", "Mars/Base"], "Mars/Base"),
    ],
)
def test_a_wrong_call_is_told_and_stores_nothing(fresh: App, words: list[str], expected: str) -> None:
    write_csv(fresh.folder / "t.csv", SMALL)
    answer = fresh("import", "t.csv", *words, code=2)
    assert expected in answer.err
    assert "Traceback" not in answer.err
    assert fresh("--json", "inbox", "is:any").json["counts"]["total"] == 0


def test_a_missing_file_is_an_error_in_words(fresh: App) -> None:
    assert "nowhere.csv" in fresh("import", "nowhere.csv", code=2).err


def test_a_folder_is_not_a_file(fresh: App) -> None:
    (fresh.folder / "some").mkdir()
    answer = fresh("import", "some", code=2)
    assert "Traceback" not in answer.err


def test_standard_input_is_a_file_too(fresh: App) -> None:
    text = "\n".join(json.dumps(row) for row in SMALL)
    assert fresh("--json", "import", "-", "--no-score", input=text).json["new"] == 2


def test_days_and_months_that_cannot_be_told_apart_are_not_guessed(fresh: App) -> None:
    table = [dict(row, posted=f"0{n}/0{n + 1}/2026 10:00") for n, row in enumerate(SMALL, 1)]
    write_csv(fresh.folder / "t.csv", table)
    answer = fresh("import", "t.csv", code=2)
    assert "dmy" in answer.err
    assert "mdy" in answer.err


def test_times_without_a_zone_are_taken_in_the_zone_named(fresh: App) -> None:
    table = [dict(row, posted="2026-02-01 10:00:00") for row in SMALL]
    write_csv(fresh.folder / "t.csv", table)
    fresh("import", "t.csv", "--zone", "Asia/Hong_Kong", "--no-score")
    first = json.loads(fresh("db", "export", "mentions").out.splitlines()[0])
    assert first["posted_at"].startswith("2026-02-01T02:00")


def test_the_brand_named_is_the_brand_stored(fresh: App) -> None:
    write_csv(fresh.folder / "t.csv", SMALL)
    fresh("import", "t.csv", "--brand", "Merlin", "--no-score")
    assert json.loads(fresh("db", "export", "mentions").out.splitlines()[0])["brand"] == "Merlin"
