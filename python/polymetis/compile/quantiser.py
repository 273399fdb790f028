"""float network -> network with int8 weights and activations: NNCF chooses where and the activations' ranges, then weights and biases are ours."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import openvino as ov

from .bias import correct_biases
from .errors import CompileError
from .weights import widen_weights


@dataclass(frozen=True)
class Quantisation:
    """How to quantise."""

    preset: str = "mixed"
    """'mixed' (asymmetric activations where they need it) or 'performance' (symmetric)."""
    keep_float: tuple[str, ...] = ()
    """Names of operators that stay float inside the card; said in the report."""
    seed: int = 0


def quantise_network(model: ov.Model, samples: Sequence[dict[str, np.ndarray]], options: Quantisation, tick: Callable[[], None]) -> ov.Model:
    """Calibrates on `samples` (network inputs by name, batch 1). `tick` is called for each sample read.

    Raises CompileError when NNCF refuses.
    """
    quantised = run_nncf(model.clone(), samples, options, tick)
    widen_weights(model, quantised)
    correct_biases(model, quantised, samples, tick)
    return quantised


def run_nncf(model: ov.Model, samples: Sequence[dict[str, np.ndarray]], options: Quantisation, tick: Callable[[], None]) -> ov.Model:
    os.environ.setdefault("NNCF_CI", "1")  # NNCF then reports its use to nobody
    import nncf  # slow to import

    nncf.set_log_level(logging.ERROR)

    def read(sample: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        tick()
        return sample

    np.random.seed(options.seed)
    advanced = nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE, disable_bias_correction=True)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # NNCF draws its own bars
            return nncf.quantize(
                model,
                nncf.Dataset(list(samples), read),
                subset_size=len(samples),
                preset=nncf.QuantizationPreset(options.preset),
                advanced_parameters=advanced,
                ignored_scope=nncf.IgnoredScope(names=list(options.keep_float), validate=True) if options.keep_float else None,
            )
    except nncf.ValidationError as error:
        raise CompileError(f"NNCF refused to quantise the network ({error}); check [quantise] in the recipe.") from error
