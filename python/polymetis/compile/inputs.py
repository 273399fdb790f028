"""What a network takes: its inputs as border tensors, and the samples to calibrate and to check with."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import openvino as ov

from . import layout
from .border import BorderTensor, widen_input
from .errors import CompileError
from .options import Options
from .pictures import PictureSet, load
from .samples import Sample, from_arrays, from_picture


def input_tensors(body: ov.Model, options: Options) -> list[BorderTensor]:
    """Scales of arrays are 0 until ranges are chosen. A picture's input of `body` is widened to the card's channels where that is cheap."""
    return [input_tensor(body, index, options) for index in range(len(body.inputs))]


def input_tensor(body: ov.Model, index: int, options: Options) -> BorderTensor:
    node = body.inputs[index]
    shape = tuple(node.get_shape())
    form = layout.layout_of(shape, channels_of(shape, options), f"The input {node.get_any_name()!r}")
    padding = layout.input_padding(form.nhwc)
    name = "image" if len(body.inputs) == 1 and is_picture(form) else node.get_any_name()
    if not is_picture(form) or any(p.suffix == ".npz" for one in options.calibration for p in one.paths):
        return BorderTensor(name, form, padding, 0.0, 0)
    image, count = options.image, form.nhwc[3]
    wide = bool(padding[3][1]) and widen_input(body, index, count + padding[3][1])
    return BorderTensor(name, form, padding, 1 / 255, -128, image.mean[:count], image.std[:count], wide)


def channels_of(shape: tuple[int, ...], options: Options) -> str:
    if options.channels != "auto":
        return options.channels
    last = options.source.suffix == ".tflite" or (len(shape) == 4 and shape[3] in (1, 3, 4) and shape[1] not in (1, 3, 4))
    return "last" if last else "first"


def is_picture(form: layout.Layout) -> bool:
    return len(form.shape) == 4 and form.nhwc[3] in (1, 3)


def read_samples(body: ov.Model, inputs: Sequence[BorderTensor], sets: Sequence[PictureSet], options: Options) -> list[Sample]:
    names = [i.get_any_name() for i in body.inputs]
    if inputs[0].mean and len(names) == 1:
        count = inputs[0].layout.nhwc[3]
        image = dataclasses.replace(options.image, mean=options.image.mean[:count], std=options.image.std[:count])
        return [from_picture(p, names[0], inputs[0], image) for p in load(sets)]
    found = []
    for path in (p for one in sets for p in one.paths):
        try:
            with np.load(path) as arrays:
                found.append(from_arrays(path.name, dict(arrays), names))
        except (OSError, ValueError, AttributeError) as error:
            asked = ", ".join(f"{i.get_any_name()} {list(i.get_shape())}" for i in body.inputs)
            raise CompileError(
                f"{path}: was given for a network whose inputs ({asked}) are not one picture of 1 or 3 channels; "
                "give .npz files with an array for each input."
            ) from error
    if not found:
        raise CompileError("No .npz file was named; give at least one to calibrate with and one to check with.")
    return found
