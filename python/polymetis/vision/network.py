"""The host's side of the three kinds of network: pictures in, what was found out. The card's side, `instance.run`, is between `put` and `get`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .package import Package, Tensor, read_package
from .postamble import Postamble
from .results import Class, Detection, Pose, Results, are_classes, are_detections, are_poses, classes, detections, pose
from .tensors import picture_to_tensor


class Network:
    """A package whose input is a picture. Thread-safe; the arrays given to `put` and `get` are the caller's."""

    task = ""
    wanted = ""
    """The results that it reads, in words."""

    def __init__(self, package: str | Path | Package) -> None:
        """Raises FileNotFoundError and ValueError for a package that is missing, damaged, of another task or with other results."""
        self.package = package if isinstance(package, Package) else read_package(package)
        if self.task and self.package.task != self.task:
            raise ValueError(f"{self.package.folder}: is a package for {self.package.task}, asked for was one for {self.task}; name another one.")
        if len(self.package.inputs) != 1 or self.package.image is None:
            raise ValueError(f"{self.package.folder}: its input is not a picture; fill its tensors yourself.")
        self._image = self.package.image
        self._postamble = Postamble(self.package)
        if not self._fits(found := self._postamble.example):
            given = ", ".join(f"{name} {list(values.shape)}" for name, values in found.items())
            raise ValueError(
                f"{self.package.folder}: its results are {given}, but a {type(self).__name__} reads {self.wanted}; "
                "name a package that gives them, or read these with vision.Network."
            )

    @property
    def batch(self) -> int:
        """Pictures a run."""
        return self.package.batch

    @property
    def input(self) -> Tensor:
        return self.package.inputs[0]

    def new_inputs(self) -> list[np.ndarray]:
        """Arrays for `instance.run`, all zero."""
        return [t.empty() for t in self.package.inputs]

    def new_outputs(self) -> list[np.ndarray]:
        return [t.empty() for t in self.package.outputs]

    def put(self, pictures: Sequence[np.ndarray], inputs: Sequence[np.ndarray]) -> None:
        """Writes up to `batch` pictures into `inputs`; the frames behind them keep what they had. Raises ValueError for too many."""
        if len(pictures) > self.batch:
            raise ValueError(f"{self.package.name}: {len(pictures)} pictures were given for one run, it takes {self.batch}; split them.")
        for row, picture in zip(inputs[0], pictures, strict=False):
            picture_to_tensor(picture, self.input, self._image, row)

    def get(self, outputs: Sequence[np.ndarray], pictures: Sequence[np.ndarray]) -> list[Any]:
        """What was found in each of the pictures that were put in; nothing of it refers to `outputs`."""
        return self._read(self._postamble(outputs), pictures)

    def _fits(self, results: Results) -> bool:
        return True

    def _read(self, results: Results, pictures: Sequence[np.ndarray]) -> list[Any]:
        return [{name: values[i] for name, values in results.items()} for i in range(len(pictures))]


class Detector(Network):
    """`get` gives a list of Detection a picture, best scores first."""

    task = "detection"
    wanted = "boxes [n, boxes, 4], scores [n, boxes, classes] and selected [k, 3]"

    def _fits(self, results: Results) -> bool:
        return are_detections(results, self.batch)

    def _read(self, results: Results, pictures: Sequence[np.ndarray]) -> list[list[Detection]]:
        return detections(results, self.package.labels, [p.shape[:2] for p in pictures])


class PoseEstimator(Network):
    """`put` takes square crops; `get` gives a Pose a crop, in pixels of that crop: `pose.moved(square.x, square.y)` brings it to the picture."""

    task = "pose"
    wanted = "landmarks [n, 5 x points] and presence [n, 1]"

    def _fits(self, results: Results) -> bool:
        return are_poses(results, self.batch)

    def _read(self, results: Results, pictures: Sequence[np.ndarray]) -> list[Pose]:
        before, after = self.input.padding[1]
        side = self.input.shape[1] - before - after
        return [pose(results, i, picture.shape[0] / side) for i, picture in enumerate(pictures)]


class Classifier(Network):
    """`get` gives the likeliest classes of each picture, best first."""

    task = "classification"
    wanted = "probabilities [n, classes]"
    count = 5

    def _fits(self, results: Results) -> bool:
        return are_classes(results, self.batch)

    def _read(self, results: Results, pictures: Sequence[np.ndarray]) -> list[list[Class]]:
        probabilities = results["probabilities"]
        return [classes(probabilities[i], self.package.labels, self.count) for i in range(len(pictures))]
