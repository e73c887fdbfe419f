"""`listener list|status|park|resume`: who listens, how well, and who is stopped."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from social_care.cli import exits, show
from social_care.cli.context import of
from social_care.safe import safe_line

app = typer.Typer(no_args_is_help=True, help="Who listens, how well they hear, and who is stopped.")
_STYLES = {"parked": "bold red", "failing": "red", "polling": "cyan", "due": "yellow", "waiting": "green"}
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
def status(
    context: typer.Context,
    hours: Annotated[float, typer.Option("--hours", min=0.1, help="The window that ends now.")] = 24,
) -> None:
    """Show who is heard: state, last success, coverage of the window, gaps, detection lag."""
    from social_care.durations import say_duration as say
    from storage import queries

    invocation = of(context)
    workspace = invocation.workspace()
    with workspace.database.read() as session:
        found = queries.listener_status(session, invocation.now, window=timedelta(hours=hours))
    if invocation.json:
        show.print_json([asdict(item) for item in found])
        return
    rows = []
    for item in found:
        heard = "-" if item.coverage is None else f"{item.coverage:.1%}"
        lag = f"{say(item.lag_p50)} / {say(item.lag_p95)}"
        state = show.coloured(item.condition, _STYLES.get(item.condition, ""))
        last = show.local(item.last_success_at, workspace.zone, "%d %b %H:%M")
        rows.append((safe_line(item.name, 24), state, last, f"{item.mentions:,}", heard, lag))
    show.table(["listener", "state", "last heard", "mentions", f"heard {hours:g}h", "lag p50/p95"], rows)
    for item in found:
        for gap in item.gaps[:5]:
            since, until = (
                show.local(at, workspace.zone) for at in (gap.interval.started_at, gap.interval.ended_at)
            )
            show.warn(f"{item.name} did not hear {since} to {until}: {safe_line(gap.reason, 200)}")
        if item.last_error:
            show.warn(f"{item.name}: {item.failures} failures, last: {safe_line(item.last_error, 300)}")


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
        if invocation.json:
            show.print_json({"dry_run": True, "listener": name, "parked": reason is not None})
        else:
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
