"""The wheel is the product: it holds all it needs and nothing else, and runs far from the tree."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"listeners", "responders", "sentiment", "social_care", "storage"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tracked files and of nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    else:
        kept = (*PACKAGES, "pyproject.toml", "README.md", "LICENSE", "NOTICE")
        found = (
            path for top in kept for path in ((ROOT / top).rglob("*") if (ROOT / top).is_dir() else [ROOT / top])
        )
        names = [
            str(path.relative_to(ROOT)) for path in found if path.is_file() and "__pycache__" not in path.parts
        ]
    for name in names:
        if not name.startswith("tests/"):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder / "dist"), str(tree)],
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (built,) = (folder / "dist").glob("*.whl")
    return built


def test_it_holds_the_five_packages_and_all_their_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    source = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode == 0:
        source &= set(tracked.stdout.splitlines())
    assert source - names == set()
    for needed in (
        "sentiment/model/weights.safetensors", "sentiment/data/signals.toml", "social_care/data/demo/posts.jsonl",
        "social_care/templates/digest.html.j2", "social_care/templates/social-care.toml",
        "storage/migrations/env.py", "responders/data/saved_replies/outage.zh-Hant.md", "social_care/py.typed",
    ):  # fmt: skip
        assert needed in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/NOTICE") for name in names)


def test_it_is_small_enough_for_a_package_index(wheel: Path) -> None:
    assert wheel.stat().st_size < 60_000_000


@pytest.fixture(scope="module")
def far_away(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; the libraries are lent by this one, the tree is not."""
    folder = tmp_path_factory.mktemp("far")
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True, timeout=300)
    python = folder / "env" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True, timeout=300
    )
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    lent = sysconfig.get_path("purelib")
    # A path in a .pth is only added: the other folder's own .pth files, which lead to the tree, are not read.
    (site / "zz-lent-libraries.pth").write_text(lent + "\n", encoding="utf-8")
    return folder


def run(far_away: Path, *words: object, code: int = 0) -> str:
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("SOCIAL_CARE_", "PYTHON"))
    }
    environment |= {"PATH": f"{far_away}/env/bin:/usr/bin:/bin", "HF_HUB_OFFLINE": "1", "COLUMNS": "80"}
    folder = far_away / "care"
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [far_away / "env" / "bin" / "social-care", *map(str, words)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_the_installed_wheel_does_the_main_job_without_the_tree(far_away: Path) -> None:
    python = far_away / "env" / "bin" / "python"
    found = subprocess.run(
        [python, "-c", "import social_care, storage, sentiment; print(sentiment.__file__)"],
        cwd=far_away, capture_output=True, text=True, check=True, timeout=100,
    ).stdout  # fmt: skip
    assert found.startswith(str(far_away)), "the tree was seen"
    assert run(far_away, "--version").startswith("social-care ")
    posts = far_away / "posts.csv"
    posts.write_text(
        "id,author,text,date\n1,ann,Where is my refund? Terrible.,2026-03-01\n"
        "2,li,订单一直没有发货，我要退款！,2026-03-01\n",
        encoding="utf-8",
    )
    run(far_away, "init", "--no-input", "--brand", "Kestrel")
    run(far_away, "import", posts)
    inbox = run(far_away, "inbox")
    assert "refund" in inbox
    assert "退款" in inbox
    assert run(far_away, "draft", "new", 1)
    assert "<html" in run(far_away, "digest", "--all", "--format", "html")
    run(far_away, "doctor")
    run(far_away, "demo", "--workspace", far_away / "demo")
    assert list((far_away / "demo" / "digests").glob("*.html"))
