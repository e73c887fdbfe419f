"""`make bench`: run every benchmark and write benchmarks/results.md. `OBSEI_PYTHON` adds the peer."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import line, scoring

RESULTS = Path(__file__).parent / "results.md"
SIZES = [1_000, 10_000, 100_000]


def _scoring() -> list[str]:
    figures = scoring.compare(scoring.sample_texts(4000), None)
    rows = [f"| {key.replace('_', ' ')} | {_number(value)} |" for key, value in figures.items()]
    return [
        "## Scoring",
        "",
        "The same generated texts, the same network, the same run.",
        "",
        "| measure | value |",
        "|---|---|",
        *rows,
        "",
    ]


def _line() -> list[str]:
    rows = line.measure(SIZES, os.environ.get("OBSEI_PYTHON"))
    names = list(rows[0])
    head = ["| " + " | ".join(name.replace("_", " ") for name in names) + " |", "|" + "---|" * len(names)]
    body = ["| " + " | ".join(_number(row[name]) for name in names) + " |" for row in rows]
    return [
        "## The line: import, score, triage",
        "",
        "CPU milliseconds a post, start of the program included, each size in a new workspace.",
        "`peer` is obsei 1.1, which stores the same file and labels nothing; it is measured where",
        "`OBSEI_PYTHON` names its interpreter.",
        "",
        *head,
        *body,
        "",
    ]


def _number(value: object) -> str:
    return f"{value:,.3g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _machine() -> str:
    made = platform.processor() or platform.machine()
    day, python = f"{datetime.now(UTC):%Y-%m-%d}", platform.python_version()
    return (
        f"{day} on {os.cpu_count()} cores ({made}), Python {python}. Ratios within one run count; machines differ."
    )


def main() -> None:
    """Measure, then write the page in one go."""
    lines = [
        "# Measured",
        "",
        _machine(),
        "",
        *_scoring(),
        *_line(),
    ]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print(f"written: {RESULTS}")


if __name__ == "__main__":
    main()
