"""`model add` and `model info`: record a model from elsewhere, and show how firmly any model is pinned."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from social_care.cli import show
from social_care.cli.context import Invocation, of

if TYPE_CHECKING:
    from sentiment.lock import Entry, Terms


def add(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A Hugging Face id such as owner/name, or a folder.")],
    revision: Annotated[str | None, typer.Option(help="The commit of a Hugging Face id, all 40 digits.")] = None,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Accept weights in a format that can carry code.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="A folder's files were changed on purpose: record them anew.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be fetched; record nothing.")] = False,
) -> None:
    """Download a model once, check it and record its checksums; a folder is recorded as it is."""
    import dataclasses

    from social_care import other_models

    workspace = other_models.workspace_here(of(context).folder)
    terms = other_models.terms_for(workspace, model)
    terms = dataclasses.replace(terms, allow_pickle=terms.allow_pickle or allow_pickle, allow_branch=False)
    folder = Path(model).expanduser()
    if folder.is_dir():
        entry, known = other_models.add_folder(folder, terms, replace=replace, dry_run=dry_run)
    else:
        announced = other_models.planned(model, revision, terms)
        if dry_run:
            _tell_plan(of(context), announced, terms)
            return
        with show.progress(f"fetching {model}"):
            folder, entry, known = other_models.add(announced, terms)
    _tell_added(of(context), folder, entry, terms, known=known, dry_run=dry_run)


def _tell_plan(invocation: Invocation, announced: Any, terms: "Terms") -> None:
    from sentiment.pinned import chosen

    names = chosen(announced, terms)
    facts = {
        "dry_run": True,
        "model": announced.model,
        "revision": announced.commit,
        "licence": announced.licence,
        "languages": list(announced.languages),
        "gated": announced.gated,
        "size_bytes": sum(announced.files[name].size for name in names),
        "files": {name: announced.files[name].size for name in names},
    }
    if invocation.json:
        show.print_json(facts)
        return
    show.say(f"would fetch {announced.model} at {announced.commit}")
    _licence(announced.licence, announced.languages)
    if announced.gated:
        show.warn("gated: accept its terms on its page and set HF_TOKEN first")
    rows = [(name, _bytes(announced.files[name].size)) for name in names]
    show.table(["file", ("size", {"justify": "right"})], [*rows, ("together", _bytes(facts["size_bytes"]))])


def _tell_added(
    invocation: Invocation, folder: Path, entry: "Entry", terms: "Terms", *, known: bool, dry_run: bool
) -> None:
    from sentiment.card import read_json
    from sentiment.pinned import reading

    labels = reading(read_json(folder / "config.json"), {}, entry, terms).told()
    if invocation.json:
        show.print_json(
            {
                "dry_run": dry_run,
                "model": entry.model,
                "revision": entry.revision,
                "licence": entry.licence,
                "languages": list(entry.languages),
                "size_bytes": entry.size,
                "files": {name: file.sha256 for name, file in entry.files.items()},
                "labels_read": labels,
                "recorded_before": known,
                "lock": str(terms.lock),
            }
        )
        return
    done = "unchanged" if known else "would record" if dry_run else "recorded"
    show.say(show.coloured(done, "green"), f" {entry.model} at {entry.revision}")
    _licence(entry.licence, entry.languages)
    rows = [(name, _bytes(file.size), file.sha256[:12]) for name, file in sorted(entry.files.items())]
    show.table(["file", ("size", {"justify": "right"}), "SHA-256"], rows)
    show.say("labels: ", ", ".join(labels))
    if not dry_run:
        show.hint(f"kept in {terms.lock}; to use it, under [scorer] in social-care.toml:")
        fixed = f', revision = "{entry.revision}"' if len(entry.revision) == 40 else ""
        show.hint(f'model = "{entry.model}"{fixed}'.replace(", ", "\n"))


def _licence(licence: str | None, languages: Any) -> None:
    show.say("licence: ", licence or "not stated on its card")
    if languages:
        show.say("languages: ", ", ".join(languages))


def _bytes(size: int) -> str:
    for limit, unit in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if size >= limit:
            return f"{size / limit:.1f} {unit}"
    return f"{size} B"


def facts_about(invocation: Invocation, model: str | None, revision: str | None) -> dict[str, Any]:
    """What `model info` shows: of a named model, or of the bundled one.

    Raises:
        ModelError: There is no usable model; the message says what to fix.
    """
    from sentiment.about import about
    from sentiment.lock import Terms
    from social_care import other_models

    if model is None or model == "bundled":
        return about(None, revision, Terms())
    workspace = other_models.workspace_here(invocation.folder)
    if workspace is not None and revision is None and model == workspace.settings.scorer.model:
        revision = workspace.settings.scorer.revision
    return about(model, revision, other_models.terms_for(workspace, model))
