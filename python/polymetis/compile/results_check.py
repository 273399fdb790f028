"""Do the float network's results tell anything? What is quantised from nonsense agrees with it well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .errors import CompileError
from .measure import Pair
from .samples import Sample

CHECK = "check the network, and --mean, --std, --colour and --channels"


def check_finite(name: str, results: Mapping[str, np.ndarray]) -> None:
    for result, values in results.items():
        if not np.isfinite(values).all():
            raise CompileError(f"{name}: the float network's result {result!r} has values that are not finite; {CHECK}.")


def check_results(pairs: Sequence[Pair], samples: Sequence[Sample]) -> None:
    """Raises CompileError where the float network says the same of all samples, though they differ."""
    first = pairs[0].real
    if all_same([s.network for s in samples]) or not all_same([pair.real for pair in pairs]):
        return
    raise CompileError(
        f"The float network gives the same {', '.join(first)} for all {len(pairs)} held-out samples, so nothing was compared; {CHECK}."
    )


def all_same(values: Sequence[Mapping[str, np.ndarray]]) -> bool:
    return all(np.array_equal(one[name], first) for name, first in values[0].items() for one in values)
