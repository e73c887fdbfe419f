"""The first minutes: `init` makes a workspace once, `try` understands a file and stores nothing."""

import json
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cli_program import UNSAFE, App, rows, write_csv

TABLE = [
    {"id": "a1", "author": "li", "text": "订单一直没有发货，我要退款！", "posted": "2026-03-02T09:00:00+00:00"},
    {"id": "a2", "author": "bo", "text": "Where is my refund? Terrible.", "posted": "2026-03-02T10:00:00+00:00"},
    {"id": "a3", "author": "cy", "text": "Thank you, wonderful service!", "posted": "2026-03-02T11:00:00+00:00"},
]


def test_init_makes_a_workspace_that_the_commands_find(app: App) -> None:
    app("init", "--no-input", "--brand", "Kestrel")
    names = {item.name for item in app.folder.iterdir()}
    assert {"social-care.toml", "social-care.db", "saved-replies"} <= names
    assert app("config", "check").code == 0
    below = app.folder / "a" / "b"
    below.mkdir(parents=True)
    assert "0 waiting" in App(below)("inbox").out


def test_init_without_any_answer_works_too(app: App) -> None:
    app("init", "--no-input")
    assert app("--json", "inbox").json["counts"]["total"] == 0


def test_init_asks_what_it_was_not_told(app: App) -> None:
    app("init", input="Kestrel\nKestrelCare\n\nAsia/Hong_Kong\n")
    text = (app.folder / "social-care.toml").read_text("utf-8")
    assert 'name = "Kestrel"' in text
    assert "KestrelCare" in text
    assert 'zone = "Asia/Hong_Kong"' in text


def test_a_dry_run_shows_the_file_and_writes_nothing(app: App) -> None:
    assert "[[brands]]" in app("init", "--dry-run", "--brand", "Kestrel").out
    assert list(app.folder.iterdir()) == []


def test_a_second_init_refuses_and_changes_nothing(fresh: App) -> None:
    before = (fresh.folder / "social-care.toml").read_bytes()
    answer = fresh("init", "--no-input", "--brand", "Other", code=2)
    assert "is there already" in answer.err
    assert (fresh.folder / "social-care.toml").read_bytes() == before


@pytest.mark.parametrize("brand", ['Ke"str\\el', "鷹", "two\nlines", "[red]x[/red]", "a = 1 # b", "\x1b[31m"])
def test_any_brand_name_survives_the_configuration_file(app: App, brand: str) -> None:
    app("init", "--no-input", "--brand", brand)
    settings = tomllib.loads((app.folder / "social-care.toml").read_text("utf-8"))
    assert settings["brands"] == [{"name": brand}]
    assert UNSAFE.search(app("config", "show").said) is None


def test_an_unknown_zone_leaves_nothing_behind(app: App) -> None:
    answer = app("init", "--no-input", "--zone", "Mars/Base", code=2)
    assert "Europe/London" in answer.err
    assert not (app.folder / "social-care.toml").exists()


def test_try_shows_every_row_with_mood_urgency_and_promise(app: App) -> None:
    write_csv(app.folder / "t.csv", TABLE)
    answer = app("try", "t.csv")
    for row in TABLE:
        assert row["text"] in answer.out
    assert "negative" in answer.out
    assert "positive" in answer.out
    assert "due in" in answer.out or "late" in answer.out
    assert "Nothing was stored" in answer.err
    assert {item.name for item in app.folder.iterdir()} == {"t.csv"}


def test_try_names_every_guessed_column(app: App) -> None:
    write_csv(app.folder / "t.csv", TABLE)
    found = app("--json", "try", "t.csv").json
    assert found["columns"] == {"id": "id", "author": "author", "text": "text", "time": "posted"}
    assert [row["text"] for row in found["rows"]] == [row["text"] for row in TABLE]
    for row in found["rows"]:
        assert row["untrusted"] is True
        assert row["sentiment"] in ("negative", "neutral", "positive")
        assert 0 <= row["urgency"] <= 1
        assert row["reasons"]
    assert found["rows"][0]["due_at"]


def test_try_reads_json_lines_and_standard_input_alike(app: App) -> None:
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in TABLE)
    (app.folder / "t.jsonl").write_text(text, encoding="utf-8")
    from_file = app("--json", "try", "t.jsonl").json["rows"]
    piped = app("--json", "try", "-", input=text).json["rows"]
    assert from_file == piped
    assert len(piped) == 3


@pytest.fixture
def served() -> Iterator[str]:
    """A server on the loopback interface that hands out one CSV file."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"text,author\nWhere is my refund?,bo\n"
            found = self.path.startswith("/posts.csv")
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(body if found else b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_try_fetches_a_link(app: App, served: str) -> None:
    found = app("--json", "try", f"{served}/posts.csv?key=hidden").json
    assert found["rows"][0]["text"] == "Where is my refund?"
    assert list(app.folder.iterdir()) == []


def test_a_link_that_is_not_there_is_told_without_its_query(app: App, served: str) -> None:
    answer = app("try", f"{served}/gone?token=hidden-word", code=2)
    assert "404" in answer.err
    assert "hidden-word" not in answer.said


def test_unreadable_dates_are_kept_aside_with_the_reason(app: App) -> None:
    table = [*TABLE, {"id": "a4", "author": "d", "text": "whenever", "posted": "32nd of Nevember"}]
    write_csv(app.folder / "t.csv", table)
    answer = app("--json", "try", "t.csv", code=3)
    assert sum(answer.json["kept_aside"].values()) == 1
    assert len(answer.json["rows"]) == 3
    assert "kept aside" in app("try", "t.csv", code=3).err


def test_ids_that_repeat_with_other_words_are_reported(app: App) -> None:
    table = [dict(row, id="same") for row in TABLE]
    write_csv(app.folder / "t.csv", table)
    answer = app("--json", "try", "t.csv")
    assert len(answer.json["rows"]) == 3
    assert any("id" in finding["message"] for finding in answer.json["findings"])


def test_spoiled_ids_are_not_trusted(app: App) -> None:
    table = [dict(row, id="5.70306E+17") for row in TABLE]
    write_csv(app.folder / "t.csv", table)
    found = app("--json", "try", "t.csv").json
    assert len(found["rows"]) == 3
    assert any("5.70306E+17" in f["message"] or "scientific" in f["message"] for f in found["findings"])


def test_a_file_without_text_lists_the_columns_it_has(app: App) -> None:
    (app.folder / "t.csv").write_text("price,size\n1,2\n3,4\n", encoding="utf-8")
    answer = app("try", "t.csv", code=2)
    assert "price" in answer.err
    assert "size" in answer.err


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02\xff\xfe" * 50, b"{", b"[]", b"text\n", b"\n\n\n"])
def test_files_that_hold_no_posts_are_told_in_words(app: App, content: bytes) -> None:
    (app.folder / "t.csv").write_bytes(content)
    answer = app("try", "t.csv", code=None)
    assert answer.code in (0, 2, 3)
    assert "Traceback" not in answer.said
    assert answer.said.strip()


def test_the_limit_is_of_rows_shown(app: App, posts_csv) -> None:
    assert len(app("--json", "try", posts_csv, "-n", 5).json["rows"]) == 5
    assert len(app("--json", "try", posts_csv, "-n", 100).json["rows"]) == len(rows())
