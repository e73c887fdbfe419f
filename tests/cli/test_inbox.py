"""`social-care inbox`: the most pressing first, queries that say what they do not know, and 80 columns."""

import pytest
from cli_program import App, rows
from rich.cells import cell_len

CASE_KEYS = {
    "id", "brand", "network", "status", "priority", "urgency", "sentiment", "reply_needed", "reply_reason",
    "reasons", "assigned_to", "opened_at", "author", "text", "url", "language", "state", "due_at", "untrusted",
    "age_seconds",
}  # fmt: skip


def ids(app: App, *query: str) -> list[int]:
    return [case["id"] for case in app("--json", "inbox", *query, "-n", 500).json["cases"]]


def test_json_has_the_query_the_counts_and_the_cases(reader: App) -> None:
    found = reader("--json", "inbox", "--limit", 3).json
    assert set(found) == {"as_of", "query", "counts", "cases"}
    assert found["as_of"] == "2026-03-02T12:00:00+00:00"
    assert len(found["cases"]) == 3
    for case in found["cases"]:
        assert set(case) >= CASE_KEYS
        assert case["untrusted"] is True
        assert case["reply_needed"] is True
    counts = found["counts"]
    assert counts["total"] == len(ids(reader))
    assert sum(counts["by_priority"].values()) == counts["total"]


def test_cases_come_by_priority_first(reader: App) -> None:
    found = [case["priority"] for case in reader("--json", "inbox", "-n", 500).json["cases"]]
    assert found == sorted(found)
    assert len(set(found)) > 1


def test_the_urgency_is_the_sum_of_its_reasons(reader: App) -> None:
    for case in reader("--json", "inbox", "is:any", "-n", 500).json["cases"]:
        total = sum(factor["points"] for factor in case["reasons"])
        assert case["urgency"] == pytest.approx(min(max(total, 0), 1), abs=0.006), case["text"][:80]


def test_offset_and_limit_page_through_everything_once(reader: App) -> None:
    everything = ids(reader, "is:any")
    paged: list[int] = []
    for offset in range(0, len(everything), 25):
        page = reader("--json", "inbox", "is:any", "-n", 25, "--offset", offset).json["cases"]
        paged += [case["id"] for case in page]
    assert paged == everything
    assert len(set(paged)) == len(rows())


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("priority:P1", lambda case: case["priority"] == "P1"),
        ("priority:p1,p2", lambda case: case["priority"] in ("P1", "P2")),
        ("lang:zh", lambda case: case["language"].startswith("zh")),
        ("lang:en", lambda case: case["language"] == "en"),
        ("sentiment:negative", lambda case: case["sentiment"] == "negative"),
        ("network:file", lambda case: case["network"] == "file"),
        ("brand:Kestrel", lambda case: case["brand"] == "Kestrel"),
        ("assignee:nobody", lambda case: case["assigned_to"] is None),
        ("is:breached", lambda case: case["state"] == "breached"),
        ("is:complaint", lambda case: case["complaint"]),
        ("is:unassigned", lambda case: case["assigned_to"] is None),
        ("refund", lambda case: "refund" in case["text"].lower()),
        ("退款", lambda case: "退款" in case["text"]),
        ('"charged twice"', lambda case: "charged twice" in case["text"].lower()),
        ("lang:zh 客服", lambda case: "客服" in case["text"]),
    ],
)
def test_a_query_finds_what_it_names_and_all_of_it(reader: App, query: str, holds) -> None:
    everything = reader("--json", "inbox", "-n", 500).json["cases"]
    if "p" in query and query.startswith("priority"):
        everything = reader("--json", "inbox", "is:any", "-n", 500).json["cases"]
    found = reader("--json", "inbox", query, "-n", 500).json["cases"]
    assert found, query
    assert {case["id"] for case in found} == {case["id"] for case in everything if holds(case)}


@pytest.mark.parametrize("query", ["is:mine", "assignee:me", "network:reddit", "is:snoozed", "brand:Nobody"])
def test_a_query_that_finds_nothing_says_so(reader: App, query: str) -> None:
    answer = reader("inbox", query)
    assert "0 waiting" in answer.out
    assert "nothing matches" in answer.err


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("netwrk:x", "did you mean network:?"),
        ("prio:P1", "priority:"),
        ("is:late", "breached"),
        ("-network:x", "network:"),
        ("status:opn", "open"),
        ("priority:P9", "P1"),
        ("sentiment:angry", "negative"),
    ],
)
def test_what_a_query_does_not_know_is_told_with_what_it_knows(reader: App, query: str, said: str) -> None:
    answer = reader("inbox", "--", query, code=2)
    assert said in answer.err


@pytest.mark.parametrize("query", ['"', "(", "*", "NOT", "''", "a:b:c", "https://x.example", "\x00", "%", "🙂"])
def test_odd_queries_never_crash(reader: App, query: str) -> None:
    answer = reader("inbox", "--", query, code=None)
    assert answer.code in (0, 2)
    assert "Traceback" not in answer.said


@pytest.mark.parametrize(
    "words",
    [
        ("inbox", "-n", "500"), ("inbox", "is:any", "-n", "500"), ("search", "refund", "-n", "500"),
        ("search", "退款"), ("sla", "report"), ("sla", "report", "--by", "day"), ("saved-reply", "list"),
        ("listener", "status"), ("model", "info"), ("config", "show"), ("doctor",), ("config", "check"),
        ("why", "1"), ("why", "55"), ("case", "show", "1"), ("case", "show", "63"), ("topic", "list"),
        ("--help",), ("case", "--help"), ("import", "--help"), ("db", "sql", "select * from mention limit 3"),
    ],
)  # fmt: skip
def test_no_printed_line_is_wider_than_80_columns(reader: App, words: tuple[str, ...]) -> None:
    for line in reader(*words, code=None).said.splitlines():
        assert cell_len(line) <= 80, line


def test_try_fits_80_columns(app: App, posts_csv) -> None:
    answer = app("try", posts_csv, "-n", 100)
    assert "…  …" not in answer.out
    for line in answer.said.splitlines():
        assert cell_len(line) <= 80, line


def test_the_screen_shows_reason_and_words_of_the_first_case(reader: App) -> None:
    first = reader("--json", "inbox", "-n", 1).json["cases"][0]
    out = reader("inbox", "-n", 1).out
    assert str(first["id"]) in out
    assert first["priority"] in out
    assert first["text"][:30] in out
