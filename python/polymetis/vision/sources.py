"""Pictures from files, folders and videos."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

T = TypeVar("T")

PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm"))
VIDEO_SUFFIXES = frozenset((".avi", ".mp4", ".mkv", ".mov", ".webm"))


@dataclass(frozen=True)
class Picture:
    name: str
    """File name; of a video's frame 'file#number'."""
    pixels: np.ndarray
    """uint8 [height, width, 3], blue, green, red."""


def read_picture(path: str | Path) -> np.ndarray:
    """uint8 [height, width, 3], blue, green, red. Raises FileNotFoundError, and ValueError for what is not a picture."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: asked to read this picture, but there is no such file; check the path.")
    data = np.fromfile(path, np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if pixels is None:
        raise ValueError(f"{path}: is not a picture that OpenCV can read; give a JPEG or PNG file.")
    return pixels


def pictures(paths: Iterable[str | Path], limit: int | None = None, step: int = 1) -> Iterator[Picture]:
    """The pictures of files, of folders (by name; other files in them are left out) and of videos (every `step`-th frame), read when asked for.

    At most `limit` of them. Raises as `read_picture`, at once for a path that is not there; ValueError also for a folder without pictures.
    """
    if limit is not None and limit < 0:
        raise ValueError(f"The number of pictures was given as {limit}; give 0 or more.")
    if step < 1:
        raise ValueError(f"The step between frames was given as {step}; give 1 or more.")
    files = [file for path in paths for file in expand(Path(path))]
    return islice((picture for file in files for picture in read(file, step)), limit)


def expand(path: Path) -> list[Path]:
    if path.is_dir():
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES)
        if not inside:
            raise ValueError(f"{path}: the folder has no pictures ({', '.join(sorted(PICTURE_SUFFIXES | VIDEO_SUFFIXES))}); name another one.")
        return inside
    if not path.is_file():
        raise FileNotFoundError(f"{path}: asked to read this picture, but there is no such file; check the path.")
    return [path]


def read(path: Path, step: int) -> Iterator[Picture]:
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        yield Picture(path.name, read_picture(path))
        return
    video = cv2.VideoCapture(str(path))
    try:
        number = 0
        while video.grab():
            if number % step == 0:
                whole, pixels = video.retrieve()
                if whole:
                    yield Picture(f"{path.name}#{number}", pixels)
            number += 1
    finally:
        video.release()
    if number == 0:
        raise ValueError(f"{path}: is not a video that OpenCV can read; give another file.")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items, the last one perhaps shorter."""
    items = iter(items)
    while group := list(islice(items, size)):
        yield group
