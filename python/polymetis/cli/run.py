"""`polymetis run PACKAGE`: a package on every card, as fast as it goes."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import add_context, add_json, make_context
from .tables import console, table

if TYPE_CHECKING:
    from ..axruntime import Model
    from ..fleet import Fleet, FleetMetrics, Stream

MOST_PICTURES = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Runs a package on every card through a fleet and tells rates, latencies, utilisation and what binds."
    parser.epilog = "Exit status: 0 done, 1 an error or a frame failed, 130 interrupted (what was measured is printed)."
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="a package's folder or its model.json")
    parser.add_argument("--devices", metavar="LIST", help="indices or names, comma-separated (default: all)")
    parser.add_argument("--streams", type=int, default=1, metavar="N", help="streams at the same time (%(default)s)")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--images", type=Path, metavar="DIR", help="pictures to run")
    source.add_argument("--synthetic", action="store_true", help="random inputs (the default)")
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S", help="(%(default)s)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="record the scheduler's events, for `polymetis replay`")
    parser.add_argument("--trace", type=Path, metavar="FILE", help="write a trace for ui.perfetto.dev")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write one HTML page with time series and variation")
    add_context(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from ..axruntime import InvalidArgument
    from ..fleet import Fleet

    if arguments.streams < 1 or not arguments.seconds > 0:
        raise InvalidArgument("--streams is 1 or more and --seconds above 0.")
    with make_context(arguments) as context:
        devices = [int(d) if d.isdigit() else d for d in arguments.devices.split(",")] if arguments.devices else None
        with Fleet(context, devices=devices, record=arguments.record, trace_frames=100_000 if arguments.trace else 0) as fleet:
            model = fleet.load_model(arguments.package)
            fleet.add_model(model)
            measured = Measurement(fleet, model, arguments)
            interrupted = measured.run()
            if arguments.trace:
                fleet.write_trace(arguments.trace)
    if arguments.report:
        from .run_report import write_report

        write_report(arguments.report, measured.summary())
    if arguments.json:
        print(json.dumps(measured.summary(), indent=1))
    else:
        measured.print()
    return 130 if interrupted else int(measured.last.failed > 0)


class Measurement:
    """One run, and what came of it."""

    def __init__(self, fleet: Fleet, model: Model, arguments: argparse.Namespace) -> None:
        self.fleet, self.model, self.arguments = fleet, model, arguments
        self.samples: list[FleetMetrics] = []
        self.explanation = fleet.explain()
        self.last = fleet.metrics()
        self.inputs = _pictures(arguments.package, arguments.images) if arguments.images else _synthetic(model)
        self.virtual = any(device.is_virtual for device in fleet.health())
        self.elapsed = 0.0
        self.stop = threading.Event()

    def run(self) -> bool:
        """Runs for the time asked; whether it was interrupted."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        threads = [
            threading.Thread(target=self._consume, args=(self.fleet.stream(self.model, self._frames(), name=f"stream {i}"),))
            for i in range(self.arguments.streams)
        ]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        interrupted = False
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rate]:.0f} frames/s"), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(self.model.name, total=self.arguments.seconds, rate=0.0)
            try:
                while (passed := time.monotonic() - begin) < self.arguments.seconds:
                    time.sleep(min(0.25, self.arguments.seconds - passed))
                    self.samples.append(self.fleet.metrics())
                    progress.update(task, completed=passed, rate=sum(d.frames_per_s for d in self.samples[-1].devices))
            except KeyboardInterrupt:
                interrupted = True
            self.explanation = self.fleet.explain()
            self.last = self.fleet.metrics()
            self.elapsed = time.monotonic() - begin
            self.stop.set()
            for thread in threads:
                thread.join()
        return interrupted

    def _frames(self) -> Iterator[list[Any]]:
        for frame in itertools.cycle(self.inputs):
            if self.stop.is_set():
                return
            yield frame

    @staticmethod
    def _consume(stream: Stream) -> None:
        for _ in stream:
            pass

    def summary(self) -> dict[str, Any]:
        """Everything, as JSON."""
        rates = [sum(d.frames_per_s for d in sample.devices) for sample in self.samples[1:]] or [0.0]
        mean = sum(rates) / len(rates)
        spread = (sum((r - mean) ** 2 for r in rates) / len(rates)) ** 0.5
        return {
            "package": str(self.arguments.package),
            "seconds": self.elapsed,
            "system_frames_per_s": self.last.outputs / self.elapsed if self.elapsed else 0.0,
            "variation": spread / mean if mean else 0.0,
            "virtual": self.virtual,
            "explain": dataclasses.asdict(self.explanation),
            "metrics": dataclasses.asdict(self.last),
            "series": [
                {"time": s.time, "devices": [{"name": d.name, "frames_per_s": d.frames_per_s, "utilisation": d.utilisation} for d in s.devices]}
                for s in self.samples
            ],
        }

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
        streams = table(
            "stream", *(f">{key}" for key in ("offered", "outputs", "dropped", "late", "failed", "retried", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms"))
        )
        for s in self.last.streams:
            counts = (str(n) for n in (s.offered, s.outputs, s.dropped, s.late, s.failed, s.retried))
            streams.add_row(s.name, *counts, *(f"{1e3 * t:.2f}" for t in (s.latency.p50, s.latency.p90, s.latency.p99, s.latency.p999)))
        summary = self.summary()
        out.print(cards, streams)
        out.print(
            f"system: {summary['system_frames_per_s']:.1f} frames/s, variation {100 * summary['variation']:.1f} %; "
            f"host: {self.last.host_cpu:.2f} CPUs",
            highlight=False,
        )
        out.print(f"what binds: {self.explanation.binds}. {self.explanation.text}", markup=False, highlight=False)


def _synthetic(model: Model) -> list[list[Any]]:
    import numpy as np

    random = np.random.default_rng(0)
    shapes = [(t.shape[0] // model.inputs()[0].shape[0], *t.shape[1:]) for t in model.inputs()]
    return [[random.integers(-128, 128, shape, dtype=np.int8) for shape in shapes] for _ in range(8)]


def _pictures(package: Path, folder: Path) -> list[list[Any]]:
    """The folder's pictures as the package wants them."""
    from .. import vision
    from ..axruntime import PackageNotFound

    network = vision.Network(package)
    frames = []
    for picture in vision.pictures([folder], limit=MOST_PICTURES):
        inputs = network.new_inputs()
        network.put([picture.pixels], inputs)
        frames.append([tensor[:1] for tensor in inputs])
    if not frames:
        raise PackageNotFound(f"There is no picture in {folder}; name a folder with .jpg or .png files.")
    return frames
