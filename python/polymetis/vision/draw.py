"""Boxes and skeletons onto a picture, in place. Lines grow with the picture; each has a dark edge, so that it is seen on any ground."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from .geometry import Box
from .results import BONES, Detection, Pose

Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]

# Blue, green, red. Left and right differ in hue and in lightness, for those who see few hues.
LEFT, RIGHT, TRUNK, DARK = (255, 178, 64), (64, 150, 255), (240, 240, 240), (30, 26, 22)
PALETTE = ((120, 200, 60), (60, 190, 250), (220, 130, 220), (230, 190, 60), (90, 120, 250), (200, 200, 110))
LEFT_POINTS = frozenset((1, 2, 3, *range(7, 33, 2)))
RIGHT_POINTS = frozenset((4, 5, 6, *range(8, 33, 2)))
SEEN = 0.5
SHARP = 4  # bits of a pixel's fraction that OpenCV draws with


def unit(canvas: np.ndarray) -> float:
    """The width of a line in pixels for a picture of this size."""
    return max(float(min(canvas.shape[:2])) / 360, 1.0)


def fixed(x: float, y: float) -> tuple[int, int]:
    """Pixels to OpenCV's fixed point; what is far outside is brought near, which no line inside shows."""
    return tuple(int(round(min(max(v, -8000.0), 24000.0) * (1 << SHARP))) for v in (x, y))  # type: ignore[return-value]


def line(canvas: np.ndarray, a: tuple[float, float], b: tuple[float, float], colour: Colour, width: float) -> None:
    cv2.line(canvas, fixed(*a), fixed(*b), colour, max(round(width), 1), cv2.LINE_AA, SHARP)


def dot(canvas: np.ndarray, at: tuple[float, float], radius: float, colour: Colour) -> None:
    cv2.circle(canvas, fixed(*at), max(round(radius * (1 << SHARP)), 1), colour, -1, cv2.LINE_AA, SHARP)


def draw_boxes(canvas: np.ndarray, found: Iterable[Detection], scale: float = 1.0) -> None:
    """`scale`: how much larger the canvas is than the picture that the boxes are of. Names keep out of each other's way where they can."""
    width = unit(canvas)
    found = list(found)
    for one in found:
        outline(canvas, one.box, colour_of(one), width, scale)
    taken: list[Rectangle] = []
    for one in found:
        taken.append(tag(canvas, f"{one.label} {one.score:.2f}", one.box, colour_of(one), scale, taken))


def colour_of(one: Detection) -> Colour:
    return PALETTE[one.class_id % len(PALETTE)]


def outline(canvas: np.ndarray, box: Box, colour: Colour, width: float, scale: float) -> None:
    corners = [(x * scale, y * scale) for x, y in ((box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1))]
    for tone, edge in ((DARK, width + 2), (colour, width)):
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            line(canvas, a, b, tone, edge)


def tag(canvas: np.ndarray, text: str, box: Box, colour: Colour, scale: float, taken: list[Rectangle]) -> Rectangle:
    """Above the box, or where there is no room, below or inside it. Gives what it covers."""
    width = unit(canvas)
    size, thick, edge = 0.2 * width + 0.16, max(round(width * 0.5), 1), round(1.6 * width + 1)
    (across, up), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    wide, high = across + 2 * edge, up + below + edge
    place = free_place(canvas, (wide, high), [v * scale for v in (box.x0, box.y0, box.x1, box.y1)], taken)
    cv2.rectangle(canvas, place[:2], place[2:], colour, -1)
    cv2.putText(canvas, text, (place[0] + edge, place[1] + up + edge // 2), cv2.FONT_HERSHEY_SIMPLEX, size, DARK, thick, cv2.LINE_AA)
    return place


def free_place(canvas: np.ndarray, size: tuple[int, int], box: list[float], taken: list[Rectangle]) -> Rectangle:
    (wide, high), (x0, y0, x1, y1) = size, box
    places = [(x, y) for y in (y0 - high, y1, y0 - 2 * high, y0, y1 + high) for x in (x0, x1 - wide)]
    fitting = []
    for x, y in places:
        left = round(min(max(x, 0), max(canvas.shape[1] - wide, 0)))
        if 0 <= y <= canvas.shape[0] - high:
            fitting.append((left, round(y), left + wide, round(y) + high))
    free = [p for p in fitting if not any(meet(p, other) for other in taken)]
    return (free or fitting or [(round(x0), 0, round(x0) + wide, high)])[0]


def meet(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def draw_poses(canvas: np.ndarray, poses: Iterable[Pose], scale: float = 1.0, presence: float = SEEN) -> None:
    """Skeletons of those that are there at least as surely as `presence`; points that are hardly visible are left out."""
    for pose in poses:
        if pose.presence >= presence:
            draw_pose(canvas, pose, scale)


def draw_pose(canvas: np.ndarray, pose: Pose, scale: float) -> None:
    places = [(float(x) * scale, float(y) * scale) for x, y in pose.points]
    width = max(min(unit(canvas) * 1.6, float(np.ptp(pose.points[:, 1])) * scale / 55), 1.0)
    seen = [bool(v >= SEEN) for v in pose.visibility]
    bones = [(a, b) for a, b in BONES if seen[a] and seen[b]]
    for a, b in bones:
        line(canvas, places[a], places[b], DARK, width + 2)
    for a, b in bones:
        line(canvas, places[a], places[b], side_colour(a, b), width)
    for number, place in enumerate(places):
        if seen[number]:
            dot(canvas, place, width * 0.9, side_colour(number, number))


def side_colour(a: int, b: int) -> Colour:
    if a in LEFT_POINTS and b in LEFT_POINTS:
        return LEFT
    return RIGHT if a in RIGHT_POINTS and b in RIGHT_POINTS else TRUNK
