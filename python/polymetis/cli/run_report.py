"""The page that `polymetis run --report` writes: one file, no network."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1a1d21}
table{border-collapse:collapse;width:100%}th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid #dde1e6}
th:first-child,td:first-child{text-align:left}
.note{background:#fff4d6;padding:.5rem 1rem;border-radius:.4rem}svg{width:100%;height:auto}"""
COLOURS = ("#2a6fdb", "#d9642c", "#1f9d72", "#a44bc4", "#c2a21f", "#c43d5d", "#3fa7c9", "#6b7280")


def write_report(path: Path, summary: dict[str, Any]) -> None:
    """Writes the summary of a run as a page."""
    metrics = summary["metrics"]
    note = '<p class="note">Virtual cards: networks ran on this computer\'s CPU. These are no figures of hardware.</p>' if summary["virtual"] else ""
    rate = f"{summary['system_frames_per_s']:.1f} frames/s over {summary['seconds']:.1f} s, variation {100 * summary['variation']:.1f} %"
    cards = _table(
        ("card", "frames", "frames/s", "busy %", "p50 ms", "p99 ms", "p99.9 ms"),
        [
            (d["name"], d["frames"], f"{d['frames_per_s']:.1f}", f"{100 * d['utilisation']:.0f}", *_ms(d["service"], "p50", "p99", "p999"))
            for d in metrics["devices"]
        ],
    )
    streams = _table(
        ("stream", "offered", "outputs", "dropped", "late", "failed", "unfinished", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms"),
        [
            (
                *(s[key] for key in ("name", "offered", "outputs", "dropped", "late", "failed")),
                s["waiting"] + s["running"],
                *_ms(s["latency"], "p50", "p90", "p99", "p999"),
            )
            for s in metrics["streams"]
        ],
    )
    explain = html.escape(f"What binds: {summary['explain']['binds']}. {summary['explain']['text']}")
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>polymetis run</title><style>{STYLE}</style>"
        f"<h1>{html.escape(summary['package'])}</h1>{note}<p>{rate}</p><p>{explain}</p><h2>Cards</h2>{cards}"
        f"<h2>Frames per second</h2>{_chart(summary['series'], 'frames_per_s')}"
        f"<h2>Utilisation</h2>{_chart(summary['series'], 'utilisation')}<h2>Streams</h2>{streams}</html>"
    )
    path.write_text(page, encoding="utf-8")


def _ms(percentiles: dict[str, float], *keys: str) -> list[str]:
    return [f"{1e3 * percentiles[key]:.2f}" for key in keys]


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    return f"<table>{_line('th', head)}{''.join(_line('td', row) for row in rows)}</table>"


def _line(tag: str, cells: tuple[Any, ...]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"


def _chart(series: list[dict[str, Any]], key: str) -> str:
    """A line a card over the run's time."""
    if len(series) < 2:
        return "<p>Too short for a chart.</p>"
    begin, end = series[0]["time"], series[-1]["time"]
    top = max((device[key] for sample in series for device in sample["devices"]), default=0.0) or 1.0
    lines = []
    for index, device in enumerate(series[0]["devices"]):
        points = " ".join(f"{60 + 820 * (s['time'] - begin) / (end - begin):.1f},{210 - 190 * s['devices'][index][key] / top:.1f}" for s in series)
        colour = COLOURS[index % len(COLOURS)]
        lines.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"><title>{html.escape(device["name"])}</title></polyline>'
        )
    axis = f'<text x="0" y="24">{top:.3g}</text><text x="0" y="214">0</text><text x="850" y="235">{end - begin:.1f} s</text>'
    return f'<svg viewBox="0 0 900 240" font-size="14" role="img" aria-label="{key} by card">{axis}{"".join(lines)}</svg>'
