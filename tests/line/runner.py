"""A process of its own that runs the line, as tests want to kill it at an exact moment or run two at once.

Usage: runner.py run FOLDER URL MINUTES DIE_AT
       runner.py import FOLDER URL MINUTES DIE_AT FILE

Its clock starts so many MINUTES after NOW and goes on at the pace of the wall clock. With DIE_AT above 0 it kills
itself with SIGKILL just before the DIE_ATth statement or commit it sends to the database; else it says at its end
how many there were.
"""

import os
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from clock import NOW
from line_world import make_workspace
from sqlalchemy import Engine, event

from social_care import scheduler
from social_care.importing import ImportRequest, run_import


def count_statements(die_at: int) -> list[int]:
    """Count what goes to the database, and die at the chosen one."""
    count = [0]

    def step(*args: object) -> None:
        count[0] += 1
        if count[0] == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", step)
    event.listen(Engine, "commit", step)
    return count


def main() -> None:
    """Run or import."""
    mode, folder, url, minutes, die_at, *rest = sys.argv[1:]
    exports = {"type": "files", "brand": "Acme", "path": "exports", "network": "x", "every": "1s",
               "page_size": 10, "backfill": False}  # fmt: skip
    workspace = make_workspace(Path(folder), url, listeners={"exports": exports}, digest={"formats": ["json"]})
    workspace.database.upgrade()
    count = count_statements(int(die_at))
    start = time.monotonic()

    def clock() -> datetime:
        return NOW + timedelta(minutes=float(minutes), seconds=time.monotonic() - start)

    def tell(line: str) -> None:
        print(line, flush=True)

    if mode == "run":
        tell("ready")
        scheduler.run(workspace, clock, tell, tick=timedelta(seconds=0.05))
    else:
        run_import(workspace, ImportRequest(source=rest[0]), now=clock(), as_json=True)
    print(count[0], flush=True)


if __name__ == "__main__":
    main()
