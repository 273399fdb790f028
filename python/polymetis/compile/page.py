"""report.html: one page without anything from outside."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

import cv2
import numpy as np

from .measure import Pair, detections, first, keypoints

if TYPE_CHECKING:
    from .pipeline import Work

MAX_EXAMPLES = 6
WIDTH = 480
FLOAT_COLOUR, INT8_COLOUR = (80, 200, 80), (60, 60, 255)
BONES = (
    (11, 12),
    (11, 13),
    (13, 15),
    (12, 14),
    (14, 16),
    (11, 23),
    (12, 24),
    (23, 24),
    (23, 25),
    (25, 27),
    (24, 26),
    (26, 28),
    (27, 31),
    (28, 32),
    (0, 11),
    (0, 12),
)
STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{border-bottom:1px solid #d5dae0;padding:.25rem .9rem .25rem 0;text-align:left;
vertical-align:top}th{font-weight:600}.miss{color:#b00020}.ok{color:#146c2e}figure{display:inline-block;margin:0 1rem 1rem 0}
img{max-width:100%}figcaption{font-size:.85em;color:#57606a}code{font-size:.9em}"""


def render(report: dict, pictures: list[tuple[str, np.ndarray]]) -> str:
    figures = [(k.removesuffix("_max"), f"{v:.4g}", bound_text(report, k)) for k, v in report["figures"].items()]
    outside = report["outside_the_card"]
    tensors = [
        (t["name"], "x".join(map(str, t["shape"])), padding_text(t["padding"]), f"{t['scale']:.6g}", t["zero_point"])
        for side in ("inputs", "outputs")
        for t in report["tensors"][side]
    ]
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(report['name'])}</title><style>{STYLE}</style>",
        f"<h1>{escape(report['name'])}</h1><p>{escape(verdict(report))} int8 of this compiler on a virtual card, against float on pictures that were "
        "not used to calibrate; no prediction for another compiler.</p>",
        "<h2>int8 against float</h2>",
        table(("figure", "value", "bound"), figures),
        f"<p>{escape(arithmetic_text(report['arithmetic']))}</p>",
        gallery(pictures),
        "<h2>Outside the card</h2>",
        f"<p>{escape(outside_text(outside))}</p>",
        "<h2>Tensors at the border</h2>",
        table(("name", "padded NHWC", "padding", "scale", "zero point"), tensors),
        "<h2>Sizes</h2>",
        table(("what", "bytes"), [(k.removesuffix("_bytes").replace("_", " "), f"{v:,}") for k, v in report["sizes"].items()]),
        "<h2>How</h2>",
        table(("what", "value"), how(report)),
        "<h2>Pictures</h2>",
        name_list("Calibrated with", report["calibration"]),
        name_list("Checked with", report["held_out"]),
        "</html>",
    ]
    return "\n".join(parts)


def verdict(report: dict) -> str:
    missed = [*report["misses"], *report["speed_misses"]]
    return "Bounds missed: " + "; ".join(missed) + "." if missed else "All bounds are kept." if report["bounds"] else ""


def arithmetic_text(arithmetic: dict) -> str:
    wrong, count = arithmetic["inexact_here"], arithmetic["int8_operators"]
    said = f"{len(wrong)} of {count} int8 operators saturate on this computer: {', '.join(wrong)}." if wrong else ""
    exact = ", ".join(f"{k.removesuffix('_max')} {v:.4g}" for k, v in arithmetic["figures_in_exact_arithmetic"].items() if k != "held_out_samples")
    return f"{said or f'All {count} int8 operators compute exactly on this computer.'} The same graph in float32 on its int8 grid gives: {exact}."


def bound_text(report: dict, key: str) -> str:
    if key not in report["bounds"]:
        return ""
    missed = any(m.startswith(f"{key} ") for m in (*report["misses"], *report["speed_misses"]))
    sign = "at most" if key.endswith("_max") else "at least"
    return f'<span class="{"miss" if missed else "ok"}">{sign} {report["bounds"][key]:g}</span>'


def outside_text(outside: dict) -> str:
    if not outside["operators"] and not outside["added"] and not outside["dropped_results"]:
        return "Nothing: the card gives the network's results."
    said = [f"{len(outside['operators'])} operators ({', '.join(sorted({o.split()[0] for o in outside['operators']}))}) are in postamble.onnx."]
    if outside["added"]:
        said.append(f"The recipe adds: {outside['added']}.")
    if outside["dropped_results"]:
        said.append(f"Results dropped: {', '.join(map(str, outside['dropped_results']))}.")
    said.append(f"Body and tail together differ from the whole float network by {outside['greatest_difference_of_the_cut']:.2g} at most.")
    return " ".join(said)


def padding_text(padding: list[list[int]]) -> str:
    return ", ".join(f"{axis} {before}+{after}" for axis, (before, after) in zip("NHWC", padding, strict=True) if before or after) or "none"


def how(report: dict) -> list[tuple[str, str]]:
    flat = {
        **report["source"],
        **report["quantisation"],
        **report["versions"],
        **report["computer"],
        "content hash": report["content_hash"],
    }
    return [(k.replace("_", " "), escape(", ".join(v) if isinstance(v, list) else str(v))) for k, v in flat.items()]


def table(head: tuple[str, ...], rows: list[tuple]) -> str:
    """Cells are HTML."""
    line = lambda cells, tag: "<tr>" + "".join(f"<{tag}>{c}</{tag}>" for c in cells) + "</tr>"  # noqa: E731
    return "<table>" + line(head, "th") + "".join(line(r, "td") for r in rows) + "</table>"


def name_list(title: str, names: list[str]) -> str:
    return f"<details><summary>{title} {len(names)}</summary><p>{escape(', '.join(names))}</p></details>"


def gallery(pictures: list[tuple[str, np.ndarray]]) -> str:
    made = []
    for caption, pixels in pictures:
        data = base64.b64encode(cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, 85))[1].tobytes()).decode()
        made.append(f'<figure><img src="data:image/jpeg;base64,{data}" alt=""><figcaption>{escape(caption)}</figcaption></figure>')
    return ("<p>green: float, red: int8</p>" + "".join(made)) if made else ""


def examples(work: Work) -> list[tuple[str, np.ndarray]]:
    """Some held-out pictures with what float and int8 said."""
    shown = [i for i, s in enumerate(work.held_out) if s.pixels.size]
    chosen = shown[:: max(1, -(-len(shown) // MAX_EXAMPLES))] + shown[-1:]
    return [draw(work.options.task, work.held_out[i].pixels, work.pairs[i], work.options.labels) for i in dict.fromkeys(chosen)]


def draw(task: str, pixels: np.ndarray, pair: Pair, labels: tuple[str, ...]) -> tuple[str, np.ndarray]:
    scale = WIDTH / pixels.shape[1]
    canvas = cv2.resize(pixels, (WIDTH, max(1, round(pixels.shape[0] * scale))))
    caption = pair.name
    for outputs, colour, thickness in ((pair.real, FLOAT_COLOUR, 3), (pair.int8, INT8_COLOUR, 1)):
        if task == "detection" and "selected" in outputs:
            draw_boxes(canvas, outputs, colour, thickness, labels)
        elif task == "pose":
            draw_bones(canvas, outputs, colour, thickness)
        elif task == "classification":
            place = int(np.argmax(first(outputs)))
            caption += f" · {labels[place] if place < len(labels) else place} {first(outputs).reshape(-1)[place]:.2f}"
    return caption, canvas


def draw_boxes(canvas: np.ndarray, outputs: dict[str, np.ndarray], colour: tuple, thickness: int, labels: tuple[str, ...]) -> None:
    height, width = canvas.shape[:2]
    for found in detections(outputs):
        y0, x0, y1, x1 = (round(v * s) for v, s in zip(found.box, (height, width, height, width), strict=True))
        cv2.rectangle(canvas, (x0, y0), (x1, y1), colour, thickness)
        if thickness == 1:
            text = f"{labels[found.label] if found.label < len(labels) else found.label} {found.score:.2f}"
            cv2.putText(canvas, text, (x0 + 2, max(y0 - 4, 10)), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)


def draw_bones(canvas: np.ndarray, outputs: dict[str, np.ndarray], colour: tuple, thickness: int) -> None:
    points = keypoints(outputs) * canvas.shape[1] / 256
    place = [tuple(round(float(v)) for v in p) for p in points]
    for a, b in BONES:
        cv2.line(canvas, place[a], place[b], colour, thickness, cv2.LINE_AA)
