"""Exit codes as docs/operations.md lists them, and no traceback for anything a user can do."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_program import App

from social_care.cli import exits

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"


def test_the_manual_lists_exactly_the_codes_there_are() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)}
    assert listed == {exits.OK, exits.FAILED, exits.USAGE, exits.PARTLY}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("inbox",), 0),
        (("--version",), 0),
        (("--help",), 0),
        (("case", "show", "9999"), 1),
        (("draft", "approve", "1", "--hash", "0" * 12), 1),
        (("inbox", "nokey:x"), 2),
        (("nonsense",), 2),
        (("inbox", "--nonsense"), 2),
        (("case", "show", "zero"), 2),
        (("case", "show", "0"), 2),
        (("import", "nowhere.csv"), 2),
        (("score", "nowhere.csv"), 2),
        (("try", "nowhere.csv"), 2),
        (("try", "http://127.0.0.1:1/x.csv"), 2),
        (("model", "evaluate", "nowhere.csv"), 2),
        (("model", "info", "--model", "nowhere"), 2),
        (("score", "--model", "nowhere/at-all", "-"), 2),
        (("topic", "test", "(acme"), 2),
        (("topic", "test", "acme", "nowhere.txt"), 2),
        (("listener", "park", "nobody"), 2),
        (("listen",), 2),
        (("listen", "nobody"), 2),
        (("db", "sql", "DROP TABLE mention"), 2),
        (("digest", "--since", "soonish"), 2),
        (("digest", "--format", "pdf"), 2),
        (("--now", "noon", "inbox"), 2),
    ],
)
def test_each_outcome_has_its_code_and_words_instead_of_a_traceback(
    reader: App, words: tuple[str, ...], code: int
) -> None:
    answer = reader(*words, code=code)
    assert "Traceback" not in answer.said
    if code:
        assert answer.err.strip()


def test_an_error_is_json_too_when_json_was_asked_for(reader: App) -> None:
    found = reader("case", "show", "9999", "--json", code=1).json
    assert set(found) == {"error", "message"}
    assert "9999" in found["message"]


def test_the_installed_program_says_its_version(installed, tmp_path) -> None:
    done = installed("--version", folder=tmp_path)
    assert done.returncode == 0
    assert re.fullmatch(r"social-care \d+\.\d+\.\d+\n", done.stdout)


def test_a_reader_that_leaves_early_is_no_error(full_workspace, tmp_path) -> None:
    program = Path(sys.executable).with_name("social-care")
    script = f'set -o pipefail; "{program}" db export mentions | head -c 100 >/dev/null; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", script], cwd=full_workspace, capture_output=True, text=True, timeout=100)
    assert done.stdout.strip() == "0"
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_a_terminal_that_cannot_show_chinese_gets_question_marks(installed, full_workspace) -> None:
    done = installed(
        "--now", "2026-03-02T12:00:00+00:00", "inbox", "退款", folder=full_workspace,
        env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "?" in done.stdout


def test_an_error_of_the_installed_program_is_told_once(installed, tmp_path) -> None:
    done = installed("inbox", "--json", folder=tmp_path)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"] == "ConfigError"
    assert done.stderr.count("social-care init") == 1
