"""A package and its float network, ready to run on a picture: the same host side, so that only int8 differs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import openvino as ov

from . import layout
from .border import BorderTensor
from .channels import Parts

FLOAT = {"INFERENCE_PRECISION_HINT": "f32"}
EXACT = {**FLOAT, "LP_TRANSFORMS_MODE": "NO"}
"""Computes a quantised network in float32 on its exact grid: what int8 arithmetic gives where nothing saturates, but for the order of rounding."""


class Host:
    """postamble.onnx in the engine, or nothing. Takes border tensors (float32, NCHW, by name). Thread-bound."""

    def __init__(self, postamble: onnx.ModelProto | None) -> None:
        self._run = None
        if postamble is not None:
            self._run = ov.Core().compile_model(ov.Core().read_model(postamble.SerializeToString()), "CPU", FLOAT)

    def __call__(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if self._run is None:
            return values
        found = self._run(values)
        return {o.get_any_name(): np.array(found[o]) for o in self._run.outputs}


class FloatRunner:
    """The float body at f32, then the host. Takes what the network sees, by input name. Thread-bound."""

    def __init__(self, body: ov.Model, parts: Sequence[Parts], host: Host) -> None:
        self.compiled = ov.Core().compile_model(body, "CPU", FLOAT)
        self._tensors = [t for part in parts for t in part.tensors]
        self._host = host

    def border(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The card's tensors as float32 NCHW, were the card exact."""
        found = self.compiled(inputs)
        return {t.name: to_nchw(found[o], t) for t, o in zip(self._tensors, self.compiled.outputs, strict=True)}

    def __call__(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return self._host(self.border(inputs))


class Int8Runner:
    """The package's graph between quantise/pad and depad/dequantise, then the host. Takes int8 tensors with padding. Thread-bound."""

    def __init__(self, graph: ov.Model, outputs: Sequence[BorderTensor], host: Host, how: dict[str, str] = FLOAT) -> None:
        """`how`: FLOAT runs int8 kernels, EXACT none."""
        self.compiled = ov.Core().compile_model(graph, "CPU", how)
        self._tensors = outputs
        self._host = host

    def border(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        found = self.compiled(inputs)
        return {t.name: from_card(found[i], t) for i, t in enumerate(self._tensors)}

    def __call__(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return self._host(self.border(inputs))


def to_nchw(value: np.ndarray, tensor: BorderTensor) -> np.ndarray:
    raised = value.reshape(value.shape[0], *tensor.layout.raised[1:])
    return np.ascontiguousarray(raised.transpose(tensor.layout.axes).transpose(0, 3, 1, 2))


def from_card(values: np.ndarray, tensor: BorderTensor) -> np.ndarray:
    real = layout.dequantise(layout.depad(values, tensor.padding), tensor.scale, tensor.zero_point)
    return np.ascontiguousarray(real.transpose(0, 3, 1, 2))


def to_card(real_nhwc: np.ndarray, tensor: BorderTensor) -> np.ndarray:
    return layout.pad_value(layout.quantise(real_nhwc, tensor.scale, tensor.zero_point), tensor.padding, tensor.zero_point)
