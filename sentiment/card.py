"""What is known about a model: its card, read without the model libraries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sentiment.ports import ModelError

BUNDLED = Path(__file__).parent / "model"
"""The folder of the model that ships in the package."""

PACKED_WEIGHTS = "weights.safetensors"
"""Weights in the package's own compact form, see `sentiment.weights`."""
_WEIGHT_FILES = (PACKED_WEIGHTS, "model.safetensors", "pytorch_model.bin", "model.safetensors.index.json")
_BLOCK = 1 << 20


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a model folder.

    Raises:
        ModelError: The file is missing or damaged; says which and what to do.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing: this folder holds no complete model") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}. Copy or download the model again.") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} does not hold a JSON object. Copy or download the model again.")
    return value


def weights_file(folder: Path) -> Path:
    """Return the file with the model's weights.

    Raises:
        ModelError: There is none.
    """
    for name in _WEIGHT_FILES:
        if (folder / name).is_file():
            return folder / name
    raise ModelError(
        f"{folder} holds no weights ({' or '.join(_WEIGHT_FILES[:2])}). Copy or download the model again."
    )


def read_card(folder: Path) -> dict[str, Any]:
    """Return the folder's ``model.json``, or what stands in for it: the folder's name and a digest of the weights.

    Raises:
        ModelError: There is no such folder, or it holds no model.
    """
    if not folder.is_dir():
        raise ModelError(f"no model folder at {folder}")
    if (folder / "model.json").is_file():
        card = read_json(folder / "model.json")
        if not isinstance(card.get("name"), str) or not isinstance(card.get("revision"), str):
            raise ModelError(f"{folder / 'model.json'} must give name and revision as text")
        return card
    return {"name": folder.resolve().name, "revision": _digest(folder)}


def _digest(folder: Path) -> str:
    digest = hashlib.sha256((folder / "config.json").read_bytes() if (folder / "config.json").is_file() else b"")
    with weights_file(folder).open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()[:12]


def model_info(path: str | Path | None = None) -> dict[str, Any]:
    """Return what is known about a model in a folder.

    Args:
        path: The folder; None takes the bundled model.

    Returns:
        ``name, revision, scorer, path, bundled, size_bytes, weights_bytes, parameters, architecture, labels,
        licence, languages, languages_weak, languages_not_read, heads, head_languages, max_tokens, temperature,
        abstain_below, calibration, dev, head_quality, training``; None where
        the model does not say.

    Raises:
        ModelError: There is no usable model; the message says what to fix.
    """
    folder = Path(path) if path is not None else BUNDLED
    card = read_card(folder)
    config = read_json(folder / "config.json")
    weights = weights_file(folder)
    labels = card.get("labels") or list((config.get("id2label") or {}).values()) or None
    told = (
        "languages", "languages_weak", "languages_not_read", "heads", "head_languages", "max_tokens",
        "temperature", "abstain_below", "calibration", "dev", "head_quality", "training",
    )  # fmt: skip
    return {
        "name": card["name"],
        "revision": card["revision"],
        "scorer": f"{card['name']}@{card['revision']}",
        "path": str(folder),
        "bundled": folder.resolve() == BUNDLED.resolve(),
        "size_bytes": sum(file.stat().st_size for file in folder.iterdir() if file.is_file()),
        "weights_bytes": weights.stat().st_size,
        "parameters": _parameters(weights),
        "architecture": next(iter(config.get("architectures") or []), None),
        "labels": labels,
        "licence": card.get("licence") or card.get("license") or _licence(folder),
        **{key: card.get(key) for key in told},
    }


def _parameters(weights: Path) -> int | None:
    """Count the parameters from the header of a safetensors file; the scales of packed weights do not count."""
    if weights.suffix != ".safetensors":
        return None
    try:
        with weights.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    except (OSError, ValueError, MemoryError):
        raise ModelError(f"{weights} is damaged. Copy or download the model again.") from None
    total = 0
    for name, entry in header.items():
        if name == "__metadata__" or (name.endswith(".scale") and name.removesuffix(".scale") in header):
            continue
        total += _product(entry)
    return total


def _product(entry: Mapping[str, Any]) -> int:
    count = 1
    for size in entry["shape"]:
        count *= int(size)
    return count


def _licence(folder: Path) -> str | None:
    """The bundled model is under the project's own licence; another folder may carry a card in Markdown."""
    if folder.resolve() == BUNDLED.resolve():
        return "Apache-2.0"
    readme = folder / "README.md"
    if not readme.is_file():
        return None
    for line in readme.read_text(encoding="utf-8", errors="replace").splitlines()[:60]:
        key, _, value = line.partition(":")
        if key.strip() in {"license", "licence"} and value.strip():
            return value.strip()
    return None
