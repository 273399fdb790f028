"""Packages of networks with few elements, as `polymetis compile` would write them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino as ov
import xxhash
from openvino import opset13 as ops


@dataclass(frozen=True)
class Tensor:
    """A tensor at the border."""

    name: str
    shape: tuple[int, ...]
    padding: tuple[tuple[int, int], ...] = ()
    scale: float = 1.0
    zero_point: int = 0

    def described(self) -> dict:
        padding = self.padding or ((0, 0),) * len(self.shape)
        return {
            "name": self.name,
            "dtype": "int8",
            "shape": list(self.shape),
            "padding": [list(sides) for sides in padding],
            "scale": self.scale,
            "zero_point": self.zero_point,
        }


SIXTEEN = (1, 2, 2, 4)


def write_package(
    folder: Path,
    inputs: tuple[Tensor, ...] = (Tensor("x", SIXTEEN),),
    outputs: tuple[Tensor, ...] = (Tensor("y", SIXTEEN),),
    weight_bytes: int = 1024,
    **changes: object,
) -> Path:
    """A network whose output i is input i (or the last one) plus 1, of the same shape. `changes` replace keys of model.json."""
    folder.mkdir(parents=True, exist_ok=True)
    write_graph(folder, inputs, outputs)
    files = {name: described(folder / name) for name in ("graph.bin", "graph.xml")}
    lines = "".join(f"{name}\0{entry['xxh3_128']}\n" for name, entry in sorted(files.items()))
    model = {
        "format_version": "1.0",
        "producer": "tests",
        "name": folder.name,
        "task": "other",
        "labels": [],
        "content_hash": "xxh3-128:" + xxhash.xxh3_128_hexdigest(lines.encode()),
        "files": files,
        "batch": inputs[0].shape[0],
        "inputs": [tensor.described() for tensor in inputs],
        "outputs": [tensor.described() for tensor in outputs],
        "input_tensor_layout": "NHWC",
        "graph": "graph.xml",
        "weights": "graph.bin",
        "layer_table": "",
        "preamble_graph": "",
        "postamble_graph": "",
        "weight_bytes": weight_bytes,
        "activation_bytes": 1024,
    }
    (folder / "model.json").write_text(json.dumps(model | changes, indent=1))
    return folder


def described(file: Path) -> dict:
    content = file.read_bytes()
    return {"bytes": len(content), "xxh3_128": xxhash.xxh3_128_hexdigest(content)}


def write_graph(folder: Path, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> None:
    parameters = [named(ops.parameter(tensor.shape, np.int8), tensor.name) for tensor in inputs]
    results = []
    for place, tensor in enumerate(outputs):
        source = parameters[min(place, len(parameters) - 1)]
        plus_one = ops.add(ops.convert(source, "f32"), ops.constant(np.ones((1,) * len(tensor.shape), np.float32)))
        results.append(ops.result(named(ops.convert(ops.clamp(plus_one, -128, 127), "i8"), tensor.name)))
    ov.save_model(ov.Model(results, parameters, folder.name), folder / "graph.xml", compress_to_fp16=False)


def named(node: ov.Node, name: str) -> ov.Node:
    node.set_friendly_name(name)
    node.output(0).get_tensor().set_names({name})
    return node
