"""Where the card ends: finds the operators at the end of a network that stay outside, and splits the network there."""

from __future__ import annotations

from dataclasses import dataclass

import openvino as ov
from openvino import opset13 as ops

from .errors import CompileError

# What a card leaves to the host when it stands at the end of a network.
OUTSIDE = frozenset(
    "Reshape Transpose Concat Sigmoid Softmax LogSoftmax Exp Log Sqrt Power Squeeze Unsqueeze Split VariadicSplit Slice StridedSlice Gather "
    "GatherND GatherElements Add Subtract Multiply Divide Maximum Minimum Negative Abs Floor Ceiling Round Clamp Tanh Convert TopK ReduceMax "
    "ReduceMin ReduceSum ReduceMean ArgMax NonMaxSuppression NonZero Greater GreaterEqual Less LessEqual Equal NotEqual LogicalAnd LogicalOr "
    "LogicalNot Select ShapeOf Broadcast Tile Range ScatterNDUpdate ScatterElementsUpdate Mod FloorMod HardSigmoid Pad".split()
)
# Never on a card: whatever follows one of these is outside too, if it is a small part of the work.
NEVER = frozenset("NonMaxSuppression TopK NonZero GatherND ScatterNDUpdate ScatterElementsUpdate Softmax LogSoftmax Exp".split())
ARITHMETIC = frozenset("Add Subtract Multiply Divide".split())
ON_CARD_WHEN_FIRST = frozenset("ReduceMean ReduceMax Clamp HardSigmoid Tanh Pad".split())
WORK = frozenset("Convolution GroupConvolution ConvolutionBackpropData GroupConvolutionBackpropData MatMul".split())
SMALL_SHARE = 0.02


@dataclass(frozen=True)
class Split:
    body: ov.Model
    """Float network whose results are what the card gives, in order."""
    tail: ov.Model | None
    """What follows, with one parameter a result of `body`, in the same order; None where nothing was cut."""
    cut: tuple[str, ...]
    """The operators of the tail, as 'Type name'."""


def split(model: ov.Model, keep_results: tuple[int, ...] | None = None, at: tuple[str, ...] = ()) -> Split:
    """Cuts `model` at the tensors named `at`, or where find_tail() says. `keep_results` drops the other results and what only they need."""
    model = keep(model, keep_results)
    nodes = model.get_ordered_ops()
    tail = named_tail(model, nodes, at) if at else find_tail(nodes)
    borders = border_outputs(model, tail)
    if any(o.get_node().get_type_name() == "Parameter" for o in borders):
        raise CompileError(
            "Nothing is left for the card: every operator between an input and a result belongs to the tail. Name the cut with --cut TENSOR."
        )
    for output in borders:
        if output.get_partial_shape().is_dynamic:
            raise CompileError(
                f"The card's output {output.get_node().get_friendly_name()!r} has the open shape {output.get_partial_shape()}; "
                "name an earlier cut with --cut TENSOR."
            )
    place = {node.get_friendly_name(): i for i, node in enumerate(nodes)}
    marks = [(place[o.get_node().get_friendly_name()], o.get_index()) for o in borders]
    inside = [place[n.get_friendly_name()] for n in tail]
    described = tuple(f"{n.get_type_name()} {n.get_friendly_name()}" for n in tail)
    return Split(take_body(model, marks), take_tail(model, marks, inside) if tail else None, described)


def keep(model: ov.Model, results: tuple[int, ...] | None) -> ov.Model:
    if results is None:
        return model
    found = model.get_results()
    for index in results:
        if not 0 <= index < len(found):
            raise CompileError(f"Asked to keep result {index}, but the network has the results 0..{len(found) - 1}.")
    return ov.Model([found[i] for i in results], model.get_parameters(), model.get_friendly_name())


def is_constant(node: ov.Node) -> bool:
    return node.get_type_name() == "Constant"


def data_inputs(node: ov.Node) -> list[ov.Output]:
    return [v for v in node.input_values() if not is_constant(v.get_node())]


def macs(node: ov.Node) -> int:
    """Multiply-accumulates of one operator; 0 for what is not a convolution or a product."""
    if node.get_type_name() not in WORK:
        return 0
    weights = node.input_value(1).get_partial_shape()
    out = node.output(0).get_partial_shape()
    if weights.is_dynamic or out.is_dynamic:
        return 0
    w, o = list(weights.to_shape()), list(out.to_shape())
    kind = node.get_type_name()
    if kind == "MatMul":
        rows = node.input_value(0).get_shape()
        inner = rows[-2] if node.get_attributes().get("transpose_a") else rows[-1]
        return _product(o) * int(inner)
    if kind.endswith("BackpropData"):
        return _product(w) * _product(node.input_value(0).get_shape()[2:])
    return _product(o) * _product(w[2:] if kind == "GroupConvolution" else w[1:])


def _product(values) -> int:
    result = 1
    for value in values:
        result *= int(value)
    return result


def consumers(node: ov.Node) -> list[ov.Node]:
    return [t.get_node() for o in node.outputs() for t in o.get_target_inputs()]


def find_tail(nodes: list[ov.Node]) -> list[ov.Node]:
    """The operators, in order, that stay outside: every path from them to a result passes only through such operators."""
    names = set()
    late = after_never(nodes)
    for node in reversed(nodes):
        kind = node.get_type_name()
        if kind in ("Result", "Constant", "Parameter"):
            continue
        name = node.get_friendly_name()
        following = consumers(node)
        ends = following and all(c.get_type_name() == "Result" or c.get_friendly_name() in names for c in following)
        if ends and (kind in OUTSIDE or name in late):
            names.add(name)
    for node in nodes:  # what a card does itself goes back to it, first operators first
        if node.get_friendly_name() in names and node.get_friendly_name() not in late and belongs_to_card(node, names):
            names.discard(node.get_friendly_name())
    return [n for n in nodes if n.get_friendly_name() in names]


def belongs_to_card(node: ov.Node, tail: set[str]) -> bool:
    """A bias, a scale a channel, a residual sum, an activation or a pooling directly behind the card's operators."""
    sources = [v.get_node() for v in data_inputs(node)]
    if not sources or any(s.get_friendly_name() in tail or s.get_type_name() == "Parameter" for s in sources):
        return False
    kind = node.get_type_name()
    if kind in ON_CARD_WHEN_FIRST:
        return True
    if kind not in ARITHMETIC:
        return False
    if len(sources) == 1:
        return all(sum(d > 1 for d in v.get_shape()) <= 1 for v in node.input_values() if is_constant(v.get_node()))
    shapes = {str(s.output(0).get_partial_shape()) for s in sources}
    return kind == "Add" and len(shapes) == 1 and not any(s.get_type_name() in OUTSIDE - ARITHMETIC for s in sources)


def after_never(nodes: list[ov.Node]) -> set[str]:
    """Names of the operators from the first never-on-a-card operator on, if together they are a small part of the work (else none)."""
    late: set[str] = set()
    for node in nodes:
        name = node.get_friendly_name()
        if node.get_type_name() in NEVER or any(v.get_node().get_friendly_name() in late for v in node.input_values()):
            late.add(name)
    total = sum(macs(n) for n in nodes)
    share = sum(macs(n) for n in nodes if n.get_friendly_name() in late)
    return late if total and share <= SMALL_SHARE * total else set()


def named_tail(model: ov.Model, nodes: list[ov.Node], at: tuple[str, ...]) -> list[ov.Node]:
    """The operators between the named tensors and the results."""
    known = {name: o for n in nodes for o in n.outputs() for name in (*o.get_names(), n.get_friendly_name())}
    missing = [name for name in at if name not in known]
    if missing:
        raise CompileError(f"Asked to cut at {', '.join(missing)}, but the network has no tensor of that name.")
    marks = {known[name].get_node().get_friendly_name() for name in at}
    tail: set[str] = set()
    for node in nodes:
        sources = {v.get_node().get_friendly_name() for v in data_inputs(node)}
        if node.get_type_name() != "Result" and sources & (marks | tail) and node.get_friendly_name() not in marks:
            tail.add(node.get_friendly_name())
    return [n for n in nodes if n.get_friendly_name() in tail]


def border_outputs(model: ov.Model, tail: list[ov.Node]) -> list[ov.Output]:
    """The tensors that cross from the card to the tail, in the order in which the results need them."""
    names = {n.get_friendly_name() for n in tail}
    found: list[ov.Output] = []
    marked: set[tuple[str, int]] = set()
    seen: set[str] = set()

    def visit(output: ov.Output) -> None:
        node = output.get_node()
        if node.get_friendly_name() not in names:
            mark = (node.get_friendly_name(), output.get_index())
            if not is_constant(node) and mark not in marked:
                marked.add(mark)
                found.append(output)
            return
        if node.get_friendly_name() not in seen:
            seen.add(node.get_friendly_name())
            for value in node.input_values():
                visit(value)

    for result in model.get_results():
        visit(result.input_value(0))
    return found


def take_body(model: ov.Model, marks: list[tuple[int, int]]) -> ov.Model:
    copy = model.clone()
    nodes = copy.get_ordered_ops()
    results = [ops.result(nodes[node].output(index)) for node, index in marks]
    return ov.Model(results, copy.get_parameters(), model.get_friendly_name())


def take_tail(model: ov.Model, marks: list[tuple[int, int]], inside: list[int]) -> ov.Model:
    copy = model.clone()
    nodes = copy.get_ordered_ops()
    names = {nodes[i].get_friendly_name() for i in inside}
    parameters = []
    for node, index in marks:
        output = nodes[node].output(index)
        parameter = ops.parameter(output.get_shape(), output.get_element_type())
        for target in output.get_target_inputs():
            user = target.get_node()
            if user.get_friendly_name() in names or user.get_type_name() == "Result":
                target.replace_source_output(parameter.output(0))
        parameters.append(parameter)
    return ov.Model(copy.get_results(), parameters, "postamble")
