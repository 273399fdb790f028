"""int8 at the border: the quantised network between padded int8 NHWC tensors, as a card has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from . import layout
from .layout import Layout
from .source import replace_output

LEVELS = 256


@dataclass(frozen=True)
class BorderTensor:
    """One tensor of model.json, with how it lies in the network."""

    name: str
    layout: Layout
    padding: list[list[int]]
    scale: float
    zero_point: int
    mean: tuple[float, ...] = ()
    """Inputs that are pictures: the network sees (pixel - mean) / std, the border sees pixel / 255."""
    std: tuple[float, ...] = ()
    wide: bool = False
    """The network already takes the padded channels (widen_input)."""

    def shape(self, batch: int) -> list[int]:
        return [batch, *layout.padded(self.layout.nhwc, self.padding)[1:]]


def widen_input(model: ov.Model, index: int, channels: int) -> bool:
    """Gives a picture's input the card's channels, with zero weights for the new ones: cheaper than slicing them off each time.

    Answers False, and changes nothing, where something else than one convolution reads the input.
    """
    old = model.get_parameters()[index]
    chain = [old]
    while len(users := list(chain[-1].output(0).get_target_inputs())) == 1 and users[0].get_node().get_type_name() == "Transpose":
        chain.append(users[0].get_node())
    if len(users) != 1 or users[0].get_index() != 0 or (reader := users[0].get_node()).get_type_name() != "Convolution":
        return False
    kernel = reader.input_value(1).get_node()
    if kernel.get_type_name() != "Constant":
        return False
    weights = kernel.data
    axis = list(old.get_output_shape(0)).index(weights.shape[1], 1)
    shape = list(old.get_output_shape(0))
    shape[axis] = channels
    old.set_partial_shape(ov.PartialShape(shape))
    wide = np.zeros((weights.shape[0], channels, *weights.shape[2:]), np.float32)
    wide[:, : weights.shape[1]] = weights
    reader.input(1).replace_source_output(ops.constant(wide).output(0))
    model.validate_nodes_and_infer_types()
    return True


def add_border(model: ov.Model, inputs: Sequence[BorderTensor], outputs: Sequence[BorderTensor]) -> ov.Model:
    """A network whose parameters and results are `inputs` and `outputs`: int8, NHWC, padded, in this order, with the batch of `model`."""
    parameters = [enter(old, tensor) for old, tensor in zip(model.get_parameters(), inputs, strict=True)]
    results = [leave(old.input_value(0), tensor) for old, tensor in zip(model.get_results(), outputs, strict=True)]
    return ov.Model(results, parameters, model.get_friendly_name())


def enter(old: ov.Node, tensor: BorderTensor) -> ov.Node:
    batch = old.get_output_shape(0)[0]
    parameter = ops.parameter(tensor.shape(batch), ov.Type.i8, tensor.name)
    parameter.output(0).set_names({tensor.name})
    value = parameter.output(0)
    padding = [[0, 0] if tensor.wide and axis == 3 else amount for axis, amount in enumerate(tensor.padding)]
    if any(after for _, after in padding):
        # What is sliced off never reaches the arithmetic.
        axes = [i for i, amount in enumerate(padding) if any(amount)]
        starts = [padding[i][0] for i in axes]
        ends = [tensor.shape(batch)[i] - padding[i][1] for i in axes]
        value = ops.slice(value, *(np.array(v, np.int64) for v in (starts, ends, [1] * len(axes), axes))).output(0)
    zero, scale = dequantisation(tensor)
    real = ops.multiply(ops.subtract(ops.convert(value, ov.Type.f32), zero), scale).output(0)
    replace_output(old.output(0), to_network(real, tensor.layout))
    return parameter


def dequantisation(tensor: BorderTensor) -> tuple[np.ndarray, np.ndarray]:
    """Zero point and scale a channel, with the picture's normalisation folded in: ((q - zp) * scale * 255 - mean) / std.

    A wide input's last channels get the scale 0, so that their content never matters.
    """
    channels = tensor.layout.nhwc[3]
    if tensor.mean:
        step = 255.0 * tensor.scale
        zero, scale = tensor.zero_point + np.array(tensor.mean) / step, step / np.array(tensor.std)
    else:
        zero, scale = np.full(channels, float(tensor.zero_point)), np.full(channels, tensor.scale)
    return widened(zero, tensor), widened(scale, tensor)


def widened(values: np.ndarray, tensor: BorderTensor) -> np.ndarray:
    extra = tensor.padding[3][1] if tensor.wide else 0
    return np.pad(values, (0, extra)).reshape(1, 1, 1, -1).astype(np.float32)


def leave(value: ov.Output, tensor: BorderTensor) -> ov.Node:
    low, high = ((q - tensor.zero_point) * tensor.scale for q in (-128, 127))
    grid = ops.fake_quantize(value, *(np.float32(v) for v in (low, high, -128.0, 127.0)), LEVELS)
    result = ops.convert(grid, ov.Type.i8).output(0)
    if extra := tensor.padding[3][1]:
        # Padded before the layout changes: behind a transpose the engine reorders the whole tensor once more (7 % of a detector's time).
        shape = list(value.get_shape())
        axis = tensor.layout.axes[3] if len(shape) == 4 else len(shape) - 1
        shape[axis] = extra
        result = ops.concat([result, ops.constant(np.full(shape, tensor.zero_point, np.int8))], axis).output(0)
    result = from_network(result, tensor.layout, extra)
    result.set_names({tensor.name})
    node = ops.result(result)
    node.set_friendly_name(f"{tensor.name}/result")
    return node


def to_network(value: ov.Output, form: Layout) -> ov.Output:
    """NHWC -> as the network has it."""
    order = [form.axes.index(i) for i in range(4)]
    if order != [0, 1, 2, 3]:
        value = ops.transpose(value, np.array(order, np.int64)).output(0)
    if form.raised != form.shape:
        value = ops.reshape(value, np.array([0, *form.shape[1:]], np.int64), special_zero=True).output(0)
    return value


def from_network(value: ov.Output, form: Layout, extra: int) -> ov.Output:
    if form.raised != form.shape:
        value = ops.reshape(value, np.array([0, *form.raised[1:3], form.raised[3] + extra], np.int64), special_zero=True).output(0)
    if form.axes != (0, 1, 2, 3):
        value = ops.transpose(value, np.array(form.axes, np.int64)).output(0)
    return value
