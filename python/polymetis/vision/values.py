"""Values of model.json as untrusted input: each has its type and its bounds, or there is a ValueError."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._package_limits import MAX_NAME_BYTES, name_bytes

SMALLEST, GREATEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


def whole(value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{value!r:.40} stands where a whole number from {low} to {high} is wanted")
    return value


def positive(value: Any) -> float:
    """A number above 0 that a float32 can hold."""
    if type(value) not in (int, float) or not SMALLEST <= value <= GREATEST:
        raise ValueError(f"{value!r:.40} stands where a number above 0 that a float can hold is wanted")
    return float(value)


def text(value: Any, least: int = 0) -> str:
    if not isinstance(value, str) or not least <= name_bytes(value) <= MAX_NAME_BYTES:
        raise ValueError(f"{value!r:.40} stands where a text of {least} to {MAX_NAME_BYTES} bytes is wanted")
    return value


def items(value: Any, low: int, high: int) -> list[Any]:
    if not isinstance(value, list) or not low <= len(value) <= high:
        raise ValueError(f"{value!r:.40} stands where a list of {low} to {high} is wanted")
    return value
