"""The command `polymetis`.

A subcommand is a module with `add_arguments(parser)` and `run(arguments) -> exit status`, imported only when it is asked for.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import traceback
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
        _give_up_stdout()
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
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except Exception as error:
        return _failed(name, _sentence(command, error), as_json="--json" in words)
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


def _sentence(command: Command, error: Exception) -> str:
    """What an error tells the user. One that no command foresaw is a defect: its traceback goes to stderr before."""
    if isinstance(error, ModuleNotFoundError) and command.extra and (error.name or "").partition(".")[0] != "polymetis":
        return f"needs the Python package {error.name}, which is not installed; run: pip install 'polymetis[{command.extra}]'"
    if isinstance(error, ImportError):
        return f"a part of Polymetis cannot be loaded ({error}); `polymetis doctor` says what is missing."
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return f"{where}{error.strerror}; check the path, what it allows and the room that is left."
    if isinstance(error, RuntimeError | OSError | ValueError) and str(error):
        return str(error)
    traceback.print_exception(error)
    return f"ended by a defect of its own ({type(error).__name__}: {error}); please report it with the lines above."


def _failed(name: str, message: str, *, as_json: bool) -> int:
    print(f"polymetis {name}: {message}", file=sys.stderr)
    try:
        if as_json:
            print(json.dumps({"error": message}))
        sys.stdout.flush()
    except OSError:
        _give_up_stdout()
    return 1


def _give_up_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its exit
