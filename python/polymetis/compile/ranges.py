"""Scale and zero point of the border's tensors."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
import openvino as ov

from . import layout
from .border import BorderTensor
from .channels import Parts
from .errors import CompileError
from .options import OutputOptions
from .results_check import check_finite
from .runners import FLOAT
from .samples import Sample


def choose(body: ov.Model, groups: list[list[OutputOptions]], samples: Sequence[Sample], tick: Callable[[float], None]) -> list[Parts]:
    """The border tensors of each group, with the ranges that the options or the samples give; `body` has a result for each option."""
    flat = [s for group in groups for s in group]
    compiled = ov.Core().compile_model(body, "CPU", FLOAT)
    low, high = np.full(len(flat), np.inf), np.full(len(flat), -np.inf)
    for number, sample in enumerate(samples):
        found = compiled(sample.network)
        check_finite(sample.name, {s.name: found[i] for i, s in enumerate(flat)})
        for i in range(len(flat)):
            low[i], high[i] = min(low[i], found[i].min()), max(high[i], found[i].max())
        tick(number / len(samples))
    tensors = iter([output_tensor(body.outputs[i], s, low[i], high[i]) for i, s in enumerate(flat)])
    return [Parts(tuple(next(tensors) for _ in group), tuple(s.channels for s in group)) for group in groups]


def output_groups(named: Sequence[OutputOptions], automatic: Sequence[str], body: ov.Model) -> list[list[OutputOptions]]:
    """For each result of the body, the border tensors that carry it: as named, or one each with its automatic name.

    Raises CompileError when the names do not fit the body.
    """
    count = len(body.outputs)
    if not named:
        return [[OutputOptions(name)] for name in automatic]
    groups: list[list[OutputOptions]] = [[] for _ in range(count)]
    for number, one in enumerate(named):
        place = one.of if one.of is not None else number
        if not 0 <= place < count:
            raise CompileError(f"The recipe names {len(named)} outputs, the cut of this network has {count}; name exactly those.")
        groups[place].append(one)
    if not all(groups) or len({o.name for o in named}) != len(named):
        raise CompileError(f"The recipe names {len(named)} outputs, the cut of this network has {count}; name each once.")
    for place, group in enumerate(groups):
        channels = body.outputs[place].get_shape()[1]
        if len(group) > 1 and sorted(c for o in group for c in o.channels) != list(range(channels)):
            raise CompileError(f"The recipe splits output {place} into parts that are not its channels 0..{channels - 1}, each once.")
    return groups


def output_tensor(node: ov.Output, spec: OutputOptions, low: float, high: float) -> BorderTensor:
    form = layout.layout_of(tuple(node.get_shape()), "first", f"The card's output {spec.name!r}")
    scale, zero = grid(spec.low if spec.low is not None else low, spec.high if spec.high is not None else high, spec.half_step_at)
    return BorderTensor(spec.name, form, layout.output_padding(form.nhwc), scale, zero)


def ranged_input(tensor: BorderTensor, values: list[np.ndarray]) -> BorderTensor:
    scale, zero = grid(min(v.min() for v in values), max(v.max() for v in values), None)
    return dataclasses.replace(tensor, scale=scale, zero_point=zero)


def grid(low: float, high: float, half_step_at: float | None) -> tuple[float, int]:
    """Scale and zero point of 256 steps over low..high and 0, so that 0 is a step."""
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    scale = (high - low) / 255 or 1 / 255
    if half_step_at and abs(half_step_at) >= scale / 2:
        scale = abs(half_step_at) / (math.floor(abs(half_step_at) / scale - 0.5) + 0.5)  # the next wider step that fits
    return scale, int(np.clip(round(-128 - low / scale), -128, 127))
