"""Quantise, pad and their inverses, as docs/packages.md says; and the short way from a picture's pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from .geometry import Square, cut

if TYPE_CHECKING:
    from .package import ImageSpec, Tensor

Padding = Sequence[tuple[int, int]]
INTERPOLATION = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}


def quantise(real: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """float -> int8: rounded half to even, clipped."""
    return np.clip(np.round(real / scale + zero_point), -128, 127).astype(np.int8)


def dequantise(values: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """int8 -> float32."""
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def pad(values: np.ndarray, padding: Padding, zero_point: int) -> np.ndarray:
    return np.pad(values, [tuple(p) for p in padding], constant_values=zero_point)


def depad(values: np.ndarray, padding: Padding) -> np.ndarray:
    """A view without the padding."""
    return values[tuple(slice(before, size - after) for size, (before, after) in zip(values.shape, padding, strict=True))]


def picture_to_tensor(picture: np.ndarray, tensor: Tensor, image: ImageSpec, row: np.ndarray) -> None:
    """Writes a picture into `row`, one frame [height, width, channels] of an int8 tensor, padding and all but its contents left alone.

    Raises ValueError for an array that is not a picture.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise ValueError(f"A picture is an uint8 array [height, width, 3]; found was {picture.dtype} {list(picture.shape)}.")
    inside = depad(row, tensor.padding[1:])
    height, width = inside.shape[:2]
    pixels = cv2.resize(framed(picture, image), (width, height), interpolation=INTERPOLATION[image.interpolation])
    if image.colour == "RGB":
        pixels = pixels[:, :, ::-1]
    if tensor.zero_point == -128 and abs(tensor.scale * 255 - 1) < 1e-9:  # then q = pixel - 128, and that is one bit
        np.bitwise_xor(pixels, np.uint8(128), out=inside.view(np.uint8))
    else:
        inside[:] = quantise(pixels / np.float64(255), tensor.scale, tensor.zero_point)


def framed(picture: np.ndarray, image: ImageSpec) -> np.ndarray:
    if image.resize == "stretch":
        return picture
    height, width = picture.shape[:2]
    side = max(int(min(height, width) * image.crop), 1)
    return cut(picture, Square((width - side) // 2, (height - side) // 2, side))
