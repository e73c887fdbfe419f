"""Every command that writes has `--dry-run`, and with it the database's bytes stay as they are."""

import pytest
from cli_program import App
from test_json_everywhere import WRITES

from social_care.cli.main import app as program
from social_care.cli.reference import commands


def options() -> dict[str, set[str]]:
    return {name: {opt for item in command.params for opt in item.opts} for name, command in commands(program)}


@pytest.mark.parametrize("name", sorted({*WRITES, "score", "sla check"}))
def test_every_command_that_writes_has_a_dry_run(name: str) -> None:
    assert "--dry-run" in options()[name]


def test_no_other_command_pretends_to_have_one() -> None:
    assert {name for name, given in options().items() if "--dry-run" in given} == {*WRITES, "score", "sla check"}


def contents(app: App) -> str:
    """Every row of the workspace, as SQL."""
    import sqlite3

    with sqlite3.connect(app.folder / "social-care.db") as connection:
        return "\n".join(connection.iterdump())


def test_dry_runs_leave_every_row_as_it_was(desk: App, posts_csv) -> None:
    path = desk.folder / "social-care.toml"
    listener = f"\n[listeners.exports]\ntype = 'files'\nbrand = 'Kestrel'\npath = '{posts_csv}'\n"
    path.write_text(path.read_text("utf-8") + listener, "utf-8")
    number = desk("--json", "inbox", "-n", 1).json["cases"][0]["id"]
    draft = desk("--json", "draft", "new", number, "--text", "Sorry.").json["draft"]
    shown = desk("--json", "draft", "show", draft).json["text_hash"]
    before = contents(desk)
    for words in (
        ("case", "assign", number), ("case", "release", number), ("case", "snooze", number, "--until", "2h"),
        ("case", "resolve", number), ("case", "dismiss", number, "--reason", "spam"),
        ("case", "label", number, "--sentiment", "positive"), ("draft", "new", number, "--text", "x"),
        ("draft", "edit", draft, "--text", "y"), ("draft", "approve", draft, "--hash", shown),
        ("draft", "reject", draft), ("import", posts_csv), ("listen", "exports"), ("listener", "park", "exports"),
        ("listener", "resume", "exports"), ("db", "upgrade"), ("score", "--pending"), ("sla", "check"),
    ):  # fmt: skip
        desk(*words, "--dry-run", code=None)
        assert contents(desk) == before, words
