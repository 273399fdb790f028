"""What a network is calibrated and checked with: pictures, or arrays from .npz files, in the network's form and in the card's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .border import BorderTensor
from .errors import CompileError
from .pictures import ImageSpec, Picture, normalise, to_pixels
from .runners import to_card


@dataclass(frozen=True)
class Sample:
    name: str
    pixels: np.ndarray
    """What a page can show, uint8 BGR; empty for arrays."""
    network: dict[str, np.ndarray]
    """float32, batch 1, by the network's input names."""
    card: Callable[[Sequence[BorderTensor]], dict[str, np.ndarray]]
    """int8 with padding, batch 1, by the border's names."""


def from_picture(picture: Picture, input_name: str, tensor: BorderTensor, spec: ImageSpec) -> Sample:
    _, height, width, channels = tensor.layout.nhwc
    if channels not in (1, 3):
        raise CompileError(f"The network's input has {channels} channels, so it takes no pictures; give .npz files with --imageset.")
    pixels = to_pixels(picture, spec, height, width)
    if channels == 1:
        pixels = np.round(pixels.astype(np.float32).mean(axis=3, keepdims=True)).astype(np.uint8)
    value = normalise(pixels, spec)
    if tensor.wide:
        value = np.pad(value, [(0, 0)] * 3 + [(0, tensor.padding[3][1])])
    return Sample(
        picture.name,
        picture.pixels,
        {input_name: to_network(value, tensor)},
        lambda tensors: {tensors[0].name: to_card(pixels.astype(np.float32) / 255, tensors[0])},
    )


def from_arrays(name: str, arrays: dict[str, np.ndarray], input_names: Sequence[str]) -> Sample:
    if missing := [n for n in input_names if n not in arrays]:
        raise CompileError(f"{name}: has no array for the input {', '.join(missing)}; it has {', '.join(arrays)}.")
    network = {n: arrays[n].astype(np.float32) for n in input_names}

    def card(tensors: Sequence[BorderTensor]) -> dict[str, np.ndarray]:
        return {t.name: to_card(network[n].reshape(t.layout.raised).transpose(t.layout.axes), t) for n, t in zip(input_names, tensors, strict=True)}

    return Sample(name, np.zeros((0, 0, 3), np.uint8), network, card)


def to_network(nhwc: np.ndarray, tensor: BorderTensor) -> np.ndarray:
    order = [tensor.layout.axes.index(i) for i in range(4)]
    return np.ascontiguousarray(nhwc.transpose(order))
