"""`model tune|list|use|shadow|drift`: the correction loop."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from social_care.cli import exits, show
from social_care.cli.context import Invocation, of

if TYPE_CHECKING:
    from sentiment.ports import Scorer
    from social_care.workspace import Workspace

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change; write nothing.")]


def tune(
    context: typer.Context,
    name: Annotated[str | None, typer.Option("--name", help="What to call the model; default: the day.")] = None,
    gold: Annotated[
        Path | None, typer.Option("--gold", help="A CSV with text and label, to measure on as well.")
    ] = None,
    allow_network: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-network", help="Learn from this network too, whose terms restrict it (x).", metavar="NAME"
        ),
    ] = None,
    extend_gold: Annotated[
        bool, typer.Option("--extend-gold", help="Take the corrections that wait into the gold set.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tune and measure; keep nothing.")] = False,
) -> None:
    """Tune the model in use to your corrections; a worse one is refused (exit code 1), leaving nothing."""
    from social_care import tuning
    from social_care.cli.tuning_view import print_tuned

    invocation = of(context)
    workspace = invocation.workspace()
    with show.progress("tuning", tuning.STEPS) as advance:
        found = tuning.tune(
            workspace,
            name or tuning.free_name(workspace, invocation.now),
            now=invocation.now,
            actor=invocation.who,
            gold_file=gold,
            allow=[word.strip().lower() for word in allow_network or []],
            extend_gold=extend_gold,
            dry_run=dry_run,
            advance=advance,
        )
    if invocation.json:
        show.print_json(found.as_dict())
    else:
        print_tuned(found)
    raise typer.Exit(exits.OK if found.accepted else exits.FAILED)


def list_(context: typer.Context) -> None:
    """List the bundled model and those tuned here; the one in use is marked."""
    from social_care.cli.tuning_view import print_models
    from social_care.tuned_models import list_models

    invocation = of(context)
    workspace = invocation.workspace()
    found = list_models(workspace)
    if invocation.json:
        show.print_json({"in_use": workspace.settings.scorer.model, "models": found})
    else:
        print_models(found, workspace.settings.scorer.model, workspace.zone)


def use(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="A tuned model, a model's folder, or bundled.", metavar="NAME|bundled")
    ],
    dry_run: DryRun = False,
) -> None:
    """Put a model to use: changes [scorer] model in social-care.toml; every post is then scored anew."""
    from dataclasses import asdict

    from social_care.tuned_models import use_model

    invocation = of(context)
    done = use_model(invocation.workspace(), name, actor=invocation.who, now=invocation.now, dry_run=dry_run)
    if invocation.json:
        show.print_json(asdict(done))
        return
    if not done.changed:
        show.say(f"{name} is in use already")
        return
    show.say(f"{'would use' if dry_run else 'using'} ", show.coloured(name, "bold"), f" instead of {done.before}")
    show.say(f"{done.to_score:,} mentions {'would be' if dry_run else 'will be'} scored by {done.scorer}")
    if not dry_run:
        show.hint("restart social-care run, or: social-care score --pending")


def shadow(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A tuned model's name, or a folder.", metavar="NAME|FOLDER")],
    since: Annotated[str | None, typer.Option("--since", help="7d, or a time; default: all posts.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many, the newest first.")] = 5_000,
) -> None:
    """Run another model beside the one in use over stored posts and show what would change; writes nothing."""
    from social_care import shadowing
    from social_care.cli.shadow_view import print_shadow

    invocation = of(context)
    workspace = invocation.workspace()
    moment = _since(since, invocation)
    new = _other(workspace, model)
    with show.progress("comparing", limit) as advance:
        found = shadowing.shadow(workspace, new, since=moment, limit=limit, now=invocation.now, advance=advance)
    if invocation.json:
        show.print_json(found.as_dict())
    else:
        print_shadow(found, workspace.zone)


def _other(workspace: "Workspace", model: str) -> "Scorer":
    from social_care.tuned_models import load_scorer, model_path

    return load_scorer(workspace, model_path(workspace, model))


def _since(value: str | None, invocation: Invocation) -> datetime | None:
    """A duration back from now, or a local time."""
    from social_care.cli.cases import read_moment
    from social_care.durations import parse_duration

    if value is None:
        return None
    try:
        return invocation.now - parse_duration(value)
    except OverflowError:
        return None  # further back than there are dates: all
    except ValueError:
        return read_moment(value, invocation.now, invocation.workspace().zone)


def drift(context: typer.Context) -> None:
    """Hold what is heard and how it is scored this week against the four weeks before."""
    from social_care.cli.drift_view import print_drift
    from social_care.drifting import look

    invocation = of(context)
    workspace = invocation.workspace()
    found = look(workspace, invocation.now)
    if invocation.json:
        show.print_json(found.as_dict())
    else:
        print_drift(found, workspace.zone)
