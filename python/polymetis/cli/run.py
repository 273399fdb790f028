"""`polymetis run PACKAGE`: a package on every card, as fast as it goes."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import add_context, add_json, cannot_be_written, check_writable, make_context, seconds, whole

if TYPE_CHECKING:
    from ..axruntime import Model
    from ..fleet import Event, Fleet

MOST_PICTURES = 64
MOST_STREAMS = 4096
RECORDING_PATIENCE = 3.0
"""Seconds to wait for how the recording went."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Runs a package on every card through a fleet and tells rates, latencies, utilisation and what binds."
    parser.epilog = (
        "At the end what runs is finished, and what waits is dropped. "
        "Exit status: 0 done, 1 an error or a frame failed, 2 wrong usage, 130 interrupted (what was measured is printed)."
    )
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="a package's folder or its model.json")
    parser.add_argument("--devices", metavar="LIST", help="indices or names, comma-separated (default: all)")
    parser.add_argument("--streams", type=whole(1, MOST_STREAMS), default=1, metavar="N", help="streams at the same time (%(default)s)")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--images", type=Path, metavar="DIR", help=f"pictures to run, the first {MOST_PICTURES} again and again")
    source.add_argument("--synthetic", action="store_true", help="random inputs (the default)")
    parser.add_argument("--seconds", type=seconds, default=5.0, metavar="S", help="(%(default)s)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="record the scheduler's events, for `polymetis replay`")
    parser.add_argument("--trace", type=Path, metavar="FILE", help="write a trace for ui.perfetto.dev")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write one HTML page with time series and variation")
    add_context(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from ..fleet import Fleet
    from .run_measurement import Measurement
    from .run_results import show, summary

    for what in ("record", "trace", "report"):
        if (file := getattr(arguments, what)) is not None:
            check_writable(file, f"the {what}")
    pictures = _pictures(arguments.package, arguments.images) if arguments.images else None
    devices = [int(d) if d.isdecimal() else d for d in map(str.strip, arguments.devices.split(","))] if arguments.devices else None
    written = Files(arguments)
    with (
        make_context(arguments) as context,
        Fleet(context, devices=devices, record=arguments.record, trace_frames=100_000 if arguments.trace else 0) as fleet,
    ):
        fleet.on_event(written.on_event)
        model = fleet.load_model(arguments.package)
        fleet.add_model(model)
        measured = Measurement(fleet, model, pictures or _synthetic(model), arguments)
        interrupted = measured.run()
        written.trace(fleet)
        fleet.close(patience=0)  # `run` was patient already
        written.wait_for_recording()
        measured.end_threads()
    written.report(summary(measured))
    show(measured, written.failures)
    if interrupted:
        print("polymetis run: interrupted; these are the results until then.", file=sys.stderr)
        return 130
    return int(measured.last.failed > 0 or bool(written.failures))


class Files:
    """What is written beside the results. A file that cannot be written takes nothing from them: why is kept in `failures`."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.failures: list[str] = []
        self._recorded = threading.Event()

    def on_event(self, event: Event) -> None:
        if event.subject != "recording":
            return
        if event.state == "failed":
            self.failures.append(f"{self.arguments.record}: {event.cause}")
        self._recorded.set()

    def wait_for_recording(self) -> None:
        """The fleet, once closed, tells how it went."""
        if self.arguments.record:
            self._recorded.wait(RECORDING_PATIENCE)

    def trace(self, fleet: Fleet) -> None:
        if self.arguments.trace:
            self._write("the trace", self.arguments.trace, fleet.write_trace)

    def report(self, summary: dict[str, Any]) -> None:
        from .run_report import write_report

        if self.arguments.report:
            self._write("the report", self.arguments.report, lambda path: write_report(path, summary))

    def _write(self, what: str, path: Path, write: Callable[[Path], None]) -> None:
        try:
            write(path)
        except RuntimeError as error:
            self.failures.append(str(error))
        except OSError as error:
            self.failures.append(cannot_be_written(path, what, error))


def _synthetic(model: Model) -> list[list[Any]]:
    import numpy as np

    random = np.random.default_rng(0)
    shapes = [(t.shape[0] // model.inputs()[0].shape[0], *t.shape[1:]) for t in model.inputs()]
    return [[random.integers(-128, 128, shape, dtype=np.int8) for shape in shapes] for _ in range(8)]


def _pictures(package: Path, folder: Path) -> list[list[Any]]:
    """The folder's pictures as the package wants them."""
    from .. import vision
    from ..axruntime import PackageNotFound

    found = vision.pictures([folder], limit=MOST_PICTURES)  # says at once that there is none
    network = vision.Network(package)
    frames = []
    for picture in found:
        inputs = network.new_inputs()
        network.put([picture.pixels], inputs)
        frames.append([tensor[:1] for tensor in inputs])
    if not frames:
        raise PackageNotFound(f"{folder}: asked to run its pictures, but none can be read; name another folder.")
    return frames
