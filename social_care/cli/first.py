"""The first minutes: `init`, `try`, `demo`, `doctor`."""

from pathlib import Path
from typing import Annotated

import typer

from social_care.cli import exits, show
from social_care.cli.context import of


def register(app: typer.Typer) -> None:
    """Put these commands on the top level."""
    app.command()(init)
    app.command("try")(try_)
    app.command()(demo)
    app.command()(doctor)


def init(
    context: typer.Context,
    brand: Annotated[str | None, typer.Option(help="The brand's name.")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of your days, e.g. Europe/London.")] = None,
    language: Annotated[str | None, typer.Option(help="Language of posts too short to tell.")] = None,
    x: Annotated[str | None, typer.Option(help="The brand's X handle.")] = None,
    reddit: Annotated[str | None, typer.Option(help="The brand's Reddit account.")] = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing; take options and defaults.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the file; write nothing.")] = False,
) -> None:
    """Make a workspace in this folder: configuration, database, starter saved replies."""
    from social_care.starting import Answers, create_workspace, render_config

    invocation = of(context)
    folder = invocation.folder or Path.cwd()
    if not no_input and not dry_run:
        brand = brand or typer.prompt("The brand's name")
        x = x if x is not None else typer.prompt("Its X handle (empty for none)", default="", show_default=False)
        reddit = (
            reddit
            if reddit is not None
            else typer.prompt("Its Reddit account (empty for none)", default="", show_default=False)
        )
        zone = zone or typer.prompt("Time zone", default="UTC")
    answers = Answers(
        brand=brand, zone=zone or "UTC", language=language or "en", x=x or None, reddit=reddit or None
    )
    if dry_run:
        typer.echo(render_config(answers))
        return
    workspace = create_workspace(folder, answers, invocation.now.date())
    show.say("workspace made in ", show.coloured(str(workspace.folder), "bold"))
    show.hint("next: social-care import FILE   (or: social-care try FILE, which stores nothing)")


def try_(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            help="A file (CSV, JSON, JSON Lines), a URL, or - for standard input.", metavar="FILE|URL|-"
        ),
    ],
    preset: Annotated[
        str | None, typer.Option(help="A known format instead of guessing; see: import --help.")
    ] = None,
    brand: Annotated[str | None, typer.Option(help="The brand the posts are about.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Rows to score and show.", min=1)] = 20,
) -> None:
    """Score a file or link at once: no configuration, nothing stored, every guess shown."""
    from social_care.trial import try_source

    invocation = of(context)
    code = try_source(source, preset=preset, brand=brand, limit=limit, now=invocation.now, as_json=invocation.json)
    raise typer.Exit(code)


def demo(
    context: typer.Context,
    workspace: Annotated[
        Path, typer.Option("--workspace", "-w", help="Folder of the demo; made anew each time.")
    ] = Path("demo-workspace"),
) -> None:
    """Play two weeks of sample posts through the whole line, offline, and leave a workspace to explore."""
    from social_care.demo import play

    invocation = of(context)
    play(invocation.folder or workspace, now=invocation.now, actor=invocation.who)
    raise typer.Exit(exits.OK)


def doctor(context: typer.Context) -> None:
    """Try every part (configuration, database, model, replies, listeners, clock) and say what to mend."""
    from social_care.checks import all_checks, report

    invocation = of(context)
    raise typer.Exit(report(all_checks(invocation), as_json=invocation.json))
