"""CPU cost of the line: import, score and triage a file, by size; optionally beside the open-source peer.

`python -m benchmarks.line [--sizes 1000,10000] [--peer PYTHON] [--json]`

Posts are generated (seeded, of tweet length); each size runs in a fresh workspace in its own process, and what is
measured is that process's whole CPU time, interpreter start and imports included. `--peer` names the Python of an
environment in which obsei 1.1 is installed: it stores the same file, without any labels, in the same run.
"""

import argparse
import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

OPENERS = ("@acme", "Hey @acme", "So @acme", "@acme seriously", "Dear @acme", "ok @acme", "@acme hi")
MIDDLES = (
    "my order {n} still has not arrived",
    "your app crashed again after update {n}",
    "thanks for the quick help today",
    "I was charged twice for invoice {n}",
    "how do I change my delivery address",
    "waited {n} minutes on the phone",
    "love the new colours, well done",
    "is the service down in my area",
    "the seat on flight {n} was broken",
    "your driver left parcel {n} in the rain",
    "any news about my refund",
    "the new store opens on day {n}",
)
CLOSERS = ("please help", "not happy", "great job", "", "third time I ask", "http://t.co/x", "#acme")


def write_posts(path: Path, count: int, seed: int = 7) -> None:
    """A CSV of `count` different generated posts over thirty days."""
    chance = random.Random(seed)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "author", "text", "created_at", "brand"])
        for number in range(count):
            middle = chance.choice(MIDDLES).format(n=chance.randrange(10_000))
            second = chance.choice(MIDDLES).format(n=number)
            text = f"{chance.choice(OPENERS)} {middle}, {second} {chance.choice(CLOSERS)}"
            posted = start + timedelta(seconds=chance.randrange(30 * 86_400))
            writer.writerow(
                [10**17 + number, f"user{chance.randrange(count)}", text.strip(), posted.isoformat(), "Acme"]
            )


BENCH = {**os.environ, "OBSEI_DB_KEY": "", "OBSEI_PSEUDONYM_SALT": "only-for-this-benchmark"}


def cpu_seconds(command: list[str], folder: Path) -> float:
    """CPU seconds (user and system, children included) a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=BENCH)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def ours(posts: Path, folder: Path) -> float:
    """CPU seconds to import, score and triage a file into a new workspace."""
    program = str(Path(sys.executable).parent / "social-care")
    subprocess.run([program, "init", "--no-input"], cwd=folder, check=True, capture_output=True)
    return cpu_seconds([program, "import", str(posts)], folder)


PEER_CONFIG = """\
version: 1
store: {path: peer.duckdb, unencrypted: true}
pipelines:
  - name: posts
    sources:
      - key: posts
        type: csv
        config:
          path: posts.csv
          fields: {text: text, id: id, created_at: created_at}
"""


def theirs(peer: str, folder: Path) -> float:
    """CPU seconds obsei 1.1 takes to store the same file: no model, no labels, no encryption."""
    (folder / "obsei.yaml").write_text(PEER_CONFIG, encoding="utf-8")
    return cpu_seconds([str(Path(peer).parent / "obsei"), "run"], folder)


def measure(sizes: list[int], peer: str | None) -> list[dict[str, Any]]:
    """One row a size: CPU milliseconds a post, ours and the peer's."""
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="social-care-bench-") as name:
            folder = Path(name)
            posts = folder / "posts.csv"
            write_posts(posts, size)
            row: dict[str, Any] = {"posts": size, "ours_ms": 1000 * ours(posts, folder) / size}
            if peer:
                row["peer_ms"] = 1000 * theirs(peer, folder) / size
                row["ratio"] = row["peer_ms"] / row["ours_ms"]
            rows.append(row)
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--peer", help="the peer's Python")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = measure([int(size) for size in options.sizes.split(",")], options.peer)
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print(
            "  ".join(
                f"{key} {value:,.3f}" if isinstance(value, float) else f"{key} {value:,}"
                for key, value in row.items()
            )
        )


if __name__ == "__main__":
    main()
