"""Measures a cascade from outside: wraps instances and networks, so that the code that is measured is the example's, unchanged."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

from workers import Loaded


@dataclass
class Core:
    """The runs of one instance: (start, end) in seconds."""

    runs: list[tuple[float, float]] = field(default_factory=list)


@dataclass
class Card:
    name: str
    virtual: bool | None
    """None: not known."""
    cores: int
    stage: str
    instances: list[Core] = field(default_factory=list)

    @property
    def runs(self) -> list[tuple[float, float]]:
        return sorted(run for core in self.instances for run in core.runs)

    def busy(self, seconds: float) -> float:
        """Share of the time that its cores were in a run."""
        return sum(end - start for start, end in self.runs) / (self.cores * seconds) if seconds else 0.0


@dataclass
class Stage:
    name: str
    before: list[float] = field(default_factory=list)
    """Seconds of the host: picture to tensor."""
    on_card: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    """Seconds of the host: tensor to results."""


class TimedInstance:
    def __init__(self, instance: Any, core: Core, stage: Stage) -> None:
        self._instance, self._core, self._stage = instance, core, stage

    def run(self, inputs: list, outputs: list) -> None:
        start = time.perf_counter()
        try:
            self._instance.run(inputs, outputs)
        finally:
            end = time.perf_counter()
            self._core.runs.append((start, end))
            self._stage.on_card.append(end - start)


class TimedNetwork:
    def __init__(self, network: Any, stage: Stage) -> None:
        self._network, self._stage = network, stage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def put(self, *arguments: Any) -> None:
        start = time.perf_counter()
        self._network.put(*arguments)
        self._stage.before.append(time.perf_counter() - start)

    def get(self, *arguments: Any) -> Any:
        start = time.perf_counter()
        found = self._network.get(*arguments)
        self._stage.after.append(time.perf_counter() - start)
        return found


class Clock:
    """Times of whole frames, which end in the order in which they began."""

    def __init__(self) -> None:
        self._open: deque[float] = deque()
        self.started: float | None = None
        self.ended = 0.0
        self.frames: list[float] = []

    def source(self, frames: Iterator) -> Iterator:
        for frame in frames:
            self._open.append(time.perf_counter())
            self.started = self._open[-1] if self.started is None else self.started
            yield frame

    def done(self) -> None:
        self.ended = time.perf_counter()
        self.frames.append(self.ended - self._open.popleft())

    @property
    def seconds(self) -> float:
        return self.ended - self.started if self.started is not None and self.frames else 0.0


def timed(loaded: list[Loaded], stage: Stage) -> tuple[Card, list[Loaded]]:
    """All of `loaded` are on one card."""
    device = loaded[0].device
    card = Card(device.name, is_virtual(device), device.subdevice_count, stage.name)
    wrapped = []
    for one in loaded:
        card.instances.append(core := Core())
        wrapped.append(Loaded(one.device, one.connection, TimedInstance(one.instance, core, stage)))
    return card, wrapped


def is_virtual(device: Any) -> bool | None:
    return getattr(device, "virtual", None)


def percentile(values: list[float], share: int, pick: Callable[[list[float]], float] = max) -> float:
    """`share` in percent; 0 of nothing."""
    if len(values) < 2:
        return pick(values) if values else 0.0
    return quantiles(values, n=100, method="inclusive")[share - 1]
