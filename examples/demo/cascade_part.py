"""Part 1: people and their poses. The detector runs on the first card, the pose network on the second; the code is examples/python/cascade.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import timeline
from axelera.runtime import Context
from cascade import Scene, cascade
from part import Chart, Part, Shot, Table
from polymetis import vision
from recorder import Card, Clock, Stage, TimedNetwork, percentile, timed
from workers import WorkerPool, load_on

SURE = 0.5
CANVAS_WIDTH, SHOWN_WIDTH = 1280, 960
RUNS_IN_DETAIL = 15


@dataclass
class Measured:
    """Pictures of scenes that are not to be drawn are let go at once."""

    cards: list[Card] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    scenes: list[Scene] = field(default_factory=list)
    people: int = 0
    poses: int = 0


def measure(frames: Iterator[vision.Picture], detector: Path, pose: Path, keep: Callable[[int], bool], tick: Callable[[], None]) -> Measured:
    """Runs the cascade over all frames; scenes of the numbers that `keep` names stay for drawing."""
    found = Measured()
    networks = vision.Detector(detector), vision.PoseEstimator(pose)
    with Context() as context:
        devices = context.list_devices()
        if len(devices) < 2:
            raise RuntimeError(f"The demo needs two cards, found {len(devices)}; `polymetis doctor` says which and why.")
        loaded = []
        for package, network, device, name in zip((detector, pose), networks, devices, ("detector", "pose"), strict=False):
            found.stages.append(stage := Stage(name))
            card, wrapped = timed(load_on(context, context.load_model(package / "model.json"), [device], network.batch), stage)
            found.cards.append(card)
            loaded.append((wrapped, TimedNetwork(network, stage)))
        with WorkerPool(*loaded[0]) as detectors, WorkerPool(*loaded[1]) as poses:
            for number, scene in enumerate(cascade(found.clock.source(frames), detectors, poses)):
                found.clock.done()
                found.people += len(scene.poses)
                found.poses += sum(pose.presence >= SURE for pose in scene.poses)
                if keep(number):
                    found.scenes.append(scene)
                tick()
    return found


def draw(scene: Scene) -> np.ndarray:
    """The picture, enlarged where it is small, with boxes and skeletons."""
    pixels = scene.frame.pixels
    scale = max(CANVAS_WIDTH / pixels.shape[1], 1.0)
    canvas = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) if scale > 1 else pixels.copy()
    vision.draw_boxes(canvas, scene.found, scale)
    vision.draw_poses(canvas, scene.poses, scale, SURE)
    return canvas


def shot(scene: Scene, canvas: np.ndarray) -> Shot:
    """For the page: no wider than there is room."""
    high, wide = canvas.shape[:2]
    if wide > SHOWN_WIDTH:
        canvas = cv2.resize(canvas, (SHOWN_WIDTH, round(high * SHOWN_WIDTH / wide)), interpolation=cv2.INTER_AREA)
    return Shot(f"{scene.frame.name} · {summary(scene)}", jpeg(canvas, 80), canvas.shape[1], canvas.shape[0])


def jpeg(canvas: np.ndarray, quality: int) -> bytes:
    return cv2.imencode(".jpg", canvas, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()


def summary(scene: Scene) -> str:
    kinds: dict[str, int] = {}
    for one in scene.found:
        kinds[one.label] = kinds.get(one.label, 0) + 1
    return ", ".join(f"{count} {label}" if count > 1 else label for label, count in kinds.items()) or "nothing of its classes"


def card_table(found: Measured) -> Table:
    seconds = found.clock.seconds
    rows = []
    for card in found.cards:
        runs = len(card.runs)
        mark = "" if card.virtual is False else " (virtual)"
        rate = f"{runs / seconds:.0f}/s" if seconds else "-"
        rows.append((card.name + mark, card.stage, str(card.cores), f"{runs:,}", f"{card.busy(seconds):.0%}", rate))
    return Table(
        "Cards", ("card", "stage", "cores", "frames", "busy", "rate"), rows, "Busy: the share of the time that the card's cores were in a run."
    )


def stage_table(found: Measured) -> Table:
    rows = [(stage.name, *(f"{v:.1f} ms" for v in stage_times(stage))) for stage in found.stages]
    frames = found.clock.frames
    rows.append(("whole frame", "", f"{1e3 * percentile(frames, 50):.0f} ms", f"{1e3 * percentile(frames, 95):.0f} ms", ""))
    return Table(
        "Time",
        ("stage", "host before, p50", "on the card, p50", "p95", "host after, p50"),
        rows,
        "Host before: picture to int8 tensor. Host after: int8 tensors to boxes or points. Whole frame: from reading it to its poses, with waiting.",
    )


def stage_times(stage: Stage) -> list[float]:
    found = (percentile(stage.before, 50), percentile(stage.on_card, 50), percentile(stage.on_card, 95), percentile(stage.after, 50))
    return [1e3 * seconds for seconds in found]


def charts(found: Measured) -> list[Chart]:
    seconds, start = found.clock.seconds, found.clock.started
    if not seconds or start is None:
        return []
    middle = start + seconds / 2
    slowest = max(percentile(stage.on_card, 50) for stage in found.stages)
    short = min(RUNS_IN_DETAIL * slowest, seconds / 2)
    return [
        Chart(
            "Busy cores",
            timeline.busy_chart(found.cards, start, seconds),
            "Cores of each card that are in a run, over the whole time; full height: all.",
        ),
        Chart(
            "A closer look",
            timeline.runs_chart(found.cards, middle, short),
            f"Each bar is one run on one core; {1e3 * short:.0f} ms from the middle.",
        ),
    ]


def part(found: Measured, shots: list[Shot]) -> Part:
    seconds, frames = found.clock.seconds, len(found.clock.frames)
    return Part(
        title="People and their poses",
        lead="A detector on the first card finds people in photographs and in a video; a pose network on the second card looks at each of them. "
        "Both cards work at the same time, and the results come in the order of the pictures.",
        figures=[
            (f"{frames:,}", "pictures"),
            (f"{found.people:,}", "people found"),
            (f"{found.poses:,}", "poses, presence 0.5 or more"),
            (f"{frames / seconds:.0f}/s" if seconds else "-", "pictures, both stages"),
        ],
        tables=[card_table(found), stage_table(found)],
        charts=charts(found),
        shots=shots,
        virtual=any(card.virtual is not False for card in found.cards),
    )
