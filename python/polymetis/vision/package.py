"""What the host's side needs of a package's model.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MAX_BYTES = 16 << 20
MAX_TENSOR_BYTES = 1 << 30


@dataclass(frozen=True)
class ImageSpec:
    """How a picture becomes an input: colour order, how it is fitted, how it is resized."""

    colour: str = "RGB"
    resize: str = "stretch"
    crop: float = 1.0
    interpolation: str = "linear"


@dataclass(frozen=True)
class Tensor:
    """One tensor at the card's border, int8 NHWC."""

    name: str
    shape: tuple[int, ...]
    """With padding; [0] is the batch."""
    padding: tuple[tuple[int, int], ...]
    scale: float
    zero_point: int

    def empty(self) -> np.ndarray:
        """A new array, all zero points, i.e. zeros."""
        return np.full(self.shape, self.zero_point, np.int8)


@dataclass(frozen=True)
class Package:
    folder: Path
    name: str
    task: str
    labels: tuple[str, ...]
    batch: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    image: ImageSpec | None
    postamble: Path | None


def read_package(path: str | Path) -> Package:
    """Reads a package: its folder or its model.json.

    Raises FileNotFoundError where there is none, and ValueError for one that is damaged or was made by another vendor's compiler.
    """
    path = Path(path)
    file = path / "model.json" if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(f"{path}: asked for a model package, but there is no {file.name} there; `polymetis compile` makes one.")
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has {file.stat().st_size} bytes, {MAX_BYTES} are allowed")
        return parse(json.loads(file.read_bytes()), file.parent)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = f"the key {error} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise ValueError(f"{file}: is no package of polymetis ({what}); compile the network again with `polymetis compile`.") from error


def parse(text: dict[str, Any], folder: Path) -> Package:
    version = str(text["format_version"])
    if version.partition(".")[0] != "1":
        raise ValueError(f"its format is {version}, this version reads 1.x")
    postamble = str(text.get("postamble_graph") or "")
    if postamble and Path(postamble).name != postamble:
        raise ValueError(f"its postamble {postamble!r} is not a plain file name")
    batch = int(text["batch"])
    inputs, outputs = (tuple(tensor(t, batch) for t in text[side]) for side in ("inputs", "outputs"))
    return Package(
        folder=folder,
        name=str(text["name"]),
        task=str(text.get("task", "other")),
        labels=tuple(map(str, text.get("labels", ()))),
        batch=batch,
        inputs=inputs,
        outputs=outputs,
        image=image_spec(text["image"]) if "image" in text else None,
        postamble=folder / postamble if postamble else None,
    )


def tensor(text: dict[str, Any], batch: int) -> Tensor:
    shape = tuple(int(d) for d in text["shape"])
    padding = tuple((int(before), int(after)) for before, after in text["padding"])
    name = str(text["name"])
    if text.get("dtype") != "int8" or not shape or shape[0] != batch or len(padding) != len(shape) or min(shape) < 1:
        raise ValueError(f"its tensor {name!r} is not an int8 tensor of batch {batch} with padding for each dimension")
    if any(before < 0 or after < 0 or before + after >= size for size, (before, after) in zip(shape, padding, strict=True)):
        raise ValueError(f"its tensor {name!r} is {shape}, which the padding {padding} does not fit")
    if np.prod([float(d) for d in shape]) > MAX_TENSOR_BYTES:
        raise ValueError(f"its tensor {name!r} is {shape}, which is more than {MAX_TENSOR_BYTES} bytes")
    scale, zero_point = float(text["scale"]), int(text["zero_point"])
    if not (np.isfinite(scale) and scale > 0 and -128 <= zero_point <= 127):
        raise ValueError(f"its tensor {name!r} has the scale {scale} and the zero point {zero_point}")
    return Tensor(name, shape, padding, scale, zero_point)


def image_spec(text: dict[str, Any]) -> ImageSpec:
    spec = ImageSpec(str(text["colour"]), str(text["resize"]), float(text.get("crop", 1.0)), str(text.get("interpolation", "linear")))
    allowed = spec.colour in ("RGB", "BGR") and spec.resize in ("stretch", "crop") and spec.interpolation in ("linear", "cubic", "area")
    if not allowed or not 0 < spec.crop <= 1:
        raise ValueError(f"its image key is {text}")
    return spec
