"""The classifier in ONNX Runtime's own int8 form: the same weights as models/efficientnet_lite0, quantised by its static quantiser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from polymetis.compile.efficientnet_lite0 import EPSILON, SIDE, STAGES
from polymetis.compile.onnx_builder import Builder
from polymetis.compile.torch_legacy import read_weights


class Network:
    """Writes the float network. Thread-bound."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights, self.graph = weights, Builder()

    def write(self, path: Path) -> Path:
        value, number = self.relu6(self.convolve("image", "_conv_stem", "_bn0", 2)), 0
        for repeat, _, stride, expansion in STAGES:
            for turn in range(repeat):
                value = self.block(value, f"_blocks.{number}.", stride if turn == 0 else 1, expansion)
                number += 1
        value = self.graph.add("GlobalAveragePool", [self.relu6(self.convolve(value, "_conv_head", "_bn1", 1))])
        value = self.graph.add("Flatten", [value])
        head = [self.graph.constant(self.weights[f"_fc.{part}"].astype(np.float32)) for part in ("weight", "bias")]
        self.graph.add("Gemm", [value, *head], "logits", transB=1)
        path.write_bytes(self.graph.model({"image": [1, 3, SIDE, SIDE]}, {"logits": (1, [1, 1000])}, "classifier").SerializeToString())
        return path

    def block(self, start: str, prefix: str, stride: int, expansion: int) -> str:
        value = start
        if expansion != 1:
            value = self.relu6(self.convolve(value, f"{prefix}_expand_conv", f"{prefix}_bn0", 1))
        depthwise = self.weights[f"{prefix}_depthwise_conv.weight"].shape[0]
        value = self.relu6(self.convolve(value, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride))
        value = self.convolve(value, f"{prefix}_project_conv", f"{prefix}_bn2", 1)
        out = self.weights[f"{prefix}_project_conv.weight"].shape[0]
        same = stride == 1 and depthwise // expansion == out
        return self.graph.add("Add", [value, start]) if same else value

    def convolve(self, value: str, name: str, norm: str, stride: int) -> str:
        weights = self.weights[f"{name}.weight"]
        gain = self.weights[f"{norm}.weight"] / np.sqrt(self.weights[f"{norm}.running_var"] + EPSILON)
        bias = self.weights[f"{norm}.bias"] - gain * self.weights[f"{norm}.running_mean"]
        group = weights.shape[0] if weights.shape[1] == 1 else 1
        constants = [self.graph.constant(v.astype(np.float32)) for v in (weights * gain[:, None, None, None], bias)]
        return self.graph.add(
            "Conv", [value, *constants], strides=[stride, stride], auto_pad="SAME_UPPER", group=group, kernel_shape=list(weights.shape[2:])
        )

    def relu6(self, value: str) -> str:
        return self.graph.add("Clip", [value, self.graph.constant(np.float32(0)), self.graph.constant(np.float32(6))])


class Noise(CalibrationDataReader):
    """The speed does not depend on what the ranges were taken from."""

    def __init__(self, count: int = 4) -> None:
        random = np.random.default_rng(1)
        self.left = iter([random.normal(size=(1, 3, SIDE, SIDE)).astype(np.float32) for _ in range(count)])

    def get_next(self):
        frame = next(self.left, None)
        return None if frame is None else {"image": frame}


def int8_session(weights: Path, folder: Path, threads: int) -> ort.InferenceSession:
    """The fastest form that ONNX Runtime has for it on a CPU: QDQ, a scale for each channel, all optimisations."""
    plain = Network(read_weights(weights)).write(folder / "float.onnx")
    quant_pre_process(plain, folder / "ready.onnx", skip_symbolic_shape=True)
    quantize_static(
        folder / "ready.onnx",
        folder / "int8.onnx",
        Noise(),
        QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(folder / "int8.onnx", options, providers=["CPUExecutionProvider"])
