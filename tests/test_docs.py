"""What the documents say exists, and what exists is in the documents."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from social_care.cli.main import app
from social_care.cli.reference import commands, render

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
DOCUMENTS = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
COMMANDS = dict(commands(app))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """The text without fenced blocks."""
    return FENCE.sub("", path.read_text("utf-8"))


def calls(text: str) -> Iterator[list[str]]:
    """Every `social-care ...` of a text, in fences and in back ticks, as words."""
    quoted = [block for _, block in FENCE.findall(text)]
    spans = re.findall(r"`(social-care [^`\n]+)`", FENCE.sub("", text))
    lines = [line for block in quoted for line in block.splitlines()]
    for line in [*spans, *lines]:
        found = re.search(r"(?:^|[$|&;] |/bin/)social-care ((?:[^#|]|\|-)+)", line)
        if found:
            yield shlex.split(found.group(1).replace("…", "").replace("'", "").replace('"', ""))


def resolve(words: list[str]) -> tuple[str, list[str]] | None:
    """The command a line calls, with the rest of its words; None where it names only a group or none."""
    words = [word for word in words if word != "--json"]
    while words[:1] and words[0] in ("--as", "--now", "--workspace", "-w"):
        words = words[2:]
    for length in (2, 1):
        if " ".join(words[:length]) in COMMANDS:
            return " ".join(words[:length]), words[length:]
    return None


def test_the_page_of_commands_is_what_the_program_says() -> None:
    assert (DOCS / "commands.md").read_text("utf-8") == render(app), (
        "write it anew: .venv/bin/social-care reference > docs/commands.md"
    )


def test_the_page_names_every_command_and_option() -> None:
    page = (DOCS / "commands.md").read_text("utf-8")
    for command, found in COMMANDS.items():
        assert f"`{command}`" in page
        for item in found.params:
            if item.param_type_name == "option" and item.name != "help" and not item.hidden:
                assert all(f"`{option}`" in page for option in item.opts), (command, item.opts)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_command_a_document_calls_exists_with_its_options(path: Path) -> None:
    groups = {command.split()[0] for command in COMMANDS}
    for words in calls(path.read_text("utf-8")):
        found = resolve(words)
        if found is None:
            lead = [word for word in words if not word.startswith("-")][:1]
            assert (
                words[0].startswith("-") or words[0].isupper() or lead[0].split("|")[0] in groups | {"reference"}
            ), words
            continue
        command, rest = found
        known = {option for item in COMMANDS[command].params for option in item.opts} | {"--help", "--json", "-h"}
        used = {word.split("=")[0].rstrip(".,;)") for word in rest if re.match(r"--?[a-z]", word)}
        assert used <= known, (words, used - known)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        place = (path.parent / file) if file else path
        assert place.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", place.read_text("utf-8"), re.MULTILINE)
            anchors = {
                "".join(c for c in h.lower() if c.isalnum() or c in " -_").replace(" ", "-") for h in headings
            }
            assert anchor in anchors, target


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / "social_care" / "templates" / "social-care.toml"], ids=name)
def test_every_path_a_document_names_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    named = set(re.findall(r"\b(docs/[\w./-]*\w(?:\.md|/))", text))
    tops = "listeners|responders|sentiment|social_care|storage|tests|benchmarks|constraints"
    named |= {item for item in re.findall(rf"`((?:{tops})/[\w./-]+)`", text) if "acme" not in item}
    missing = [item for item in sorted(named) if not (ROOT / item).exists()]
    assert missing == []


def keys(model: type[BaseModel]) -> set[str]:
    return {field.alias or key for key, field in model.model_fields.items()}


def rows_of(section: str) -> set[str]:
    """The words in back ticks of the first column of the tables of a section."""
    found = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    return {word for cell in found for word in re.findall(r"`([^`]+)`", cell)}


def section(title: str) -> str:
    page = (DOCS / "configuration.md").read_text("utf-8")
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"docs/configuration.md has no section {title}"
    return found.group(1)


def test_every_setting_is_described_and_no_other() -> None:
    from responders.readings import TriageRules
    from responders.sla import SlaPolicy
    from social_care import config

    tables = {"brands", "topics", "listeners", "scorer", "tuning", "urgency", "sla", "triage", "digest", "goals"}
    assert rows_of(section("Keys")) == keys(config.Settings) - tables
    assert rows_of(section("`[[brands]]`")) == keys(config.BrandSettings)
    assert rows_of(section("`[[topics]]`")) == keys(config.TopicSettings)
    assert rows_of(section("`[listeners.NAME]`")) == keys(config.ListenerSettings)
    assert rows_of(section("`[scorer]`")) == keys(config.ScorerSettings)
    assert rows_of(section("`[tuning]`")) == keys(config.TuningSettings)
    assert rows_of(section("`[digest]`")) == keys(config.DigestSettings)
    assert rows_of(section("`[goals]`")) == keys(config.GoalSettings)
    assert rows_of(section("`[triage]`")) == keys(TriageRules)
    assert rows_of(section("`[[sla]]`")) == keys(SlaPolicy)
    assert section("`[urgency]`").strip()


@pytest.mark.parametrize("part", ["scorer", "tuning", "digest", "goals", "triage"])
def test_the_defaults_the_manual_states_are_the_programs(part: str) -> None:
    from responders.readings import TriageRules
    from social_care import config

    models = {
        "scorer": config.ScorerSettings, "tuning": config.TuningSettings, "digest": config.DigestSettings,
        "goals": config.GoalSettings, "triage": TriageRules,
    }  # fmt: skip
    for key, stated in re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", section(f"`[{part}]`"), re.MULTILINE):
        default = models[part].model_fields[key].get_default(call_default_factory=True)
        read = (
            tomllib.loads(f"x = {stated}")["x"] if re.match(r'[\d\["{]', stated) and ":" not in stated else stated
        )
        if isinstance(default, frozenset):
            assert set(read) == default, key
        elif isinstance(default, dict):
            assert {int(name): value for name, value in read.items()} == dict(default), key
        else:
            assert read == default, key


def test_the_settings_file_of_init_names_only_settings_there_are() -> None:
    from social_care.config import make_settings

    text = (ROOT / "social_care" / "templates" / "social-care.toml").read_text("utf-8")
    text = text.replace("@ZONE@", '"UTC"').replace("@LANGUAGE@", '"en"').replace("@BRAND@", "")
    active = re.sub(r"^# ?(?=(\[|\w+ = |$))", "", text, flags=re.MULTILINE)
    data = tomllib.loads(active) | {"brands": [{"name": "Acme"}]}
    assert data["topics"]
    assert len(data["listeners"]) == 3
    make_settings(data, "the template")


def test_every_listener_type_has_its_page_with_every_setting() -> None:
    from listeners import registry

    for kind in registry.names():
        page = (DOCS / "listeners" / f"{kind}.md").read_text("utf-8")
        missing = [key for key in registry.load(kind).Settings.model_fields if f"`{key}`" not in page]
        assert missing == [], kind


def test_every_dependency_and_extra_is_listed_with_its_reason() -> None:
    page = (DOCS / "dependencies.md").read_text("utf-8")
    for requirement in PROJECT["dependencies"]:
        package = re.split(r"[<>=\[;~ ]", requirement)[0]
        assert re.search(rf"^\| {re.escape(package)} \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE), package
    listed = set(re.findall(r"^\| ([a-z0-9-]+) \|", page.split("## Extras")[0], re.MULTILINE)) - {"package"}
    assert listed == {re.split(r"[<>=\[;~ ]", item)[0] for item in PROJECT["dependencies"]}
    extras = page.split("## Extras")[1]
    for extra, packages in PROJECT["optional-dependencies"].items():
        assert f"`{extra}`" in extras, extra
        for requirement in packages if extra not in ("dev", "all") else ():
            package = re.split(r"[<>=\[;~ ]", requirement)[0]
            assert re.search(re.escape(package), extras, re.IGNORECASE), package


def test_every_table_and_column_the_manual_asks_for_exists() -> None:
    from sqlmodel import SQLModel

    import storage.models  # noqa: F401

    for path in DOCUMENTS:
        for question in re.findall(r"db sql [\"'](.+?)[\"']", path.read_text("utf-8")):
            for table in re.findall(r"\b(?:from|join) (\w+)", question, re.IGNORECASE):
                assert table in SQLModel.metadata.tables, (name(path), table)


def test_every_make_target_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for path in DOCUMENTS:
        for target in re.findall(r"`make ([a-z]+)", path.read_text("utf-8")):
            assert target in targets, (name(path), target)


def test_no_document_holds_a_mark_to_be_filled_in() -> None:
    for path in DOCUMENTS:
        assert not re.search(r"^@\w+@$", path.read_text("utf-8"), re.MULTILINE), name(path)


def test_every_page_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop().resolve()
        if path in reached or not path.exists():
            continue
        reached.add(path)
        text = path.read_text("utf-8")
        waiting += [path.parent / item.split("#")[0] for item in re.findall(r"\]\(([^)\s:]+\.md[^)]*)\)", text)]
        waiting += [ROOT / item for item in re.findall(r"\bdocs/[\w./-]+\.md", text)]
    assert {name(path) for path in DOCS.rglob("*.md")} <= {str(path.relative_to(ROOT)) for path in reached}
