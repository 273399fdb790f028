"""Options that several commands share."""

from __future__ import annotations

import argparse
import errno
import math
import os
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


def count(text: str) -> int:
    """The type of an option that is 1 or more."""
    if not (text.isascii() and text.isdecimal() and int(text[:10]) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} was given; it is a whole number, 1 or more")
    return int(text)


def seconds(text: str) -> float:
    """The type of an option that is a time."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text!r} was given; it is a number of seconds above 0")
    return value


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
