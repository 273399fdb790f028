"""A network file -> a float network that the rest of the compiler can work on."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops
from openvino._offline_transformations import apply_moc_transformations
from openvino.passes import ConstantFolding, Manager

from .._engine import said
from .errors import CompileError

SUFFIXES = (".onnx", ".tflite")


def read_network(path: Path) -> ov.Model:
    """Reads an ONNX or TFLite file, with batch 1, static shapes and float32 constants.

    Raises CompileError when the file is missing, of another kind, damaged, or has a dimension that is not fixed.
    """
    if not path.is_file():
        raise CompileError(f"{path}: asked to compile it, but there is no such file; check the path.")
    if path.suffix not in SUFFIXES:
        raise CompileError(f"{path}: a model is an .onnx or a .tflite file, not {path.suffix or 'a file without suffix'!r}; export it to ONNX.")
    try:
        model = ov.Core().read_model(path)
    except RuntimeError as error:
        raise CompileError(f"{path}: is not a readable {path.suffix[1:]} model ({said(error)}); export it again.") from error
    return prepare(model, str(path))


def prepare(model: ov.Model, what: str) -> ov.Model:
    """Fixes the batch to 1, refuses other open dimensions, folds constants. `what` names the network in errors."""
    fix_shapes(model, what)
    fold_half_constants(model)
    apply_moc_transformations(model, False)
    fold_constants(model)
    if not model.inputs:
        raise CompileError(f"{what}: has no input; a network needs at least one.")
    name_nodes(model)
    return model


def name_nodes(model: ov.Model) -> None:
    """Unique names that are the same on every load: the engine numbers what has no name by a counter of the process."""
    used: set[str] = set()
    for place, node in enumerate(model.get_ordered_ops()):
        name = node.get_friendly_name()
        if node.get_type_name() != "Parameter" and (re.search(r"_\d+$", name) or name in used or name.isdigit()):
            name = f"{node.get_type_name()}_{place}"
        while name in used:
            name += "'"
        used.add(name)
        node.set_friendly_name(name)


def fix_shapes(model: ov.Model, what: str) -> None:
    shapes = {}
    for tensor in model.inputs:
        shape = tensor.partial_shape
        if shape.rank.is_dynamic or any(d.is_dynamic for d in list(shape)[1:]):
            raise CompileError(
                f"{what}: input {tensor.get_any_name()!r} has the shape {shape}; a card needs every dimension but the batch fixed: "
                "export the network with static shapes."
            )
        dims = [d.get_length() if d.is_static else 1 for d in shape]
        if dims and shape[0].is_static and dims[0] != 1:
            raise CompileError(
                f"{what}: input {tensor.get_any_name()!r} has the shape {dims}; export the network with batch 1 and choose the batch with --batch."
            )
        shapes[tensor] = ov.PartialShape(dims)
    model.reshape(shapes)


def fold_half_constants(model: ov.Model) -> None:
    """Stored fp16 constants become float32: left as they are, NNCF neither stores them as int8 nor corrects their bias, and says nothing."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Convert":
            continue
        constant = node.input_value(0).get_node()
        if constant.get_type_name() == "Constant" and node.get_element_type() == ov.Type.f32:
            folded = ops.constant(constant.data.astype(np.float32))
            folded.set_friendly_name(node.get_friendly_name())
            replace_output(node.output(0), folded.output(0))


def fold_constants(model: ov.Model) -> None:
    manager = Manager()
    manager.register_pass(ConstantFolding())
    manager.run_passes(model)


def replace_output(old: ov.Output, new: ov.Output) -> None:
    for target in old.get_target_inputs():
        target.replace_source_output(new)
