"""The description of a tensor at a card's border."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["TensorInfo"]


@dataclass
class TensorInfo:
    """One tensor: int8, NHWC, padded. `real = (q - zero_point) * scale`; the pad value is the zero point."""

    shape: tuple[int, ...]
    """With padding and batch."""
    dtype: Any = np.int8
    name: str = ""
    padding: list[tuple[int, int]] = field(default_factory=list)
    """(before, after) a dimension, as in numpy.pad; zeros where nothing is padded."""
    scale: float = 1.0
    zero_point: int = 0

    def __post_init__(self) -> None:
        self.shape = tuple(int(n) for n in self.shape)
        self.padding = [_pair(sides) for sides in self.padding] or [(0, 0)] * len(self.shape)
        if len(self.padding) != len(self.shape):
            raise ValueError(f"TensorInfo has {len(self.shape)} dimensions, but padding for {len(self.padding)}; give one (before, after) for each.")

    @property
    def size(self) -> int:
        """Bytes, padding and batch included."""
        return int(math.prod(self.shape) * np.dtype(self.dtype).itemsize)

    @property
    def unpadded_shape(self) -> tuple[int, ...]:
        """The shape less its padding, batch included."""
        return tuple(n - before - after for n, (before, after) in zip(self.shape, self.padding, strict=True))


def _pair(sides: Sequence[int]) -> tuple[int, int]:
    before, after = sides
    return int(before), int(after)


TensorInfo.__module__ = "polymetis.axruntime"
