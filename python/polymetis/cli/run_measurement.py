"""The measuring of `polymetis run`: streams for a time, and what came of them."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from ..axruntime import Model
    from ..fleet import Fleet, FleetMetrics, Stream

MOST_THREADS = 64
PATIENCE = 3.0
"""Seconds that what runs at the end may take."""


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


def _final(at_end: FleetMetrics, after: FleetMetrics) -> FleetMetrics:
    """The counts after what ran was finished, with the rates of the time that was measured."""
    measured = {d.name: d for d in at_end.devices}
    devices = [dataclasses.replace(d, frames_per_s=measured[d.name].frames_per_s, utilisation=measured[d.name].utilisation) for d in after.devices]
    rates = {s.name: s.frames_per_s for s in at_end.streams}
    streams = [dataclasses.replace(s, frames_per_s=rates[s.name]) for s in after.streams]
    return dataclasses.replace(after, time=at_end.time, window=at_end.window, host_cpu=at_end.host_cpu, devices=devices, streams=streams)
