"""int8 against float on held-out samples, and their speed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import openvino as ov

Outputs = dict[str, np.ndarray]
KEYPOINTS, VALUES_A_KEYPOINT = 33, 5


@dataclass(frozen=True)
class Pair:
    """What float and int8 gave for one sample."""

    name: str
    real: Outputs
    int8: Outputs


def agreement(task: str, pairs: Sequence[Pair], side: int) -> dict[str, float | int]:
    """The figures of `task` over all pairs; `side` is the network's input width in pixels."""
    figures: dict[str, float | int] = {"held_out_samples": len(pairs)}
    if task == "detection" and "selected" in pairs[0].real:
        return figures | detection_figures(pairs)
    if task == "pose":
        return figures | pose_figures(pairs, side)
    if task == "classification":
        return figures | class_figures(pairs)
    return figures | signal_figures(pairs)


@dataclass(frozen=True)
class Detection:
    label: int
    score: float
    box: tuple[float, float, float, float]
    """y0, x0, y1, x1 as shares of the picture."""


def detections(outputs: Outputs) -> list[Detection]:
    found = []
    for picture, label, index in outputs["selected"]:
        y0, x0, y1, x1 = (float(v) for v in outputs["boxes"][picture, index])
        found.append(Detection(int(label), float(outputs["scores"][picture, index, label]), (y0, x0, y1, x1)))
    return found


def overlap(a: Detection, b: Detection) -> float:
    y0, x0, y1, x1 = (f(p, q) for f, p, q in zip((max, max, min, min), a.box, b.box, strict=True))
    common = max(y1 - y0, 0.0) * max(x1 - x0, 0.0)
    area = lambda d: max(d.box[2] - d.box[0], 0.0) * max(d.box[3] - d.box[1], 0.0)  # noqa: E731
    union = area(a) + area(b) - common
    return common / union if union > 0 else 0.0


def found_again(wanted: list[Detection], found: list[Detection]) -> int:
    """How many of `wanted` have one of their own class in `found` at IoU >= 0.5, each used once, best scores first."""
    free = list(found)
    count = 0
    for box in sorted(wanted, key=lambda d: -d.score):
        fitting = [f for f in free if f.label == box.label and overlap(box, f) >= 0.5]
        if fitting:
            free.remove(max(fitting, key=lambda f: overlap(box, f)))
            count += 1
    return count


def detection_figures(pairs: Sequence[Pair]) -> dict[str, float | int]:
    both = [(detections(p.real), detections(p.int8)) for p in pairs]
    real, int8 = sum(len(r) for r, _ in both), sum(len(q) for _, q in both)
    return {
        "float_boxes": real,
        "int8_boxes": int8,
        "float_found_by_int8": sum(found_again(r, q) for r, q in both) / max(real, 1),
        "int8_found_by_float": sum(found_again(q, r) for r, q in both) / max(int8, 1),
    }


def keypoints(outputs: Outputs) -> np.ndarray:
    """[33, 2] in pixels of the crop."""
    values = next(v for v in outputs.values() if v.size >= KEYPOINTS * VALUES_A_KEYPOINT)
    return values.reshape(-1)[: KEYPOINTS * VALUES_A_KEYPOINT].reshape(KEYPOINTS, VALUES_A_KEYPOINT)[:, :2]


def pose_figures(pairs: Sequence[Pair], side: int) -> dict[str, float | int]:
    distances = np.array([np.linalg.norm(keypoints(p.real) - keypoints(p.int8), axis=1) for p in pairs]) / side
    return {"keypoint_distance_mean_max": float(distances.mean()), "keypoint_distance_p95": float(np.percentile(distances, 95))}


def class_figures(pairs: Sequence[Pair]) -> dict[str, float | int]:
    same = [int(np.argmax(first(p.real)) == np.argmax(first(p.int8))) for p in pairs]
    return {"top1_agreement": float(np.mean(same))} | signal_figures(pairs)


def first(outputs: Outputs) -> np.ndarray:
    return next(iter(outputs.values()))


def signal_figures(pairs: Sequence[Pair]) -> dict[str, float | int]:
    """Signal to quantisation noise in decibels over all results of one shape (those that depend on the data in size are left out)."""
    signal = noise = 0.0
    for pair in pairs:
        for name, real in pair.real.items():
            if real.shape == pair.int8[name].shape and real.dtype.kind == "f":
                signal += float(np.square(real, dtype=np.float64).sum())
                noise += float(np.square(real.astype(np.float64) - pair.int8[name]).sum())
    return {"signal_to_noise_db": float(10 * np.log10(max(signal, 1e-30) / max(noise, 1e-30)))}


def speed(real: ov.CompiledModel, int8: ov.CompiledModel, pairs: int, seconds: float, tick: Callable[[], None]) -> dict[str, float | int]:
    """Median over interleaved pairs of slices: same engine, same threads, batch as compiled."""
    runs = [one_run(real), one_run(int8)]
    ratios: list[float] = []
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(pairs):
        found = [slice_time(run, seconds) for run in runs]
        ratios.append(found[0] / found[1])
        for kept, value in zip(times, found, strict=True):
            kept.append(value)
        tick()
    return {
        "speed_int8_over_f32": statistics.median(ratios),
        "f32_ms": 1e3 * statistics.median(times[0]),
        "int8_ms": 1e3 * statistics.median(times[1]),
        "speed_pairs": pairs,
    }


def one_run(compiled: ov.CompiledModel) -> Callable[[], None]:
    request = compiled.create_infer_request()
    for tensor in compiled.inputs:
        request.set_tensor(tensor, ov.Tensor(np.zeros(list(tensor.shape), tensor.element_type.to_dtype())))
    request.infer()
    return request.infer


def slice_time(run: Callable[[], None], seconds: float) -> float:
    start, count = time.perf_counter(), 0
    while (now := time.perf_counter()) - start < seconds or not count:
        run()
        count += 1
    return (now - start) / count


def misses(figures: dict[str, float | int], bounds: dict[str, float]) -> list[str]:
    """A sentence for each bound that was not kept."""
    said = []
    for name, bound in bounds.items():
        value = figures.get(name)
        if value is None:
            said.append(f"{name} was not measured")
        elif value > bound if name.endswith("_max") else value < bound:
            said.append(f"{name} is {value:.4g}, the bound is {bound:.4g}")
    return said
