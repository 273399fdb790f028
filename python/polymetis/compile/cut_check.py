"""Body and tail, one after the other, against the whole float network: a wrong cut must not pass for quantisation noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openvino as ov

from .errors import CompileError
from .results_check import check_finite
from .runners import FLOAT


def check_cut(original: ov.Model, body: ov.Model, tail: ov.Model | None, kept: Sequence[int], sample: dict[str, np.ndarray]) -> float:
    """The greatest difference of the results `kept` on one sample. Raises CompileError where it is more than float arithmetic explains."""
    core = ov.Core()
    whole = core.compile_model(original, "CPU", FLOAT)(narrow(sample, original))
    middle = core.compile_model(body, "CPU", FLOAT)(sample)
    found = [middle[o] for o in range(len(body.outputs))]
    if tail is not None:
        after = core.compile_model(tail, "CPU", FLOAT)(found)
        found = [after[i] for i in range(len(tail.outputs))]
    return max((difference(index, whole[index].astype(np.float64), value) for index, value in zip(kept, found, strict=True)), default=0.0)


def difference(index: int, wanted: np.ndarray, value: np.ndarray) -> float:
    check_finite("The first picture to calibrate with", {str(index): wanted})
    if value.shape != wanted.shape or not np.isfinite(value).all():
        raise CompileError(
            f"Result {index} of the cut network has the shape {value.shape} instead of {wanted.shape}, or values that are not finite; "
            "name the cut with --cut TENSOR."
        )
    most = float(np.abs(value - wanted).max(initial=0))
    if not np.allclose(value, wanted, rtol=1e-3, atol=1e-3 * max(float(np.abs(wanted).max(initial=0)), 1e-6)):
        raise CompileError(f"Result {index} of the cut network differs from the whole one by {most:.3g}; name the cut with --cut TENSOR.")
    return most


def narrow(sample: dict[str, np.ndarray], model: ov.Model) -> dict[str, np.ndarray]:
    """Leaves out the channels that widen_input added."""
    return {i.get_any_name(): sample[i.get_any_name()][tuple(slice(d) for d in i.get_shape())] for i in model.inputs}
