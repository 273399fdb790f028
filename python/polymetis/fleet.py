"""Many cards as one: every frame is answered once, in its stream's order, whatever card fails.

with Fleet() as fleet:
    model = fleet.load_model("build/models/ssd_mobilenetv2")
    for result in fleet.stream(model, frames):
        boxes = result.outputs
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from . import _native
from ._errors import FrameDropped, FrameLate, InvalidArgument, InvalidType, InvalidValue
from ._native import Result, Slot
from ._results import (
    BoardMetrics,
    DeviceHealth,
    DeviceMetrics,
    Event,
    Explanation,
    FleetMetrics,
    InstanceMetrics,
    Limit,
    ModelMetrics,
    Percentiles,
    PlacementReport,
    StreamMetrics,
    Times,
)
from .axruntime import Context

if TYPE_CHECKING:
    from typing import Self

    import numpy as np
    import numpy.typing as npt

    from ._types import Tensor
    from .axruntime import DeviceInfo, Model

    Inputs = Tensor | Sequence[Tensor]
    Device = int | str | DeviceInfo

__all__ = [
    "BoardMetrics",
    "DeviceHealth",
    "DeviceMetrics",
    "Event",
    "Explanation",
    "Fleet",
    "FleetFuture",
    "FleetMetrics",
    "FrameDropped",
    "FrameLate",
    "InstanceMetrics",
    "Limit",
    "ModelMetrics",
    "Percentiles",
    "PlacementReport",
    "Result",
    "Slot",
    "Stream",
    "StreamMetrics",
    "Times",
    "view",
]

_PLACEMENTS = ("balanced", "model_a_device", "explicit")
_OVERLOADS = ("block", "drop_oldest", "drop_newest")


@contextlib.contextmanager
def view(result: Result) -> Iterator[list[npt.NDArray[np.int8]]]:
    """A result's outputs without a copy: read-only arrays over the fleet's memory, to be used inside the `with` only.

    Raises what `result.outputs` raises.
    """
    yield _native.result_views(result)


class FleetFuture(Future[Result]):
    """The end of one frame: waited for with `result(timeout)` or with `await`. It never raises for a frame that failed: look at the Result."""

    def __await__(self) -> Generator[Any, None, Result]:
        return asyncio.wrap_future(self).__await__()

    def __init__(self) -> None:
        super().__init__()
        self._stream: _native.StreamCore | None = None

    def _answered(self, result: Result) -> None:
        self._stream = None
        if self.set_running_or_notify_cancel():
            self.set_result(result)


class Stream:
    """Frames of one source, answered in order. Made by `Fleet.stream`; an iterator over its results, also `async for`.

    Thread-safe for submitters beside one consumer. Dropping the last reference closes it.
    """

    def __init__(self, fleet: Fleet, core: _native.StreamCore, frames: Iterable[Inputs] | AsyncIterable[Inputs] | None) -> None:
        self._fleet = fleet
        self._core = core
        self._frames: AsyncIterable[Inputs] | None = None
        self._feeder: asyncio.Task[None] | None = None
        self._waiting: asyncio.Future[Result | None] | None = None
        if isinstance(frames, AsyncIterable):
            self._frames = frames
        elif frames is not None:
            core.set_source(frames)

    @property
    def name(self) -> str:
        """Its name in metrics."""
        return self._core.name

    def submit(self, inputs: Inputs | Slot, *, captured_at: float | None = None, deadline: float | None = None, tag: int = 0) -> int:
        """Copies one frame (or takes a filled Slot) and answers its number. Waits while the queue is full, if the stream's policy is 'block'.

        inputs: an int8 array of one frame, or a list with one for each of the model's inputs. captured_at: seconds of time.monotonic().
        deadline: seconds from capture, instead of the stream's. tag: comes back in the Result.

        Raises InvalidArgument for a wrong number, shape or type, a closed or finished stream, a closed fleet.
        """
        return self._core.submit(inputs, self._fleet._core, captured_at, deadline, tag, True)

    def try_submit(self, inputs: Inputs | Slot, *, captured_at: float | None = None, deadline: float | None = None, tag: int = 0) -> int:
        """As `submit`, but raises Pending instead of waiting: for a camera's thread that must never block."""
        return self._core.submit(inputs, self._fleet._core, captured_at, deadline, tag, False)

    def slot(self) -> Slot:
        """Memory for one frame, to be filled and submitted; waits while the fleet's memory is used up."""
        return self._core.slot(self._fleet._core, True)

    def try_slot(self) -> Slot:
        """As `slot`, but raises Pending instead of waiting."""
        return self._core.slot(self._fleet._core, False)

    def next(self, timeout: float | None = None) -> Result | None:
        """The next result in order; None when nothing came within `timeout` seconds or nothing more will (`exhausted`)."""
        return self._core.next_within(self._fleet._core, timeout)

    @property
    def exhausted(self) -> bool:
        """Whether all that was submitted has been answered and taken and no more will come."""
        return self._core.exhausted()

    def finish(self) -> None:
        """No more frames; those accepted are still answered."""
        self._core.finish()

    def cancel(self) -> None:
        """Frames that have not started end as dropped; those running are finished."""
        self._core.cancel()

    def close(self) -> None:
        """`cancel`, and results that nobody took are thrown away. Again does nothing."""
        if self._feeder is not None:
            self._feeder.cancel()
        self._core.close()

    def __iter__(self) -> Iterator[Result]:
        return self

    def __next__(self) -> Result:
        if self._frames is not None:
            raise InvalidType(f"The frames of {self.name} are asynchronous, so take its results with `async for`.")
        return self._core.next(self._fleet._core)

    def __aiter__(self) -> AsyncIterator[Result]:
        return self

    async def __anext__(self) -> Result:
        if self._waiting is not None:
            left_over = await asyncio.shield(self._waiting)
            self._waiting = None
            if left_over is not None:
                return left_over
        if self._frames is not None:
            self._feeder = asyncio.ensure_future(self._feed(self._frames))
            self._frames = None
        while True:
            if (error := self._feeding_error()) is not None and self.exhausted:
                raise error
            if (result := self._core.next_within(self._fleet._core, 0)) is not None:
                return result
            if self.exhausted and (self._feeder is None or self._feeder.done()):
                raise StopAsyncIteration
            if self._waiting is None:  # the wait is short, so that a cancelled task leaves no thread behind
                loop = asyncio.get_running_loop()
                self._waiting = loop.run_in_executor(None, self._core.next_within, self._fleet._core, 0.02)
            result = await asyncio.shield(self._waiting)  # what it takes after a cancellation is for the next wait
            self._waiting = None
            if result is not None:
                return result

    def _feeding_error(self) -> BaseException | None:
        """What the source raised; closing the stream is none."""
        if self._feeder is None or not self._feeder.done() or self._feeder.cancelled():
            return None
        return self._feeder.exception()

    async def _feed(self, frames: AsyncIterable[Inputs]) -> None:
        try:
            async for frame in frames:
                await asyncio.get_running_loop().run_in_executor(None, self.submit, frame)
        finally:
            self._core.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Fleet:
    """Every card as one. Takes each core of the chosen devices that is free.

    context: shares its cards with code that uses the axruntime API; None makes one of its own.
    devices: None = every usable one, else indices, names or DeviceInfo. require: fewer usable devices raise.
    virtual: True ('always'), False ('never'), 'auto', or None for POLYMETIS_VIRTUAL; only without `context`.
    placement: 'balanced' (every model on every card), 'model_a_device', 'explicit'.
    no_card_wait: seconds that frames wait when no card is left, before they fail. memory_bytes: limit on inputs and outputs held by all streams.
    record: a file for the plan's events, for `polymetis replay`. trace_frames: how many frames `write_trace` keeps.
    hang_floor, hang_factor: a job hangs when it is older than hang_factor times the p99.9 of its model on its card, and never before
    hang_floor (0: the driver's). first_backoff, longest_backoff: quarantine before a card is probed again.
    probe_interval: seconds between known-answer checks of ready cards; 0 = never. attempts_after_error, attempts_after_hang: runs of a frame in
    all. model_breaker: a model is stopped for a while after so many of its frames failed everywhere.

    Raises ValueError for an option out of its bounds;
    ConnectionError or DeviceInUse for fewer than `require` usable devices, with each one's reason; InvalidArgument for an unknown device.
    Thread-safe. Use it with `with`, or close it.
    """

    def __init__(
        self,
        context: Context | None = None,
        *,
        devices: Sequence[Device] | None = None,
        require: int = 1,
        virtual: bool | Literal["auto", "always", "never"] | None = None,
        topology: str | os.PathLike[str] | None = None,
        placement: Literal["balanced", "model_a_device", "explicit"] = "balanced",
        no_card_wait: float = 0.0,
        memory_bytes: int = 1 << 30,
        record: str | os.PathLike[str] | None = None,
        trace_frames: int = 0,
        hang_floor: float = 0.0,
        hang_factor: float = 3.0,
        first_backoff: float = 0.1,
        longest_backoff: float = 30.0,
        probe_interval: float = 0.0,
        attempts_after_error: int = 3,
        attempts_after_hang: int = 2,
        model_breaker: int = 3,
    ) -> None:
        self._own_context = None
        if context is not None and not isinstance(context, Context):
            raise InvalidType(f"context is a polymetis.axruntime.Context, or None; got {type(context).__name__}.")
        if context is not None and (virtual is not None or topology is not None):
            raise InvalidArgument("`virtual` and `topology` are the context's: give them to Context(), or leave `context` out.")
        if context is None:
            policy = ("always" if virtual else "never") if isinstance(virtual, bool) else virtual
            context = self._own_context = Context(topology=topology, virtual=policy)
        self.context = context
        """The context whose cards these are."""
        self._process = os.getpid()
        self._futures: dict[int, _native.StreamCore] = {}
        self._models: dict[str, Model] = {}
        self._core = _native.make_fleet(
            context,
            {
                "devices": devices,
                "require": require,
                "placement": _one_of("placement", placement, _PLACEMENTS),
                "no_card_wait": no_card_wait,
                "memory_bytes": memory_bytes,
                "record": record,
                "trace_frames": trace_frames,
                "hang_floor": hang_floor,
                "hang_factor": hang_factor,
                "first_backoff": first_backoff,
                "longest_backoff": longest_backoff,
                "probe_interval": probe_interval,
                "attempts_after_error": attempts_after_error,
                "attempts_after_hang": attempts_after_hang,
                "model_breaker": model_breaker,
            },
        )

    def _own(self) -> _native.FleetCore:
        if os.getpid() != self._process:
            raise InvalidArgument("this Fleet was made before fork and belongs to the parent process: make a new one in the child")
        return self._core

    def load_model(self, path: str | os.PathLike[str]) -> Model:
        """As `Context.load_model`: a package's directory or its model.json."""
        return self.context.load_model(path)

    def add_model(
        self, model: Model, *, weight: float = 1.0, minimum_cores: int = 1, devices: Sequence[Device] | None = None, batch_wait: float = 0.005
    ) -> PlacementReport:
        """Puts a model on cards, moving others aside for its share; `stream` and `submit` do it with the defaults.

        weight: its share of the cores. devices: only these. batch_wait: seconds after which a batch that is not full goes.
        Raises DeviceInUse where no core is left for it, and what loading raises.
        """
        options = {"weight": weight, "minimum_cores": minimum_cores, "devices": devices, "batch_wait": batch_wait}
        return PlacementReport(*self._core.add_model(model, options))

    def stream(
        self,
        model: Model,
        frames: Iterable[Inputs] | AsyncIterable[Inputs] | None = None,
        *,
        name: str = "",
        overload: Literal["block", "drop_oldest", "drop_newest"] = "block",
        deadline: float = 0.0,
        priority: int = 0,
        weight: float = 1.0,
        queue: int = 0,
        queue_bytes: int = 0,
        window: int = 0,
        prefer: Device | None = None,
    ) -> Stream:
        """A stream of frames for `model`. With `frames`, iterating pulls them and yields their results in order; without, submit them.

        overload: what happens when the queue is full. deadline: seconds from capture, 0 = none; a frame past it ends as 'late' in its place.
        priority: higher goes first, always. weight: share among equals.
        queue: frames accepted and not started, 0 = 2 an instance (4 with a drop policy). queue_bytes: limit on the stream's frames and answers, 0 =
        a quarter of memory_bytes.
        window: most frames between the oldest unanswered and the newest started, 0 = measured.
        prefer: a card that takes its frames while it keeps up.

        An iterator that raises ends the stream: results of what came before are yielded first, then its exception.
        """
        options = self._options(name, overload, deadline, priority, weight, queue, queue_bytes, window, prefer)
        return Stream(self, self._core.open_stream(model, options), frames)

    def map(self, model: Model, frames: Iterable[Inputs], **options: Any) -> Iterator[list[npt.NDArray[np.int8]]]:
        """The outputs of each frame, in order; options as for `stream`. A frame without outputs raises its cause."""
        with self.stream(model, frames, **options) as stream:
            for result in stream:
                yield result.outputs

    def submit(self, model: Model, inputs: Inputs, *, deadline: float | None = None) -> FleetFuture:
        """Submits one frame; its Result comes through the future. Waits while the queue is full. Raises as `Stream.submit`."""
        key = id(model)
        if key not in self._futures:
            self._models[str(key)] = model
            self._futures[key] = self._core.open_future_stream(model, self._options("futures", "block", 0.0, 0, 1.0, 0, 0, 0, None))
        future = FleetFuture()
        future._stream = self._futures[key]  # lives until the frame has ended, also where the fleet is dropped
        future._stream.submit_future(inputs, self._core, deadline, future)
        return future

    def health(self) -> list[DeviceHealth]:
        """Each card's state and why."""
        return self._own().health()

    def metrics(self) -> FleetMetrics:
        """Counts, rates, utilisation and latencies, of boards, cards, instances (cores), streams and models."""
        return self._own().metrics()

    def explain(self) -> Explanation:
        """What binds now, with the numbers; only what was measured."""
        return self._own().explain()

    def on_event(self, callback: Callable[[Event], object] | None) -> None:
        """Calls `callback` at each change of state, in order, on a thread of its own that may block. None takes it off."""
        self._own().on_event(callback)

    def write_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes the last `trace_frames` frames for chrome://tracing or ui.perfetto.dev."""
        self._core.write_trace(path)

    def readmit(self, device_or_model: str) -> None:
        """Ends a card's quarantine or a model's stop now."""
        self._core.readmit(device_or_model)

    def close(self, patience: float = 5.0) -> None:
        """Drops what waits, gives running jobs `patience` seconds, ends all streams. Every frame has its result. Again does nothing."""
        self._core.close(patience)
        self._futures.clear()
        self._models.clear()
        if self._own_context is not None:
            self._own_context.release()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._core.closed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _options(
        self,
        name: str,
        overload: str,
        deadline: float,
        priority: int,
        weight: float,
        queue: int,
        queue_bytes: int,
        window: int,
        prefer: Device | None,
    ) -> dict[str, Any]:
        if self.closed:
            raise InvalidArgument("The fleet was closed; make another one.")
        return {
            "name": name,
            "overload": _one_of("overload", overload, _OVERLOADS),
            "deadline": deadline,
            "priority": priority,
            "weight": weight,
            "queue": queue,
            "queue_bytes": queue_bytes,
            "window": window,
            "prefer": prefer,
        }


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> int:
    if value not in allowed:
        raise InvalidValue(f"{what} is one of {', '.join(allowed)}; got {value!r}.")
    return allowed.index(value)


for _thing in (Result, Slot):
    _thing.__module__ = __name__
