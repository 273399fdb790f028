"""`polymetis replay FILE`: what a recording of a fleet tells."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from .arguments import add_json
from .tables import console, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Feeds a recording (Fleet(record=...), polymetis run --record) to the scheduler again, in virtual time, and prints what happened."
    )
    parser.epilog = "Exit status: 0 the decisions are the same, 1 they differ or the file is not a whole recording."
    parser.add_argument("file", type=Path, metavar="FILE")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from .. import _native

    if arguments.file.is_dir():
        raise IsADirectoryError(f"{arguments.file}: asked to replay it, but it is a folder; name a recording.")
    found: dict[str, Any] = json.loads(_native.replay_json(arguments.file))
    if not found["events"]:
        raise ValueError(f"{arguments.file}: asked to replay it, but it has no events: it was cut off; name a whole recording.")
    if arguments.json:
        print(json.dumps(found, indent=1))
    else:
        _print(found)
    return 0 if found["same_decisions"] and found["whole"] else 1


def _print(found: dict[str, Any]) -> None:
    out = console()
    streams = table("stream", ">offered", ">outputs", ">dropped", ">late", ">failed", ">retried", ">p50 ms", ">p99 ms")
    for s in found.get("streams", ()):
        counts = (str(s[key]) for key in ("offered", "outputs", "dropped", "late", "failed", "retried"))
        streams.add_row(s["name"], *counts, f"{s['latency_p50_ms']:.2f}", f"{s['latency_p99_ms']:.2f}")
    cards = table("card", "board", "at the end", ">frames", ">failures", ">hangs", ">readmitted")
    for c in found.get("cards", ()):
        cards.add_row(c["name"], c["board"], c["state"], *(str(c[key]) for key in ("frames", "failures", "hangs", "readmissions")))
    out.print(streams, cards)
    for change in found.get("changes", ()):
        out.print(
            f"{change['seconds']:10.3f} s  {change['subject']}: {change['was']} -> {change['state']}  {change['cause']}",
            markup=False,
            highlight=False,
        )
    same = "the decisions are the same" if found["same_decisions"] else f"THE DECISIONS DIFFER after {found['first_difference']} events at the latest"
    whole = "" if found["whole"] else "; the recording has no end (its process died)"
    out.print(f"{found['events']} events over {found['seconds']:.3f} s: {same}{whole}", markup=False, highlight=False)
