"""From a folder or a Hugging Face id to files that are what they were: pinned, recorded, compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sentiment.card import read_card, read_json
from sentiment.fetch import COMMIT, Listing, cached, cached_names, check_id, compare, fetch, is_offline, listing
from sentiment.labels import BY_NUMBER, class_of_each, is_numbered, names_in_order
from sentiment.lock import (
    Entry,
    Terms,
    check_files,
    find_entry,
    folder_key,
    folder_revision,
    hash_folder,
    refuse_unusable,
    relevant,
    write_entry,
)
from sentiment.ports import SENTIMENTS, ModelError

TWO_CLASS_ABSTAIN = 0.8
"""Default band of a model without a neutral class: from 0.2 to 0.8 a person looks. A convention, not measured."""
ABSTAIN = 0.5
"""Default for other uncalibrated models: no class has the majority. A convention, not measured."""
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model's files lie, and what is known of them.

    Attributes:
        model: The id, or the folder.
        folder: The files.
        revision: What stands after the ``@`` of its name.
        entry: Its record, if there is one.
        recorded: Whether the record was made just now.
    """

    model: str
    folder: Path
    revision: str
    entry: Entry | None
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model's answers are read.

    Attributes:
        names: Its labels in the order of its outputs.
        classes: For each 0 (negative), 1 (neutral) or 2 (positive).
        assumed: Whether the order is only assumed, since its labels are numbers.
        temperature: Divides the logits.
        abstain_below: The top probability from which on its word counts.
        calibrated: Whether the last two were fitted: by its makers' card or in the record.
    """

    names: tuple[str, ...]
    classes: tuple[int, ...]
    assumed: bool
    temperature: float
    abstain_below: float
    calibrated: bool

    def told(self) -> list[str]:
        """For each label what it is taken for."""
        note = BY_NUMBER if self.assumed else ""
        return [
            f"{name} = {SENTIMENTS[which]}{note}" for name, which in zip(self.names, self.classes, strict=True)
        ]


def settle(model: str | Path, revision: str | None, terms: Terms) -> Place:
    """Find a model's files, download what is missing, and compare them with their record.

    The first use of a model is recorded where there is a lock file to record it in.

    Raises:
        ModelError: No commit is named, files cannot be had, or one is not what it was.
    """
    if Path(model).expanduser().is_dir():
        if revision is not None:
            raise ModelError("a model folder has no revisions; leave `revision` out")
        return _settle_folder(Path(model).expanduser(), terms)
    check_id(str(model))
    commit, asked = settle_commit(str(model), revision, terms)
    entry = find_entry(terms.lock, str(model), commit)
    if entry is not None:
        return _settle_recorded(entry, terms)
    if is_offline():
        folder, entry = _from_cache(str(model), commit, terms)
    else:
        folder, entry = download(listing(str(model), commit), terms)
    entry = replace(entry, asked=asked)
    if terms.lock is not None:
        write_entry(terms.lock, entry)
    return Place(str(model), folder, commit[:_DIGITS], entry, recorded=terms.lock is not None)


def settle_commit(model: str, revision: str | None, terms: Terms) -> tuple[str, str | None]:
    """Return the commit to use, and the branch or tag it was found by.

    Raises:
        ModelError: No commit is named and none may be looked up; says which it would be now, where that is known.
    """
    if revision is not None and COMMIT.fullmatch(revision):
        return revision, None
    asked = revision or "main"
    if terms.allow_branch and revision is not None:
        if is_offline():
            entry = find_entry(terms.lock, model, asked)
            if entry is not None and entry.asked == asked:
                return entry.revision, asked
        return listing(model, asked).commit, asked
    what = f"{model} needs a revision" if revision is None else f"{model}: {revision!r} is no commit and may move"
    try:
        now = listing(model, asked).commit
    except ModelError as error:
        if not is_offline():
            raise
        raise ModelError(
            f"{what}; name a commit of 40 digits (https://huggingface.co/{model}/commits/main)"
        ) from error
    raise ModelError(f"{what}; name a commit. {asked!r} points to this one now: {now}")


def download(announced: Listing, terms: Terms, *, again: bool = False) -> tuple[Path, Entry]:
    """Download a commit and compare it with what the hub announced; its labels are looked at before its weights.

    Args:
        announced: What the hub says about it.
        terms: On which terms it may be used.
        again: Download also what the cache has.

    Raises:
        ModelError: It is no model we can use, or did not arrive whole.
    """
    names = chosen(announced, terms)
    folder, found = fetch(announced.model, announced.commit, ["config.json"], again=again)
    compare(announced, folder, found)
    reading(read_json(folder / "config.json"), {}, None, terms)
    folder, found = fetch(announced.model, announced.commit, names, again=again)
    compare(announced, folder, found)
    entry = Entry(
        model=announced.model,
        revision=announced.commit,
        files=found,
        licence=announced.licence,
        languages=announced.languages,
    )
    return folder, entry


def chosen(announced: Listing, terms: Terms) -> list[str]:
    """The files of a commit that are downloaded.

    Raises:
        ModelError: It is no model we can use.
    """
    refuse_unusable(announced.files, announced.model, allow_pickle=terms.allow_pickle)
    return relevant(announced.files, allow_pickle=terms.allow_pickle)


def _from_cache(model: str, commit: str, terms: Terms) -> tuple[Path, Entry]:
    names = cached_names(model, commit)
    if not names:
        listing(model, commit)  # says that we are offline, and what to run
    refuse_unusable(names, model, allow_pickle=terms.allow_pickle)
    folder, found = fetch(model, commit, relevant(names, allow_pickle=terms.allow_pickle))
    return folder, Entry(model=model, revision=commit, files=found)


def _settle_recorded(entry: Entry, terms: Terms) -> Place:
    refuse_unusable(entry.files, entry.model, allow_pickle=terms.allow_pickle)
    folder = cached(entry.model, entry.revision, list(entry.files))
    if folder is None:
        folder, _ = fetch(entry.model, entry.revision, list(entry.files))
    check_files(folder, entry, allow_pickle=terms.allow_pickle)
    return Place(entry.model, folder, entry.revision[:_DIGITS], entry)


def _settle_folder(folder: Path, terms: Terms) -> Place:
    refuse_unusable([f.name for f in folder.iterdir()], str(folder), allow_pickle=terms.allow_pickle)
    entry = None if terms.lock is None else find_entry(terms.lock, folder_key(folder, terms.lock), None)
    if entry is not None:
        check_files(folder, entry, allow_pickle=terms.allow_pickle)
    return place_of_folder(folder, entry)


def place_of_folder(folder: Path, entry: Entry | None) -> Place:
    """A folder as it is, compared with nothing."""
    return Place(str(folder), folder, str(read_card(folder)["revision"]), entry)


def record_folder(folder: Path, terms: Terms) -> Entry:
    """What the entry of a folder would be, as it is now. Writes nothing.

    Raises:
        ModelError: It holds no model we can use.
    """
    assert terms.lock is not None
    refuse_unusable([f.name for f in folder.iterdir()], str(folder), allow_pickle=terms.allow_pickle)
    files = hash_folder(folder, allow_pickle=terms.allow_pickle)
    return Entry(model=folder_key(folder, terms.lock), revision=folder_revision(files), files=files)


def reading(config: Mapping[str, Any], card: Mapping[str, Any], entry: Entry | None, terms: Terms) -> Reading:
    """Decide how a model's answers are read: its labels, its temperature, its band.

    What a person set counts most, then what the record holds as fitted, then the model's own card, then a default.

    Raises:
        ModelError: Its labels are no sentiments and nobody said what they mean.
    """
    names = tuple(names_in_order(config))
    classes = class_of_each(names, terms.labels)
    fitted = {**{k: card[k] for k in ("temperature", "abstain_below") if card.get(k)}, **_fitted(entry)}
    default = ABSTAIN if 1 in classes else TWO_CLASS_ABSTAIN
    band = terms.abstain_below if terms.abstain_below is not None else fitted.get("abstain_below", default)
    return Reading(
        names=names,
        classes=classes,
        assumed=not terms.labels and is_numbered(names),
        temperature=float(fitted.get("temperature", 1.0)),
        abstain_below=float(band),
        calibrated="temperature" in fitted,
    )


def _fitted(entry: Entry | None) -> Mapping[str, float]:
    return entry.calibration or {} if entry is not None else {}


def card_of(place: Place) -> dict[str, Any]:
    """The model's card: its own ``model.json`` where it has one, with the name we know it by."""
    own = read_json(place.folder / "model.json") if (place.folder / "model.json").is_file() else {}
    if place.model == str(place.folder):
        return {**own, **read_card(place.folder)}
    return {**own, "name": place.model, "revision": place.revision}


def suffix(entry: Entry | None, terms: Terms) -> str:
    """What a scorer's name carries beside the revision: whatever a person changed leads to new scores."""
    changed = {
        "labels": dict(sorted(terms.labels.items())),
        "abstain_below": terms.abstain_below,
        "calibration": dict(sorted(_fitted(entry).items())),
    }
    if not any(value not in (None, {}) for value in changed.values()):
        return ""
    return "+r" + hashlib.sha256(json.dumps(changed).encode()).hexdigest()[:8]


def name_of(model: str | Path, revision: str | None, terms: Terms) -> str | None:
    """``model@revision`` as `load` would name it, known without loading; None where only loading tells."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        entry = find_entry(terms.lock, folder_key(folder, terms.lock), None) if terms.lock else None
        card = read_card(folder)
        return f"{card['name']}@{card['revision']}{suffix(entry, terms)}"
    if revision is None or not COMMIT.fullmatch(revision):
        return None
    entry = find_entry(terms.lock, str(model), revision)
    return f"{model}@{revision[:_DIGITS]}{suffix(entry, terms)}"
