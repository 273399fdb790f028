"""The layer table and the memory of a network, for the card model."""

from __future__ import annotations

import openvino as ov

from .cut import WORK, macs

TYPES = {
    "Convolution": "conv",
    "ConvolutionBackpropData": "conv",
    "GroupConvolutionBackpropData": "conv",
    "MatMul": "dense",
    "MaxPool": "pool",
    "AvgPool": "pool",
    "ReduceMean": "pool",
    "ReduceMax": "pool",
    "Add": "add",
    "Multiply": "multiply",
    "Concat": "concat",
    "Interpolate": "resize",
}
ACTIVATIONS = frozenset("Relu Clamp Sigmoid Tanh PRelu Elu HSwish HSigmoid HardSigmoid Swish Gelu Mish SoftPlus Softmax".split())
NO_LAYER = frozenset("Parameter Result Constant Convert FakeQuantize".split())


def layer_table(body: ov.Model) -> list[dict]:
    """The layers of the float body in execution order, batch as in `body`; a bias belongs to the operator before it."""
    layers: list[dict] = []
    for node in body.get_ordered_ops():
        kind = node.get_type_name()
        if kind in NO_LAYER or is_bias(node):
            if layers and is_bias(node):
                layers[-1]["weight_bytes"] += 4 * layers[-1]["output"][3]
            continue
        layers.append(describe(node))
    return layers


def is_bias(node: ov.Node) -> bool:
    sources = [v.get_node().get_type_name() for v in node.input_values()]
    return node.get_type_name() == "Add" and "Constant" in sources and bool(WORK & set(sources))


def describe(node: ov.Node) -> dict:
    kind = node.get_type_name()
    attributes = node.get_attributes()
    weights = [list(v.get_shape()) for v in node.input_values()[1:2] if v.get_node().get_type_name() == "Constant"]
    layer = {
        "name": node.get_friendly_name(),
        "type": layer_type(node),
        "kernel": [1, 1],
        "stride": [1, 1],
        "groups": 1,
        "input": nhwc(list(node.get_input_shape(0))),
        "output": nhwc(list(node.get_output_shape(0))),
        "weight_bytes": 0,
        "macs": macs(node),
    }
    if kind in WORK and weights:
        count = 1
        for d in weights[0]:
            count *= d
        layer["weight_bytes"] = count
        if kind != "MatMul":
            layer["kernel"] = list(weights[0][-2:])
        if kind.startswith("Group"):
            layer["groups"] = weights[0][0]
    if kind in ("MaxPool", "AvgPool"):
        layer["kernel"] = [int(v) for v in attributes["kernel"]]
    if kind in ("ReduceMean", "ReduceMax"):
        layer["kernel"] = layer["input"][1:3]
    if len(strides := attributes.get("strides", ())) == 2:
        layer["stride"] = [int(v) for v in strides]
    return layer


def layer_type(node: ov.Node) -> str:
    kind = node.get_type_name()
    if kind in ACTIVATIONS:
        return "activation"
    if kind == "GroupConvolution":
        shape = list(node.input_value(1).get_shape())
        return "depthwise" if shape[2] == 1 else "conv"
    return TYPES.get(kind, "other")


def nhwc(shape: list[int]) -> list[int]:
    match shape:
        case [n, c, h, w]:
            return [n, h, w, c]
        case [n, t, c]:
            return [n, 1, t, c]
        case [n, c]:
            return [n, 1, 1, c]
    return ([1] * 4 + shape)[-4:]


def activation_bytes(body: ov.Model, border: list[int]) -> int:
    """The most bytes of int8 activations alive at once, in execution order, and the border's own tensors (bytes each)."""
    nodes = [n for n in body.get_ordered_ops() if n.get_type_name() not in ("Constant", "Result")]
    last: dict[str, int] = {}
    for step, node in enumerate(nodes):
        for value in node.input_values():
            last[value.get_node().get_friendly_name()] = step
    alive, peak = {}, 0
    for step, node in enumerate(nodes):
        alive[node.get_friendly_name()] = sum(elements(o) for o in node.outputs())
        peak = max(peak, sum(alive.values()))
        for name in [n for n in alive if last.get(n, step) <= step]:
            del alive[name]
    return peak + sum(border)


def elements(output: ov.Output) -> int:
    count = 1
    for d in output.get_shape():
        count *= d
    return count
