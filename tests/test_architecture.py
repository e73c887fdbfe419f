"""The shape of the house: three floors, quick help, small files, honest names."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("listeners", "responders", "sentiment", "social_care", "storage")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
FILES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
WRITTEN = [path for path in FILES if "versions" not in path.parts]
"""Migrations are written by machine, once, and never change."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_arrows_point_down() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout
    assert f"{len(PROJECT['tool']['importlinter']['contracts'])} kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["inbox", "--help"], ["score", "--help"], ["digest", "-h"], ["nonsense"]]
)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    # pydantic is not in this list: Typer itself imports it where it is installed.
    heavy = ["torch", "transformers", "numpy", "sqlalchemy", "sqlmodel", "alembic", "jinja2", "tweepy", "praw"]
    code = (
        "import sys; sys.argv = ['social-care', *sys.argv[1:]]\n"
        "from social_care.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', [name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, timeout=110
    )
    assert done.stdout.splitlines()[-1] == "LOADED []", done.stdout[-300:] + done.stderr[-300:]


def test_the_entry_points_that_are_declared_are_installed_and_lead_somewhere() -> None:
    groups = {"console_scripts": PROJECT["project"]["scripts"]} | PROJECT["project"]["entry-points"]
    for group, declared in groups.items():
        installed = {point.name: point.value for point in entry_points(group=group) if point.name in declared}
        assert installed == declared, "install the package again: make test"
        for target in declared.values():
            module, attribute = target.split(":")
            assert hasattr(import_module(module), attribute)


def test_every_listener_of_the_tree_is_declared() -> None:
    declared = {
        target.split(":")[0] for target in PROJECT["project"]["entry-points"]["social_care.listeners"].values()
    }
    found = set()
    for path in (ROOT / "listeners").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            named = isinstance(node, ast.ClassDef) and node.name.endswith("Listener")
            if named and any(isinstance(item, ast.FunctionDef) and item.name == "poll" for item in node.body):
                found.add((node.name, ".".join(path.relative_to(ROOT).with_suffix("").parts)))
    ports = {module for _, module in found if module == "listeners.ports"}
    modules = {module.removesuffix(".listener").removesuffix(".__init__") for _, module in found} - ports
    assert modules == declared


@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_a_file_is_small_enough_to_read(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_no_function_is_longer_than_a_screen() -> None:
    long = []
    for path in WRITTEN:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.body:
                first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
                length = (node.end_lineno or 0) - first.lineno + 1
                if length > 60:
                    long.append(f"{name(path)}:{node.lineno} {node.name} {length}")
    assert long == []


def test_names_say_what_a_thing_is() -> None:
    assert not [name(path) for path in FILES if path.stem in ("utils", "util", "helpers", "common", "misc")]
    vague = re.compile(r"^class \w*(Manager|Helper|Util|Utils|Processor)\b", re.MULTILINE)
    assert not [name(path) for path in FILES if vague.search(path.read_text("utf-8"))]


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "Makefile"]
    assert not [name(path) for path in (*FILES, *documents) if later.search(path.read_text("utf-8"))]


def test_every_module_says_what_it_is_for() -> None:
    assert not [name(path) for path in FILES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]


def test_nothing_looks_at_the_clock_but_the_edge() -> None:
    edge = (
        "social_care/cli/context.py", "social_care/cli/line.py", "social_care/checks.py",
        "social_care/scheduler.py", "social_care/worker.py", "sentiment/train",
    )  # fmt: skip
    asked = re.compile(r"datetime\.(now|utcnow|today)\(|date\.today\(|time\.time\(")
    found = [name(path) for path in FILES if asked.search(path.read_text("utf-8"))]
    assert [item for item in found if not item.startswith(edge)] == []


def test_every_package_is_typed_and_included() -> None:
    included = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert included == [f"{item}*" for item in ("listeners", "sentiment", "responders", "storage", "social_care")]
    for package in PACKAGES:
        assert (ROOT / package / "py.typed").exists()
