"""`polymetis compile`: a network file and pictures, or a recipe, -> a package."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from .._package_limits import MAX_BATCH
from ..cli.arguments import real, whole
from .errors import CompileError, WrongUsage
from .limits import MAX_RESULTS, MAX_SAMPLES, MAX_SEED, MAX_SPEED_PAIRS, is_mean, is_share, is_std

EPILOG = """examples:
  polymetis compile yolo.onnx -o build/yolo --imageset photos/
  polymetis compile net.tflite -o build/net --imageset photos/ --held-out others/ --mean 127.5 --std 127.5 --batch 4
  polymetis compile --recipe models/pose_lite -o build/models/pose_lite

--imageset is a folder of pictures, or of .npz files with an array for each input of a network that takes no pictures. Without --held-out every
fourth file is kept from calibration to check with. Exit status: 0 done, 1 an error, 2 wrong usage, 3 done but a bound of the recipe was missed."""

MEAN = real("a number that a float can hold", is_mean)
STD = real("a number other than 0 that a float can hold", is_std)
SHARE = real("a number above 0, at most 1", is_share)

BESIDE_RECIPE = frozenset(("output", "recipe", "downloads", "force", "json", "batch"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `run` reads."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "Compiles a network for cards: quantises it to int8, cuts off what stays on the host, writes a package and a report."
    parser.epilog = EPILOG
    parser.add_argument("model", nargs="?", type=Path, metavar="MODEL", help=".onnx or .tflite, batch 1, static shapes")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the package's folder")
    parser.add_argument("--recipe", type=Path, metavar="DIR", help="folder of a recipe.toml, instead of MODEL; fetches what it names")
    parser.add_argument("--downloads", type=Path, default=Path("build/downloads"), metavar="DIR", help="a recipe's files (%(default)s)")
    parser.add_argument("--force", action="store_true", help="replace DIR")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    add_picture_arguments(parser.add_argument_group("pictures"))
    add_network_arguments(parser.add_argument_group("network"))


def add_picture_arguments(group) -> None:
    group.add_argument("--imageset", type=Path, metavar="DIR", help="pictures to calibrate with, some hundreds of the kind that the network will see")
    group.add_argument("--held-out", type=Path, metavar="DIR", help="pictures to compare int8 with float on")
    group.add_argument("--samples", type=whole(1, MAX_SAMPLES), default=300, metavar="N", help="most pictures to calibrate with (%(default)s)")
    group.add_argument("--mean", type=MEAN, nargs="+", default=[0.0], metavar="M", help="the network sees (pixel - M) / S; one value or three (0)")
    group.add_argument("--std", type=STD, nargs="+", default=[255.0], metavar="S", help="one value or three (255)")
    group.add_argument("--colour", choices=("RGB", "BGR"), default="RGB", help="the network's order of colours (%(default)s)")
    group.add_argument("--resize", choices=("stretch", "crop"), default="stretch", help="how pictures get the input's size (%(default)s)")
    group.add_argument("--crop", type=SHARE, default=1.0, metavar="SHARE", help="of --resize crop: share of the shorter side (%(default)s)")
    group.add_argument("--interpolation", choices=("linear", "cubic", "area"), default="linear", help="(%(default)s)")


def add_network_arguments(group) -> None:
    group.add_argument("--name", help="the package's name (default: MODEL's)")
    group.add_argument("--task", choices=("detection", "pose", "classification", "other"), default="other", help="(%(default)s)")
    group.add_argument("--labels", type=Path, metavar="FILE", help="one label a line")
    group.add_argument(
        "--batch", type=whole(1, MAX_BATCH), metavar="N", help="frames a run, which is cores an instance, 1 to 64 (the recipe's, else 1)"
    )
    group.add_argument("--channels", choices=("auto", "first", "last"), default="auto", help="where the input has its channels (%(default)s)")
    group.add_argument("--cut", action="append", default=[], metavar="TENSOR", help="end the card's part here; repeatable (found automatically)")
    group.add_argument(
        "--keep-result", action="append", type=whole(0, MAX_RESULTS), default=[], metavar="I", help="keep result I, drop the others; repeatable"
    )
    group.add_argument("--preset", choices=("mixed", "performance"), default="mixed", help="NNCF's preset (%(default)s)")
    group.add_argument("--speed-pairs", type=whole(0, MAX_SPEED_PAIRS), default=12, metavar="N", help="0.4 s each to compare speed (%(default)s)")
    group.add_argument("--seed", type=whole(0, MAX_SEED), default=0, help="(%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Compiles as asked; messages go to stderr, with --json the report to stdout. Answers the exit status."""
    console = Console(stderr=True, soft_wrap=True)
    try:
        report = compile_asked(arguments, console)
    except CompileError as error:
        console.print(f"polymetis compile: {error}", style="red", markup=False, highlight=False)
        if arguments.json:
            print(json.dumps({"error": str(error)}))
        return 2 if isinstance(error, WrongUsage) else 1
    except KeyboardInterrupt:
        console.print(f"polymetis compile: interrupted; {arguments.output} is as it was.", markup=False, highlight=False)
        return 130
    if arguments.json:
        print(json.dumps(report, indent=1))
    else:
        from .report import summary

        console.print(f"{summary(report)}\nwritten: {arguments.output}, report: {arguments.output / 'report.html'}", markup=False, highlight=False)
    return 3 if report["misses"] else 0


def compile_asked(arguments: argparse.Namespace, console: Console) -> dict:
    # The engine and NNCF take seconds to import: only when there is something to compile.
    from .pipeline import compile_package
    from .progress import bar
    from .recipes import compile_recipe

    if arguments.recipe and arguments.model:
        raise WrongUsage(f"Asked to compile {arguments.model} and the recipe {arguments.recipe}; name one of them.")
    if arguments.recipe:
        refuse_beside_recipe(arguments)
        return compile_recipe(arguments.recipe.resolve(), arguments.downloads, arguments.output, console, arguments.force, arguments.batch)
    options = options_asked(arguments)
    with bar(options.name, console) as show:
        return compile_package(options, arguments.output, show, arguments.force)


def refuse_beside_recipe(arguments: argparse.Namespace) -> None:
    """What a recipe says cannot be said on the command line too."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    usual = vars(parser.parse_args(["-o", "."]))
    both = [k for k, v in usual.items() if getattr(arguments, k) != v and k not in BESIDE_RECIPE]
    if both:
        raise WrongUsage(f"Asked for the recipe {arguments.recipe} and for --{both[0].replace('_', '-')}, which the recipe says; leave one out.")


def options_asked(arguments: argparse.Namespace):
    from .options import Options
    from .pictures import ImageSpec
    from .quantiser import Quantisation

    if not arguments.model:
        raise WrongUsage("Asked to compile nothing; name a MODEL or a --recipe.")
    calibration, held_out = picture_sets(arguments)
    return Options(
        name=arguments.name or arguments.model.stem,
        source=arguments.model,
        task=arguments.task,
        labels=labels_of(arguments.labels) if arguments.labels else (),
        batch=1 if arguments.batch is None else arguments.batch,
        image=ImageSpec(
            arguments.colour,
            arguments.resize,
            arguments.crop,
            arguments.interpolation,
            three(arguments.mean, "--mean"),
            three(arguments.std, "--std"),
        ),
        channels=arguments.channels,
        calibration=calibration,
        held_out=held_out,
        keep_results=tuple(arguments.keep_result) or None,
        cut=tuple(arguments.cut),
        quantisation=Quantisation(arguments.preset, seed=arguments.seed),
        provenance={"file": arguments.model.name},
        speed_pairs=arguments.speed_pairs,
    )


def labels_of(file: Path) -> tuple[str, ...]:
    try:
        labels = tuple(file.read_text(encoding="utf-8").splitlines())
    except UnicodeDecodeError as error:
        raise CompileError(f"{file}: asked to read labels, but byte {error.start} is not UTF-8; give a text file with one label a line.") from error
    except OSError as error:
        raise CompileError(f"{file}: asked to read labels, but {error.strerror}; give a text file with one label a line.") from error
    if not labels:
        raise CompileError(f"{file}: asked to read labels, but there are none; give a text file with one label a line.")
    return labels


def three(values: list[float], what: str) -> tuple[float, ...]:
    if len(values) not in (1, 3):
        raise WrongUsage(f"{what}: asked for {len(values)} values; give one, or one a colour.")
    return tuple(values * 3 if len(values) == 1 else values)


def picture_sets(arguments: argparse.Namespace):
    from .pictures import PictureSet

    if not arguments.imageset:
        raise WrongUsage(f"{arguments.model}: quantising needs pictures of the kind that the network will see; name their folder with --imageset.")
    files = list_files(arguments.imageset)
    held_out = list_files(arguments.held_out) if arguments.held_out else files[3::4]
    files = [f for f in files if f not in held_out][: arguments.samples]
    if not files or not held_out:
        raise CompileError(
            f"{arguments.imageset}: has too few pictures to calibrate with some and check with others; give four or more, or --held-out."
        )
    return (PictureSet(tuple(files)),), (PictureSet(tuple(held_out)),)


def list_files(folder: Path) -> list[Path]:
    from .pictures import SUFFIXES

    if not folder.is_dir():
        raise CompileError(f"{folder}: asked to take pictures from it, but it is no folder; check the path.")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES | {".npz"} and p.is_file())
    if not files:
        raise CompileError(f"{folder}: has no picture ({', '.join(sorted(SUFFIXES))}) and no .npz file; name a folder that has.")
    return files


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="polymetis compile")
    add_arguments(parser)
    return run(parser.parse_args(arguments))
