"""Starting the line as processes, waiting for what they do, and files for them to hear."""

import csv
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from clock import NOW

RUNNER = Path(__file__).with_name("runner.py")
LONGEST = 240.0
"""Seconds after which a test gives up: far more than anything takes, for machines that are busy."""


def start_runner(
    mode: str, folder: Path, url: str, *, minutes: float = 0, die_at: int = 0, file: Path | None = None
) -> "subprocess.Popen[str]":
    """Start runner.py; its clock begins `minutes` after NOW."""
    command: Sequence[str | Path] = [sys.executable, RUNNER, mode, folder, url, str(minutes), str(die_at)]
    command = [*command, *([file] if file else [])]
    environment = os.environ | {"PYTHONPATH": str(RUNNER.parents[1])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Wait for its end: exit code, output, errors."""
    output, errors = process.communicate(timeout=LONGEST)
    return process.returncode, output, errors


def wait_until(true: Callable[[], bool], *processes: "subprocess.Popen[str]") -> None:
    """Look again and again until it is true; fails when a process it depends on has ended."""
    deadline, pause = time.monotonic() + LONGEST, threading.Event()
    while not true():
        for process in processes:
            assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it never came true"
        pause.wait(0.1)


def stop(process: "subprocess.Popen[str]") -> None:
    """Make sure that a process of ours has ended."""
    if process.poll() is None:
        process.kill()
    process.communicate()


def write_export(folder: Path, name: str, count: int, *, start: datetime = NOW - timedelta(hours=2)) -> list[str]:
    """Put a CSV file of `count` posts into the folder, complete from its first moment; returns their ids."""
    folder.mkdir(exist_ok=True)
    ids = [f"{name}-{number}" for number in range(count)]
    partial = folder / f"{name}.partial"
    with partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "author", "text", "created_at"])
        for number, native_id in enumerate(ids):
            at = start + timedelta(seconds=number)
            words = f"my order {native_id} never came" if number % 2 else f"lovely {native_id}, thanks"
            writer.writerow([native_id, f"author-{native_id}", words, at.isoformat()])
    partial.rename(folder / f"{name}.csv")
    return ids
