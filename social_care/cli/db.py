"""`db upgrade|sql|export`: the database itself."""

import sys
from pathlib import Path
from typing import Annotated

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
    form: Annotated[str, typer.Option("--format", help="jsonl or csv (formulas are defused).")] = "jsonl",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A new file; default: standard output.")] = None,
    brand: Annotated[str | None, typer.Option(help="Only this brand.")] = None,
    since: Annotated[str | None, typer.Option(help="From this date or time on.")] = None,
    until: Annotated[str | None, typer.Option(help="Through this date, or until this time.")] = None,
) -> None:
    """Take your data out, everything of it."""
    from storage.errors import ConfigError
    from storage.export import export as write

    invocation = of(context)
    workspace = invocation.workspace()
    window = read_window(since, until, workspace.zone, invocation.now)
    with workspace.database.read() as session:
        if out is None:
            count = write(session, what, form, sys.stdout, brand=brand, since=window.since, until=window.until)
        else:
            try:
                with out.open("x", encoding="utf-8", newline="") as file:
                    count = write(session, what, form, file, brand=brand, since=window.since, until=window.until)
            except FileExistsError:
                raise ConfigError(f"{out} is there already; choose another name") from None
            except OSError as error:
                raise ConfigError(f"{out} cannot be written: {error.strerror}") from None
    show.hint(f"{count:,} {what} exported")
    raise typer.Exit(exits.OK)
