"""Working on a case: every change can be seen, tried dry, undone, and is refused to the second person."""

import pytest
from cli_program import App


def case(app: App, number: int) -> dict:
    return app("--json", "case", "show", number).json["case"]


def first(app: App) -> int:
    return app("--json", "inbox", "-n", 1).json["cases"][0]["id"]


def test_assign_release_round_trip(desk: App) -> None:
    number = first(desk)
    desk("case", "assign", number)
    assert case(desk, number)["assigned_to"] == "ann"
    assert number in [item["id"] for item in desk("--json", "inbox", "is:mine").json["cases"]]
    desk("case", "release", number)
    assert case(desk, number)["assigned_to"] is None


def test_a_case_somebody_holds_is_not_taken_by_another(desk: App) -> None:
    number = first(desk)
    desk("case", "assign", number, who="ann")
    answer = desk("case", "assign", number, who="bob", code=1)
    assert "ann" in answer.err
    assert case(desk, number)["assigned_to"] == "ann"
    for words in (
        ["resolve", number],
        ["dismiss", number, "--reason", "spam"],
        ["snooze", number, "--until", "2h"],
    ):
        desk("case", *words, who="bob", code=1)
    assert case(desk, number)["status"] == "open"
    desk("case", "assign", number, "--force", who="bob")
    assert case(desk, number)["assigned_to"] == "bob"


def test_a_snoozed_case_is_out_of_sight_until_it_is_due_or_woken(desk: App) -> None:
    number = first(desk)
    desk("case", "snooze", number, "--until", "2h")
    assert number not in [item["id"] for item in desk("--json", "inbox", "-n", 500).json["cases"]]
    assert [item["id"] for item in desk("--json", "inbox", "is:snoozed").json["cases"]] == [number]
    later = desk("--json", "inbox", "-n", 500, now="2026-03-02T14:00:01+00:00").json["cases"]
    assert number in [item["id"] for item in later]
    desk("case", "wake", number)
    assert number in [item["id"] for item in desk("--json", "inbox", "-n", 500).json["cases"]]


def test_a_time_to_snooze_to_is_read_in_the_workspaces_zone(desk: App) -> None:
    path = desk.folder / "social-care.toml"
    path.write_text(path.read_text("utf-8").replace('zone = "UTC"', 'zone = "Asia/Hong_Kong"'), "utf-8")
    number = first(desk)
    desk("case", "snooze", number, "--until", "2026-03-03T09:00")
    assert case(desk, number)["snoozed_until"].startswith("2026-03-03T01:00")


@pytest.mark.parametrize("until", ["yesterday-ish", "2020-01-01", "", "-2h"])
def test_a_time_to_snooze_to_must_be_one_and_lie_ahead(desk: App, until: str) -> None:
    answer = desk("case", "snooze", first(desk), f"--until={until}", code=None)
    assert answer.code in (1, 2)
    assert "Traceback" not in answer.said


def test_resolve_and_reopen_give_the_clock_back(desk: App) -> None:
    number = first(desk)
    before = desk("--json", "case", "show", number).json["clocks"]
    desk("case", "resolve", number, "--note", "called them")
    assert case(desk, number)["status"] == "resolved"
    desk("case", "reopen", number)
    assert case(desk, number)["status"] == "open"
    after = desk("--json", "case", "show", number).json["clocks"]
    assert [(c["due_at"], c["stopped_at"]) for c in after] == [(c["due_at"], c["stopped_at"]) for c in before]


def test_dismiss_needs_a_reason_that_exists(desk: App) -> None:
    number = first(desk)
    desk("case", "dismiss", number, code=2)
    answer = desk("case", "dismiss", number, "--reason", "boring", code=None)
    assert answer.code in (1, 2)
    assert "spam" in answer.err
    desk("case", "dismiss", number, "--reason", "spam")
    shown = case(desk, number)
    assert (shown["status"], shown["close_reason"]) == ("dismissed", "spam")


def test_a_label_counts_and_the_models_word_is_kept(desk: App) -> None:
    number = desk("--json", "inbox", "sentiment:negative", "-n", 1).json["cases"][0]["id"]
    changes = desk(
        "--json", "case", "label", number, "--sentiment", "positive", "--reply-needed", "no", "--theme", "thanks"
    ).json["changes"]
    assert len(changes) == 3
    shown = desk("--json", "case", "show", number).json
    assert shown["case"]["sentiment"] == "positive"
    assert shown["case"]["reply_needed"] is False
    labelled = [item for item in shown["thread"] if item["labels"]]
    assert labelled[0]["score"]["sentiment"] == "negative"
    assert {label["by"] for label in labelled[0]["labels"]} == {"ann"}


@pytest.mark.parametrize(
    "words", [(), ("--sentiment", "angry"), ("--urgency", "7"), ("--urgency", "nan"), ("--reply-needed", "maybe")]
)
def test_a_label_must_be_one_that_exists(desk: App, words: tuple[str, ...]) -> None:
    answer = desk("case", "label", first(desk), *words, code=None)
    assert answer.code in (1, 2)
    assert "Traceback" not in answer.said


def test_one_wrong_label_of_several_stores_none(desk: App) -> None:
    number = first(desk)
    desk("case", "label", number, "--sentiment", "positive", "--urgency", "7", code=None)
    assert not any(item["labels"] for item in desk("--json", "case", "show", number).json["thread"])


@pytest.mark.parametrize(
    "words",
    [
        ("assign",), ("assign", "--to", "bob"), ("snooze", "--until", "3d"), ("resolve",),
        ("dismiss", "--reason", "spam"), ("label", "--sentiment", "positive"), ("label", "--urgency", "0.9"),
    ],
)  # fmt: skip
def test_a_dry_run_says_would_and_writes_nothing(desk: App, words: tuple[str, ...]) -> None:
    number = first(desk)
    before = desk("--json", "case", "show", number).json
    verb, *options = words
    assert desk("case", verb, number, *options, "--dry-run").out.startswith("would ")
    assert desk("--json", "case", "show", number).json == before


def test_every_change_is_in_the_history_with_its_author(desk: App) -> None:
    number = first(desk)
    desk("case", "assign", number, who="ann")
    desk("case", "resolve", number, who="ann")
    history = desk("--json", "case", "show", number).json["history"]
    assert [(entry["actor"], entry["action"]) for entry in history if entry["actor"] == "ann"] == [
        ("ann", "case.assign"), ("ann", "case.resolve"),
    ]  # fmt: skip


def test_a_stale_revision_is_refused(desk: App) -> None:
    number = first(desk)
    revision = case(desk, number)["revision"]
    desk("case", "assign", number, "--revision", revision)
    answer = desk("case", "resolve", number, "--revision", revision, code=1)
    assert "Traceback" not in answer.err
    assert case(desk, number)["status"] == "open"


def test_a_case_that_does_not_exist_is_told(desk: App) -> None:
    for words in (["show", 9999], ["assign", 9999], ["label", 9999, "--theme", "x"]):
        answer = desk("case", *words, code=1)
        assert "9999" in answer.err
    assert "9999" in desk("why", 9999, code=1).err
