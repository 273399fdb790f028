"""What `polymetis run` found: as JSON, and as tables for people."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

from rich.table import Table

from .tables import console, table

if TYPE_CHECKING:
    from ..fleet import DeviceMetrics, StreamMetrics
    from .run_measurement import Measurement

MOST_ROWS = 64
COUNTS = "offered = outputs + dropped + late + failed + unfinished; dropped are those that still waited at the end."


def summary(measured: Measurement) -> dict[str, Any]:
    """Everything, as JSON."""
    rates = [sum(d.frames_per_s for d in sample.devices) for sample in measured.samples[1:]] or [0.0]
    mean = sum(rates) / len(rates)
    spread = (sum((r - mean) ** 2 for r in rates) / len(rates)) ** 0.5
    return {
        "package": str(measured.arguments.package),
        "seconds": measured.elapsed,
        "system_frames_per_s": measured.outputs / measured.elapsed if measured.elapsed else 0.0,
        "variation": spread / mean if mean else 0.0,
        "virtual": measured.virtual,
        "explain": dataclasses.asdict(measured.explanation),
        "metrics": dataclasses.asdict(measured.last),
        "series": [
            {"time": s.time, "devices": [{"name": d.name, "frames_per_s": d.frames_per_s, "utilisation": d.utilisation} for d in s.devices]}
            for s in measured.samples
        ],
    }


def show(measured: Measurement, failures: list[str]) -> None:
    """Prints everything, then why a file was not written."""
    if measured.arguments.json:
        print(json.dumps(summary(measured) | ({"error": " ".join(failures)} if failures else {}), indent=1), flush=True)
    else:
        show_tables(measured)
    for failure in failures:
        print(f"polymetis run: {failure}", file=sys.stderr)


def show_tables(measured: Measurement) -> None:
    out, whole = console(), summary(measured)
    out.print(cards(measured.last.devices, "virtual cards" if measured.virtual else "cards"), streams(measured.last.streams))
    out.print(COUNTS, highlight=False)
    out.print(
        f"system: {whole['system_frames_per_s']:.1f} frames/s, variation {100 * whole['variation']:.1f} %; host: {measured.last.host_cpu:.2f} CPUs",
        highlight=False,
    )
    out.print(f"what binds: {measured.explanation.binds}. {measured.explanation.text}", markup=False, highlight=False)


def cards(devices: list[DeviceMetrics], title: str) -> Table:
    result = table("card", ">frames", ">frames/s", ">busy %", ">p50 ms", ">p99 ms", ">p99.9 ms", title=title)
    for d in devices:
        times = milliseconds(d.service.p50, d.service.p99, d.service.p999)
        result.add_row(d.name, str(d.frames), f"{d.frames_per_s:.1f}", f"{100 * d.utilisation:.0f}", *times)
    return result


def streams(all_streams: list[StreamMetrics]) -> Table:
    keys = ("offered", "outputs", "dropped", "late", "failed", "unfinished", "retried")
    result = table("stream", *(f">{key}" for key in (*keys, "p50 ms", "p90 ms", "p99 ms", "p99.9 ms")))
    shown, others = all_streams[:MOST_ROWS], all_streams[MOST_ROWS:]
    for s in shown:
        result.add_row(s.name, *counts([s]), *milliseconds(s.latency.p50, s.latency.p90, s.latency.p99, s.latency.p999))
    if others:
        result.add_row(f"{len(others)} more", *counts(others))
    return result


def counts(streams: list[StreamMetrics]) -> list[str]:
    each = ((s.offered, s.outputs, s.dropped, s.late, s.failed, s.waiting + s.running, s.retried) for s in streams)
    return [str(sum(column)) for column in zip(*each, strict=True)]


def milliseconds(*times: float) -> list[str]:
    return [f"{1e3 * time:.2f}" for time in times]
