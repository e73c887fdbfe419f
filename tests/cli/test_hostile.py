"""Posts that try to harm: through import, inbox, case, search, draft, export and digest without a scratch."""

import re

import pytest
from cli_program import HOSTILE, UNSAFE, App

READINGS = [
    ("inbox", "is:any", "-n", "500"),
    ("--json", "inbox", "is:any", "-n", "500"),
    ("search", "refund", "-n", "500"),
    ("--json", "search", "refund", "-n", "500"),
    ("db", "export", "mentions"),
    ("db", "export", "mentions", "--format", "csv"),
    ("db", "export", "cases", "--format", "csv"),
    ("db", "sql", "select * from mention"),
    ("--json", "db", "sql", "select * from mention"),
    ("digest", "--all"),
    ("digest", "--all", "--format", "markdown"),
    ("digest", "--all", "--format", "html"),
    ("digest", "--all", "--format", "json"),
    ("sla", "report", "--by", "brand"),
    ("listener", "status"),
]


def number_of(app: App, name: str) -> int:
    query = f"select case_id from mention where native_id = '{name}'"
    return int(app("--json", "db", "sql", query).json[0]["case_id"])


@pytest.mark.parametrize("words", READINGS, ids=" ".join)
def test_nothing_a_terminal_obeys_is_printed(reader: App, words: tuple[str, ...]) -> None:
    answer = reader(*words)
    assert UNSAFE.search(answer.said.replace("\r\n", "\n")) is None


@pytest.mark.parametrize("name", HOSTILE)
def test_each_hostile_post_can_be_opened_and_answered(desk: App, name: str) -> None:
    number = number_of(desk, name)
    for words in (("case", "show", number), ("--json", "case", "show", number), ("why", number)):
        assert UNSAFE.search(desk(*words).said) is None, words
    made = desk("draft", "new", number, code=None)
    assert made.code in (0, 1)
    assert UNSAFE.search(made.said) is None
    shown = desk("--json", "case", "show", number).json["thread"][0]["mention"]["text"]
    assert shown.strip() == HOSTILE[name].replace("\x00", "\ufffd").strip()


def test_importing_and_trying_print_nothing_obeyed(fresh: App, posts_csv) -> None:
    for words in (("import", posts_csv), ("--json", "import", posts_csv), ("try", posts_csv, "-n", "99")):
        assert UNSAFE.search(fresh(*words).said) is None


def test_hostile_headings_brands_and_file_names_are_harmless(fresh: App) -> None:
    evil = "\x1b[31mevil\u202e"
    path = fresh.folder / "t\x1b[31m.csv"
    path.write_text(
        f'id,{evil},text,brand,posted,author\n1,x,late,"{evil}",2026-02-01,{evil}\n2,x,oh,"{evil}",never,x\n',
        "utf-8",
    )
    for words in (
        ("try", path), ("import", path), ("import", path, "--map", f"title={evil}"), ("inbox", "is:any"),
        ("case", "show", "1"), ("why", "1"), ("sla", "report", "--by", "brand"), ("listener", "status"),
        ("digest", "--all"), ("import", path, "--map", f"text={evil}x"), ("inbox", f"brand:{evil}"),
    ):  # fmt: skip
        answer = fresh(*words, code=None)
        assert "Traceback" not in answer.said
        assert UNSAFE.search(answer.said) is None, words


def test_markup_is_shown_as_written(reader: App) -> None:
    assert "[bold red]markup[/bold red]" in reader("search", "markup").out


def test_html_in_a_post_is_text_in_the_digest(reader: App) -> None:
    page = reader("digest", "--all", "--format", "html").out
    assert "<script>alert" not in page
    assert "onerror=alert(1)>" not in re.sub(r"&[a-z#0-9]+;", "", page) or "&lt;img" in page


def test_a_template_in_a_post_is_never_run(desk: App) -> None:
    number = number_of(desk, "h10")
    made = desk("--json", "draft", "new", number, code=None).json
    assert "49" not in (made["text"] or "")


def test_a_megabyte_is_kept_whole_and_shown_in_part(reader: App) -> None:
    number = number_of(reader, "h9")
    shown = reader("case", "show", number).out
    assert len(shown) < 10_000
    assert "characters in all" in shown
    kept = reader("--json", "case", "show", number).json["thread"][0]["mention"]["text"]
    assert len(kept) > 1_000_000
