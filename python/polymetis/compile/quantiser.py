"""float network -> network with int8 weights and activations (NNCF post-training quantisation)."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import openvino as ov

from .errors import CompileError


@dataclass(frozen=True)
class Quantisation:
    """How NNCF quantises."""

    preset: str = "mixed"
    """'mixed' (asymmetric activations where they need it) or 'performance' (symmetric)."""
    bias_correction: str = "fast"
    """'fast' or 'accurate' (several times slower to compile)."""
    overflow_fix: str = "enable"
    """'disable' (CPUs with VNNI) or 'first_layer_only' or 'enable' (older CPUs; halves the range of the weights)."""
    keep_float: tuple[str, ...] = ()
    """Names of operators that stay float inside the card; said in the report."""
    seed: int = 0


def quantise_network(model: ov.Model, samples: Sequence[dict[str, np.ndarray]], options: Quantisation, tick: Callable[[], None]) -> ov.Model:
    """Calibrates on `samples` (network inputs by name, batch 1). `tick` is called for each sample NNCF reads.

    Raises CompileError when NNCF refuses.
    """
    os.environ.setdefault("NNCF_CI", "1")  # NNCF then reports its use to nobody
    import nncf  # slow to import

    nncf.set_log_level(logging.ERROR)

    def read(sample: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        tick()
        return sample

    np.random.seed(options.seed)
    advanced = nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix(options.overflow_fix))
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # NNCF draws its own bars
            return nncf.quantize(
                model,
                nncf.Dataset(list(samples), read),
                subset_size=len(samples),
                preset=nncf.QuantizationPreset(options.preset),
                fast_bias_correction=options.bias_correction == "fast",
                advanced_parameters=advanced,
                ignored_scope=nncf.IgnoredScope(names=list(options.keep_float), validate=True) if options.keep_float else None,
            )
    except nncf.ValidationError as error:
        raise CompileError(f"NNCF refused to quantise the network ({error}); check [quantise] in the recipe.") from error
