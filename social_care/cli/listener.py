"""`listener list|status|park|resume`: who listens, how well, and who is stopped."""

from typing import Annotated

import typer

from social_care.cli import exits, show
from social_care.cli.context import of

app = typer.Typer(no_args_is_help=True, help="Who listens, how well they hear, and who is stopped.")
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change; write nothing.")]


@app.command("list")
def list_listeners(context: typer.Context) -> None:
    """List the configured listeners and the types that are installed."""
    from listeners import registry

    settings = of(context).workspace().settings
    if of(context).json:
        rows = [{"name": name, **item.model_dump(mode="json")} for name, item in settings.listeners.items()]
        show.print_json({"listeners": rows, "types": registry.names()})
        return
    show.table(
        ["listener", "type", "brand", "every", "reads a day"],
        [
            (name, item.type, item.brand, item.every, item.reads_per_day or "-")
            for name, item in settings.listeners.items()
        ],
    )
    show.hint("types installed: " + ", ".join(registry.names()))


@app.command()
def park(
    context: typer.Context,
    name: str,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "parked by hand",
    dry_run: DryRun = False,
) -> None:
    """Stop a listener until somebody resumes it."""
    _set_parked(context, name, reason, dry_run=dry_run)


@app.command()
def resume(context: typer.Context, name: str, dry_run: DryRun = False) -> None:
    """Let a parked listener poll again; it continues where it stopped."""
    _set_parked(context, name, None, dry_run=dry_run)


def _set_parked(context: typer.Context, name: str, reason: str | None, *, dry_run: bool) -> None:
    from storage import leases

    invocation = of(context)
    workspace = invocation.workspace()
    settings = workspace.listener_settings(name)
    word = "resume" if reason is None else "park"
    if dry_run:
        show.say(f"would {word} {name}")
        return
    with workspace.database.write() as session:
        leases.ensure_listeners(session, {name: settings.type})
        changed = leases.set_parked(session, name, reason, actor=invocation.who, now=invocation.now)
    if invocation.json:
        show.print_json({"listener": name, "parked": reason is not None, "changed": changed})
    else:
        show.say(
            f"{name} is " + ("parked" if reason else "polling again") + ("" if changed else " (it was already)")
        )
    raise typer.Exit(exits.OK)
