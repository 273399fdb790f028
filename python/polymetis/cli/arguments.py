"""Options that several commands share."""

from __future__ import annotations

import argparse
import errno
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..axruntime import Context


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def add_context(parser: argparse.ArgumentParser) -> None:
    """What a context is made with."""
    group = parser.add_argument_group("cards")
    group.add_argument("--topology", type=Path, metavar="FILE", help="the virtual cards (default: POLYMETIS_TOPOLOGY, else two PCIe cards)")
    group.add_argument(
        "--virtual", choices=("auto", "always", "never"), help="virtual cards (default: POLYMETIS_VIRTUAL, else auto: where nothing else is)"
    )


def make_context(arguments: argparse.Namespace) -> Context:
    from ..axruntime import Context

    return Context(topology=arguments.topology, virtual=arguments.virtual)


def whole(least: int, most: int) -> Callable[[str], int]:
    """The type of an option that is a whole number from `least` to `most`."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} was given; it is a whole number from {least} to {most}")
        return int(text)

    return read


def real(what: str, fits: Callable[[float], bool]) -> Callable[[str], float]:
    """The type of an option that is a number which `fits`; `what` says in words which do."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and fits(value)):
            raise argparse.ArgumentTypeError(f"{text!r} was given; it is {what}")
        return value

    return read


seconds = real("a number of seconds above 0", lambda value: value > 0)


def check_writable(path: Path, what: str) -> None:
    """Raises OSError with a sentence where `path` cannot be written; leaves the file as it is."""
    try:
        if not path.exists():
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            path.unlink()
        elif path.is_file():
            os.close(os.open(path, os.O_WRONLY))
        elif path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except OSError as error:
        raise OSError(cannot_be_written(path, what, error)) from error


def cannot_be_written(path: Path, what: str, error: OSError) -> str:
    return f"{path}: asked to write {what} there, but it cannot be written ({error.strerror or error}); name a file that can."
