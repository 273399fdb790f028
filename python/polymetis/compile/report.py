"""report.json and report.html: what was compiled, what was cut, and how int8 compares with float."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import measure, package

if TYPE_CHECKING:
    from .pipeline import Work


def write(directory: Path, work: Work, model: dict, table: list[dict], mark: str, versions: dict[str, str]) -> dict:
    """Writes both files; answers report.json's content."""
    options = work.options
    value = {
        "name": options.name, "task": options.task, "content_hash": model["content_hash"], "fingerprint": mark,
        "figures": work.figures, "bounds": options.bounds, "misses": measure.misses(work.figures, options.bounds),
    }
    package.write_json(directory / "report.json", value)
    return value
