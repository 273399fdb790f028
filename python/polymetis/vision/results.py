"""What networks find, in pixels of the picture, from the results of a postamble (docs/packages.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .geometry import Box

BODY_POINTS = 33
VALUES_A_POINT = 5
Results = dict[str, np.ndarray]
BONES = (
    # head
    (7, 3), (3, 2), (2, 1), (1, 0), (0, 4), (4, 5), (5, 6), (6, 8), (9, 10),
    # trunk
    (11, 12), (11, 23), (12, 24), (23, 24),
    # arms and hands
    (11, 13), (13, 15), (15, 17), (15, 19), (15, 21), (17, 19), (12, 14), (14, 16), (16, 18), (16, 20), (16, 22), (18, 20),
    # legs and feet
    (23, 25), (25, 27), (27, 29), (27, 31), (29, 31), (24, 26), (26, 28), (28, 30), (28, 32), (30, 32),
)  # fmt: skip
"""Pairs of body points that a skeleton joins. 0 nose, 11/12 shoulders, 13/14 elbows, 15/16 wrists, 23/24 hips, 25/26 knees, 27/28 ankles;
uneven numbers are on the person's left."""


@dataclass(frozen=True)
class Detection:
    label: str
    class_id: int
    score: float
    """0..1"""
    box: Box


@dataclass(frozen=True)
class Pose:
    points: np.ndarray
    """float32 [33, 2], x and y."""
    visibility: np.ndarray
    """float32 [33], 0..1."""
    presence: float
    """0..1: whether there is a person at all."""

    def moved(self, x: float, y: float) -> Pose:
        """The same with every point moved: from a crop to the picture that it was cut from."""
        return Pose(self.points + np.array([x, y], np.float32), self.visibility, self.presence)


@dataclass(frozen=True)
class Class:
    label: str
    class_id: int
    score: float


def are_detections(results: Results, batch: int) -> bool:
    boxes, scores, selected = (results.get(name) for name in ("boxes", "scores", "selected"))
    if boxes is None or scores is None or selected is None or (boxes.ndim, scores.ndim, selected.ndim) != (3, 3, 2):
        return False
    return boxes.shape[:2] == scores.shape[:2] and boxes.shape[::2] == (batch, 4) and selected.shape[1] == 3 and selected.dtype.kind == "i"


def are_poses(results: Results, batch: int) -> bool:
    landmarks, presence = results.get("landmarks"), results.get("presence")
    if landmarks is None or presence is None or not landmarks.ndim or not presence.ndim or not len(landmarks) == len(presence) == batch:
        return False
    values = landmarks.size // batch
    return values % VALUES_A_POINT == 0 and values >= BODY_POINTS * VALUES_A_POINT and presence.size > 0


def are_classes(results: Results, batch: int) -> bool:
    probabilities = results.get("probabilities")
    return probabilities is not None and probabilities.ndim == 2 and len(probabilities) == batch


def are_chosen(results: Results) -> bool:
    """Whether all that is selected is there; rows of -1 fill up what has a fixed length."""
    frames, boxes, classes = results["scores"].shape
    selected = results["selected"][results["selected"][:, 0] != -1]
    return bool((selected >= 0).all() and (selected < (frames, classes, boxes)).all())


def detections(results: Results, labels: Sequence[str], sizes: Sequence[tuple[int, int]]) -> list[list[Detection]]:
    """For each picture of the batch, of the size (height, width): what is in it, best scores first, boxes cut at its edges."""
    if not are_chosen(results):
        raise ValueError("the postamble selected a frame, a class or a box that there is not; compile the network again.")
    found: list[list[Detection]] = [[] for _ in sizes]
    for picture, label, index in results["selected"]:
        if 0 <= picture < len(sizes):
            height, width = sizes[picture]
            y0, x0, y1, x1 = (float(v) for v in results["boxes"][picture, index])
            box = Box(x0 * width, y0 * height, x1 * width, y1 * height).within(width, height)
            found[picture].append(Detection(name_of(labels, label), int(label), float(results["scores"][picture, index, label]), box))
    return [sorted(one, key=lambda d: (-d.score, d.box.x0, d.box.y0)) for one in found]


def pose(results: Results, number: int, scale: float) -> Pose:
    """Of picture `number` of the batch, which was `scale` times as wide as the network's input."""
    values = results["landmarks"][number].reshape(-1, VALUES_A_POINT)[:BODY_POINTS]
    visibility = 1 / (1 + np.exp(-values[:, 3].astype(np.float64)))
    presence = float(results["presence"][number].reshape(-1)[0])
    return Pose((values[:, :2] * np.float32(scale)).astype(np.float32), visibility.astype(np.float32), presence)


def classes(probabilities: np.ndarray, labels: Sequence[str], count: int) -> list[Class]:
    """The `count` likeliest."""
    best = np.argsort(-probabilities, kind="stable")[:count]
    return [Class(name_of(labels, i), int(i), float(probabilities[i])) for i in best]


def name_of(labels: Sequence[str], number: int) -> str:
    return labels[number] if number < len(labels) else f"class {number}"
