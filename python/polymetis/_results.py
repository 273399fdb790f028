"""What a fleet tells: plain values. Times are seconds; points of time are those of `time.monotonic()`."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "BoardMetrics",
    "DeviceHealth",
    "DeviceMetrics",
    "Event",
    "Explanation",
    "FleetMetrics",
    "InstanceMetrics",
    "Limit",
    "ModelMetrics",
    "Percentiles",
    "PlacementReport",
    "StreamMetrics",
    "Times",
]


@dataclass(frozen=True, slots=True)
class Times:
    """When things happened to a frame; 0 where they never did. Those from `started` to `output_ended` are of the run that counted."""

    captured: float
    submitted: float
    started: float
    input_started: float
    compute_started: float
    compute_ended: float
    output_ended: float
    ended: float
    delivered: float


@dataclass(frozen=True, slots=True)
class Event:
    """A change of state with its cause."""

    time: float
    kind: str
    """'device', 'model', 'stream' or 'placement'."""
    subject: str
    state: str
    was: str
    cause: str


@dataclass(frozen=True, slots=True)
class PlacementReport:
    """What became of the wish to put a model on cards."""

    adjusted: bool
    """Whether it is less than was asked for; `text` says why."""
    text: str


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of a histogram with steps of about 3 %; seconds."""

    count: int
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """The life of a card in a fleet."""

    name: str
    board: str
    state: str
    """'ready', 'suspect', 'quarantined', 'probing' or 'lost'."""
    is_virtual: bool
    cause: str
    since: float
    failures: int
    hangs: int
    readmissions: int


@dataclass(frozen=True, slots=True)
class DeviceMetrics:
    """A card's work; rates are of the last second or so."""

    name: str
    board: str
    frames: int
    frames_per_s: float
    utilisation: float
    """Share of its instances' time in which they computed, 0..1."""
    service: Percentiles
    instances: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class BoardMetrics:
    """The sums of a board's cards, which share a link."""

    name: str
    devices: int
    instances: int
    frames: int
    frames_per_s: float
    utilisation: float
    """Mean of its instances."""


@dataclass(frozen=True, slots=True)
class InstanceMetrics:
    """A model on one core, or on as many as its batch."""

    device: str
    model: str
    frames: int
    frames_per_s: float
    utilisation: float
    service: Percentiles
    in_flight: int


@dataclass(frozen=True, slots=True)
class StreamMetrics:
    """An open stream: offered = outputs + dropped + late + failed + waiting + running."""

    name: str
    offered: int
    outputs: int
    dropped: int
    late: int
    failed: int
    waiting: int
    running: int
    ended: int
    """Delivered and not taken."""
    retried: int
    frames_per_s: float
    latency: Percentiles
    """From capture to outcome, of frames with outputs."""
    queueing: Percentiles
    oldest_age: float
    window_frames: int


@dataclass(frozen=True, slots=True)
class ModelMetrics:
    """A model on the cards."""

    name: str
    instances: int
    stopped: bool
    cause: str
    outputs: int
    """Of all its streams, closed ones too; so are the four that follow."""
    dropped: int
    late: int
    failed: int
    retried: int
    frames_per_s: float
    latency: Percentiles
    """From capture to outcome, of frames with outputs."""


@dataclass(frozen=True, slots=True)
class FleetMetrics:
    """Everything at one time; the four counts are of all streams that ever were."""

    time: float
    window: float
    """Seconds over which rates were measured."""
    boards: list[BoardMetrics]
    devices: list[DeviceMetrics]
    instances: list[InstanceMetrics]
    streams: list[StreamMetrics]
    models: list[ModelMetrics]
    outputs: int
    dropped: int
    late: int
    failed: int
    memory_used_bytes: int
    """For frames: in use, or kept for the next ones."""
    host_cpu: float
    """CPUs that this process used."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that may bind."""

    what: str
    share: float
    """How far it is used up, 0..1."""
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What binds now, with the numbers."""

    binds: str
    """The name of the limit, or 'nothing'."""
    text: str
    limits: list[Limit]
    """Tightest first."""

    def __str__(self) -> str:
        return self.text
