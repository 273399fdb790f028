"""Does the engine compute int8 products exactly on this computer? Some CPUs add pairs of them in 16 bits, which saturate, and say nothing."""

from __future__ import annotations

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from .runners import EXACT, FLOAT
from .weights import int8_weights

SIDE = 16
"""Greatest height and width to check with: a kernel's arithmetic does not depend on them."""
WHOLE = 1 << 24
"""float32 holds every whole number up to here."""
MAKERS = {"Convolution": ops.convolution, "GroupConvolution": ops.group_convolution}


def operators(quantised: ov.Model) -> list[ov.Node]:
    """Those with int8 weights that can be checked."""
    return [n for n in quantised.get_ordered_ops() if n.get_type_name() in (*MAKERS, "MatMul") and int8_weights(n) is not None]


def inexact(quantised: ov.Model) -> list[str]:
    """Names of the operators that this computer's engine computes wrongly; [] where all are exact.

    Each gets numbers from both ends of its activations' range, where sums are greatest, and is compared with the same in float32, all whole numbers.
    """
    nodes = operators(quantised)
    if not nodes:
        return []
    alone = [Alone(node, number) for number, node in enumerate(nodes)]
    model = ov.Model([a.result for a in alone], [a.parameter for a in alone], "alone")
    given = [a.values for a in alone]
    found, wanted = (ov.Core().compile_model(model, "CPU", how)(given) for how in (FLOAT, EXACT))
    return [n.get_friendly_name() for i, n in enumerate(nodes) if not np.array_equal(found[i], wanted[i])]


class Alone:
    """One operator between whole numbers: its int8 weights with the scale 1, activations on a grid of step 1. Thread-bound."""

    def __init__(self, node: ov.Node, seed: int) -> None:
        weights = int8_weights(node)
        assert weights is not None, "operators() gives only such"
        shape = list(node.get_input_shape(0))
        if node.get_type_name() != "MatMul":
            shape = [1, shape[1], *(min(d, SIDE) for d in shape[2:])]
        low = lowest(node)
        self.values = extremes(shape, low, np.random.default_rng(seed), share_that_fits(weights, node))
        self.parameter = ops.parameter(shape, ov.Type.f32)
        ends = [np.float32(v) for v in (low, low + 255) * 2]
        grid = ops.fake_quantize(self.parameter, *ends, 256)
        real = ops.multiply(ops.convert(ops.constant(weights), ov.Type.f32), ops.constant(np.ones([1] * weights.ndim, np.float32)))
        self.result = ops.result(apply(node, grid, real))


def apply(node: ov.Node, values: ov.Node, weights: ov.Node) -> ov.Node:
    attributes = node.get_attributes()
    if node.get_type_name() == "MatMul":
        return ops.matmul(values, weights, attributes["transpose_a"], attributes["transpose_b"])
    form = [attributes[k] for k in ("strides", "pads_begin", "pads_end", "dilations", "auto_pad")]
    return MAKERS[node.get_type_name()](values, weights, *form)


def lowest(node: ov.Node) -> int:
    """-128 where the activations are signed, 0 where they are unsigned (shifted by a zero point, perhaps)."""
    source = node.input_value(0).get_node()
    while source.get_type_name() not in ("FakeQuantize", "Parameter", "Constant"):
        source = source.input_value(0).get_node()
    if source.get_type_name() != "FakeQuantize":
        return 0
    low, high = (float(source.input_value(i).get_node().data.min()) for i in (1, 2))
    return -128 if abs(low * 127 + high * 128) < 1e-3 * (high - low) else 0


def extremes(shape: list[int], low: int, random: np.random.Generator, share: float) -> np.ndarray:
    """The least and the greatest activation by chance, all but `share` of them 0."""
    values = random.choice(np.array([low, low + 255], np.float32), shape)
    return values * (random.random(shape) < share).astype(np.float32)


def share_that_fits(weights: np.ndarray, node: ov.Node) -> float:
    """How many activations may be used so that float32 holds the sums."""
    channels = node.get_output_shape(0)[-1 if node.get_type_name() == "MatMul" else 1]
    return min(1.0, WHOLE / (weights.size / channels * 255 * max(int(np.abs(weights.astype(int)).max()), 1)))
