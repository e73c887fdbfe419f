"""What this machine's processor can do, asked without importing torch."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


def cores() -> int:
    """How many cores this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows cannot say
        return os.cpu_count() or 1


@cache
def arithmetic(*, whole: bool = True) -> str:
    """The number format that this processor computes a model fastest in, without spoiling the answers.

    Args:
        whole: Whether the model was measured with whole numbers, so that they may be used.

    Returns:
        ``bfloat16``, ``int8`` or ``float32``.
    """
    try:
        return fastest(_CPUINFO.read_text(encoding="ascii", errors="replace"), whole=whole)
    except OSError:
        from sentiment.fast import bfloat16_is_fast

        return "bfloat16" if bfloat16_is_fast() else "float32"


def fastest(cpuinfo: str, *, whole: bool = True) -> str:
    """Decide `arithmetic` from the text of Linux's ``/proc/cpuinfo``.

    AMX multiplies bfloat16 faster than the steps around it can follow. Without it whole numbers (AVX512_VNNI) take
    two thirds of the time of bfloat16 (AVX512_BF16) and a fifth of float32.
    """
    line = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    flags = set(line.partition(":")[2].split())
    if "amx_bf16" in flags:
        return "bfloat16"
    if whole and "avx512_vnni" in flags:
        return "int8"
    return "bfloat16" if "avx512_bf16" in flags else "float32"
