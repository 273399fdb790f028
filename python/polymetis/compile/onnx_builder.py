"""ONNX graphs, node by node."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
TYPES = {
    "f32": TensorProto.FLOAT,
    "f16": TensorProto.FLOAT16,
    "i64": TensorProto.INT64,
    "i32": TensorProto.INT32,
    "u8": TensorProto.UINT8,
    "i8": TensorProto.INT8,
    "boolean": TensorProto.BOOL,
    "f64": TensorProto.DOUBLE,
}


class Builder:
    """Collects ONNX nodes and constants under short unique names. Thread-bound."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._next = 0

    def fresh(self, stem: str) -> str:
        self._next += 1
        return f"{stem}_{self._next}"

    def constant(self, value: np.ndarray) -> str:
        name = self.fresh("c")
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str = "", **attributes) -> str:
        output = output or self.fresh(kind.lower())
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def split(self, value: str, outputs: list[str], lengths: tuple[int, ...], axis: int) -> None:
        self.nodes.append(helper.make_node("Split", [value, self.constant(np.array(lengths, np.int64))], outputs, axis=axis))

    def model(self, inputs: dict[str, list[int]], outputs: dict[str, tuple[int, list]], name: str = "postamble") -> onnx.ModelProto:
        """`inputs`: float32 shapes by name; `outputs`: (element type, shape) by name. Raises onnx.checker.ValidationError for a wrong graph."""
        used = {name for node in self.nodes for name in node.input}
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
            [helper.make_tensor_value_info(n, t, s) for n, (t, s) in outputs.items()],
            [c for c in self.constants if c.name in used],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="polymetis")
        onnx.checker.check_model(model, full_check=True)
        return model
