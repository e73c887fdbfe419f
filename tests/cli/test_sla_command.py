"""`social-care sla report|check`: the figures with the keys others rely on."""

import pytest
from cli_program import App, rows

STATES_EXPECTED_TOTAL = len(rows())


@pytest.mark.parametrize("by", ["brand", "network", "policy", "day"])
def test_the_report_has_the_agreed_keys(reader: App, by: str) -> None:
    report = reader("--json", "sla", "report", "--by", by, "--since", "2026-02-01", "--until", "2026-03-02").json
    assert report["groups"]
    for group in report["groups"]:
        assert {
            "name", "n", "first_reply_seconds", "team_first_reply_seconds", "within", "response_rate",
            "attainment", "states", "coverage",
        } <= set(group)  # fmt: skip
        assert {"p50", "p75", "p90", "p95"} <= set(group["first_reply_seconds"])
        assert {"p50", "p75", "p90", "p95"} <= set(group["team_first_reply_seconds"])
        assert set(group["within"]) == {"900", "3600", "86400"}
        assert {"value", "raw", "handled"} <= set(group["response_rate"])
        assert {"customer", "team"} <= set(group["attainment"])
    assert sum(group["n"] for group in report["groups"]) == STATES_EXPECTED_TOTAL


def test_the_report_prints_one_row_a_group_and_the_whole(reader: App) -> None:
    out = reader("sla", "report", "--by", "network").out
    assert "file" in out
    assert "response rate" in out


def test_the_window_narrows_what_is_counted(reader: App) -> None:
    report = reader("--json", "sla", "report", "--since", "2026-02-21", "--until", "2026-02-21").json
    day = [row for row in rows() if row["posted"].startswith("2026-02-21")]
    assert report["total"]["n"] == len(day)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--by", "colour"), "brand"),
        (("--since", "soonish"), "2026-03-02"),
        (("--since", "2026-03-02", "--until", "2026-03-01"), "empty"),
    ],
)
def test_a_report_that_cannot_be_made_says_why(reader: App, words: tuple[str, ...], said: str) -> None:
    answer = reader("sla", "report", *words, code=2)
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_check_lists_without_recording_when_dry(desk: App) -> None:
    dry = desk("--json", "sla", "check", "--dry-run", code=None).json
    assert dry["recorded"] == 0
    assert dry["breached"] > 0
    wet = desk("--json", "sla", "check", code=1).json
    assert wet["breached"] == dry["breached"]


def test_check_records_each_event_once(desk: App) -> None:
    desk("sla", "check", code=1)
    assert desk("--json", "sla", "check", code=1).json["recorded"] == 0


def test_a_resolved_case_is_not_breached_again(desk: App) -> None:
    before = desk("--json", "sla", "check", code=1).json["breached"]
    number = desk("--json", "inbox", "is:breached", "-n", 1).json["cases"][0]["id"]
    desk("case", "resolve", number)
    assert desk("--json", "sla", "check", code=1).json["breached"] == before - 1
