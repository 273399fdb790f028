"""What polymetis.axruntime is made of; use that."""

from collections.abc import Sequence
import os
import pathlib
from typing import Any, Literal, Self

import numpy
import numpy.typing

import polymetis._device
import polymetis._future
import polymetis._results
import polymetis._tensor
import polymetis._types

class Object:
    """A context, and all that it makes: what can be released."""

    @property
    def context(self) -> Context:
        """The context it belongs to."""

    def release(self) -> None:
        """Releases it and what it made. Again does nothing."""

class Context(Object):
    """
    Everything starts here: lists devices, loads models, connects. One a process is enough; several share the reservations.

    topology: file that describes the virtual cards (default: POLYMETIS_TOPOLOGY, else two PCIe cards).
    virtual: "auto" (virtual cards only where there is neither a real card nor the vendor's library), "always" or "never"
        (default: POLYMETIS_VIRTUAL, else "auto").
    run_directory: where processes share reservations and telemetry (default: POLYMETIS_RUN_DIR, else the first that can be written of
        /run/polymetis, $XDG_RUNTIME_DIR/polymetis and a folder of the user among the temporary files).

    No device is touched. Raises ValueError for a bad topology file or environment variable (line and key named), ConnectionError where no
    run directory can be used. Thread-safe. Messages go to the logger "axelera.runtime" of Python's logging, below "polymetis".
    """

    def __init__(
        self,
        *,
        topology: str | os.PathLike[str] | None = None,
        virtual: Literal["auto", "always", "never"] | None = None,
        run_directory: str | os.PathLike[str] | None = None,
    ) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None:
        """Releases it."""

    @property
    def context(self) -> Context:
        """Itself."""

    def release(self) -> None:
        """
        Releases it with all its connections, instances and models. Waits for runs that are going on, 5 s at most for all. Again: likewise.
        """

    def list_devices(self) -> list[polymetis._device.DeviceInfo]:
        """
        What devices there are now, in a fixed order, with who uses them; wakes none of them.

        Raises ConnectionError where a driver cannot be asked.
        """

    def drivers(self) -> list[polymetis._types.Driver]:
        """
        The drivers in the order of their devices, used or not, and why: for diagnosis.
        """

    @property
    def run_directory(self) -> pathlib.Path:
        """Where reservations and telemetry are shared with other processes."""

    def find_device(self, device: polymetis._types.Device) -> polymetis._device.DeviceInfo:
        """
        The device that `device` names, as device_connect takes it. Raises InvalidArgument with what there is.
        """

    def configure_device(self, device: polymetis._types.Device, **kwargs: polymetis._types.Property) -> bool:
        """
        Sets a device's clocks and MVM limits: clock_profile and clock_profile_core_N in MHz, mvm_utilisation_core_N in percent.

        True: applied. False: being applied, ask device_ready. All or nothing is applied. Raises InvalidConfiguration for an unknown key, ValueError for a bad value, DeviceInUse where another process configures it.
        """

    def device_ready(self, device: polymetis._types.Device) -> bool:
        """Whether the last configure_device has been applied."""

    def read_device_configuration(self, device: polymetis._types.Device) -> dict[str, str]:
        """The settings that configure_device sets, by the same keys, as text."""

    def device_connect(self, device: polymetis._types.Device = None, num_sub_devices: int = 1, **kwargs: polymetis._types.Property) -> Connection:
        """
        Reserves num_sub_devices consecutive cores of a device for this process until the connection is released.

        device: None for the first, in the order of list_devices, that has them free; else a place in that list, a name, or a DeviceInfo.
        kwargs: device_firmware_check, device_name.
        Raises DeviceInUse with who holds the cores, InvalidArgument for an unknown device or more cores than it has, InvalidConfiguration for an unknown keyword, ConnectionError.
        """

    def load_model(self, path: str | os.PathLike[str]) -> Model:
        """
        Reads a compiled package: its folder or its model.json. Nothing is on a device yet.

        Raises FileNotFoundError where it is missing; ValueError where it is damaged, of another version or of another vendor's compiler.
        """

class Model(Object):
    """
    A compiled package in host memory. Made by Context.load_model. Thread-safe.
    """

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None:
        """Releases it."""

    @property
    def context(self) -> Context:
        """The context it was made by."""

    def release(self) -> None:
        """
        Releases the package; its instances keep what they need and go on. Again does nothing.
        """

    def inputs(self) -> list[polymetis._tensor.TensorInfo]:
        """The tensors that run() takes, for a batch of the model."""

    def outputs(self) -> list[polymetis._tensor.TensorInfo]:
        """The tensors that run() fills, for a batch of the model."""

    @property
    def properties(self) -> dict[str, str]:
        """
        preamble_graph, postamble_graph: file names inside the package, empty where there is none; input_tensor_layout: NHWC.
        """

    @property
    def name(self) -> str:
        """The package's name."""

    @property
    def task(self) -> str:
        """detection, pose, classification or other."""

    @property
    def labels(self) -> list[str]:
        """One a class; may be empty."""

    @property
    def batch(self) -> int:
        """Frames a run, and cores an instance."""

    @property
    def directory(self) -> pathlib.Path:
        """The package's folder."""

    @property
    def content_hash(self) -> str:
        """Two models with one hash are the same model."""

    @property
    def instance_bytes(self) -> int:
        """What one instance takes of a card's memory."""

class Connection(Object):
    """
    Cores reserved on one device. Made by Context.device_connect; freed by release(), the end of `with`, the garbage collector or the end of the process. Thread-safe.
    """

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None:
        """Releases it."""

    @property
    def context(self) -> Context:
        """The context it was made by."""

    @property
    def device(self) -> polymetis._device.DeviceInfo:
        """The device, as it is now."""

    @property
    def cores(self) -> tuple[int, ...]:
        """The numbers of the reserved cores, consecutive."""

    def release(self) -> None:
        """
        Releases its instances and frees the cores. Waits for runs that are going on, 5 s at most for all. Again: likewise.
        """

    def load_model_instance(self, model: Model, **kwargs: polymetis._types.Property) -> ModelInstance:
        """
        Loads a model on free cores of this connection; several instances may share a connection.

        num_sub_devices: cores, 0 for the model's batch; more than the batch multiplies the leading dimension of all tensors.
        aipu_cores: share of the on-chip memory, in cores (0: num_sub_devices).
        input_dmabuf, output_dmabuf: arguments are file descriptors that can be mapped.
        double_buffer: run i gives the result of run i - 2; the first two are zero points. run_async gives its own, undelayed.
        async_mode, max_inflight, max_pending: how many run_async may be queued.
        device_profiling, host_profiling, elf_in_ddr: as the API has them.

        Raises InvalidConfiguration for an unknown keyword, ValueError for a bad value, InvalidArgument for more cores than are free, RuntimeError where the model does not fit the card's memory (with the numbers), IncompatibleDevice.
        """

class ModelInstance(Object):
    """
    A model on cores of a connection; runs one frame (or one batch) at a time. Made by Connection.load_model_instance. May be handed from thread to thread; two at once is an error.
    """

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None:
        """Releases it."""

    @property
    def context(self) -> Context:
        """The context it belongs to."""

    @property
    def connection(self) -> Connection:
        """The connection it was made by."""

    @property
    def model(self) -> Model:
        """The model it was made from."""

    def release(self) -> None:
        """
        Takes the model off its cores. Waits for runs that are going on, 5 s at most for all. Again: likewise.
        """

    def inputs(self) -> list[polymetis._tensor.TensorInfo]:
        """
        The tensors that run() takes; the leading dimension counts the instance's cores.
        """

    def outputs(self) -> list[polymetis._tensor.TensorInfo]:
        """
        The tensors that run() fills; the leading dimension counts the instance's cores.
        """

    def run(self, inputs: Sequence[polymetis._types.Tensor], outputs: Sequence[polymetis._types.Tensor]) -> None:
        """
        Runs one frame (or one batch) and blocks until the outputs are written; other threads run meanwhile.

        inputs, outputs: a list with one item for each of inputs() and outputs(), in that order: a C-contiguous int8 array of its shape
        (NumPy, buffer protocol or DLPack), raw bytes of its size, or the descriptor of a dma-buf or memfd of its size. Outputs are written in
        place and overlap nothing. uint8 is refused: quantise first.
        Ctrl-C ends the wait; the arrays are kept until the device lets go of them.

        Raises InvalidArgument for a wrong number, shape, type, layout, size, an overlap, a read-only output, after release, or while another thread runs it; ConnectionError where the device or its link failed; RuntimeError where the run failed.
        """

    def run_async(self, inputs: Sequence[polymetis._types.Tensor], outputs: Sequence[polymetis._types.Tensor]) -> polymetis._future.RunFuture:
        """
        Queues one frame and returns at once; arguments as for run(). The arrays are kept until the device lets go of them.

        Gives a future: result(timeout), done(), add_done_callback() as in concurrent.futures, or await it.
        Raises as run(), and Pending where the queue is full.
        """

class Result:
    """How one frame ended. Made by a Stream or Fleet; outlives both."""

    @property
    def number(self) -> int:
        """The frame's number in its stream, from 0 without a gap."""

    @property
    def tag(self) -> int:
        """As given to submit()."""

    @property
    def outcome(self) -> Literal["outputs", "dropped", "late", "failed"]:
        """'outputs', 'dropped', 'late' or 'failed'."""

    @property
    def ok(self) -> bool:
        """Whether there are outputs."""

    @property
    def error(self) -> RuntimeError | None:
        """
        Why there are none: what touching `outputs` raises. None where there are.
        """

    @property
    def outputs(self) -> list[numpy.typing.NDArray[numpy.int8]]:
        """
        One int8 array a model output, of one frame's shape, owned by you. Raises the cause (FrameDropped, FrameLate, or what failed) where there are none.
        """

    @property
    def times(self) -> polymetis._results.Times:
        """
        When what happened, in seconds of time.monotonic(); 0 where it never did.
        """

    @property
    def device(self) -> str | None:
        """The name of the card that answered; None where none did."""

    @property
    def attempts(self) -> int:
        """Runs that were begun, also those that were given up."""

    def __repr__(self) -> str: ...

def result_views(result: Result) -> list[numpy.typing.NDArray[numpy.int8]]:
    """What polymetis.fleet.view is made of."""

class Slot:
    """
    Memory for one frame's inputs, owned by the fleet. Fill `inputs`, then submit it. Thread-bound.
    """

    @property
    def inputs(self) -> list[numpy.typing.NDArray[numpy.int8]]:
        """
        One int8 array a model input, to be written in place; do not touch them after the slot was submitted.
        """

class StreamCore:
    """What polymetis.fleet.Stream is made of."""

    def submit(self, inputs: object, fleet: FleetCore, captured_at: float | None, deadline: float | None, tag: int, wait: bool) -> int: ...
    def submit_future(self, inputs: object, fleet: FleetCore, deadline: float | None, future: object) -> None: ...
    def slot(self, fleet: FleetCore, wait: bool) -> Slot: ...
    def set_source(self, source: object) -> None: ...
    def next(self, fleet: FleetCore) -> Result: ...
    def next_within(self, fleet: FleetCore, timeout: float | None) -> Result | None: ...
    def exhausted(self) -> bool: ...
    def finish(self) -> None: ...
    def cancel(self) -> None: ...
    def close(self) -> None: ...
    @property
    def name(self) -> str: ...

class FleetCore:
    """What polymetis.fleet.Fleet is made of."""

    def add_model(self, model: Model, options: dict[str, Any]) -> tuple[bool, str]: ...
    def open_stream(self, model: Model, options: dict[str, Any]) -> StreamCore: ...
    def open_future_stream(self, model: Model, options: dict[str, Any]) -> StreamCore: ...
    def health(self) -> list[polymetis._results.DeviceHealth]: ...
    def metrics(self) -> polymetis._results.FleetMetrics: ...
    def explain(self) -> polymetis._results.Explanation: ...
    def on_event(self, callback: object | None) -> None: ...
    def write_trace(self, path: object) -> None: ...
    def readmit(self, name: str) -> None: ...
    def close(self, patience: float) -> None: ...
    def closed(self) -> bool: ...

def make_fleet(context: Context, options: dict[str, Any]) -> FleetCore: ...
def replay_json(path: object) -> str: ...
