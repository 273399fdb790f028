"""The computer that a package was measured on, as far as int8 speed depends on it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

INT8_FEATURES = ("amx_int8", "avx512_vnni", "avx_vnni", "avx512bw", "avx2")
"""As Linux calls them, best first."""
FUSED = frozenset(("amx_int8", "avx512_vnni", "avx_vnni"))
"""Multiply and add up in 32 bits at once."""


def describe(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict:
    """Its CPU, how many of them this process may use, and what they have for int8."""
    fields = read_fields(cpuinfo)
    flags = set(fields.get("flags", "").split())
    return {
        "cpu": fields.get("model name", platform.processor() or "unknown"),
        "cpus": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "int8_features": [f for f in INT8_FEATURES if f in flags],
    }


def read_fields(cpuinfo: Path) -> dict[str, str]:
    """Of the first CPU; {} where the system has no such file."""
    try:
        first = cpuinfo.read_text().split("\n\n")[0]
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}


def int8_limit(computer: dict) -> str:
    """Why int8 is no faster here; '' where the CPU has all that helps."""
    if computer["machine"] not in ("x86_64", "AMD64") or FUSED & set(computer["int8_features"]):
        return ""
    return (
        "this CPU has no VNNI: 32 products take three instructions in int8 and four in float, and depthwise convolutions are no faster in int8 "
        "(docs/compile.md, Speed)"
    )
