"""Weights of a classifier in a quarter of the space: matrices as int8 rows, each with one float16 scale.

The file is an ordinary safetensors file, so reading it runs no code. A matrix ``name`` of shape (rows, columns) is
stored as int8 under ``name`` and its scales, shape (rows,), under ``name.scale``: value = integer x scale. Every
other tensor is stored as float16 under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = {"format": "int8-rows", "version": "1"}
_SUFFIX = ".scale"
_SMALLEST_SCALE = 2.0**-14
_LARGEST_HALF = 65504.0

Floats = npt.NDArray[np.float32]


class WeightsError(ValueError):
    """The file holds no weights that `read` can read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor as a file keeps it.

    Attributes:
        value: float32, or the int8 codes of a matrix.
        scale: What one step of each row's codes is worth, float32 (rows,); None beside float32.
    """

    value: npt.NDArray[Any]
    scale: Floats | None = None

    def full(self) -> Floats:
        """Return the numbers as float32."""
        if self.scale is None:
            return np.asarray(self.value, dtype=np.float32)
        numbers: Floats = self.value.astype(np.float32) * self.scale[:, None]
        return numbers

    def codes(self) -> tuple[npt.NDArray[np.int8], Floats]:
        """Return a matrix as int8 codes and the scale of each row, rounding it where it is not so kept."""
        if self.scale is not None:
            return self.value, self.scale
        scale = np.maximum(np.abs(self.value).max(axis=1) / 127, _SMALLEST_SCALE).astype(np.float32)
        return np.rint(self.value / scale[:, None]).clip(-127, 127).astype(np.int8), scale


def pack(state_dict: Mapping[str, Tensor], path: Path, least: int = 0) -> None:
    """Write a state dict in compact form.

    Each matrix row is divided by its scale and rounded, so that no value moves by more than 0.57 of its row's
    scale, which is the row's largest magnitude over 127 (at least 2**-14). Other tensors become float16.

    Args:
        state_dict: Floating-point tensors by name; no name may end in ``.scale``.
        path: File to write; replaced when it exists.
        least: Matrices of fewer numbers become float16 as well: what is small is not worth the rounding.

    Raises:
        ValueError: A tensor is not floating point, not finite, too large for float16, or is named like a scale.
    """
    import torch
    from safetensors.torch import save

    packed: dict[str, Tensor] = {}
    for name, tensor in state_dict.items():
        if name.endswith(_SUFFIX):
            raise ValueError(f"{name!r}: names ending in {_SUFFIX!r} are taken by the scales")
        if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name!r} must hold finite floating-point numbers")
        value = tensor.detach().cpu().float()
        if value.numel() and float(value.abs().max()) > _LARGEST_HALF:
            raise ValueError(f"{name!r} holds numbers beyond float16")
        if value.ndim == 2 and value.numel() and value.numel() >= least:
            scale = (value.abs().amax(dim=1) / 127).clamp(min=_SMALLEST_SCALE).half()
            packed[name] = (value / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8)
            packed[name + _SUFFIX] = scale
        else:
            packed[name] = value.half().contiguous()
    path.write_bytes(save(packed, metadata=FORMAT))


def unpack(path: Path) -> dict[str, Tensor]:
    """Read what `pack` wrote, as float32 tensors under their own names.

    Raises:
        WeightsError: The file is missing, cut short, damaged or of another format.
    """
    import torch

    return {name: torch.from_numpy(stored.full()) for name, stored in read(path).items()}


def read(path: Path) -> dict[str, Stored]:
    """Read what `pack` wrote, as it is kept; without torch.

    Raises:
        WeightsError: The file is missing, cut short, damaged or of another format.
    """
    from safetensors import SafetensorError, safe_open

    found: dict[str, npt.NDArray[Any]] = {}
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            for name in file.keys():  # noqa: SIM118  # not a mapping
                found[name] = file.get_tensor(name)
    except (SafetensorError, OSError, TypeError) as error:
        raise _unreadable(path, str(error)) from error
    if any(metadata.get(key) != value for key, value in FORMAT.items()):
        raise _unreadable(path, f"it is not of the format {FORMAT['format']} version {FORMAT['version']}")
    return {name: _restored(path, name, found) for name in found if not _is_scale(name, found)}


def _is_scale(name: str, found: Mapping[str, npt.NDArray[Any]]) -> bool:
    return name.endswith(_SUFFIX) and name.removesuffix(_SUFFIX) in found


def _restored(path: Path, name: str, found: Mapping[str, npt.NDArray[Any]]) -> Stored:
    value = found[name]
    if value.dtype == np.float16:
        return Stored(value.astype(np.float32))
    scale = found.get(name + _SUFFIX)
    if value.dtype != np.int8 or value.ndim != 2:
        raise _unreadable(path, f"{name} is {value.dtype} of {value.ndim} dimensions")
    if scale is None or scale.shape != value.shape[:1] or not bool(np.isfinite(scale).all()):
        raise _unreadable(path, f"the scales of {name} are missing or do not fit")
    return Stored(value, scale.astype(np.float32))


def _unreadable(path: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"cannot read model weights from {path}: {reason}. Install the package again to restore them."
    )
