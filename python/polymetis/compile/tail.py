"""The tail of a network -> ONNX."""

from __future__ import annotations

import openvino as ov

from .errors import CompileError
from .onnx_builder import Builder
from .tail_rules import RULES, SAME_NAME, plain_inputs


def translate(tail: ov.Model, inputs: list[str], builder: Builder) -> list[str]:
    """Adds the operators of `tail` to `builder`; `inputs` are the names of its parameters' values. Returns the names of its results' values.

    Raises CompileError for an operator that has no translation.
    """
    values: dict[tuple[str, int], str] = {}
    for parameter, name in zip(tail.get_parameters(), inputs, strict=True):
        values[parameter.get_friendly_name(), 0] = name
    results = {}
    for node in tail.get_ordered_ops():
        kind, name = node.get_type_name(), node.get_friendly_name()
        sources = [values[v.get_node().get_friendly_name(), v.get_index()] for v in node.input_values()]
        if kind == "Parameter":
            continue
        if kind == "Constant":
            values[name, 0] = builder.constant(node.data)
        elif kind == "Result":
            results[name] = sources[0]
        else:
            for index, output in enumerate(emit(node, sources, builder)):
                values[name, index] = output
    return [results[r.get_friendly_name()] for r in tail.get_results()]


def emit(node: ov.Node, sources: list[str], builder: Builder) -> list[str]:
    kind = node.get_type_name()
    try:
        if kind in SAME_NAME:
            return [builder.add(SAME_NAME[kind], plain_inputs(node, sources, builder))]
        if kind in RULES:
            return RULES[kind](node, sources, builder)
    except KeyError as error:
        raise CompileError(
            f"The tail of the network has {kind} {node.get_friendly_name()!r} with {error}, which has no ONNX translation here; "
            "name a later cut with --cut TENSOR."
        ) from error
    raise CompileError(
        f"The tail of the network has the operator {kind} {node.get_friendly_name()!r}, which has no ONNX translation here; "
        "name a cut behind it with --cut TENSOR, or drop the result that needs it."
    )
