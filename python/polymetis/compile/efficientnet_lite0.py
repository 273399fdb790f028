"""EfficientNet-Lite0 from its PyTorch weights, as a network of the engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from .errors import CompileError
from .torch_legacy import read_weights

SIDE = 224
EPSILON = 1e-3
# repeat, kernel, stride of the first, expansion
STAGES = ((1, 3, 1, 1), (2, 3, 2, 6), (2, 5, 2, 6), (3, 3, 2, 6), (3, 5, 1, 6), (4, 5, 2, 6), (1, 3, 1, 6))


def read_efficientnet_lite0(path: Path) -> ov.Model:
    """float32 [1, 3, 224, 224] -> logits [1, 1000]. Raises CompileError for weights that are not this network's."""
    try:
        return Graph(read_weights(path)).network()
    except KeyError as error:
        raise CompileError(f"{path}: has no weights {error}; these are not the weights of EfficientNet-Lite0.") from error
    except RuntimeError as error:
        raise CompileError(f"{path}: its weights do not fit EfficientNet-Lite0 ({str(error).splitlines()[-1]}).") from error


class Graph:
    """Thread-bound."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self._weights = weights

    def network(self) -> ov.Model:
        image = ops.parameter([1, 3, SIDE, SIDE], ov.Type.f32, "image")
        image.output(0).set_names({"image"})
        value = self._relu6(self._convolve(image, "_conv_stem", "_bn0", 2))
        number = 0
        for repeat, _, stride, expansion in STAGES:
            for turn in range(repeat):
                value = self._block(value, f"_blocks.{number}.", stride if turn == 0 else 1, expansion)
                number += 1
        value = self._relu6(self._convolve(value, "_conv_head", "_bn1", 1))
        value = ops.reduce_mean(value, np.array([2, 3]), keep_dims=False)
        value = ops.matmul(value, ops.constant(self._weights["_fc.weight"]), False, True)
        logits = ops.add(value, ops.constant(self._weights["_fc.bias"][None]))
        logits.output(0).set_names({"logits"})
        return ov.Model([ops.result(logits)], [image], "efficientnet_lite0")

    def _block(self, value: ov.Node, prefix: str, stride: int, expansion: int) -> ov.Node:
        start = value
        if expansion != 1:
            value = self._relu6(self._convolve(value, f"{prefix}_expand_conv", f"{prefix}_bn0", 1))
        value = self._relu6(self._convolve(value, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride))
        value = self._convolve(value, f"{prefix}_project_conv", f"{prefix}_bn2", 1)
        return ops.add(value, start) if list(value.shape) == list(start.shape) else value

    def _convolve(self, value: ov.Node, name: str, norm: str, stride: int) -> ov.Node:
        """The batch norm is folded in. Padding is TensorFlow's SAME: any other gives wrong classes."""
        weights = self._weights[f"{name}.weight"]
        gain = self._weights[f"{norm}.weight"] / np.sqrt(self._weights[f"{norm}.running_var"] + EPSILON)
        bias = self._weights[f"{norm}.bias"] - gain * self._weights[f"{norm}.running_mean"]
        weights = (weights * gain[:, None, None, None]).astype(np.float32)
        form = ([stride, stride], [0, 0], [0, 0], [1, 1], "same_upper")
        if weights.shape[1] == 1:
            made = ops.group_convolution(value, ops.constant(weights[:, None]), *form)
        else:
            made = ops.convolution(value, ops.constant(weights), *form)
        made.set_friendly_name(name)
        return ops.add(made, ops.constant(bias.reshape(1, -1, 1, 1).astype(np.float32)))

    @staticmethod
    def _relu6(value: ov.Node) -> ov.Node:
        return ops.clamp(value, 0.0, 6.0)
