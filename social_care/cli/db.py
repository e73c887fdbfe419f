"""`db upgrade|sql|export`: the database itself."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TextIO

import typer

from social_care.cli import exits, show
from social_care.cli.context import of
from social_care.cli.windows import read_window

app = typer.Typer(no_args_is_help=True, help="The database: bring it up to date, ask it, take your data out.")


@app.command()
def upgrade(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; write nothing.")] = False,
) -> None:
    """Bring the database to this program's version."""
    from storage.database import open_database
    from storage.migrations import HEAD

    workspace = of(context).workspace()
    database = open_database(workspace.database_url)
    current = database.revision()
    changed = current != HEAD
    if not dry_run:
        changed = database.upgrade()
    if of(context).json:
        show.print_json({"from": current, "to": HEAD, "changed": changed, "dry_run": dry_run})
    else:
        verb = "would go" if dry_run and changed else "went" if changed else "is up to date"
        show.say(f"{database.url} {verb}" + (f" from {current or 'empty'} to {HEAD}" if changed else f" ({HEAD})"))


@app.command()
def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="A SELECT statement; the session cannot write.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Rows to show.")] = 100,
) -> None:
    """Ask the database in SQL, read-only. docs/metrics.md says what the tables mean."""
    from social_care.safe import safe_line
    from storage.ask import ask

    with of(context).workspace().database.read() as session:
        columns, rows = ask(session, query, limit)
    if of(context).json:
        show.print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    show.table(
        [(name, {"overflow": "fold"}) for name in columns],
        [[safe_line(str(cell), 500) for cell in row] for row in rows],
    )


@app.command()
def export(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="mentions, cases or replies.")] = "mentions",
    form: Annotated[
        str, typer.Option("--format", help="jsonl (exact) or csv (formulas and control characters defused).")
    ] = "jsonl",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A new file; default: standard output.")] = None,
    brand: Annotated[str | None, typer.Option(help="Only this brand.")] = None,
    since: Annotated[str | None, typer.Option(help="From this date or time on.")] = None,
    until: Annotated[str | None, typer.Option(help="Through this date, or until this time.")] = None,
) -> None:
    """Take your data out, everything of it."""
    from storage.export import export as write

    invocation = of(context)
    workspace = invocation.workspace()
    window = read_window(since, until, workspace.zone, invocation.now)

    def write_to(stream: TextIO) -> int:
        with workspace.database.read() as session:
            return write(session, what, form, stream, brand=brand, since=window.since, until=window.until)

    count = write_to(sys.stdout) if out is None else _to_new_file(out, write_to)
    show.hint(f"{count:,} {what} exported")
    raise typer.Exit(exits.OK)


def _to_new_file(path: Path, write_to: Callable[[TextIO], int]) -> int:
    from storage.errors import ConfigError

    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            return write_to(file)
    except FileExistsError:
        raise ConfigError(f"{path} is there already; choose another name") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    except ConfigError:
        path.unlink()
        raise
