"""What is known about a model from elsewhere, without loading it and without the network: pin, labels, device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sentiment.card import model_info, read_json
from sentiment.fetch import COMMIT, cached, check_id
from sentiment.lock import Entry, Terms, check_files, find_entry, folder_key
from sentiment.pinned import card_of, place_of_folder, reading, suffix
from sentiment.ports import ModelError

State = Literal["recorded", "changed", "not downloaded", "not recorded", "part of the package"]


@dataclass(frozen=True, slots=True)
class Pin:
    """How firmly a model is pinned.

    Attributes:
        state: ``recorded`` (every file is what was recorded), ``changed`` (one is not), ``not downloaded``,
            ``not recorded``, or ``part of the package``.
        entry: Its record.
        folder: Where its files lie on this machine.
        problem: What is wrong, for a person.
    """

    state: State
    entry: Entry | None = None
    folder: Path | None = None
    problem: str | None = None

    def as_dict(self, lock: Path | None) -> dict[str, Any]:
        """The same for a program."""
        entry = self.entry
        return {
            "state": self.state,
            "commit": entry.revision if entry is not None and COMMIT.fullmatch(entry.revision) else None,
            "found_by": entry.asked if entry else None,
            "files": {name: file.sha256 for name, file in sorted(entry.files.items())} if entry else {},
            "lock": str(lock) if lock is not None and entry is not None else None,
            "problem": self.problem,
        }


def pin_of(model: str | Path, revision: str | None, terms: Terms) -> Pin:
    """Compare a model's files with their record; nothing is downloaded.

    Raises:
        ModelError: It is neither a folder nor a Hugging Face id, or the lock file is damaged.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        entry = find_entry(terms.lock, folder_key(folder, terms.lock), None) if terms.lock else None
        return Pin("not recorded", None, folder) if entry is None else _compared(entry, folder, terms)
    check_id(str(model))
    entry = find_entry(terms.lock, str(model), revision)
    if entry is None:
        return Pin("not recorded", problem=_not_recorded(str(model), revision))
    place = cached(entry.model, entry.revision, list(entry.files))
    if place is None:
        return Pin("not downloaded", entry)
    return _compared(entry, place, terms)


def _compared(entry: Entry, folder: Path, terms: Terms) -> Pin:
    try:
        check_files(folder, entry, allow_pickle=terms.allow_pickle)
    except ModelError as error:
        return Pin("changed", entry, folder, str(error))
    return Pin("recorded", entry, folder)


def _not_recorded(model: str, revision: str | None) -> str:
    return f"record it: social-care model add {model} --revision {revision or 'COMMIT'}"


def about(model: str | Path | None, revision: str | None, terms: Terms) -> dict[str, Any]:
    """Return what is known about any model.

    Args:
        model: A folder, a Hugging Face id, or None for the bundled model.
        revision: The commit of an id; None takes the one that is recorded.
        terms: On which terms it would be used.

    Returns:
        The keys of `sentiment.card.model_info`, as far as they are known, and ``pin``; for a model from elsewhere
        also ``labels_read``, ``calibrated``, ``device`` and ``arithmetic``.

    Raises:
        ModelError: There is no usable model; the message says what to fix.
    """
    if model is None:
        if revision is not None:
            raise ModelError("the bundled model has no revisions; leave `revision` out")
        return {**model_info(), "pin": Pin("part of the package").as_dict(None)}
    pin = pin_of(model, revision, terms)
    entry = pin.entry
    facts: dict[str, Any] = {"name": str(model), "revision": entry.revision[:12] if entry else revision}
    if pin.folder is not None and pin.state != "changed":
        facts |= _of_files(str(model), pin.folder, entry, terms)
    if entry is not None:
        facts["licence"] = facts.get("licence") or entry.licence
        facts["languages"] = facts.get("languages") or list(entry.languages) or None
        facts["size_bytes"] = entry.size
    return {**facts, "pin": pin.as_dict(terms.lock)}


def _of_files(model: str, folder: Path, entry: Entry | None, terms: Terms) -> dict[str, Any]:
    from sentiment.hub import arithmetic, choose_device, takes_packed_way

    facts = model_info(folder)
    config = read_json(folder / "config.json")
    if entry is not None and COMMIT.fullmatch(entry.revision):
        facts |= {"name": model, "revision": entry.revision[:12], "bundled": False}
        read = reading(config, {}, entry, terms)
    else:
        read = reading(config, card_of(place_of_folder(folder, entry)), entry, terms)
    device = choose_device(terms.device)
    packed = takes_packed_way(folder, config, device)
    device = "cpu" if packed else device
    return {
        **facts,
        "scorer": f"{facts['name']}@{facts['revision']}{suffix(entry, terms)}",
        "labels": list(read.names),
        "labels_read": read.told(),
        "temperature": read.temperature,
        "abstain_below": read.abstain_below,
        "calibrated": read.calibrated,
        "way": "packed" if packed else "transformers",
        "device": device,
        "arithmetic": str(arithmetic(device)).removeprefix("torch."),
    }
