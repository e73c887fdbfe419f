"""`social-care digest` as typed, the daily files, and every command a digest prints."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from clock import NOW
from digest_world import World, ago
from typer.testing import CliRunner, Result

from social_care.cli.main import app
from social_care.digest.blocks import Items, footnotes
from social_care.digest.commands import folded
from social_care.digest.layout import lay_out
from social_care.digest.make import make_digest
from social_care.digest.window import last_day
from social_care.digest.write import write_daily, write_file
from social_care.workspace import Workspace
from storage.errors import ConfigError
from storage.models import Rejected

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a busy day in it: a spike with drivers, themes, stars, praise, gaps, rows kept aside."""
    place = tmp_path_factory.mktemp("workspace")
    (place / "social-care.toml").write_text(
        'database = "sqlite:///social-care.db"\nzone = "Europe/London"\n[[brands]]\nname = "Acme Air"\n'
        '[digest]\nformats = ["html", "markdown", "text", "json"]\n',
        encoding="utf-8",
    )
    workspace = Workspace.find(place)
    world = World(workspace.database, brand="Acme Air")
    for number in range(30):
        world.say(f"flight {number} was fine", ago(24 * 5 + number), mood="neutral")
        world.say(f"a quiet word number {number}", ago(30 + 3 * number), mood="neutral", topic="other")
    for number in range(12):
        world.say(
            f"no signal, outage on street {number}, can't call", ago(4, number), mood="negative", target=HOUR,
            complaint=True, network="reddit", topic="network", lang="de", priority="P1", urgency=0.9,
            url="https://x.example/1",
        )  # fmt: skip
    for number in range(5):
        world.say(f"第{number}次了，网络一直断网", ago(5, number), mood="negative", lang="zh-Hans", target=HOUR)
    world.say("lovely crew, thank you all", ago(2), mood="positive", network="appstore", rating=5, kind="review")
    world.hear("acme-x", ago(24), ago(10))
    with workspace.database.write() as session:
        session.add(
            Rejected(listener="file", place="line 3", reason="no date", raw="x", digest="1", seen_at=ago(1))
        )
    workspace.database.dispose()
    return place


@pytest.fixture
def workspace(folder: Path) -> Iterator[Workspace]:
    """The workspace, opened."""
    opened = Workspace.find(folder)
    yield opened
    opened.database.dispose()


def run(folder: Path, *words: str, now: str = "2026-03-02T12:00Z") -> Result:
    """The command line with these words, in the workspace, at noon."""
    return CliRunner().invoke(app, ["--workspace", str(folder), "--now", now, *words])


def printed_commands(workspace: Workspace, brand: str | None) -> set[str]:
    """Every command that stands anywhere in the digest."""
    made = make_digest(workspace.database, workspace.settings, last_day(NOW, workspace.zone), NOW, brand=brand)
    page = lay_out(made)
    inline = {
        command
        for section in page.sections
        for block in section.blocks
        if isinstance(block, Items)
        for item in block.items
        for command in item.commands
    }
    return inline | {note.command for note in footnotes(page)}


@pytest.mark.parametrize("brand", [None, "Acme Air"])
def test_every_command_in_a_digest_runs_as_it_stands(
    workspace: Workspace, folder: Path, brand: str | None
) -> None:
    commands = printed_commands(workspace, brand)
    kinds = {" ".join(word for word in shlex.split(one)[1:] if word.isalpha())[:12] for one in commands}
    assert len(commands) > 15, kinds
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "social-care"
        result = CliRunner().invoke(app, ["--workspace", str(folder), *_json_first(words)])
        assert result.exit_code == 0, (command, result.output, result.exception)


def _json_first(words: list[str]) -> list[str]:
    """As the entry point does: the global --json stands first."""
    return (["--json"] if "--json" in words else []) + [word for word in words if word != "--json"]


def test_a_folded_command_is_the_same_command_to_a_shell(workspace: Workspace) -> None:
    for command in printed_commands(workspace, "Acme Air"):
        lines = folded(command, 72)
        printed = subprocess.run(
            ["sh", "-c", "printf '%s\\n' " + "\n".join(lines)], capture_output=True, text=True, check=True
        )
        words = [" ".join(word.split()) for word in printed.stdout.splitlines()]
        assert words == [" ".join(word.split()) for word in shlex.split(command)]


def test_the_report_command_gives_the_figures_of_the_digest(workspace: Workspace, folder: Path) -> None:
    made = make_digest(workspace.database, workspace.settings, last_day(NOW, workspace.zone), NOW)
    assert made.promises is not None
    _, *words = shlex.split(made.promises.command)
    total = json.loads(CliRunner().invoke(app, ["--workspace", str(folder), "--json", *words]).output)["total"]
    assert total["n"] == made.counts.new_cases
    assert total["attainment"]["customer"]["value"] == made.promises.attainment_customer.value
    assert total["attainment"]["team"]["value"] == made.promises.attainment_team.value
    assert total["response_rate"]["value"] == made.promises.response_rate.value
    assert total["unanswered_complaint_rate"]["value"] == made.promises.unanswered_complaints.value
    heard = next(row for row in made.listeners if row.name == "acme-x")
    _, *words = shlex.split(made.listeners_command)
    report = json.loads(CliRunner().invoke(app, ["--workspace", str(folder), *_json_first(words)]).output)["total"]
    assert report["coverage"]["acme-x"] == heard.heard
    assert report["detection_lag_seconds"]["acme-x"]["p50"] == heard.lag_p50


def test_the_inbox_command_gives_the_counts_of_the_digest(workspace: Workspace, folder: Path) -> None:
    made = make_digest(
        workspace.database, workspace.settings, last_day(NOW, workspace.zone), NOW, brand="Acme Air"
    )
    _, *words = shlex.split(made.counts.open_command)
    counts = json.loads(CliRunner().invoke(app, ["--workspace", str(folder), "--json", *words]).output)["counts"]
    assert (counts["total"], counts["breached"]) == (made.counts.open, made.counts.breached)


def test_the_digest_names_the_spike_and_what_drove_it(folder: Path) -> None:
    text = run(folder, "digest").output
    assert "[spike] Mon 2 Mar 07:00 to 08:00: 1" in text
    assert re.search(r"driven by .*(signal|outage)", text)
    assert "network Reddit" in " ".join(text.split())


def test_the_text_is_the_default_and_the_file_name_tells_the_format(folder: Path, tmp_path: Path) -> None:
    assert run(folder, "digest").output.startswith("ACME AIR\n")
    assert run(folder, "digest", "--format", "markdown").output.startswith("# Acme Air\n")
    assert json.loads(run(folder, "--json", "digest").output)["schema"] == 1
    for name, start in (
        ("d.html", "<!doctype html>"),
        ("d.md", "# Acme Air"),
        ("d.json", "{"),
        ("d.txt", "ACME AIR"),
    ):
        assert run(folder, "digest", "--out", str(tmp_path / name)).exit_code == 0
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)
    out = tmp_path / "other.txt"
    assert run(folder, "digest", "--format", "html", "--out", str(out)).exit_code == 0
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_any_period_can_be_digested(folder: Path) -> None:
    assert "Sun 1 Mar 2026 (Europe/London)" in run(folder, "digest", "--date", "yesterday").output
    assert "Sun 1 Mar 2026 (Europe/London)" in run(folder, "digest", "--date", "2026-03-01").output
    assert "to Mon 2 Mar 2026 10:00" in run(folder, "digest", "--all").output
    span = json.loads(run(folder, "--json", "digest", "--since", "2026-02-25", "--until", "2026-02-26").output)
    assert span["window"]["since"] == "2026-02-25T00:00:00+00:00"
    assert span["window"]["until"] == "2026-02-27T00:00:00+00:00"


def test_a_day_without_mentions_is_one_line_that_shows_where_they_are(folder: Path) -> None:
    late = run(folder, "digest", now="2026-05-01T12:00Z").output
    assert late.count("\n") == 1
    assert late.startswith("Quiet: no mention since 2 Mar 2026; ")
    assert late.rstrip().endswith("See: social-care digest --date 2026-03-02")


@pytest.mark.parametrize(
    "words",
    [
        ("--date", "soon"),
        ("--format", "pdf"),
        ("--date", "today", "--all"),
        ("--since", "2026-03-02T12:00Z", "--until", "2026-03-01T12:00Z"),
        ("--brand", "Globex"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_a_reason(folder: Path, words: tuple[str, ...]) -> None:
    result = run(folder, "digest", *words)
    assert result.exit_code != 0
    assert isinstance(result.exception, ConfigError) or "Invalid value" in result.output


def test_the_daily_files_are_complete_dated_and_private(workspace: Workspace) -> None:
    paths = write_daily(workspace, NOW)
    assert [path.name for path in paths] == [
        f"digest-2026-03-02.{ending}" for ending in ("html", "md", "txt", "json")
    ]
    assert sorted(item.name for item in paths[0].parent.iterdir()) == sorted(path.name for path in paths)
    assert all(path.stat().st_mode & 0o077 == 0 for path in paths)
    assert write_daily(workspace, NOW) == paths


def test_a_file_that_cannot_be_written_whole_leaves_the_old_one(tmp_path: Path) -> None:
    place = tmp_path / "digest.txt"
    write_file(place, "yesterday")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_file(place / "below-a-file.txt", "today")
    with pytest.raises(TypeError):
        write_file(place, 7)  # type: ignore[arg-type]
    assert place.read_text() == "yesterday"
    assert [item.name for item in tmp_path.iterdir()] == ["digest.txt"]


def test_own_reference_lines_replace_the_shipped_ones(workspace: Workspace, folder: Path) -> None:
    own = folder / "reference.toml"
    own.write_text(
        '[rating]\nvalue = 4.5\ntext = "stars is our line"\nsource = "us"\nyear = 2026\n', encoding="utf-8"
    )
    try:
        text = run(folder, "digest").output
        assert "The line is 4.5 stars is our line (us, 2026)." in text
        own.write_text("[rating]\nvalue = 'high'\n", encoding="utf-8")
        refused = run(folder, "digest")
        assert isinstance(refused.exception, ConfigError)
        assert "[rating] needs exactly the keys" in str(refused.exception)
    finally:
        own.unlink()
