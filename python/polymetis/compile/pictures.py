"""Pictures: which, from where, and how they become a network's input."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .errors import CompileError

SUFFIXES = frozenset(".jpg .jpeg .png .bmp .webp .ppm".split())
VIDEO_SUFFIXES = frozenset(".avi .mp4".split())
INTERPOLATION = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}


@dataclass(frozen=True)
class ImageSpec:
    """How a picture becomes an input. The network sees (pixel - mean) / std; the card's border sees pixel / 255."""

    colour: str = "RGB"
    """'RGB' or 'BGR'."""
    resize: str = "stretch"
    """'stretch' (aspect not kept) or 'crop' (central square)."""
    crop: float = 1.0
    """Side of that square as a share of the shorter side."""
    interpolation: str = "linear"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (255.0, 255.0, 255.0)


@dataclass(frozen=True)
class Picture:
    """One picture, or a part of one. Pixels are uint8 BGR."""

    name: str
    """For the report: file, frame and part."""
    pixels: np.ndarray


@dataclass(frozen=True)
class PictureSet:
    """What a recipe names: files, or frames of a video, or parts of both."""

    paths: tuple[Path, ...]
    frames: tuple[int, int, int] | None = None
    """First, last + 1, step, of a video."""
    crops: Path | None = None
    """A file with the columns frame, x, y, side: squares in pixels, zero outside the picture."""
    rows: tuple[int, int, int] | None = None
    """Which rows of `crops`: first, last + 1, step."""
    random_crops: int = 0
    """Squares a picture, by the seed: place, side 0.6 to 1 of the shorter side, half of them mirrored. 0: the whole picture."""
    seed: int = 0


def load(sets: Sequence[PictureSet]) -> list[Picture]:
    """Reads all pictures. Raises CompileError for a file that is missing or is not a picture, and when there is none at all."""
    pictures = [picture for one in sets for picture in load_set(one)]
    if not pictures:
        raise CompileError("No picture was named; give at least one to calibrate with and one to check with.")
    return pictures


def load_set(one: PictureSet) -> Iterator[Picture]:
    random = np.random.default_rng(one.seed)
    if one.crops:
        yield from cut_squares(one, one.crops)
        return
    for path in one.paths:
        whole = read_video(path, one.frames) if path.suffix in VIDEO_SUFFIXES else [Picture(path.name, read_image(path))]
        for picture in whole:
            if not one.random_crops:
                yield picture
            for number in range(one.random_crops):
                yield random_square(picture, number, random)


def read_image(path: Path) -> np.ndarray:
    if not path.is_file():
        raise CompileError(f"{path}: asked to read this picture, but there is no such file; check the path.")
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR) if path.stat().st_size else None
    if pixels is None:
        raise CompileError(f"{path}: is not a picture that OpenCV can read; take it out of the image set or convert it to JPEG or PNG.")
    return pixels


def read_video(path: Path, frames: tuple[int, int, int] | None) -> Iterator[Picture]:
    if not path.is_file():
        raise CompileError(f"{path}: asked to read this video, but there is no such file; check the path.")
    start, stop, step = frames or (0, 1 << 31, 1)
    video = cv2.VideoCapture(str(path))
    number = -1
    try:
        while number + 1 < stop and video.grab():
            number += 1
            if number >= start and (number - start) % step == 0:
                ok, pixels = video.retrieve()
                if ok:
                    yield Picture(f"{path.name}#{number}", pixels)
    finally:
        video.release()
    if number < start:
        raise CompileError(f"{path}: asked for frame {start}, but OpenCV reads only {number + 1} frames; is the file a whole video?")


def cut_squares(one: PictureSet, crops: Path) -> Iterator[Picture]:
    with crops.open(newline="") as file:
        rows = [{k: int(v) for k, v in row.items()} for row in csv.DictReader(file)]
    if one.rows:
        rows = rows[slice(*one.rows)]
    wanted: dict[int, list[dict]] = {}
    for row in rows:
        wanted.setdefault(row["frame"], []).append(row)
    for path in one.paths:
        for frame in read_video(path, (0, max(wanted) + 1, 1)):
            for row in wanted.get(int(frame.name.rpartition("#")[2]), ()):
                yield Picture(f"{frame.name}@{row['x']},{row['y']},{row['side']}", square(frame.pixels, row["x"], row["y"], row["side"]))


def random_square(picture: Picture, number: int, random: np.random.Generator) -> Picture:
    height, width = picture.pixels.shape[:2]
    side = int(min(height, width) * random.uniform(0.6, 1.0))
    x, y = int(random.integers(0, width - side + 1)), int(random.integers(0, height - side + 1))
    pixels = picture.pixels[y : y + side, x : x + side]
    return Picture(f"{picture.name}@{x},{y},{side}", pixels[:, ::-1] if number % 2 else pixels)


def square(pixels: np.ndarray, x: int, y: int, side: int) -> np.ndarray:
    """The square with its corner at (x, y), which may lie outside; zero there."""
    height, width = pixels.shape[:2]
    out = np.zeros((side, side, 3), np.uint8)
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + side, width), min(y + side, height)
    if x1 > x0 and y1 > y0:
        out[y0 - y : y1 - y, x0 - x : x1 - x] = pixels[y0:y1, x0:x1]
    return out


def to_pixels(picture: Picture, spec: ImageSpec, height: int, width: int) -> np.ndarray:
    """uint8 [1, height, width, 3] in the network's colour order."""
    pixels = picture.pixels
    if spec.resize == "crop":
        h, w = pixels.shape[:2]
        side = int(min(h, w) * spec.crop)
        pixels = square(pixels, (w - side) // 2, (h - side) // 2, side)
    pixels = cv2.resize(pixels, (width, height), interpolation=INTERPOLATION[spec.interpolation])
    return (pixels if spec.colour == "BGR" else pixels[:, :, ::-1])[None].copy()


def normalise(pixels: np.ndarray, spec: ImageSpec) -> np.ndarray:
    """uint8 NHWC -> the float32 that the network sees."""
    return ((pixels.astype(np.float32) - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)).astype(np.float32)
