"""The real program in process, and the posts its tests share."""

import csv
import json
import re
import sys
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clock import NOW
from typer.testing import CliRunner

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
"""Nothing a terminal would obey may leave the program (a newline is a newline; a tab is CSV's and a table's)."""

HOSTILE = {
    "h1": "\x1b[2J\x1b[31mYour screen is mine\x1b]0;owned\x07 refund me now",
    "h2": "\x9b31mC1 escape\x9d0;title\x9c and my order never came",
    "h3": "the sign \u202edesrever\u202c is \u2066hidden\u2069 \u200f here, refund please",
    "h4": '<script>alert("x")</script><img src=x onerror=alert(1)> broken again',
    "h5": '=HYPERLINK("http://evil.example","click") refund',
    "h6": '@SUM(1+1)*cmd|"/C calc"!A0 refund',
    "h7": "[bold red]markup[/bold red] [link=http://evil.example]refund[/link]",
    "h8": "nul\x00byte inside, refund",
    "h9": "mega " + "refund now! " * 87_000,
    "h10": "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\ refund {{ 7*7 }} ${jndi:ldap://x}",
}

_ENGLISH = (
    "My parcel {n} never arrived and nobody answers. I want a refund!",
    "Charged twice for order {n}, this is unacceptable, fix it today.",
    "Thank you so much, the delivery of box {n} was quick and the driver kind.",
    "How do I change the address of order {n}?",
    "The app crashes every time I open page {n} since the update. Terrible.",
    "Kestrel box {n} on the shelf of our local shop today.",
)
_CHINESE = (
    "订单{n}一直没有发货，客服也不回复，我要退款！",
    "謝謝你們，包裹{n}很快就到了，服務很好。",
    "應用程式更新後第{n}頁一直閃退，太糟糕了，什麼時候修好？",
    "请问怎么修改订单{n}的地址？",
)


def rows() -> list[dict[str, str]]:
    """The posts of the shared workspace: 64 rows, English and Chinese, the hostile ones among them."""
    made = []
    for number in range(54):
        words = _ENGLISH if number % 3 else _CHINESE
        text = words[(number // 3 + number) % len(words)].format(n=100 + number)
        made.append({"id": f"p{number}", "author": f"user{number % 17}", "text": text})
    made += [{"id": name, "author": f"bad\x1b[31m{name}", "text": text} for name, text in HOSTILE.items()]
    for number, row in enumerate(made):
        day, hour = divmod(number * 3, 24)
        row["posted"] = f"2026-02-{20 + day:02d}T{hour:02d}:15:00+00:00"
        row["stars"] = str(1 + number % 5)
        row["url"] = f"https://reviews.example/{row['id']}"
    return made


def write_csv(path: Path, table: Sequence[dict[str, str]]) -> Path:
    """A CSV file of these rows; the columns are those of the first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path


@dataclass(frozen=True)
class Answer:
    """What one call of the program gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """Both streams together."""
        return self.out + self.err


class App:
    """Calls the program in process, in a folder, at a fixed time, as a named person."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        *words: object,
        code: int | None = 0,
        who: str = "ann",
        now: str = NOW.isoformat(),
        input: str | bytes | None = None,  # noqa: A002  (CliRunner's word)
    ) -> Answer:
        """Run one command line; fails unless it exits with `code` (None: whatever it is)."""
        from social_care.cli import main

        line = ["social-care", "--as", who, "--now", now, *map(str, words)]
        keep = sys.argv
        with CliRunner().isolation(input=input, env={"COLUMNS": "80"}) as (out, err, _), chdir(self.folder):
            sys.argv = line
            exit_code = 0
            try:
                main()
            except SystemExit as stop:
                exit_code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
            finally:
                sys.argv = keep
                sys.stdout.flush()
                sys.stderr.flush()
            answer = Answer(exit_code, out.getvalue().decode(), err.getvalue().decode())
        assert code is None or answer.code == code, f"{words}: exit {answer.code}\n{answer.said[-3000:]}"
        return answer
