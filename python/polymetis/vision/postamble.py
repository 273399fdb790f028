"""What the host computes behind the card: the package's float graph, in the engine."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import openvino as ov  # type: ignore[import-untyped]

from .._engine import said
from .files import PackageFile
from .onnx_file import check_whole
from .package import Package, Tensor
from .tensors import depad, dequantise

# Two threads that use the engine's Python arrays for the first time at once can wait for each other for ever (one holds Python's lock and waits for
# a table that the other one makes): so the first use is one thread's, when a Postamble is made.
FIRST_USE = threading.Lock()

# One thread a caller and float32: workers that decode side by side share the CPUs with the virtual cards, and the engine would compute in bf16.
CONFIGURATION = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "ENABLE_CPU_PINNING": False, "PERFORMANCE_HINT": "LATENCY"}


class Postamble:
    """Takes a card's int8 outputs, gives the network's results. Thread-safe: each thread has a request of its own."""

    def __init__(self, package: Package) -> None:
        """Raises ValueError for a graph that is not as model.json says, that the engine cannot read or run, or that does not fit the outputs."""
        self._tensors = package.outputs
        self._own = threading.local()
        self._compiled = compile_graph(package, package.postamble) if package.postamble else None
        with FIRST_USE:
            self.example = self._first_use(package)
        """What it gives for outputs of zeros."""

    def _first_use(self, package: Package) -> dict[str, np.ndarray]:
        try:
            return self([tensor.empty() for tensor in package.outputs])
        except RuntimeError as error:
            raise refused(package, f"the engine cannot run this graph ({said(error)})") from error

    def __call__(self, outputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """float32 (int64 for indices) arrays by name, owned by the caller; the outputs themselves, NCHW, where the package has no postamble."""
        values = {t.name: to_real(values, t) for t, values in zip(self._tensors, outputs, strict=True)}
        if self._compiled is None:
            return values
        if not hasattr(self._own, "request"):
            self._own.request = self._compiled.create_infer_request()
        found = self._own.request.infer(values)
        return {o.any_name: np.array(found[o]) for o in self._compiled.outputs}


def to_real(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """int8 NHWC -> float32 NCHW."""
    real = dequantise(depad(values, tensor.padding), tensor.scale, tensor.zero_point)
    return np.ascontiguousarray(real.transpose(0, 3, 1, 2)) if real.ndim == 4 else real


def compile_graph(package: Package, file: PackageFile) -> ov.CompiledModel:
    core = ov.Core()
    content = file.read()
    try:
        check_whole(content)
    except ValueError as error:
        raise refused(package, str(error)) from error
    try:
        compiled = core.compile_model(core.read_model(content), "CPU", CONFIGURATION)
        wanted, given = {i.any_name for i in compiled.inputs}, {t.name for t in package.outputs}
    except RuntimeError as error:
        raise refused(package, f"the engine cannot read this graph ({said(error)})") from error
    if wanted != given:
        raise refused(package, f"takes {sorted(wanted)}, the package's outputs are {sorted(given)}")
    return compiled


def refused(package: Package, why: str) -> ValueError:
    where = package.postamble.path if package.postamble else package.folder
    return ValueError(f"{where}: {why}; compile the network again.")
