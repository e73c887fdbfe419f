"""Weights of a classifier in a quarter of the space: matrices as int8 rows, each with one float16 scale.

The file is an ordinary safetensors file, so reading it runs no code. A matrix ``name`` of shape (rows, columns) is
stored as int8 under ``name`` and its scales, shape (rows,), under ``name.scale``: value = integer x scale. Every
other tensor is stored as float16 under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = {"format": "int8-rows", "version": "1"}
_SUFFIX = ".scale"
_SMALLEST_SCALE = 2.0**-14
_LARGEST_HALF = 65504.0


class WeightsError(ValueError):
    """The file holds no weights that `unpack` can read; the message says why and what to do."""


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
    from safetensors import SafetensorError, safe_open

    stored: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            for name in file.keys():  # noqa: SIM118  # not a mapping
                stored[name] = file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, str(error)) from error
    if any(metadata.get(key) != value for key, value in FORMAT.items()):
        raise _unreadable(path, f"it is not of the format {FORMAT['format']} version {FORMAT['version']}")
    return {name: _restored(path, name, stored) for name in stored if not _is_scale(name, stored)}


def _is_scale(name: str, stored: Mapping[str, Tensor]) -> bool:
    return name.endswith(_SUFFIX) and name.removesuffix(_SUFFIX) in stored


def _restored(path: Path, name: str, stored: Mapping[str, Tensor]) -> Tensor:
    import torch

    value = stored[name]
    if value.dtype == torch.float16:
        return value.float()
    scale = stored.get(name + _SUFFIX)
    if value.dtype != torch.int8 or value.ndim != 2:
        raise _unreadable(path, f"{name} is {value.dtype} of {value.ndim} dimensions")
    if scale is None or scale.shape != value.shape[:1] or not bool(torch.isfinite(scale).all()):
        raise _unreadable(path, f"the scales of {name} are missing or do not fit")
    return value.float() * scale.float()[:, None]


def _unreadable(path: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"cannot read model weights from {path}: {reason}. Install the package again to restore them."
    )
