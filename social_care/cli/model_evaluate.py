"""`model evaluate`: how well a model reads a labelled file, alone or beside another."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from social_care.cli import exits, show
from social_care.cli.context import Invocation, of

if TYPE_CHECKING:
    from sentiment.evaluate import Options, Table
    from sentiment.transformer import TransformerScorer


class Kind(StrEnum):
    """What a text is: models are calibrated for each."""

    POST = "post"
    REVIEW = "review"


def evaluate(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A CSV with a column text and one that says what is right.")],
    model: Annotated[
        str | None, typer.Option(help="Folder, tuned name, Hugging Face id; default: bundled.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="The commit of a Hugging Face model.")] = None,
    two_class: Annotated[
        bool, typer.Option("--two-class", help="Leave neutral rows out and choose between the other two.")
    ] = False,
    stars: Annotated[bool, typer.Option("--stars", help="The labels are 1 to 5 stars; 3 is neutral.")] = False,
    compare: Annotated[
        str | None,
        typer.Option(help="Another to put beside it: folder, tuned name, Hugging Face id, bundled."),
    ] = None,
    compare_revision: Annotated[
        str | None, typer.Option("--compare-revision", help="The commit of that other Hugging Face model.")
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="What rows without a column kind are.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Only rows with this cell; may be repeated.", metavar="COLUMN=VALUE,…")
    ] = None,
    where_not: Annotated[
        list[str] | None,
        typer.Option("--where-not", help="Only rows without it; may be repeated.", metavar="COLUMN=VALUE,…"),
    ] = None,
    text: Annotated[str | None, typer.Option(help="The column of texts; default: text.")] = None,
    label: Annotated[str | None, typer.Option(help="The column of sentiments; default: label.")] = None,
    label_map: Annotated[
        str | None,
        typer.Option("--label-map", help="What the labels mean.", metavar="0=negative,1=positive"),
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="The file's encoding; default: by its bytes.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="For labels that name their texts by file and row: the files' folder.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="From which probability on a head says yes; default: 0.5.", min=0, max=1)
    ] = None,
    examples: Annotated[int, typer.Option(help="Rows to show on which two models differ.", min=0)] = 5,
) -> None:
    """Measure a model on labelled texts, with intervals, per language; or two models side by side.

    Columns: label (sentiments); complaint, reply_needed and other heads (0 or 1); urgency (0 to 3).
    docs/evaluating.md explains every figure.
    """
    from sentiment.evaluate import Condition, Options, join_texts, read_table
    from sentiment.evaluate import label_map as read_map

    conditions = [Condition.parse(said) for said in where or ()]
    conditions += [Condition.parse(said, wanted=False) for said in where_not or ()]
    options = Options(
        classes=2 if two_class else 3, stars=stars, label=label, known=read_map(label_map) if label_map else None,
        kind=kind.value if kind else None, threshold=threshold, examples=examples,
    )  # fmt: skip
    table = read_table(file, text=text, encoding=encoding, texts_elsewhere=data is not None)
    if data is not None:
        table = join_texts(table, data)
    names = [(model, revision)] + ([(compare, compare_revision)] if compare else [])
    code = _measure(table.where(conditions), options, names, of(context))
    raise typer.Exit(code)


def _measure(
    table: "Table", options: "Options", names: list[tuple[str | None, str | None]], invocation: Invocation
) -> int:
    from sentiment.evaluate import measure
    from sentiment.evaluate.targets import find_targets
    from social_care.cli.model_view import print_evaluation

    find_targets(table, options)  # a file nobody can use is refused before a model is loaded
    scorers = [_load(invocation, name, revision) for name, revision in names]
    with show.progress("scoring", total=len(table.lines) * len(scorers)) as advance:
        found = measure(
            table, scorers[0], options, other=scorers[1] if len(scorers) > 1 else None, advance=advance
        )
    if invocation.json:
        # Labels, notes and examples hold words of the file.
        show.print_json(found.as_dict() | {"untrusted": True})
    else:
        print_evaluation(found)
    return exits.PARTLY if table.broken else exits.OK


def _load(invocation: Invocation, name: str | None, revision: str | None) -> "TransformerScorer":
    """Load a model as every command does; a name may also be that of a model tuned in the workspace."""
    from social_care.other_models import load_scorer, workspace_here

    if name is not None and not Path(name).exists():
        workspace = workspace_here(invocation.folder)
        tuned = workspace.folder / "models" / name if workspace else None
        if tuned is not None and (tuned / "config.json").is_file():
            name = str(tuned)
    return load_scorer(invocation.folder, name, revision)
