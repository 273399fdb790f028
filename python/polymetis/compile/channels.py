"""One result of the body as several tensors of the border: groups of channels whose values differ much in size get a scale each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from .border import BorderTensor
from .errors import CompileError


@dataclass(frozen=True)
class Parts:
    """The border tensors that carry one result of the body, and which of its channels each has."""

    tensors: tuple[BorderTensor, ...]
    channels: tuple[tuple[int, ...], ...] = ((),)


def split_result(model: ov.Model, index: int, groups: list[list[int]]) -> ov.Model:
    """Replaces the result `index`, a convolution or product with constant weights (and bias), by one with fewer channels for each group."""
    results = model.get_results()
    bias, work = bias_and_work(results[index].input_value(0).get_node())
    made = [take_channels(work, bias, np.array(group)) for group in groups]
    before, after = list(results[:index]), list(results[index + 1 :])
    return ov.Model([*before, *(ops.result(m) for m in made), *after], model.get_parameters(), model.get_friendly_name())


def bias_and_work(node: ov.Node) -> tuple[ov.Node | None, ov.Node]:
    bias = node if node.get_type_name() == "Add" else None
    work = node.input_value(0).get_node() if bias else node
    constant = work.input_values()[1:] + (bias.input_values()[1:] if bias else [])
    if work.get_type_name() != "Convolution" or any(v.get_node().get_type_name() != "Constant" for v in constant):
        raise CompileError(f"The recipe splits the channels of {node.get_friendly_name()!r}, which is not a convolution with constant weights.")
    return bias, work


def take_channels(work: ov.Node, bias: ov.Node | None, channels: np.ndarray) -> ov.Node:
    attributes = work.get_attributes()
    weights = work.input_value(1).get_node().data[channels]
    value = ops.convolution(
        work.input_value(0),
        ops.constant(np.ascontiguousarray(weights)),
        attributes["strides"],
        attributes["pads_begin"],
        attributes["pads_end"],
        attributes["dilations"],
        attributes["auto_pad"],
    )
    if bias is None:
        return value
    return ops.add(value, ops.constant(np.ascontiguousarray(bias.input_value(1).get_node().data[:, channels])))
