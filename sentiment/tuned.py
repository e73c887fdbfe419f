"""A tuned model on disk: the folder of the model it came from, a head of its own, and a card that says how.

The folder appears whole or not at all: it is made under a hidden name, written through to the disk and renamed.
What a killed process left under a hidden name is no model, and the next tuning sweeps it away. The files are
copies, not links: whatever becomes of the original, a head stays over the weights it was learned on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sentiment.card import read_card, weights_file
from sentiment.loading import HEAD_FILE
from sentiment.ports import ModelError

_HEAD = ("classifier.weight", "classifier.bias", "heads.weight", "heads.bias")
_OWN = {"model.json", HEAD_FILE}
_HIDDEN = ".tuning-"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_RESERVED = {"bundled", "none", "default"}

Floats = npt.NDArray[np.float32]
Head = dict[str, Floats]


def checked_name(name: str) -> str:
    """A name for a tuned model, which is also its folder's.

    Raises:
        ModelError: It is not one; says what is.
    """
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise ModelError(
            f"{name!r} cannot name a model: use up to 64 of a-z, 0-9, '.', '_', '-', a letter or digit first, "
            f"and none of {', '.join(sorted(_RESERVED))}"
        )
    return name


def read_head(folder: Path) -> Head:
    """Read the last layer of a model folder: its own head file if it has one, else from its weights.

    Raises:
        ModelError: There is no such layer, or the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    found: Head = {}
    for path in (weights_file(folder), folder / HEAD_FILE):
        if not path.is_file() or path.suffix != ".safetensors":
            continue
        try:
            with safe_open(path, framework="numpy") as file:
                present = set(file.keys())
                for name in _HEAD:
                    if name in present:
                        value = file.get_tensor(name).astype(np.float32)
                        scales = f"{name}.scale"
                        if scales in present:
                            value = value * file.get_tensor(scales).astype(np.float32)[:, None]
                        found[name] = value
        except (SafetensorError, OSError) as error:
            raise ModelError(f"cannot read {path}: {error}. Copy or download the model again.") from error
    if not {"classifier.weight", "classifier.bias"} <= set(found):
        raise ModelError(f"{folder} has no classifier layer that could be tuned")
    return found


@dataclass
class Candidate:
    """A tuned model under a hidden name, to be measured before it may stand.

    Attributes:
        folder: Where it is now; a model folder like any other.
        target: Where it will stand once accepted.
        card: Its card as it is now.
    """

    folder: Path
    target: Path
    card: dict[str, Any]
    _accepted: bool = field(default=False, init=False)

    def accept(self, card: Mapping[str, Any]) -> Path:
        """Write the final card and give the model its name; from here on it stands.

        Raises:
            ModelError: Somebody has taken the name meanwhile.
        """
        try:
            _write(self.folder / "model.json", _json(card))
            _sync(self.folder)
            self.folder.rename(self.target)
        except OSError as error:
            raise ModelError(f"cannot make {self.target}: {error.strerror}; choose another --name") from error
        self._accepted = True
        _sync(self.target.parent)
        return self.target


@contextmanager
def candidate(
    base: Path, models: Path, name: str, head: Mapping[str, Floats], adapted: Mapping[str, Any]
) -> Iterator[Candidate]:
    """Make a tuned model that can be loaded and measured; gone when the block ends, unless it was accepted.

    Args:
        base: The folder of the model it is tuned from.
        models: Where tuned models stand; made if it is missing.
        name: See `checked_name`.
        head: The tensors of the new head.
        adapted: What the card says of the tuning.

    Raises:
        ModelError: The name is no name or is taken, or the folder cannot be written.
    """
    target = models / checked_name(name)
    if target.exists():
        raise ModelError(f"there is a model {name} already in {models}; choose another --name")
    folder = models / f"{_HIDDEN}{os.getpid()}-{secrets.token_hex(4)}"
    made = not models.exists()
    try:
        models.mkdir(exist_ok=True)
        sweep(models)
        folder.mkdir()
        _fill(folder, base, head)
        card = tuned_card(base, name, folder / HEAD_FILE, adapted)
        _write(folder / "model.json", _json(card))
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ModelError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    except ModelError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    one = Candidate(folder, target, card)
    try:
        yield one
    finally:
        if not one._accepted:
            shutil.rmtree(folder, ignore_errors=True)
            if made:
                with contextlib.suppress(OSError):  # another process has put something there
                    models.rmdir()


def _fill(folder: Path, base: Path, head: Mapping[str, Floats]) -> None:
    from safetensors.numpy import save

    for file in sorted(base.iterdir()):
        if file.is_file() and file.name not in _OWN and not file.name.startswith("."):
            shutil.copyfile(file, folder / file.name)
            _sync(folder / file.name)
    _write(folder / HEAD_FILE, save({name: np.ascontiguousarray(value) for name, value in head.items()}))


def tuned_card(base: Path, name: str, head_file: Path, adapted: Mapping[str, Any]) -> dict[str, Any]:
    """The card of a tuned model: its own name and revision, what the original says of itself, and the tuning.

    The revision is a digest of the head and of the original's revision, so that other weights are another scorer.
    Figures that were measured with the original's head are left out: they are not this model's.
    """
    original = read_card(base)
    digest = hashlib.sha256(str(original["revision"]).encode())
    digest.update(head_file.read_bytes())
    measured = {"dev", "head_quality", "packed_agrees_with_full_precision", "training", "adapted"}
    kept = {key: value for key, value in original.items() if key not in measured}
    own = {"name": f"{original['name']}-{name}", "revision": digest.hexdigest()[:12], "adapted": dict(adapted)}
    return kept | own


def tuned_models(models: Path) -> list[Path]:
    """The folders of tuned models that stand, by name."""
    if not models.is_dir():
        return []
    return sorted(p for p in models.iterdir() if _NAME.fullmatch(p.name) and (p / "model.json").is_file())


def sweep(models: Path) -> int:
    """Remove what killed processes left behind; returns how many folders went. Those of living ones stay."""
    gone = 0
    for folder in models.glob(f"{_HIDDEN}*"):
        owner = folder.name.removeprefix(_HIDDEN).partition("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
            gone += 1
    return gone


def _alive(process: int) -> bool:
    if process == os.getpid():
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _json(card: Mapping[str, Any]) -> bytes:
    return (json.dumps(card, ensure_ascii=False, indent=1) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    """Write a file through to the disk; one that is there is replaced whole."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _sync(path: Path) -> None:
    """Write a file or a folder through to the disk."""
    with contextlib.suppress(OSError):  # not every system lets a folder be opened
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
