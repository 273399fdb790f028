"""What the engine says when it fails."""

from __future__ import annotations

PLACES = ("Exception from ", "Check '")
"""How lines begin that tell only where in the engine's sources it failed."""


def said(error: Exception) -> str:
    """The sentence of an engine's many-line exception: the last line that is not a place in its sources."""
    lines = [line.strip().removeprefix("-- ") for line in str(error).splitlines() if line.strip()]
    sentences = [line for line in lines if not line.startswith(PLACES)]
    return (sentences or lines or [type(error).__name__])[-1]
