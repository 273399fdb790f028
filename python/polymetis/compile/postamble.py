"""postamble.onnx: what the host does with a card's outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import openvino as ov
from onnx import TensorProto

from .border import BorderTensor
from .channels import Parts
from .errors import CompileError
from .onnx_builder import TYPES, Builder
from .ssd import SsdOptions, add_decoder
from .tail import translate


@dataclass(frozen=True)
class Finish:
    """What a recipe adds behind the network's own tail."""

    kind: str = ""
    """'' (nothing), 'softmax' (the last dimension of the only result) or 'ssd'."""
    ssd: SsdOptions | None = None
    results: tuple[str, ...] = ()
    """Names for the network's results, instead of its own."""


@dataclass(frozen=True)
class Results:
    """The network's own results."""

    names: list[str]
    shapes: list[list]
    types: list[str]


def build(tail: ov.Model | None, parts: Sequence[Parts], results: Results, batch: int, finish: Finish) -> onnx.ModelProto | None:
    """`parts`: for each result of the body, the border tensors that carry it. None where the host has nothing to do.

    Raises CompileError for an operator that cannot be translated and for a finish that does not fit the network.
    """
    tensors = [t for part in parts for t in part.tensors]
    same = all(len(p.tensors) == 1 and len(p.tensors[0].layout.shape) == 4 and p.tensors[0].layout.axes == (0, 2, 3, 1) for p in parts)
    if tail is None and same and finish == Finish():
        return None
    builder = Builder()
    values = [join(builder, part, batch) for part in parts]
    if tail is not None:
        values = translate(tail, values, builder)
    outputs = finish_results(builder, values, results, finish, {t.name for t in tensors})
    return builder.model({t.name: [batch, *t.layout.nchw[1:]] for t in tensors}, outputs)


def join(builder: Builder, part: Parts, batch: int) -> str:
    """Border tensors (NCHW) -> the value of the network that they carry."""
    values = [restore(builder, tensor, batch) for tensor in part.tensors]
    if len(values) == 1:
        return values[0]
    axis = channel_axis(part.tensors[0])
    whole = builder.add("Concat", values, axis=axis)
    order = np.argsort(np.concatenate([np.array(c) for c in part.channels]))
    return builder.add("Gather", [whole, builder.constant(order.astype(np.int64))], axis=axis)


def channel_axis(tensor: BorderTensor) -> int:
    return tensor.layout.axes[3] if len(tensor.layout.shape) == 4 else len(tensor.layout.shape) - 1


def restore(builder: Builder, tensor: BorderTensor, batch: int) -> str:
    form = tensor.layout
    if len(form.shape) == 4 and form.axes == (0, 2, 3, 1):
        return tensor.name
    value = builder.add("Transpose", [tensor.name], perm=[0, 2, 3, 1])
    if form.raised == form.shape:
        return value
    return builder.add("Reshape", [value, builder.constant(np.array([batch, *form.shape[1:]], np.int64))])


def finish_results(builder: Builder, values: list[str], results: Results, finish: Finish, taken: set[str]) -> dict[str, tuple[int, list]]:
    if finish.ssd is not None:
        encodings, logits = ssd_results(results)
        count, classes = results.shapes[logits][1:]
        add_decoder(builder, values[encodings], values[logits], finish.ssd, classes)
        batch = results.shapes[logits][0]
        return {
            "boxes": (TensorProto.FLOAT, [batch, count, 4]),
            "scores": (TensorProto.FLOAT, [batch, count, classes]),
            "selected": (TensorProto.INT64, [None, 3]),
        }
    if finish.kind == "softmax" and len(values) != 1:
        raise CompileError(f"The recipe asks for a softmax, which needs one result; the network has {results.names}.")
    names = finish.results or results.names
    if len(names) != len(values):
        raise CompileError(f"The recipe names {len(names)} results, the network has {len(values)}: {', '.join(results.names)}.")
    outputs: dict[str, tuple[int, list]] = {}
    for value, name, shape, kind in zip(values, names, results.shapes, results.types, strict=True):
        if name in taken:  # a card's output has the result's name; ONNX names are unique
            name = f"{name}_result"
        builder.add("Softmax", [value], name, axis=-1) if finish.kind == "softmax" else builder.add("Identity", [value], name)
        outputs[name] = (TYPES[kind], shape)
    return outputs


def ssd_results(results: Results) -> tuple[int, int]:
    match [shape[-1] if len(shape) == 3 else None for shape in results.shapes]:
        case [4, int()]:
            return 0, 1
        case [int(), 4]:
            return 1, 0
    raise CompileError(f"The recipe asks for an SSD decoder, which needs results [N, boxes, 4] and [N, boxes, classes]; found {results.shapes}.")
