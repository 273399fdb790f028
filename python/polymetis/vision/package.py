"""What the host's side needs of a package's model.json."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._package_limits import MAX_BATCH, MAX_LABELS
from .files import PackageFile, open_plain
from .values import items, positive, text, whole

MAX_BYTES = 16 << 20
MAX_GRAPH_BYTES = 2 << 30
MAX_TENSOR_BYTES = 1 << 30
MAX_TENSORS = 64
MAX_RANK = 8


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
    postamble: PackageFile | None
    """Checked when it is read."""


def read_package(path: str | Path) -> Package:
    """Reads a package: its folder or its model.json.

    Raises FileNotFoundError where there is none, and ValueError for one that is damaged or was made by another vendor's compiler.
    """
    path = Path(path)
    file = path / "model.json" if path.is_dir() else path
    if not file.is_symlink() and not file.is_file():
        raise FileNotFoundError(f"{path}: asked for a model package, but there is no {file.name} there; `polymetis compile` makes one.")
    with open_plain(file) as opened:
        content = opened.read(MAX_BYTES + 1)
    try:
        if len(content) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES} bytes")
        return parse(json.loads(content), file.parent)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        what = f"the key {error} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise ValueError(f"{file}: is no package of polymetis ({what}); compile the network again with `polymetis compile`.") from error


def parse(values: dict[str, Any], folder: Path) -> Package:
    version = text(values["format_version"])
    if version.partition(".")[0] != "1":
        raise ValueError(f"its format is {version}, this version reads 1.x")
    batch = whole(values["batch"], 1, MAX_BATCH)
    inputs, outputs = (tensors(values[side], batch) for side in ("inputs", "outputs"))
    return Package(
        folder=folder,
        name=text(values["name"], 1),
        task=text(values.get("task", "other")),
        labels=tuple(text(label) for label in items(values.get("labels", []), 0, MAX_LABELS)),
        batch=batch,
        inputs=inputs,
        outputs=outputs,
        image=image_spec(values["image"]) if "image" in values else None,
        postamble=package_file(values, folder, text(values.get("postamble_graph", ""))),
    )


def package_file(values: dict[str, Any], folder: Path, name: str) -> PackageFile | None:
    if not name:
        return None
    if Path(name).name != name or "\0" in name:
        raise ValueError(f"its file {name!r} is not a plain file name")
    if name not in values["files"]:
        raise ValueError(f"its file {name!r} does not stand in `files`")
    entry = values["files"][name]
    size_bytes, hash_text = whole(entry["bytes"], 1, MAX_GRAPH_BYTES), text(entry["xxh3_128"])
    if not re.fullmatch("[0-9a-f]{32}", hash_text):
        raise ValueError(f"its file {name!r} has the checksum {hash_text!r}, which is not 32 lower-case hex digits")
    return PackageFile(folder / name, size_bytes, hash_text)


def tensors(values: Any, batch: int) -> tuple[Tensor, ...]:
    found = tuple(tensor(t, batch) for t in items(values, 1, MAX_TENSORS))
    if len({t.name for t in found}) != len(found):
        raise ValueError(f"two of its tensors have one name: {', '.join(t.name for t in found)}")
    return found


def tensor(values: dict[str, Any], batch: int) -> Tensor:
    name = text(values["name"], 1)
    shape = tuple(whole(d, 1, MAX_TENSOR_BYTES) for d in items(values["shape"], 1, MAX_RANK))
    if values["dtype"] != "int8" or shape[0] != batch:
        raise ValueError(f"its tensor {name!r} is not an int8 tensor of batch {batch}")
    if math.prod(shape) > MAX_TENSOR_BYTES:
        raise ValueError(f"its tensor {name!r} is {shape}, which is more than {MAX_TENSOR_BYTES} bytes")
    sides = [items(pair, 2, 2) for pair in items(values["padding"], len(shape), len(shape))]
    padding = tuple((whole(before, 0, MAX_TENSOR_BYTES), whole(after, 0, MAX_TENSOR_BYTES)) for before, after in sides)
    if padding[0] != (0, 0) or any(before + after >= size for size, (before, after) in zip(shape, padding, strict=True)):
        raise ValueError(f"its tensor {name!r} is {shape}, which the padding {padding} does not fit")
    return Tensor(name, shape, padding, positive(values["scale"]), whole(values["zero_point"], -128, 127))


def image_spec(values: dict[str, Any]) -> ImageSpec:
    crop = positive(values.get("crop", 1.0))
    spec = ImageSpec(text(values["colour"]), text(values["resize"]), crop, text(values.get("interpolation", "linear")))
    allowed = spec.colour in ("RGB", "BGR") and spec.resize in ("stretch", "crop") and spec.interpolation in ("linear", "cubic", "area")
    if not allowed or crop > 1:
        raise ValueError(f"its image key is {values}")
    return spec
