"""A network made for one picture -> the same network for N."""

from __future__ import annotations

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from .errors import CompileError


def set_batch(model: ov.Model, batch: int, what: str) -> None:
    """Changes the first dimension of every input from 1 to `batch`. Raises CompileError when a result does not follow."""
    if batch == 1:
        return
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Reshape":
            open_batch(node)
    try:
        model.reshape({tensor: ov.PartialShape([batch, *list(tensor.get_shape())[1:]]) for tensor in model.inputs})
    except RuntimeError as error:
        raise refusal(what, batch) from error
    for tensor in model.outputs:
        if tensor.partial_shape.is_static and list(tensor.get_shape())[:1] != [batch]:
            raise refusal(what, batch)


def open_batch(node: ov.Node) -> None:
    """A Reshape whose target starts with the batch of its data takes it from the data (0 means: as the data has it)."""
    target = node.input_value(1).get_node()
    data = node.input_value(0).get_partial_shape()
    if target.get_type_name() != "Constant" or not len(target.data) or data.is_dynamic or data[0].get_length() != 1:
        return
    values = list(node.get_output_shape(0))
    if values and values[0] == 1:
        fixed = ops.constant(np.array([0, *values[1:]], np.int64))
        node.input(1).replace_source_output(fixed.output(0))
        node.set_attribute("special_zero", True)


def refusal(what: str, batch: int) -> CompileError:
    return CompileError(f"{what}: asked for batch {batch}, but the network has a batch of 1 built into its operators; compile it with --batch 1.")
