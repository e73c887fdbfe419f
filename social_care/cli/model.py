"""`model info|evaluate`: what reads the posts, and how well."""

from pathlib import Path
from typing import Annotated, Any

import typer

from social_care.cli import exits, show
from social_care.cli.context import of

app = typer.Typer(no_args_is_help=True, help="What reads the posts, and how well.")


@app.command()
def info(
    context: typer.Context,
    model: Annotated[Path | None, typer.Option(help="A model's folder; default: the bundled model.")] = None,
) -> None:
    """Show name, revision, size, languages, licence and measured quality."""
    from sentiment.card import model_info

    facts = model_info(model)
    if of(context).json:
        show.print_json(facts)
        return
    for key, value in facts.items():
        if isinstance(value, dict):
            show.say(show.coloured(key, "bold"))
            for name, item in value.items():
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


@app.command()
def evaluate(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A CSV with the columns text and label.")],
    model: Annotated[str | None, typer.Option(help="A folder or a Hugging Face id; default: bundled.")] = None,
    revision: Annotated[str | None, typer.Option(help="The commit of a Hugging Face model.")] = None,
    two_class: Annotated[
        bool, typer.Option("--two-class", help="The file has no neutral rows: choose between the other two.")
    ] = False,
) -> None:
    """Measure a model on labelled texts: recall, F1, calibration, confusion, per language."""
    from sentiment.evaluate import evaluate as measure
    from sentiment.evaluate import read_labelled
    from sentiment.transformer import TransformerScorer

    rows = read_labelled(file)
    scorer = TransformerScorer.load(model, revision=revision)
    with show.progress(f"scoring {len(rows):,} texts"):
        figures = measure(rows, scorer, classes=2 if two_class else 3).as_dict()
    if of(context).json:
        show.print_json(figures)
    else:
        print_evaluation(figures)
    raise typer.Exit(exits.OK)


def print_evaluation(figures: dict[str, Any]) -> None:
    """The figures as tables."""
    for key, value in figures.items():
        if not isinstance(value, dict | list):
            show.say(show.coloured(f"{key:<24}", "bold"), _short(value))
    for key, value in figures.items():
        if isinstance(value, dict) and value:
            show.say("")
            show.say(show.coloured(key, "bold"))
            for name, item in value.items():
                show.say(f"  {name:<20}", _short(item))
