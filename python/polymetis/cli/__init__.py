"""The command `polymetis`.

A subcommand is a module with `add_arguments(parser)` and `run(arguments) -> exit status`, imported only when it is asked for.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from .. import __version__

EPILOG = "Exit status: 0 done, 1 an error, 2 wrong usage, 130 interrupted. `polymetis COMMAND --help` tells the rest."


@dataclass(frozen=True)
class Command:
    """A subcommand."""

    module: str
    summary: str
    extra: str = ""
    """What has to be installed for it: an extra of the wheel."""


COMMANDS = {
    "devices": Command("polymetis.cli.devices", "what cards there are, and who uses them"),
    "doctor": Command("polymetis.cli.doctor", "what works here, what does not, and what to do"),
    "run": Command("polymetis.cli.run", "runs a package on every card: rates, latencies, what binds", extra="vision"),
    "replay": Command("polymetis.cli.replay", "replays a fleet's recording: what happened, and whether it decides the same"),
    "compile": Command("polymetis.compile.cli", "makes a package of a network: .onnx or .tflite to int8", extra="compile"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; answers the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(words)
    except KeyboardInterrupt:
        print("polymetis: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its exit
        return 1


def _run(words: list[str]) -> int:
    name = next((word for word in words[:1] if word in COMMANDS), None)
    if name is None:
        _general_parser().parse_args(words)
        _general_parser().print_help()
        return 0 if not words else 2
    command = COMMANDS[name]
    parser = argparse.ArgumentParser(prog=f"polymetis {name}", description=command.summary)
    try:
        module = importlib.import_module(command.module)
        module.add_arguments(parser)
        options = parser.parse_args(words[1:])
        status: int = module.run(options)
    except ModuleNotFoundError as error:
        return _missing(name, command, error)
    except RuntimeError as error:
        return _failed(name, str(error), as_json="--json" in words)
    sys.stdout.flush()
    return status


def _general_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="polymetis",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Many cards, one context, nothing lost.\n\ncommands:\n"
        + "\n".join(f"  {name:10} {command.summary}" for name, command in COMMANDS.items()),
        epilog=EPILOG,
        usage="polymetis [-h] [--version] COMMAND ...",
    )
    parser.add_argument("--version", action="version", version=f"polymetis {__version__}")
    parser.add_argument("command", nargs="?", choices=tuple(COMMANDS), metavar="COMMAND", help="one of the commands above")
    return parser


def _missing(name: str, command: Command, error: ModuleNotFoundError) -> int:
    if not command.extra or (error.name or "").partition(".")[0] == "polymetis":
        raise error
    print(
        f"polymetis {name}: needs the Python package {error.name}, which is not installed; run: pip install 'polymetis[{command.extra}]'",
        file=sys.stderr,
    )
    return 1


def _failed(name: str, message: str, *, as_json: bool) -> int:
    print(f"polymetis {name}: {message}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": message}))
    return 1
