"""What to compile and how: made from a recipe or from the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openvino as ov

from .pictures import ImageSpec, PictureSet
from .postamble import Finish
from .quantiser import Quantisation


@dataclass(frozen=True)
class OutputOptions:
    """One tensor that the card gives."""

    name: str
    low: float | None = None
    """Range that int8 covers, in the network's unit; None: what calibration saw."""
    high: float | None = None
    half_step_at: float | None = None
    """A value that comes to lie in the middle between two steps, so that comparing with it never meets a tie."""
    channels: tuple[int, ...] = ()
    """Which channels of the network's tensor it has; empty: all."""
    of: int | None = None
    """Which tensor of the cut it belongs to, by number; None: the next one."""


@dataclass(frozen=True)
class Options:
    """One compilation. Everything that changes the package's content is here."""

    name: str
    source: Path
    """.onnx or .tflite; with `read`, whatever that reads."""
    read: Callable[[Path], ov.Model] | None = None
    task: str = "other"
    labels: tuple[str, ...] = ()
    batch: int = 1
    image: ImageSpec = field(default_factory=ImageSpec)
    channels: str = "auto"
    """Which dimension of a four-dimensional input has the channels: 'first', 'last' or 'auto' (a .tflite's last, else the one of 1, 3 or 4)."""
    calibration: tuple[PictureSet, ...] = ()
    held_out: tuple[PictureSet, ...] = ()
    keep_results: tuple[int, ...] | None = None
    """Numbers of the network's results to keep; the others and what only they need are dropped."""
    cut: tuple[str, ...] = ()
    """Names of tensors to cut at; empty: found automatically."""
    outputs: tuple[OutputOptions, ...] = ()
    finish: Finish = field(default_factory=Finish)
    quantisation: Quantisation = field(default_factory=Quantisation)
    bounds: dict[str, float] = field(default_factory=dict)
    """Least (or, for what ends in '_max', greatest) values of the report's figures; a miss is said in the report."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """For the report: where the network comes from."""
    speed_pairs: int = 12
    """Interleaved pairs of slices to compare speed with; 0 leaves the comparison out."""
    slice_seconds: float = 0.2
