"""Layouts at a card's border: any rank -> NHWC and back, and the padding a card wants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import CompileError

WIDTH_STEP = 16
IMAGE_CHANNELS = 4
CHANNEL_STEP = 64


@dataclass(frozen=True)
class Layout:
    """How a network's tensor, batch 1, appears at the border."""

    shape: tuple[int, ...]
    """In the network."""
    axes: tuple[int, ...]
    """Permutation that brings the network's shape, raised to rank 4, to NHWC."""
    raised: tuple[int, ...]
    """The network's shape, raised to rank 4."""

    @property
    def nhwc(self) -> tuple[int, ...]:
        return tuple(self.raised[a] for a in self.axes)

    @property
    def nchw(self) -> tuple[int, ...]:
        n, h, w, c = self.nhwc
        return (n, c, h, w)


def layout_of(shape: tuple[int, ...], channels: str, what: str) -> Layout:
    """`channels`: 'first' or 'last', for rank 4 (rank 2 is NC, rank 3 is NTC). Raises CompileError for rank 0, 1 and above 4."""
    match shape:
        case (_, _, _, _):
            return Layout(shape, (0, 1, 2, 3) if channels == "last" else (0, 2, 3, 1), shape)
        case (n, t, c):
            return Layout(shape, (0, 1, 2, 3), (n, 1, t, c))
        case (n, c):
            return Layout(shape, (0, 1, 2, 3), (n, 1, 1, c))
    raise CompileError(f"{what} has the shape {list(shape)}; a card's tensors have 2, 3 or 4 dimensions, the first of them the batch: cut elsewhere.")


def up(value: int, step: int) -> int:
    return -(-value // step) * step


def input_padding(nhwc: tuple[int, ...]) -> list[list[int]]:
    """Image width to a multiple of 16, an image's channels to 4, others to a multiple of 64."""
    _, _, width, channels = nhwc
    wide = up(width, WIDTH_STEP) if width > 1 else 1
    deep = IMAGE_CHANNELS if channels <= IMAGE_CHANNELS else up(channels, CHANNEL_STEP)
    return [[0, 0], [0, 0], [0, wide - width], [0, deep - channels]]


def output_padding(nhwc: tuple[int, ...]) -> list[list[int]]:
    """Channels to a multiple of 64."""
    return [[0, 0], [0, 0], [0, 0], [0, up(nhwc[3], CHANNEL_STEP) - nhwc[3]]]


def padded(nhwc: tuple[int, ...], padding: list[list[int]]) -> list[int]:
    return [d + before + after for d, (before, after) in zip(nhwc, padding, strict=True)]


def quantise(real: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """float -> int8, as docs/packages.md says."""
    return np.clip(np.round(real / scale + zero_point), -128, 127).astype(np.int8)


def dequantise(values: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    return ((values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)).astype(np.float32)


def pad_value(values: np.ndarray, padding: list[list[int]], zero_point: int) -> np.ndarray:
    return np.pad(values, padding, constant_values=zero_point)


def depad(values: np.ndarray, padding: list[list[int]]) -> np.ndarray:
    return values[tuple(slice(before, d - after) for d, (before, after) in zip(values.shape, padding, strict=True))]
