"""Programs in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PREAMBLE = """
import os, signal, sys, threading, time
import numpy as np
from polymetis import axruntime as ax
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
def memory():
    return [np.zeros((1, 2, 2, 4), np.int8)], [np.full((1, 2, 2, 4), 99, np.int8)]
def say(*words):
    print(*words, flush=True)
"""


def start(body: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """A Python program after PREAMBLE; `arguments` are sys.argv[1:]."""
    command = [sys.executable, "-X", "dev", "-c", PREAMBLE + body, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(body: str, *arguments: str | Path, timeout: float = 30) -> tuple[int, str, str]:
    """Exit status, stdout, and stderr without the warning of virtual cards."""
    process = start(body, *arguments)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"the program hangs; it said {out!r} and {err!r}") from None
    return process.returncode, out, quiet(err)


def quiet(err: str) -> str:
    return "\n".join(line for line in err.splitlines() if "virtual" not in line)
