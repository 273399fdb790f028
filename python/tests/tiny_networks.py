"""Networks of a few kilobytes, made here, and pictures to calibrate them with."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Net:
    """Collects ONNX nodes; weights come from one seed."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes, self.weights, self.shapes = [], [], {}
        self.random = np.random.default_rng(seed)

    def const(self, name: str, value) -> str:
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def op(self, kind: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=f"{output}_node", **attributes))
        return output

    def conv(self, source: str, output: str, ins: int, outs: int, kernel: int = 3, stride: int = 1) -> str:
        weights = self.random.normal(0, (2 / (ins * kernel * kernel)) ** 0.5, (outs, ins, kernel, kernel)).astype(np.float32)
        bias = self.random.normal(0, 0.1, outs).astype(np.float32)
        names = [self.const(f"{output}_w", weights), self.const(f"{output}_b", bias)]
        return self.op("Conv", [source, *names], output, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4)

    def save(self, path: Path, inputs: dict[str, list], outputs: dict[str, list | None]) -> Path:
        value = lambda n, s: helper.make_tensor_value_info(n, TensorProto.FLOAT, s)  # noqa: E731
        graph = helper.make_graph(
            self.nodes, "tiny", [value(n, s) for n, s in inputs.items()], [value(n, s) for n, s in outputs.items()], self.weights
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        return path


def detector(path: Path, batch: int | str = 1) -> Path:
    """[n, 3, 20, 24] -> sigmoid of [n, 120, 6]: two convolutions, then a tail of three operators."""
    net = Net()
    net.op("Relu", [net.conv("pixels", "c1", 3, 16, stride=2)], "r1")
    net.conv("r1", "c2", 16, 6, kernel=1)
    net.op("Transpose", ["c2"], "t", perm=[0, 2, 3, 1])
    net.op("Reshape", ["t", net.const("target", np.array([batch if isinstance(batch, int) else -1, 120, 6]))], "flat")
    net.op("Sigmoid", ["flat"], "scores")
    return net.save(path, {"pixels": [batch, 3, 20, 24]}, {"scores": [batch, 120, 6]})


def classifier(path: Path) -> Path:
    """[1, 3, 32, 32] -> probabilities [1, 10]: convolution, pooling, dense, softmax."""
    net = Net(1)
    net.op("Relu", [net.conv("pixels", "c1", 3, 32, stride=2)], "r1")
    net.op("GlobalAveragePool", ["r1"], "pooled")
    net.op("Flatten", ["pooled"], "flat")
    weights = net.const("w", net.random.normal(0, 1, (32, 10)).astype(np.float32))
    net.op("Gemm", ["flat", weights, net.const("b", np.zeros(10, np.float32))], "logits")
    net.op("Softmax", ["logits"], "probabilities", axis=1)
    return net.save(path, {"pixels": [1, 3, 32, 32]}, {"probabilities": [1, 10]})


def residual(path: Path) -> Path:
    """[1, 3, 16, 16] -> [1, 8, 16, 16]: ends with a sum of two convolutions, nothing to cut."""
    net = Net(2)
    net.op("Relu", [net.conv("pixels", "c1", 3, 8)], "r1")
    net.op("Add", [net.conv("r1", "c2", 8, 8), net.conv("r1", "c3", 8, 8, kernel=1)], "sum")
    return net.save(path, {"pixels": [1, 3, 16, 16]}, {"sum": [1, 8, 16, 16]})


def yolo_like(path: Path) -> Path:
    """[1, 3, 32, 32] -> [1, 8, 64]: box distances as a softmax with a small convolution behind it, as newer YOLO networks end."""
    net = Net(3)
    net.op("Relu", [net.conv("pixels", "c1", 3, 16, stride=2)], "r1")
    net.op("Relu", [net.conv("r1", "c2", 16, 32, stride=2)], "r2")
    net.conv("r2", "head", 32, 4 * 16 + 4, kernel=1)
    net.op("Reshape", ["head", net.const("flat_to", np.array([1, 68, 64]))], "flat")
    net.nodes.append(helper.make_node("Split", ["flat", net.const("lengths", np.array([64, 4]))], ["boxes", "classes"], axis=1))
    net.op("Reshape", ["boxes", net.const("bins_to", np.array([1, 4, 16, 64]))], "bins")
    net.op("Transpose", ["bins"], "turned", perm=[0, 2, 1, 3])
    net.op("Softmax", ["turned"], "soft", axis=1)
    net.op("Conv", ["soft", net.const("dfl", np.arange(16, dtype=np.float32).reshape(1, 16, 1, 1))], "expected", kernel_shape=[1, 1])
    net.op("Reshape", ["expected", net.const("four", np.array([1, 4, 64]))], "distances")
    net.op("Mul", ["distances", net.const("stride", np.float32(4))], "scaled")
    net.op("Concat", ["scaled", net.op("Sigmoid", ["classes"], "probable")], "out", axis=1)
    return net.save(path, {"pixels": [1, 3, 32, 32]}, {"out": [1, 8, 64]})


def pictures(folder: Path, count: int = 8, size: tuple[int, int] = (40, 48)) -> Path:
    """Smooth random pictures, so that resizing them means something."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(5)
    for number in range(count):
        small = random.integers(0, 256, (6, 7, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number:02}.png"), cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC))
    return folder
