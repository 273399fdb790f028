"""Options that several commands share."""

from __future__ import annotations

import argparse
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
