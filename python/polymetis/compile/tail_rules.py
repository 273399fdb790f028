"""One operator of the engine -> ONNX nodes, for the small set of operators that stand at the end of networks.

A rule takes the operator, the names of its inputs' values and the builder, and answers the names of its results' values. It raises KeyError, with
what it cannot express.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import openvino as ov
from onnx import helper

from .onnx_builder import TYPES, Builder

SAME_NAME = {
    "Sigmoid": "Sigmoid",
    "Exp": "Exp",
    "Log": "Log",
    "Sqrt": "Sqrt",
    "Power": "Pow",
    "Add": "Add",
    "Subtract": "Sub",
    "Multiply": "Mul",
    "Divide": "Div",
    "Maximum": "Max",
    "Minimum": "Min",
    "Negative": "Neg",
    "Abs": "Abs",
    "Floor": "Floor",
    "Ceiling": "Ceil",
    "Tanh": "Tanh",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
    "Less": "Less",
    "LessEqual": "LessOrEqual",
    "Equal": "Equal",
    "Relu": "Relu",
    "LogicalAnd": "And",
    "LogicalOr": "Or",
    "LogicalNot": "Not",
    "Select": "Where",
    "Reshape": "Reshape",
    "Squeeze": "Squeeze",
    "Unsqueeze": "Unsqueeze",
    "Tile": "Tile",
    "ShapeOf": "Shape",
    "Broadcast": "Expand",
    "GatherElements": "GatherElements",
}


def static(node: ov.Node, index: int) -> np.ndarray:
    source = node.input_value(index).get_node()
    if source.get_type_name() != "Constant":
        raise KeyError(f"an input {index} that is not constant")
    return source.data


def plain_inputs(node: ov.Node, sources: list[str], builder: Builder) -> list[str]:
    """ONNX wants int64 where the engine takes any integer; zero in a target shape means another thing there."""
    kind = node.get_type_name()
    if kind == "Reshape" and node.output(0).get_partial_shape().is_static:
        return [sources[0], builder.constant(np.array(list(node.get_output_shape(0)), np.int64))]
    if kind in ("Squeeze", "Unsqueeze", "Tile", "Broadcast"):
        return [sources[0], *(builder.constant(static(node, 1).astype(np.int64).reshape(-1)) for _ in sources[1:2])]
    return sources


def transpose(node, sources, builder):
    return [builder.add("Transpose", sources[:1], perm=[int(v) for v in static(node, 1)])]


def concat(node, sources, builder):
    return [builder.add("Concat", sources, axis=int(node.get_attributes()["axis"]))]


def softmax(node, sources, builder):
    kind = "LogSoftmax" if node.get_type_name() == "LogSoftmax" else "Softmax"
    return [builder.add(kind, sources[:1], axis=int(node.get_attributes()["axis"]))]


def clamp(node, sources, builder):
    bounds = [builder.constant(np.array(node.get_attributes()[k], np.float32)) for k in ("min", "max")]
    return [builder.add("Clip", [sources[0], *bounds])]


def convert(node, sources, builder):
    return [builder.add("Cast", sources, to=TYPES[node.get_element_type().get_type_name()])]


def reduce(node, sources, builder):
    kind = node.get_type_name()
    axes = [int(v) for v in np.atleast_1d(static(node, 1))]
    keepdims = int(bool(node.get_attributes().get("keep_dims")))
    if kind == "ReduceSum":
        return [builder.add(kind, [sources[0], builder.constant(np.array(axes, np.int64))], keepdims=keepdims)]
    return [builder.add(kind, sources[:1], axes=axes, keepdims=keepdims)]


def gather(node, sources, builder):
    return [builder.add("Gather", sources[:2], axis=int(static(node, 2)))]


def split_parts(node, sources, builder):
    axis = int(static(node, 1))
    lengths = tuple(o.get_shape()[axis] for o in node.outputs())
    outputs = [builder.fresh("split") for _ in lengths]
    builder.split(sources[0], outputs, lengths, axis)
    return outputs


def slice_range(node, sources, builder):
    ends = [builder.constant(np.atleast_1d(static(node, i)).astype(np.int64)) for i in (1, 2)]
    axes = static(node, 4) if node.get_input_size() > 4 else np.arange(len(static(node, 1)))
    rest = [builder.constant(np.atleast_1d(v).astype(np.int64)) for v in (axes, static(node, 3))]
    return [builder.add("Slice", [sources[0], *ends, *rest])]


def strided_slice(node, sources, builder):
    attributes = node.get_attributes()
    begin, end = (static(node, i).astype(np.int64).copy() for i in (1, 2))
    steps = static(node, 3).astype(np.int64) if node.get_input_size() > 3 else np.ones_like(begin)
    if any(attributes.get("ellipsis_mask", ())) or any(attributes.get("new_axis_mask", ())):
        raise KeyError("an ellipsis or a new axis")
    shape = node.input_value(0).get_shape()
    for i in range(len(begin)):
        if i < len(attributes["begin_mask"]) and attributes["begin_mask"][i]:
            begin[i] = 0 if steps[i] > 0 else shape[i] - 1
        if i < len(attributes["end_mask"]) and attributes["end_mask"][i]:
            end[i] = shape[i] if steps[i] > 0 else -shape[i] - 1
    shrink = [i for i, m in enumerate(attributes.get("shrink_axis_mask", ())) if m]
    for i in shrink:
        end[i] = begin[i] + 1 if begin[i] != -1 else shape[i]
        steps[i] = 1
    value = builder.add("Slice", [sources[0], *(builder.constant(v) for v in (begin, end, np.arange(len(begin)), steps))])
    return [builder.add("Squeeze", [value, builder.constant(np.array(shrink, np.int64))])] if shrink else [value]


def top_k(node, sources, builder):
    attributes = node.get_attributes()
    count = builder.constant(np.atleast_1d(static(node, 1)).astype(np.int64))
    outputs = [builder.fresh("topk"), builder.fresh("indices")]
    builder.nodes.append(
        helper.make_node(
            "TopK",
            [sources[0], count],
            outputs,
            axis=int(attributes["axis"]),
            largest=int(attributes["mode"] == "max"),
            sorted=int(attributes["sort"] != "none"),
        )
    )
    wanted = node.output(1).get_element_type().get_type_name()
    return outputs if wanted == "i64" else [outputs[0], builder.add("Cast", outputs[1:], to=TYPES[wanted])]


def convolution(node, sources, builder):
    attributes = node.get_attributes()
    if str(attributes.get("auto_pad", "explicit")).lower() not in ("explicit", "notset"):
        raise KeyError("automatic padding")
    pads = [*map(int, attributes["pads_begin"]), *map(int, attributes["pads_end"])]
    return [
        builder.add("Conv", sources, strides=[int(v) for v in attributes["strides"]], dilations=[int(v) for v in attributes["dilations"]], pads=pads)
    ]


def matmul(node, sources, builder):
    attributes = node.get_attributes()
    turned = []
    for index, key in enumerate(("transpose_a", "transpose_b")):
        rank = len(node.input_value(index).get_partial_shape())
        order = [*range(rank - 2), rank - 1, rank - 2]
        turned.append(builder.add("Transpose", [sources[index]], perm=order) if attributes[key] and rank > 1 else sources[index])
    return [builder.add("MatMul", turned)]


def hard_sigmoid(node, sources, builder):
    return [builder.add("HardSigmoid", sources[:1], alpha=float(static(node, 1)), beta=float(static(node, 2)))]


def floor_mod(node, sources, builder):
    kind = node.output(0).get_element_type()
    if kind.is_real():
        quotient = builder.add("Floor", [builder.add("Div", sources)])
        return [builder.add("Sub", [sources[0], builder.add("Mul", [quotient, sources[1]])])]
    return [builder.add("Mod", sources)]


def non_max_suppression(node, sources, builder):
    attributes = node.get_attributes()
    if (
        attributes.get("sort_result_descending") not in (False, 0, "false")
        or node.output(1).get_target_inputs()
        or node.output(2).get_target_inputs()
    ):
        raise KeyError("sorted boxes or outputs that ONNX does not have")
    scalars = [builder.constant(np.atleast_1d(static(node, i)).astype(np.int64 if i == 2 else np.float32)) for i in (2, 3, 4)]
    selected = builder.add("NonMaxSuppression", [*sources[:2], *scalars], center_point_box=int(attributes["box_encoding"] == "center"))
    wanted = node.output(0).get_element_type().get_type_name()
    return [selected if wanted == "i64" else builder.add("Cast", [selected], to=TYPES[wanted])]


def pad(node, sources, builder):
    if node.get_attributes()["pad_mode"] != "constant":
        raise KeyError("a pad mode other than constant")
    amounts = builder.constant(np.concatenate([static(node, 1), static(node, 2)]).astype(np.int64))
    return [builder.add("Pad", [sources[0], amounts, *sources[3:4]])]


Rule = Callable[[ov.Node, list[str], Builder], list[str]]
RULES: dict[str, Rule] = {
    "Transpose": transpose,
    "Concat": concat,
    "Softmax": softmax,
    "LogSoftmax": softmax,
    "Clamp": clamp,
    "Convert": convert,
    "ReduceMax": reduce,
    "ReduceMin": reduce,
    "ReduceSum": reduce,
    "ReduceMean": reduce,
    "Gather": gather,
    "Split": split_parts,
    "VariadicSplit": split_parts,
    "Slice": slice_range,
    "StridedSlice": strided_slice,
    "TopK": top_k,
    "Convolution": convolution,
    "MatMul": matmul,
    "HardSigmoid": hard_sigmoid,
    "FloorMod": floor_mod,
    "NonMaxSuppression": non_max_suppression,
    "Pad": pad,
}
