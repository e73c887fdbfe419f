"""The lock file: which files a model from elsewhere is made of, with their SHA-256 checksums.

A name on a hub is a promise of its owner; a checksum is not. The first use of a model writes down what it is made
of, every later one compares all of it before a byte is interpreted. Files are hashed whole each time rather than
trusted by size and date: it happens beside the imports that a load waits for anyway (docs/models.md has figures).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sentiment.ports import ModelError

LOCK_NAME = "models.lock.json"
"""What the lock file of a workspace is called."""
ADAPTER = "adapter_config.json"
_VERSION = 1
_BLOCK = 1 << 20
_SMALL = re.compile(r"[^/]+\.(?:json|txt|model|jinja|vocab|bpe|codes|tiktoken)")
_WEIGHTS = re.compile(r"(?:(?:weights|wide|head)|model(?:-\d+-of-\d+)?)\.safetensors")
_TOKENIZERS = {"tokenizer.json", "vocab.txt", "vocab.json"}
_PICKLES = re.compile(r"pytorch_model(?:-\d+-of-\d+)?\.bin")


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a model from elsewhere may be used, as a person settled them.

    Attributes:
        lock: The lock file; None compares with no record.
        labels: What the model's labels mean, ``{"LABEL_0": "negative"}``; empty where their names tell it.
        abstain_below: The top probability from which on its word counts; None: what was fitted, else a default.
        allow_pickle: Whether weights in Python's pickle format may be read.
        allow_branch: Whether a branch or tag may stand for a commit.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    """

    lock: Path | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    abstain_below: float | None = None
    allow_pickle: bool = False
    allow_branch: bool = False
    device: str = "auto"

    def __hash__(self) -> int:
        return hash((self.lock, tuple(sorted(self.labels.items())), self.abstain_below, self.device))


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One file as it was when it was recorded; `size` in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One model in the lock file.

    Attributes:
        model: The Hugging Face id, or the folder as `folder_key` writes it.
        revision: The commit; for a folder twelve digits over all checksums.
        files: By name, every file that decides a score.
        asked: The branch or tag it was found by, where a person allowed that.
        licence: As its card states it.
        languages: As its card states them.
        calibration: ``temperature`` and ``abstain_below`` fitted on a person's own labels.
    """

    model: str
    revision: str
    files: Mapping[str, LockedFile]
    asked: str | None = None
    licence: str | None = None
    languages: tuple[str, ...] = ()
    calibration: Mapping[str, float] | None = None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())


def relevant(names: Iterable[str], *, allow_pickle: bool) -> list[str]:
    """Choose the files of a model that can decide a score: settings, tokenizer and weights, no subfolders.

    Weights are safetensors where there are any; pickles only where allowed; TensorFlow, Flax and ONNX never.
    """
    present = sorted(names)
    weights = [name for name in present if _WEIGHTS.fullmatch(name)]
    if not weights and allow_pickle:
        weights = [name for name in present if _PICKLES.fullmatch(name)]
    return [name for name in present if _SMALL.fullmatch(name)] + weights


def weights_among(names: Iterable[str]) -> list[str]:
    """The weights among file names."""
    return [name for name in names if _WEIGHTS.fullmatch(name) or _PICKLES.fullmatch(name)]


def refuse_unusable(names: Iterable[str], model: str, *, allow_pickle: bool) -> None:
    """Refuse what is no whole model in a safe format, before anything is downloaded or read.

    Raises:
        ModelError: No weights, pickled weights without leave, an adapter, no config.json, or a tokenizer that a
            missing package has to read.
    """
    present = set(names)
    if ADAPTER in present:
        raise ModelError(f"{model} is an adapter for another model, not a whole one; merge it into its base first")
    if "config.json" not in present:
        raise ModelError(f"{model}: config.json is missing: this is no whole model")
    pieces = any(name.endswith(".model") for name in present) and not present & _TOKENIZERS
    if pieces and find_spec("sentencepiece") is None:
        raise ModelError(
            f"{model} brings its tokenizer only in a form that needs another package: "
            "pip install sentencepiece protobuf"
        )
    if any(_WEIGHTS.fullmatch(name) for name in present):
        return
    if not any(_PICKLES.fullmatch(name) for name in present):
        raise ModelError(f"{model} holds no weights that can be read (model.safetensors)")
    if not allow_pickle:
        raise ModelError(
            f"{model} holds its weights only as pytorch_model.bin, a format that can carry code. Choose a commit "
            "with model.safetensors, or allow it: allow_pickle = true under [scorer], or --allow-pickle"
        )


def hash_file(path: Path) -> LockedFile:
    """Read a file once and return its checksum and size."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return LockedFile(digest.hexdigest(), size)


def hash_folder(folder: Path, *, allow_pickle: bool) -> dict[str, LockedFile]:
    """The checksums of all files of a folder that can decide a score."""
    names = [file.name for file in folder.iterdir() if file.is_file()]
    return {name: hash_file(folder / name) for name in relevant(names, allow_pickle=allow_pickle)}


def folder_revision(files: Mapping[str, LockedFile]) -> str:
    """Twelve digits that stand for the contents of a folder."""
    lines = "".join(f"{files[name].sha256}  {name}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()[:12]


def folder_key(folder: Path, lock: Path) -> str:
    """How a folder is called in a lock file: relative to it where it lies beside or under it."""
    whole = folder.expanduser().resolve()
    home = lock.resolve().parent
    return f"./{whole.relative_to(home).as_posix()}" if whole.is_relative_to(home) else str(whole)


def check_files(folder: Path, entry: Entry, *, allow_pickle: bool) -> None:
    """Compare a folder with its entry, every byte of it.

    Raises:
        ModelError: A file is missing, changed or was not there before; names it and says how to go on.
    """
    cure = _cure(entry)
    for name, locked in entry.files.items():
        path = folder / name
        try:
            size = path.stat().st_size
            found = hash_file(path) if size == locked.size else LockedFile("", size)
        except OSError as error:
            raise ModelError(f"{entry.model}: {name} cannot be read ({error.strerror}). {cure}") from error
        if found != locked:
            raise ModelError(
                f"{entry.model}: {name} is not the file that was recorded ({_difference(found, locked)}). Nothing "
                f"was loaded. It lies in {folder}. {cure}"
            )
    present = [file.name for file in folder.iterdir() if file.is_file()]
    new = [name for name in relevant(present, allow_pickle=allow_pickle) if name not in entry.files]
    if new:
        raise ModelError(f"{entry.model}: {new[0]} was not there when the model was recorded. {cure}")


def _difference(found: LockedFile, locked: LockedFile) -> str:
    if found.size != locked.size:
        return f"{found.size:,} bytes instead of {locked.size:,}"
    return f"SHA-256 {found.sha256[:12]}… instead of {locked.sha256[:12]}…"


def _cure(entry: Entry) -> str:
    if len(entry.revision) == 40:
        return f"To fetch it again: social-care model add {entry.model} --revision {entry.revision}"
    return f"If the change is yours, record it: social-care model add {entry.model} --replace"


def read_lock(path: Path) -> list[Entry]:
    """Read a lock file; one that is not there holds nothing.

    Raises:
        ModelError: It is damaged, or was written by a newer program.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise ModelError(
            f"cannot read {path}: {error}. Restore it, or delete it and add the models again."
        ) from error
    if not isinstance(value, dict) or value.get("version") != _VERSION:
        raise ModelError(f"{path} is not a lock file of this program's version ({_VERSION})")
    try:
        return [_entry(item) for item in value["models"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} is damaged. Restore it, or delete it and add the models again.") from error


def _entry(item: Mapping[str, Any]) -> Entry:
    files = {str(name): LockedFile(str(f["sha256"]), int(f["size"])) for name, f in item["files"].items()}
    if not files or any("/" in name or "\\" in name or name in {".", ".."} for name in files):
        raise ValueError("file names")
    calibration = item.get("calibration")
    return Entry(
        model=str(item["model"]),
        revision=str(item["revision"]),
        files=files,
        asked=item.get("asked"),
        licence=item.get("licence"),
        languages=tuple(map(str, item.get("languages") or ())),
        calibration=None if calibration is None else {str(k): float(v) for k, v in calibration.items()},
    )


def find_entry(path: Path | None, model: str, revision: str | None) -> Entry | None:
    """The entry of a model: of one revision, or with None the only one (a folder has one)."""
    entries = [] if path is None else read_lock(path)
    return next((e for e in entries if e.model == model and revision in {None, e.revision, e.asked}), None)


def write_entry(path: Path, entry: Entry) -> None:
    """Put an entry into a lock file, in place of the one of the same model and revision.

    The file is replaced in one step. Two programs that add at the same moment may lose one entry, which is then
    recorded again at its next use.

    Raises:
        ModelError: The file cannot be written.
    """
    fixed = len(entry.revision) == 40
    others = [e for e in read_lock(path) if e.model != entry.model or (fixed and e.revision != entry.revision)]
    # A branch leads to one entry only: the newest.
    others = [replace(e, asked=None) if e.model == entry.model and e.asked == entry.asked else e for e in others]
    models = sorted([*others, entry], key=lambda e: (e.model, e.revision))
    value = {"version": _VERSION, "models": [_plain(e) for e in models]}
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ModelError(f"cannot write {path}: {error.strerror}") from error


def _plain(entry: Entry) -> dict[str, Any]:
    value = {key: item for key, item in asdict(entry).items() if item not in (None, (), {})}
    value["files"] = {name: asdict(file) for name, file in sorted(entry.files.items())}
    return value
