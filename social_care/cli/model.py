"""`model info|evaluate`: what reads the posts, and how well."""

from typing import Annotated, Any

import typer

from social_care.cli import show
from social_care.cli.context import of
from social_care.cli.model_add import add, facts_about
from social_care.cli.model_evaluate import evaluate
from social_care.cli.model_tuning import drift, list_, shadow, tune, use

app = typer.Typer(no_args_is_help=True, help="What reads the posts, and how well.")


@app.command()
def info(
    context: typer.Context,
    model: Annotated[str | None, typer.Option(help="A folder or a Hugging Face id; default: bundled.")] = None,
    revision: Annotated[str | None, typer.Option(help="The commit of a Hugging Face model.")] = None,
) -> None:
    """Show name, revision, size, languages, licence, measured quality, and how firmly it is pinned."""
    facts = facts_about(of(context), model, revision)
    if model is not None and "/" not in model and (facts.get("pin") or {}).get("state") == "not recorded":
        from sentiment.ports import ModelError

        if facts.get("revision") is None:
            raise ModelError(
                f"no model folder at {model}, no tuned model of that name, and no owner/name of a hub"
            )
    if of(context).json:
        show.print_json(facts)
        return
    for key, value in facts.items():
        if isinstance(value, dict):
            show.say(show.coloured(key, "bold"))
            for name, item in value.items():
                if item in (None, {}):
                    continue
                show.say("  ", show.coloured(f"{name:<20}", "default"), _short(item))
        else:
            show.say(show.coloured(f"{key:<22}", "bold"), _short(value))


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(item)}" for key, item in value.items())
    return str(value)


app.command()(evaluate)
app.command()(add)
app.command()(tune)
app.command("list")(list_)
app.command()(use)
app.command()(shadow)
app.command()(drift)
