"""`digest`: what was said, what it needs, and how promises were kept, with the command behind every figure."""

import sys
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from social_care.cli import exits, show
from social_care.cli.context import Invocation, of

if TYPE_CHECKING:
    from social_care.digest.window import Window

FORMATS = "text, markdown, html or json"


def register(app: typer.Typer) -> None:
    """Put the command on the top level."""
    app.command()(digest)


def digest(
    context: typer.Context,
    day: Annotated[
        str | None,
        typer.Option("--date", help="One day in the workspace's zone: 2026-03-02, today or yesterday."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="From this date or time on, or so long ago (7d).")] = None,
    until: Annotated[str | None, typer.Option(help="Through this date, or until this time.")] = None,
    whole: Annotated[
        bool, typer.Option("--all", help="Everything, from the oldest mention to the newest.")
    ] = False,
    brand: Annotated[str | None, typer.Option(help="Only this brand.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", "-f", help=f"{FORMATS}; default: text, or what --out ends in.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write it to this file instead.")] = None,
) -> None:
    """Write the digest of the last 24 hours, of a day, or of any other period."""
    from social_care.digest.make import make_digest
    from social_care.digest.write import render, write_file

    invocation = of(context)
    chosen = _format(form, out, as_json=invocation.json)
    workspace = invocation.workspace()
    window = _window(invocation, day, since, until, brand, whole=whole)
    made = make_digest(
        workspace.database, workspace.settings, window, invocation.now, brand=brand, folder=workspace.folder
    )
    text = render(made, chosen)
    if out is None:
        sys.stdout.write(text)
    else:
        show.hint(f"digest written to {write_file(out, text)}")
    raise typer.Exit(exits.OK)


def _format(form: str | None, out: Path | None, *, as_json: bool) -> str:
    from social_care.digest.write import ENDINGS

    if form is not None:
        name = {"md": "markdown", "txt": "text"}.get(form.lower(), form.lower())
        if name not in ENDINGS:
            raise typer.BadParameter(f"{form!r} is no format; write {FORMATS}", param_hint="--format")
        return name
    if as_json:
        return "json"
    ending = out.suffix.lower().removeprefix(".") if out is not None else ""
    return next((name for name, known in ENDINGS.items() if known == ending), "text")


def _window(
    invocation: Invocation,
    day: str | None,
    since: str | None,
    until: str | None,
    brand: str | None,
    *,
    whole: bool,
) -> "Window":
    from social_care.cli.windows import read_window
    from social_care.digest.make import whole_history
    from social_care.digest.window import between, calendar_day, last_day

    workspace, now = invocation.workspace(), invocation.now
    if sum((day is not None, since is not None or until is not None, whole)) > 1:
        raise typer.BadParameter("choose one of --date, --since with --until, and --all")
    if day is not None:
        return calendar_day(_day(day, invocation), workspace.zone)
    if whole:
        return whole_history(workspace.database, workspace.zone, brand) or last_day(now, workspace.zone)
    if since is None and until is None:
        return last_day(now, workspace.zone)
    asked = read_window(since, until, workspace.zone, now)
    end = asked.until or now
    try:
        return between(asked.since or end - timedelta(days=1), end, workspace.zone)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _day(value: str, invocation: Invocation) -> date:
    today = invocation.now.astimezone(ZoneInfo(invocation.workspace().zone)).date()
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    try:
        return named.get(value.lower()) or date.fromisoformat(value)
    except ValueError:
        raise typer.BadParameter(
            f"{value!r} is no date; write 2026-03-02, today or yesterday", param_hint="--date"
        ) from None
