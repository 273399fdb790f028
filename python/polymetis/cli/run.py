"""`polymetis run PACKAGE`: a package on every card, as fast as it goes."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import add_context, add_json, cannot_be_written, check_writable, make_context, seconds, whole
from .tables import console, table

if TYPE_CHECKING:
    from ..axruntime import Model
    from ..fleet import Event, Fleet, FleetMetrics, Stream, StreamMetrics

MOST_PICTURES = 64
MOST_STREAMS = 4096
MOST_THREADS = 64
MOST_ROWS = 64
COUNTS = "offered = outputs + dropped + late + failed + unfinished; dropped are those that still waited at the end."
PATIENCE = 3.0
"""Seconds that what runs at the end may take."""


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
    written.report(measured.summary())
    measured.show(written.failures)
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
            self._recorded.wait(PATIENCE)

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


class Measurement:
    """One run, and what came of it."""

    def __init__(self, fleet: Fleet, model: Model, inputs: list[list[Any]], arguments: argparse.Namespace) -> None:
        self.fleet, self.model, self.arguments = fleet, model, arguments
        self.samples: list[FleetMetrics] = []
        self.explanation = fleet.explain()
        self.last = fleet.metrics()
        self.virtual = any(device.is_virtual for device in fleet.health())
        self.elapsed = 0.0
        self.outputs = 0
        """Those that came within `elapsed`."""
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self.streams = [fleet.stream(model, itertools.cycle(inputs), name=f"stream {i}") for i in range(arguments.streams)]
        self.threads = [threading.Thread(target=self._consume, args=(self.streams[i::MOST_THREADS],)) for i in range(MOST_THREADS)][
            : arguments.streams
        ]

    def run(self) -> bool:
        """Runs for the time asked, then finishes what runs; whether it was interrupted. Raises what ended a stream."""
        begin = time.monotonic()
        interrupted = False
        try:
            self._measure(begin)
        except KeyboardInterrupt:
            interrupted = True
        self.explanation = self.fleet.explain()
        at_end = self.fleet.metrics()
        self.elapsed = time.monotonic() - begin
        self.outputs = at_end.outputs
        try:
            self.end_threads()
        except KeyboardInterrupt:  # for those who do not want to wait for what runs
            interrupted = True
        self.last = _final(at_end, self.fleet.metrics())
        if self.error is not None:
            raise self.error
        return interrupted

    def _measure(self, begin: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rate]:.0f} frames/s"), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(self.model.name, total=self.arguments.seconds, rate=0.0)
            for thread in self.threads:
                thread.start()
            while not self.stop.is_set() and (passed := time.monotonic() - begin) < self.arguments.seconds:
                self.stop.wait(min(0.25, self.arguments.seconds - passed))
                self.samples.append(self.fleet.metrics())
                progress.update(task, completed=passed, rate=sum(d.frames_per_s for d in self.samples[-1].devices))

    def end_threads(self) -> None:
        """Ends the streams; waits for what runs, but not for ever."""
        self.stop.set()
        until = time.monotonic() + PATIENCE
        for thread in self.threads:
            if thread.ident is not None:
                thread.join(max(0.0, until - time.monotonic()))

    def _consume(self, streams: list[Stream]) -> None:
        """Takes the results of some streams in turns; at the end drops what waits and takes those of what runs."""
        patience = 0.05 if len(streams) == 1 else 0.0
        try:
            while not self.stop.is_set():
                if sum([stream.next(patience) is not None for stream in streams]):
                    continue
                if any(stream.exhausted for stream in streams):
                    break
                self.stop.wait(0.002)
            for stream in streams:
                stream.cancel()
                stream.finish()
            for stream in streams:
                for _ in stream:
                    pass
        except BaseException as error:
            self.error = error
        self.stop.set()

    def summary(self) -> dict[str, Any]:
        """Everything, as JSON."""
        rates = [sum(d.frames_per_s for d in sample.devices) for sample in self.samples[1:]] or [0.0]
        mean = sum(rates) / len(rates)
        spread = (sum((r - mean) ** 2 for r in rates) / len(rates)) ** 0.5
        return {
            "package": str(self.arguments.package),
            "seconds": self.elapsed,
            "system_frames_per_s": self.outputs / self.elapsed if self.elapsed else 0.0,
            "variation": spread / mean if mean else 0.0,
            "virtual": self.virtual,
            "explain": dataclasses.asdict(self.explanation),
            "metrics": dataclasses.asdict(self.last),
            "series": [
                {"time": s.time, "devices": [{"name": d.name, "frames_per_s": d.frames_per_s, "utilisation": d.utilisation} for d in s.devices]}
                for s in self.samples
            ],
        }

    def show(self, failures: list[str]) -> None:
        """Prints everything, then why a file was not written."""
        if self.arguments.json:
            print(json.dumps(self.summary() | ({"error": " ".join(failures)} if failures else {}), indent=1), flush=True)
        else:
            self.print()
        for failure in failures:
            print(f"polymetis run: {failure}", file=sys.stderr)

    def print(self) -> None:
        """Tables for people."""
        out = console()
        cards = table(
            "card", ">frames", ">frames/s", ">busy %", ">p50 ms", ">p99 ms", ">p99.9 ms", title="virtual cards" if self.virtual else "cards"
        )
        for d in self.last.devices:
            cards.add_row(
                d.name,
                str(d.frames),
                f"{d.frames_per_s:.1f}",
                f"{100 * d.utilisation:.0f}",
                *(f"{1e3 * t:.2f}" for t in (d.service.p50, d.service.p99, d.service.p999)),
            )
        keys = ("offered", "outputs", "dropped", "late", "failed", "unfinished", "retried")
        streams = table("stream", *(f">{key}" for key in (*keys, "p50 ms", "p90 ms", "p99 ms", "p99.9 ms")))
        shown, others = self.last.streams[:MOST_ROWS], self.last.streams[MOST_ROWS:]
        for s in shown:
            streams.add_row(s.name, *_counts([s]), *(f"{1e3 * t:.2f}" for t in (s.latency.p50, s.latency.p90, s.latency.p99, s.latency.p999)))
        if others:
            streams.add_row(f"{len(others)} more", *_counts(others))
        summary = self.summary()
        out.print(cards, streams)
        out.print(COUNTS, highlight=False)
        out.print(
            f"system: {summary['system_frames_per_s']:.1f} frames/s, variation {100 * summary['variation']:.1f} %; "
            f"host: {self.last.host_cpu:.2f} CPUs",
            highlight=False,
        )
        out.print(f"what binds: {self.explanation.binds}. {self.explanation.text}", markup=False, highlight=False)


def _counts(streams: list[StreamMetrics]) -> list[str]:
    each = ((s.offered, s.outputs, s.dropped, s.late, s.failed, s.waiting + s.running, s.retried) for s in streams)
    return [str(sum(column)) for column in zip(*each, strict=True)]


def _final(at_end: FleetMetrics, after: FleetMetrics) -> FleetMetrics:
    """The counts after what ran was finished, with the rates of the time that was measured."""
    measured = {d.name: d for d in at_end.devices}
    devices = [dataclasses.replace(d, frames_per_s=measured[d.name].frames_per_s, utilisation=measured[d.name].utilisation) for d in after.devices]
    rates = {s.name: s.frames_per_s for s in at_end.streams}
    streams = [dataclasses.replace(s, frames_per_s=rates[s.name]) for s in after.streams]
    return dataclasses.replace(after, time=at_end.time, window=at_end.window, host_cpu=at_end.host_cpu, devices=devices, streams=streams)


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
