"""int8 weights as fine as every CPU computes exactly.

CPUs without VNNI multiply unsigned activations by weights and add the products of two neighbouring input channels in 16 bits, which saturate: an
8-bit network then computes wrong values, and nothing says so. NNCF's way out is 7 bits for all weights. It is enough that no two neighbours together
pass 128 (255 x 128 < 2^15), which costs far less than a bit; depthwise kernels add nothing in 16 bits. So a package gives the same on all CPUs.
"""

from __future__ import annotations

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from .cut import WORK, is_constant

GREATEST = 127
"""Of one weight, and of two neighbours of one sign together before rounding, which adds one at most."""


def int8_weights(node: ov.Node) -> np.ndarray | None:
    """The stored weights of an operator that runs in int8, else None."""
    if node.get_type_name() not in WORK:
        return None
    source = node.input_value(1).get_node()
    while source.get_type_name() in ("Multiply", "Convert", "Reshape", "Transpose"):
        source = source.input_value(0).get_node()
    return source.data if is_constant(source) and source.get_element_type() == ov.Type.i8 else None


def widen_weights(body: ov.Model, quantised: ov.Model) -> None:
    """Quantises the weights of `quantised` (NNCF's, of `body`) again, from the float ones, with a scale for each result channel."""
    real = {n.get_friendly_name(): n for n in body.get_ordered_ops() if n.get_type_name() in WORK}
    for node in quantised.get_ordered_ops():
        twin = real.get(node.get_friendly_name())
        if twin is None or int8_weights(node) is None or not is_constant(twin.input_value(1).get_node()):
            continue
        values = twin.input_value(1).get_node().data
        rows = by_result(values, node)
        if rows is None:
            continue
        scale = scales(rows).astype(np.float32).reshape(scale_shape(values, node))
        whole = np.clip(np.round(values / scale), -GREATEST, GREATEST).astype(np.int8)
        made = ops.multiply(ops.convert(ops.constant(whole), ov.Type.f32), ops.constant(scale))
        node.input(1).replace_source_output(made.output(0))
    quantised.validate_nodes_and_infer_types()


def by_result(values: np.ndarray, node: ov.Node) -> np.ndarray | None:
    """[results, inputs, taps]; None for kinds whose kernels are not known: they keep NNCF's 7 bits."""
    match node.get_type_name():
        case "Convolution":
            return values.reshape(*values.shape[:2], -1)
        case "GroupConvolution" if values.shape[2] == 1:
            return values.reshape(values.shape[0] * values.shape[1], 1, -1)
        case "MatMul" if values.ndim == 2:
            return (values if results_first(node) else values.T)[:, :, None]
    return None


def results_first(product: ov.Node) -> bool:
    return bool(product.get_attributes()["transpose_b"])


def scale_shape(values: np.ndarray, node: ov.Node) -> list[int]:
    match node.get_type_name():
        case "GroupConvolution":
            return [*values.shape[:2], 1, 1, 1]
        case "MatMul" if not results_first(node):
            return [1, values.shape[1]]
    return [values.shape[0], *[1] * (values.ndim - 1)]


def scales(rows: np.ndarray) -> np.ndarray:
    """The smallest step, for each result, that keeps in range every weight, and every two neighbours of one sign together."""
    count, inputs, taps = rows.shape
    pairs = np.pad(rows, [(0, 0), (0, inputs % 2), (0, 0)]).reshape(count, -1, 2, taps)
    greatest = np.maximum(np.maximum(pairs, 0).sum(2), np.maximum(-pairs, 0).sum(2))
    if inputs == 1:
        greatest = np.abs(rows)
    return np.maximum(greatest.reshape(count, -1).max(1), 1e-9) / GREATEST
