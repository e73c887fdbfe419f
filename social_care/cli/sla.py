"""`sla report|check`: what was promised and kept, and what is about to be lost."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from social_care.cli import exits, show
from social_care.cli.context import of
from social_care.cli.windows import read_window

app = typer.Typer(no_args_is_help=True, help="Promises: what was kept, and what is about to be lost.")


@app.command()
def report(
    context: typer.Context,
    by: Annotated[str | None, typer.Option(help="brand, network, policy or day.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Cases opened from this date or time on, or so long ago (7d).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Through this date, or until this time.")] = None,
    brand: Annotated[str | None, typer.Option(help="Only this brand.")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Count as it stood at this time (replay).")] = None,
) -> None:
    """Report first reply times, response rate, attainment and states, with both clocks and the coverage."""
    from responders.metrics import report as compute
    from storage.reporting import case_facts, heard_facts

    invocation = of(context)
    workspace = invocation.workspace()
    window = read_window(since, until, workspace.zone, invocation.now)
    moment = read_window(None, as_of, workspace.zone, invocation.now).until
    with workspace.database.read() as session:
        facts = case_facts(session, window.since, window.until, brand)
        heard = heard_facts(session, window.since, window.until)
    figures = compute(
        facts, now=invocation.now, by=by, since=window.since, until=window.until,  # type: ignore[arg-type]
        zone=ZoneInfo(workspace.zone), as_of=moment, heard=heard,
    ).to_dict()  # fmt: skip
    if invocation.json:
        show.print_json(figures)
    else:
        from social_care.cli.sla_view import print_report

        print_report(figures, workspace.settings.goals.attainment)


@app.command()
def check(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List only; record nothing.")] = False,
) -> None:
    """Record warnings and breaches that came due, and list what is at risk. Exits 1 when something is breached."""
    from social_care.cli.inbox import case_json, find_cases, show_inbox

    invocation = of(context)
    workspace = invocation.workspace()
    recorded = 0 if dry_run else workspace.track(invocation.now)
    rows: list[Any]
    rows, counts = find_cases(workspace, "is:at-risk", invocation.who, invocation.now, 20, 0)
    _, breached = find_cases(workspace, "is:breached", invocation.who, invocation.now, 1, 0)
    if invocation.json:
        cases = [case_json(row, invocation.now) for row in rows]
        show.print_json(
            {"recorded": recorded, "at_risk": counts.total, "breached": breached.total, "cases": cases}
        )
    else:
        show.say(
            f"{recorded} newly recorded; {counts.total} at risk, ",
            show.coloured(f"{breached.total} breached", "bold red" if breached.total else "green"),
        )
        if rows:
            show_inbox(workspace, query="is:at-risk", limit=20, now=invocation.now)
    raise typer.Exit(exits.FAILED if breached.total else exits.OK)
