"""Detects people and their poses on two cards, virtual where there are no others, and writes pictures and a page.

python examples/demo        (`make demo` sets up everything first)
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from itertools import chain, islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(1, str(ROOT / "examples" / "python"))

import cascade_part  # noqa: E402
import cv2  # noqa: E402
import page  # noqa: E402
from command import count, run  # noqa: E402
from part import Part, Table  # noqa: E402
from polymetis import vision  # noqa: E402
from rich import box  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: E402
from rich.table import Table as Drawn  # noqa: E402
from rich.text import Text  # noqa: E402

PHOTOGRAPHS = (
    "darknet/person.jpg",
    "opencv-doc/messi5.jpg",
    "darknet/dog.jpg",
    "opencv-doc/basketball1.png",
    "opencv-doc/basketball2.png",
    "darknet/kite.jpg",
)
VIDEO = "opencv-doc/vtest.avi"
PICTURES_WRITTEN, PICTURES_SHOWN, SHOWN_WIDTH = 48, 18, 960


def main() -> None:
    options = arguments()
    console = Console()
    inputs = fetched(options.downloads, console)
    output = prepared(options.output)
    with Progress(*columns(), console=console, transient=False) as progress:
        # The next part of the demo goes here: a function that measures and gives a Part.
        parts = [people(inputs, options, output, progress)]
    for one in parts:
        for table in one.tables:
            console.print(drawn(table))
    facts = [
        ("computer", f"{os.cpu_count()} CPUs, {platform.machine()}"),
        ("engine", f"OpenVINO {installed('openvino')}"),
        ("polymetis", installed("polymetis")),
    ]
    intro = "Two Metis cards, one program, written with worker threads on the axelera.runtime API."
    (output / "index.html").write_text(page.render("Two cards, one cascade", intro, parts, facts), encoding="utf-8")
    if any(one.virtual for one in parts):
        console.print("The cards are virtual: times are this computer's, not a card's.")
    console.print(f"Pictures: {shown(output / 'pictures')}\nPage:     {shown(output / 'index.html')}", highlight=False, soft_wrap=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--frames", type=count, default=300, help="at most so many pictures: the photographs first, then the video (default: %(default)s)"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "demo", help="folder for what it writes (default: %(default)s)")
    parser.add_argument("--models", type=Path, default=ROOT / "build" / "models", help="folder of the packages (default: %(default)s)")
    parser.add_argument("--downloads", type=Path, default=ROOT / "build" / "downloads", help="folder of the pictures (default: %(default)s)")
    return parser.parse_args()


def fetched(downloads: Path, console: Console) -> list[Path]:
    """The pictures, from Debian's packages, once."""
    wanted = [downloads / name for name in (*PHOTOGRAPHS, VIDEO)]
    if all(path.is_file() for path in wanted):
        return wanted
    from polymetis.compile.errors import CompileError
    from polymetis.compile.fetch import fetch
    from polymetis.compile.recipe import picture_packages

    packages = picture_packages(ROOT / "models")
    downloads.mkdir(parents=True, exist_ok=True)
    try:
        fetch([packages["darknet"], packages["opencv-doc"]], downloads, lambda p: console.print(f"fetching {p.name} {p.version} from {p.registry}"))
    except CompileError as error:
        raise OSError(str(error)) from error
    return wanted


def prepared(output: Path) -> Path:
    """The folder for what is written, without the pictures of the time before."""
    (output / "pictures").mkdir(parents=True, exist_ok=True)
    for old in (output / "pictures").glob("*.jpg"):
        old.unlink()
    return output


def people(inputs: list[Path], options: argparse.Namespace, output: Path, progress: Progress) -> Part:
    photographs, video = inputs[:-1], inputs[-1]
    length = int(cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FRAME_COUNT))
    total = min(options.frames, len(photographs) + length)
    step = max(length // max(total - len(photographs), 1), 1)
    frames: Iterator[vision.Picture] = islice(chain(vision.pictures(photographs), vision.pictures([video], step=step)), total)
    every = max((total - len(photographs)) // (PICTURES_WRITTEN - len(photographs)), 1)
    keep = lambda number: number < len(photographs) or (number - len(photographs)) % every == 0  # noqa: E731
    task = progress.add_task("people and poses", total=total)
    found = cascade_part.measure(
        frames, options.models / "ssd_mobilenetv2", options.models / "pose_lite", keep, lambda: progress.update(task, advance=1)
    )
    progress.update(task, total=len(found.clock.frames))
    return cascade_part.part(found, written(found, output, progress, len(photographs)))


def written(found: cascade_part.Measured, output: Path, progress: Progress, photographs: int) -> list:
    """Draws and writes the pictures; gives some of them for the page."""
    task = progress.add_task("drawing", total=len(found.scenes))
    shots = []
    while found.scenes:
        scene = found.scenes.pop(0)
        shot = cascade_part.draw(scene)
        (output / "pictures" / f"{scene.frame.name.replace('#', '_')}.jpg").write_bytes(shot.jpeg)
        shots.append(cascade_part.smaller(shot, SHOWN_WIDTH))
        progress.update(task, advance=1)
    moving = shots[photographs:]
    return shots[:photographs] + moving[:: max(-(-len(moving) // (PICTURES_SHOWN - photographs)), 1)]


def columns() -> tuple:
    return (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def drawn(table: Table) -> Drawn:
    made = Drawn(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for number, name in enumerate(table.head):
        made.add_column(name, justify="left" if number == 0 else "right")
    for row in table.rows:
        made.add_row(*map(Text, row))
    return made


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    run(main)
