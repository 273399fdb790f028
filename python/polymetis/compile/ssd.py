"""The decoder of SSD detectors as ONNX nodes: box encodings and class logits -> boxes, scores and the chosen ones."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from .onnx_builder import Builder


@dataclass(frozen=True)
class SsdOptions:
    """The anchors and limits of one SSD network."""

    maps: tuple[int, ...]
    """Side of each feature map in cells."""
    min_scale: float = 0.2
    max_scale: float = 0.95
    ratios: tuple[float, ...] = (1.0, 2.0, 0.5, 3.0, 1 / 3)
    box_scales: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0)
    """Of y, x, h, w."""
    score_threshold: float = 0.4
    iou_threshold: float = 0.5
    boxes_a_class: int = 100


def anchors(options: SsdOptions) -> np.ndarray:
    """float32 [count, 4]: centre y, centre x, height, width, as shares of the picture; the order of the network's boxes."""
    count = len(options.maps)
    scales = [options.min_scale + (options.max_scale - options.min_scale) * i / (count - 1) for i in range(count)] + [1.0]
    rows = []
    for layer, cells in enumerate(options.maps):
        shapes = [(1.0, 0.1), (2.0, scales[0]), (0.5, scales[0])] if layer == 0 else [(r, scales[layer]) for r in options.ratios]
        if layer:
            shapes.append((1.0, sqrt(scales[layer] * scales[layer + 1])))
        for y in range(cells):
            for x in range(cells):
                rows += [((y + 0.5) / cells, (x + 0.5) / cells, s / sqrt(r), s * sqrt(r)) for r, s in shapes]
    return np.array(rows, np.float32)


def add_decoder(builder: Builder, encodings: str, logits: str, options: SsdOptions, classes: int) -> None:
    """`encodings` [N, anchors, 4] and `logits` [N, anchors, classes] -> `boxes` [N, anchors, 4] (y0, x0, y1, x1 as shares of the picture),
    `scores` [N, anchors, classes] (the background's is 0) and `selected` [k, 3] (picture, class, box), by class after suppression."""
    table = anchors(options)
    scaled = builder.add("Div", [encodings, builder.constant(np.array(options.box_scales, np.float32))])
    halves = [builder.fresh("centre"), builder.fresh("size")]
    builder.split(scaled, halves, (2, 2), axis=2)
    centre = builder.add("Add", [builder.add("Mul", [halves[0], builder.constant(table[:, 2:])]), builder.constant(table[:, :2])])
    half = builder.add("Mul", [builder.add("Exp", [halves[1]]), builder.constant(table[:, 2:] / 2)])
    builder.add("Concat", [builder.add("Sub", [centre, half]), builder.add("Add", [centre, half])], "boxes", axis=2)
    no_background = np.ones(classes, np.float32)
    no_background[0] = 0
    builder.add("Mul", [builder.add("Sigmoid", [logits]), builder.constant(no_background)], "scores")
    by_class = builder.add("Transpose", ["scores"], perm=[0, 2, 1])
    limits: list[np.ndarray] = [
        np.array([options.boxes_a_class], np.int64),
        np.array([options.iou_threshold], np.float32),
        np.array([options.score_threshold], np.float32),
    ]
    builder.add("NonMaxSuppression", ["boxes", by_class, *map(builder.constant, limits)], "selected")
