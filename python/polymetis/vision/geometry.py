"""Places in a picture, in pixels; x to the right, y down, (0, 0) the upper left corner."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

import numpy as np

POSE_MARGIN = 1.25


@dataclass(frozen=True)
class Box:
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    def within(self, width: float, height: float) -> Box:
        """The part of it that lies in a picture of that size; a detector's boxes may go over the edge."""
        return Box(min(max(self.x0, 0), width), min(max(self.y0, 0), height), min(max(self.x1, 0), width), min(max(self.y1, 0), height))


@dataclass(frozen=True)
class Square:
    """A square of whole pixels; it may lie partly or wholly outside the picture."""

    x: int
    y: int
    side: int


def around(box: Box, margin: float = POSE_MARGIN) -> Square:
    """The square with the centre of `box` and `margin` times its longer edge; at least one pixel."""
    side = max(round(margin * max(box.width, box.height)), 1)
    return Square(floor((box.x0 + box.x1 - side + 1) / 2), floor((box.y0 + box.y1 - side + 1) / 2), side)


def cut(picture: np.ndarray, square: Square) -> np.ndarray:
    """uint8 [side, side, 3], black outside the picture; a copy."""
    height, width = picture.shape[:2]
    out = np.zeros((square.side, square.side, 3), np.uint8)
    x0, y0 = max(square.x, 0), max(square.y, 0)
    x1, y1 = min(square.x + square.side, width), min(square.y + square.side, height)
    if x1 > x0 and y1 > y0:
        out[y0 - square.y : y1 - square.y, x0 - square.x : x1 - square.x] = picture[y0:y1, x0:x1]
    return out
