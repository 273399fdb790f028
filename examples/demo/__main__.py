"""Detects people and their poses on two cards, virtual where there are no others, and writes pictures and a page.

python examples/demo        (`make demo` sets up everything first)
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import chain, islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(1, str(ROOT / "examples" / "python"))

import cascade_part  # noqa: E402
import cv2  # noqa: E402
import fleet_part  # noqa: E402
import page  # noqa: E402
from command import count, run  # noqa: E402
from part import Part, Shot, Table  # noqa: E402
from polymetis import vision  # noqa: E402
from rich import box  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: E402
from rich.table import Table as Drawn  # noqa: E402
from rich.text import Text  # noqa: E402

PHOTOGRAPHS = ("darknet/person.jpg", "opencv-doc/messi5.jpg", "darknet/dog.jpg", "darknet/kite.jpg")
VIDEO = "opencv-doc/vtest.avi"
PICTURES_WRITTEN, PICTURES_SHOWN = 48, 16


@dataclass(frozen=True)
class Demo:
    """What every part of the demo works with."""

    options: argparse.Namespace
    photographs: list[Path]
    video: Path
    output: Path
    progress: Progress


def main() -> None:
    options = arguments()
    console = Console()
    photographs, video = fetched(options.downloads, console)
    output = prepared(options.output)
    with Progress(*columns(), console=console) as progress:
        demo = Demo(options, photographs, video, output, progress)
        parts = [run_part(demo) for run_part in PARTS]
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
        "--frames", type=count, default=200, help="at most so many pictures: the photographs first, then the video (default: %(default)s)"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "demo", help="folder for what it writes (default: %(default)s)")
    parser.add_argument("--models", type=Path, default=ROOT / "build" / "models", help="folder of the packages (default: %(default)s)")
    parser.add_argument("--downloads", type=Path, default=ROOT / "build" / "downloads", help="folder of the pictures (default: %(default)s)")
    return parser.parse_args()


def fetched(downloads: Path, console: Console) -> tuple[list[Path], Path]:
    """Photographs and video, from Debian's packages, once."""
    photographs, video = [downloads / name for name in PHOTOGRAPHS], downloads / VIDEO
    if all(path.is_file() for path in (*photographs, video)):
        return photographs, video
    from polymetis.compile.errors import CompileError
    from polymetis.compile.fetch import fetch
    from polymetis.compile.recipe import picture_packages

    packages = picture_packages(ROOT / "models")
    downloads.mkdir(parents=True, exist_ok=True)
    try:
        fetch([packages["darknet"], packages["opencv-doc"]], downloads, lambda p: console.print(f"fetching {p.name} {p.version} from {p.registry}"))
    except CompileError as error:
        raise OSError(str(error)) from error
    return photographs, video


def prepared(output: Path) -> Path:
    """The folder for what is written, without the pictures of the time before."""
    (output / "pictures").mkdir(parents=True, exist_ok=True)
    for old in (output / "pictures").glob("*.jpg"):
        old.unlink()
    return output


def people(demo: Demo) -> Part:
    first = len(demo.photographs)
    length = int(cv2.VideoCapture(str(demo.video)).get(cv2.CAP_PROP_FRAME_COUNT))
    total = min(demo.options.frames, first + length)
    step = max(length // max(total - first, 1), 1)
    frames = islice(chain(vision.pictures(demo.photographs), vision.pictures([demo.video], step=step)), total)
    every = max(-(-(total - first) // (PICTURES_WRITTEN - first)), 1)
    task = demo.progress.add_task("people and poses", total=total)
    found = cascade_part.measure(
        frames,
        demo.options.models / "ssd_mobilenetv2",
        demo.options.models / "pose_lite",
        keep=lambda number: number < first or (number - first) % every == 0,
        tick=lambda: demo.progress.update(task, advance=1),
    )
    return cascade_part.part(found, written(demo, found.scenes))


def written(demo: Demo, scenes: list[cascade_part.Scene]) -> list[Shot]:
    """Draws and writes the pictures; gives some of them for the page."""
    task = demo.progress.add_task("drawing", total=len(scenes))
    shots = []
    for scene in scenes:
        canvas = cascade_part.draw(scene)
        name = f"{scene.frame.name.replace('#', '_').removesuffix('.jpg')}.jpg"
        (demo.output / "pictures" / name).write_bytes(cascade_part.jpeg(canvas, 88))
        shots.append(cascade_part.shot(scene, canvas))
        demo.progress.update(task, advance=1)
    still, moving = shots[: len(demo.photographs)], shots[len(demo.photographs) :]
    return still + moving[:: max(-(-len(moving) // (PICTURES_SHOWN - len(still))), 1)]


def lost_card(demo: Demo) -> Part:
    demo.progress.stop()  # the terminal shows one live table at a time
    try:
        return fleet_part.measure(demo.options.models / "efficientnet_lite0", demo.output)
    finally:
        demo.progress.start()


# Each part of the demo is a function like these.
PARTS = (people, lost_card)


def columns() -> tuple:
    return (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def drawn(table: Table) -> Drawn:
    made = Drawn(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for number, name in zip(table.numbers(), table.head, strict=True):
        made.add_column(name, justify="right" if number else "left")
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
