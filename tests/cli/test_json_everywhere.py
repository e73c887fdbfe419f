"""Every command that reads answers in JSON, wherever `--json` stands."""

import json

import pytest
from cli_program import UNSAFE, App

from social_care.cli.main import app as program
from social_care.cli.reference import commands

READS = {
    "try": ("{posts}", "-n", "3"),
    "doctor": (),
    "inbox": (),
    "why": ("1",),
    "search": ("refund",),
    "digest": ("--all",),
    "case show": ("1",),
    "draft show": ("{draft}",),
    "sla report": (),
    "sla check": ("--dry-run",),
    "listener list": (),
    "listener status": (),
    "topic list": (),
    "topic test": ('acme "air"',),
    "saved-reply list": (),
    "saved-reply check": (),
    "model info": (),
    "model list": (),
    "model shadow": ("bundled", "-n", "5"),
    "model drift": (),
    "db sql": ("select count(*) from mention",),
    "config check": (),
    "config show": (),
}
ELSEWHERE = {
    "score": "prints JSON lines always (test_score.py)",
    "db export": "prints JSON lines by --format (test_search_db.py)",
    "model evaluate": "below",
    "demo": "plays; tells a person",
    "run": "runs until stopped",
    "worker": "runs until stopped",
}
WRITES = {
    "init", "import", "listen", "case assign", "case release", "case snooze", "case wake", "case resolve",
    "case dismiss", "case reopen", "case label", "draft new", "draft edit", "draft approve", "draft reject",
    "draft handoff", "listener park", "listener resume", "db upgrade",
    "model add", "model tune", "model use",
}  # fmt: skip


def test_every_command_is_a_read_a_write_or_named_here() -> None:
    assert {name for name, _ in commands(program)} == set(READS) | WRITES | set(ELSEWHERE)


@pytest.fixture(scope="module")
def with_draft(full_workspace, tmp_path_factory):
    import shutil

    app = App(shutil.copytree(full_workspace, tmp_path_factory.mktemp("json") / "ws"))
    number = app("--json", "inbox", "-n", 1).json["cases"][0]["id"]
    app.draft = app("--json", "draft", "new", number, "--text", "Sorry about this.").json["draft"]
    return app


@pytest.mark.parametrize("name", READS)
def test_json_before_or_after_is_one_document(with_draft: App, posts_csv, name: str) -> None:
    words = [word.format(posts=posts_csv, draft=with_draft.draft) for word in READS[name]]
    first = with_draft("--json", *name.split(), *words, code=None)
    after = with_draft(*name.split(), *words, "--json", code=None)
    assert first.code in (0, 1)
    assert UNSAFE.search(first.out) is None
    if name in ("try", "digest", "doctor"):
        assert json.loads(first.out).keys() == json.loads(after.out).keys()
    else:
        assert json.loads(first.out) == json.loads(after.out)


def test_an_evaluation_is_json_too(app: App) -> None:
    (app.folder / "t.csv").write_text(
        "text,label\ngreat,positive\nawful,negative\nbox,neutral\n", encoding="utf-8"
    )
    assert app("--json", "model", "evaluate", "t.csv").json


def test_json_behind_two_dashes_is_a_word(reader: App) -> None:
    assert reader("search", "--", "--json").out.startswith("2026-")


@pytest.mark.parametrize(
    "words",
    [
        ("case", "assign", "{case}"), ("case", "snooze", "{case}", "--until", "2h"), ("case", "resolve", "{case}"),
        ("case", "dismiss", "{case}", "--reason", "spam"), ("case", "label", "{case}", "--theme", "x"),
        ("draft", "new", "{case}", "--text", "Sorry."), ("listen", "exports"), ("listener", "park", "exports"),
        ("listener", "resume", "exports"), ("db", "upgrade"), ("import", "{posts}"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dry", [True, False])
def test_every_write_reports_in_json_dry_or_not(desk: App, posts_csv, words: tuple[str, ...], dry: bool) -> None:
    path = desk.folder / "social-care.toml"
    listener = f"\n[listeners.exports]\ntype = 'files'\nbrand = 'Kestrel'\npath = '{posts_csv}'\n"
    path.write_text(path.read_text("utf-8") + listener, "utf-8")
    number = desk("--json", "inbox", "-n", 1).json["cases"][0]["id"]
    given = [word.format(case=number, posts=posts_csv) for word in words]
    assert desk("--json", *given, *(["--dry-run"] if dry else [])).json
