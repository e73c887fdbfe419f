"""What goes out is what came in, and a spreadsheet runs none of it."""

import csv
import io
import json
from datetime import timedelta

import pytest
from clock import NOW
from hypothesis import given
from hypothesis import strategies as st
from making import mention, store, stored
from sqlmodel import select

from storage.database import Database
from storage.errors import ConfigError
from storage.export import defuse, export
from storage.models import Brand, Case, Reply

HOSTILE = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "\x1b[31m", "<b>", 'a "quoted", text', "两\n行", "'ok"]


def written(database: Database, subject: str, form: str, **where: object) -> str:
    out = io.StringIO(newline="")
    with database.read() as session:
        export(session, subject, form, out, **where)  # type: ignore[arg-type]
    return out.getvalue()


def test_json_lines_hold_every_text_unchanged(database: Database) -> None:
    store(database, *(mention(str(number), words) for number, words in enumerate(HOSTILE)))
    rows = [json.loads(line) for line in written(database, "mentions", "jsonl").splitlines()]
    assert [row["text"] for row in rows] == HOSTILE
    assert (rows[0]["brand"], rows[0]["author_handle"], rows[0]["posted_at"]) == (
        "Acme", "alice", "2026-03-02T11:00:00+00:00",
    )  # fmt: skip
    assert "\x1b" not in written(database, "mentions", "jsonl")


def test_csv_cells_that_would_run_as_formulas_are_defused(database: Database) -> None:
    store(database, *(mention(str(number), words, author=words) for number, words in enumerate(HOSTILE)))
    rows = list(csv.DictReader(io.StringIO(written(database, "mentions", "csv"), newline="")))
    for row, words in zip(rows, HOSTILE, strict=True):
        expected = f"'{words}" if words[0] in "=+-@\t\r＝" else words.replace("\x1b", "")
        assert (row["text"], row["author_handle"]) == (expected, expected)


@given(st.text())
def test_defusing_loses_nothing(cell: str) -> None:
    safe = defuse(cell)
    assert safe in (cell, f"'{cell}")
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_cases_and_replies_are_exported_and_can_be_narrowed(database: Database) -> None:
    store(database, mention("1"), mention("2", is_ours=True), mention("3", brand="Beta"))
    rows = stored(database)
    with database.write() as session:
        for hours, name in enumerate(("Acme", "Beta")):
            brand = session.exec(select(Brand).where(Brand.name == name)).one()
            session.add(
                Case(
                    brand_id=brand.id or 0, network="x", author_key="1", thread_native_id="1",
                    opened_at=NOW - timedelta(hours=hours),
                    first_seen_at=NOW, last_inbound_at=NOW, reasons=[{"name": "=x"}],
                )
            )  # fmt: skip
        session.flush()
        session.add(
            Reply(
                brand_id=rows["1"].brand_id, case_id=1, network="x", native_id="2", mention_id=rows["2"].id,
                in_reply_to=rows["1"].id or 0, posted_at=NOW, by="acme",
            )
        )  # fmt: skip
    assert len(written(database, "cases", "csv").splitlines()) == 3
    assert [
        json.loads(line)["brand"] for line in written(database, "cases", "jsonl", brand="Beta").splitlines()
    ] == ["Beta"]
    assert len(written(database, "cases", "jsonl", since=NOW).splitlines()) == 1
    assert len(written(database, "cases", "jsonl", until=NOW).splitlines()) == 1
    reply = json.loads(written(database, "replies", "jsonl"))
    assert (reply["native_id"], reply["text"], reply["in_reply_to"]) == ("2", "my bag is lost", rows["1"].id)


def test_more_rows_than_a_batch_come_out_once_each(sqlite_database: Database) -> None:
    store(sqlite_database, *(mention(str(number)) for number in range(2_500)))
    numbers = [
        json.loads(line)["native_id"] for line in written(sqlite_database, "mentions", "jsonl").splitlines()
    ]
    assert sorted(map(int, numbers)) == list(range(2_500))


def test_an_unknown_subject_or_form_is_refused_with_the_choices(sqlite_database: Database) -> None:
    for subject, form in (("secrets", "csv"), ("cases", "xlsx")):
        with pytest.raises(ConfigError, match="mentions, cases, replies"):
            written(sqlite_database, subject, form)
