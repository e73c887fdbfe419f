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
def arithmetic() -> str:
    """The number format that this processor multiplies matrices fastest in, without spoiling the answers.

    Returns:
        ``bfloat16`` where the hardware multiplies it (AMX, AVX512_BF16), ``int8`` where it has instructions for
        whole numbers only (AVX512_VNNI), else ``float32``.
    """
    try:
        return fastest(_CPUINFO.read_text(encoding="ascii", errors="replace"))
    except OSError:
        from sentiment.fast import bfloat16_is_fast

        return "bfloat16" if bfloat16_is_fast() else "float32"


def fastest(cpuinfo: str) -> str:
    """Decide `arithmetic` from the text of Linux's ``/proc/cpuinfo``."""
    line = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    flags = set(line.partition(":")[2].split())
    if {"avx512_bf16", "amx_bf16"} & flags:
        return "bfloat16"
    return "int8" if "avx512_vnni" in flags else "float32"
