"""Labels published by row id: the texts belong to their authors and stay in the files they came from."""

from __future__ import annotations

from pathlib import Path

from sentiment.evaluate.errors import EvaluationError
from sentiment.evaluate.reading import SIGNALS
from sentiment.evaluate.table import Table, read_table

FILE, ROW, NAMED = "file", "row", "signals"


def join_texts(labels: Table, data: Path) -> Table:
    """Put the texts beside labels that name them by file and row (0 is the first row after the heading).

    A column ``signals`` with the names of what was seen becomes a column of 0 and 1 for each name.

    Args:
        labels: A table with the columns ``file`` and ``row``.
        data: The folder that the files are in.

    Raises:
        EvaluationError: A column or file is missing, a file lies outside the folder, or a row is not there.
    """
    missing = [name for name in (FILE, ROW) if name not in labels.columns]
    if missing:
        raise EvaluationError(f"{labels.name} does not name its rows: it has no column {' and '.join(missing)}")
    texts: dict[str, list[str]] = {}
    found = []
    for line, name, row in zip(labels.lines, labels.columns[FILE], labels.columns[ROW], strict=True):
        if name not in texts:
            texts[name] = read_table(_inside(data, name)).texts
        if not row.strip().isdecimal() or int(row) >= len(texts[name]):
            raise EvaluationError(f"{labels.name}, line {line}: {name} has no row {row.strip()[:20]!r}")
        found.append(texts[name][int(row)])
    columns = {"text": found, **{name: cells for name, cells in labels.columns.items() if name != NAMED}}
    if NAMED in labels.columns:
        columns |= _spread(labels.columns[NAMED])
    return Table(labels.name, labels.lines, columns, "text", labels.encoding, labels.damaged, labels.broken)


def _inside(data: Path, name: str) -> Path:
    path = (data / name).resolve()
    if not path.is_relative_to(data.resolve()):
        raise EvaluationError(f"{name!r} is not inside {data}")
    return path


def _spread(cells: list[str]) -> dict[str, list[str]]:
    named = [set(cell.replace(";", " ").replace("|", " ").split()) for cell in cells]
    seen = sorted(SIGNALS & set().union(*named))
    return {signal: ["1" if signal in names else "0" for names in named] for signal in seen}
