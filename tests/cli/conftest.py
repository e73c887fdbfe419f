"""The real program, in process and installed, on a workspace of real imported posts and the bundled model."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_program import App, rows, write_csv


@pytest.fixture(scope="package", autouse=True)
def one_model() -> Iterator[None]:
    """The real bundled model, loaded once for all calls in this process."""
    import sentiment.loading
    from sentiment.transformer import TransformerScorer

    real = TransformerScorer.load
    loaded: dict[str, Any] = {}

    def load(model: Any = None, **named: Any) -> Any:
        if model is not None:  # another model is what its test is about, here and in packages that run in between
            return real(model, **named)
        # A test elsewhere in this process may have set another arithmetic meanwhile.
        key = f"{id(sentiment.loading.arithmetic)} {sorted(named.items())!r}"
        if key not in loaded:
            loaded[key] = real(**named)
        return loaded[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransformerScorer, "load", load)
        patch.delenv("SOCIAL_CARE_WORKSPACE", raising=False)
        patch.delenv("SOCIAL_CARE_USER", raising=False)
        yield


@pytest.fixture
def app(tmp_path: Path) -> App:
    """The program in an empty folder."""
    return App(tmp_path)


@pytest.fixture(scope="package")
def empty_workspace(tmp_path_factory: pytest.TempPathFactory, one_model: None) -> Path:
    """A workspace as `init --no-input` makes it; copied, never changed."""
    folder = tmp_path_factory.mktemp("empty") / "ws"
    folder.mkdir()
    App(folder)("init", "--no-input", "--brand", "Kestrel", "--x", "KestrelCare")
    return folder


@pytest.fixture
def fresh(empty_workspace: Path, tmp_path: Path) -> App:
    """The program in a workspace of its own without posts."""
    return App(Path(shutil.copytree(empty_workspace, tmp_path / "ws")))


@pytest.fixture(scope="package")
def posts_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared posts as a CSV file."""
    return write_csv(tmp_path_factory.mktemp("posts") / "posts.csv", rows())


@pytest.fixture(scope="package")
def full_workspace(empty_workspace: Path, posts_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the shared posts imported, scored and triaged; copied, never changed."""
    folder = Path(shutil.copytree(empty_workspace, tmp_path_factory.mktemp("full") / "ws"))
    answer = App(folder)("--json", "import", posts_csv)
    assert answer.json["scored"] == len(rows())
    return folder


@pytest.fixture
def reader(full_workspace: Path) -> App:
    """The program in the shared workspace; for commands that only read."""
    return App(full_workspace)


@pytest.fixture
def desk(full_workspace: Path, tmp_path: Path) -> App:
    """The program in its own copy of the shared workspace, to change."""
    return App(Path(shutil.copytree(full_workspace, tmp_path / "ws")))


@pytest.fixture(scope="session")
def installed() -> Any:
    """Runs the installed `social-care` as its users do; returns the finished process."""
    program = Path(sys.executable).with_name("social-care")
    assert program.exists(), "install the package first: make test"

    def run(*words: object, folder: Path, **named: Any) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SOCIAL_CARE_")}
        environment |= {"COLUMNS": "80", "PYTHONIOENCODING": "utf-8"} | named.pop("env", {})
        return subprocess.run(
            [str(program), *map(str, words)],
            cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=110, **named,
        )  # fmt: skip

    return run
