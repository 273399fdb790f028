"""report.json and report.html: what was compiled, what was cut, and how int8 compares with float."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import computer, measure, package, page

if TYPE_CHECKING:
    from .pipeline import Work


def write(directory: Path, work: Work, model: dict, mark: str, versions: dict[str, str]) -> dict:
    """Writes both files; answers report.json's content."""
    options = work.options
    here = computer.describe()
    misses, speed_misses = judged(work.figures, options.bounds, computer.int8_limit(here))
    value = {
        "name": options.name,
        "task": options.task,
        "content_hash": model["content_hash"],
        "fingerprint": mark,
        "producer": package.PRODUCER,
        "versions": versions,
        "computer": here,
        "source": options.provenance,
        "figures": work.figures,
        "bounds": options.bounds,
        "misses": misses,
        "speed_misses": speed_misses,
        "arithmetic": work.arithmetic,
        "outside_the_card": {
            "operators": list(work.cut),
            "added": options.finish.kind,
            "dropped_results": dropped(work),
            "greatest_difference_of_the_cut": work.cut_error,
        },
        "tensors": {"inputs": model["inputs"], "outputs": model["outputs"]},
        "sizes": {
            "source_bytes": options.source.stat().st_size,
            "graph_bytes": model["files"]["graph.bin"]["bytes"],
            "weight_bytes": model["weight_bytes"],
            "activation_bytes": model["activation_bytes"],
        },
        "quantisation": {
            "preset": options.quantisation.preset,
            "kept_in_float": list(options.quantisation.keep_float),
            "seed": options.quantisation.seed,
        },
        "calibration": [s.name for s in work.calibration],
        "held_out": [s.name for s in work.held_out],
    }
    package.write_json(directory / "report.json", value)
    (directory / "report.html").write_text(page.render(value, page.examples(work)))
    return value


def dropped(work: Work) -> list[int]:
    kept = work.options.keep_results
    return [] if kept is None else [i for i in range(len(work.original.outputs)) if i not in kept]


def judged(figures: dict, bounds: dict[str, float], reason: str) -> tuple[list[str], list[str]]:
    """What is missed of accuracy, and of speed, which is a matter of the computer: `reason` says why it may be slow, '' knows none."""
    speed = {k: v for k, v in bounds.items() if k.startswith("speed_")}
    accuracy = {k: v for k, v in bounds.items() if k not in speed}
    slow = measure.misses(figures, speed) if "speed_pairs" in figures else []
    return measure.misses(figures, accuracy), [f"{m}; {reason}" if reason else m for m in slow]


def summary(report: dict) -> str:
    """One line a package, and one a missed bound or a warning."""
    figures = ", ".join(f"{k.removesuffix('_max')} {v:.4g}" for k, v in report["figures"].items())
    said = [f"bound missed: {m}" for m in report["misses"]]
    said += [f"bound of speed missed on this computer: {m}" for m in report["speed_misses"]]
    if wrong := report["arithmetic"]["inexact_here"]:
        said.append(
            f"warning: this computer's int8 arithmetic saturates in {len(wrong)} of {report['arithmetic']['int8_operators']} operators, "
            f"first in {wrong[0]}: results differ from those of other computers"
        )
    return "\n  ".join([f"{report['name']}: {figures}", *said])
