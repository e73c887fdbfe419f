"""Models from elsewhere in this application: where they are recorded, and on which terms they are used."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sentiment.lock import LOCK_NAME, Entry, Terms
from storage.errors import ConfigError

if TYPE_CHECKING:
    from sentiment.fetch import Listing
    from sentiment.transformer import TransformerScorer
    from social_care.workspace import Workspace


def personal_lock() -> Path:
    """The lock file of calls outside any workspace, in the user's data folder (XDG)."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "social-care" / LOCK_NAME


def terms_for(workspace: "Workspace | None", model: str | None) -> Terms:
    """The terms for a model named in a call or in the configuration.

    Args:
        workspace: The workspace of the call, if there is one: its lock file and its device count.
        model: What was named; labels, band and exceptions count only where it is the configured model.
    """
    if workspace is None:
        return Terms(lock=personal_lock())
    chosen = workspace.settings.scorer
    lock = workspace.folder / LOCK_NAME
    if model is not None and model != chosen.model:
        return Terms(lock=lock, device=chosen.device)
    return Terms(
        lock=lock,
        labels=dict(chosen.labels),
        abstain_below=chosen.abstain_below,
        allow_pickle=chosen.allow_pickle,
        allow_branch=chosen.allow_branch,
        device=chosen.device,
    )


def workspace_here(folder: Path | None) -> "Workspace | None":
    """The workspace of a call that can do without one; a broken one is an error all the same.

    Raises:
        ConfigError: One was named and is not there, or its file needs mending.
    """
    from social_care.config import FILE_NAME
    from social_care.workspace import Workspace

    here = Path.cwd()
    if folder is None and not any((place / FILE_NAME).is_file() for place in (here, *here.parents)):
        return None
    return Workspace.find(folder)


def load_scorer(folder: Path | None, model: str | None, revision: str | None) -> "TransformerScorer":
    """Load the model a call names, on the terms of its workspace where it has one.

    Args:
        folder: The workspace the call names, if it does.
        model: A folder, a Hugging Face id, or None for the bundled model.
        revision: The commit of an id.

    Raises:
        ModelError: It cannot be loaded; the message says what to fix.
        ConfigError: A workspace was named and cannot be read.
    """
    from sentiment.transformer import TransformerScorer

    if model is None or model == "bundled":
        return TransformerScorer.load(None, revision=revision)
    terms = terms_for(workspace_here(folder), model)
    return TransformerScorer.load(model, revision=revision, terms=terms)


def planned(model: str, revision: str | None, terms: Terms) -> "Listing":
    """What the hub announces for a model to be added.

    Raises:
        ModelError: No commit is named, or the hub cannot be asked.
    """
    from sentiment.fetch import check_id, listing
    from sentiment.pinned import chosen, settle_commit

    check_id(model)
    commit, _ = settle_commit(model, revision, terms)
    announced = listing(model, commit)
    chosen(announced, terms)
    return announced


def add(announced: "Listing", terms: Terms) -> tuple[Path, Entry, bool]:
    """Download a model, compare it and record it.

    Returns:
        Its folder, its record, and whether it was recorded before.

    Raises:
        ModelError: It did not arrive whole, is not what was recorded before, or cannot be used.
    """
    from sentiment.lock import check_files, find_entry, write_entry
    from sentiment.pinned import download
    from sentiment.ports import ModelError

    assert terms.lock is not None
    before = find_entry(terms.lock, announced.model, announced.commit)
    try:
        folder, entry = download(announced, terms)
    except ModelError:
        if before is None:
            raise
        folder, entry = download(announced, terms, again=True)  # what lay here was damaged
    if before is not None:
        # The record is older than this download: it decides, whatever the hub says now.
        check_files(folder, before, allow_pickle=terms.allow_pickle)
        return folder, before, True
    write_entry(terms.lock, entry)
    return folder, entry, False


def add_folder(folder: Path, terms: Terms, *, replace: bool, dry_run: bool) -> tuple[Entry, bool]:
    """Record a folder as it is now.

    Args:
        folder: A model's folder.
        terms: Where to record it, and on which terms.
        replace: Whether a record that differs may be replaced.
        dry_run: Compare only; write nothing.

    Returns:
        Its record, and whether the very same was recorded before.

    Raises:
        ModelError: It holds no model we can use.
        ConfigError: Another state is recorded and may not be replaced.
    """
    from sentiment.card import read_json
    from sentiment.lock import find_entry, write_entry
    from sentiment.pinned import card_of, place_of_folder, reading, record_folder

    assert terms.lock is not None
    entry = record_folder(folder, terms)
    reading(read_json(folder / "config.json"), card_of(place_of_folder(folder, None)), None, terms)
    before = find_entry(terms.lock, entry.model, None)
    if before is not None and before.files == entry.files:
        return before, True
    if before is not None and not replace:
        changed = ", ".join(_changes(before, entry))
        raise ConfigError(
            f"{entry.model} is recorded with other files ({changed}); if you changed them: --replace"
        )
    if not dry_run:
        write_entry(terms.lock, entry)
    return entry, False


def _changes(before: Entry, now: Entry) -> Iterator[str]:
    for name in sorted({*before.files, *now.files}):
        if before.files.get(name) != now.files.get(name):
            how = "new" if name not in before.files else "gone" if name not in now.files else "changed"
            yield f"{name} {how}"
