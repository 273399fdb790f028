"""The command line that the examples share: which pictures, which packages, and how errors and Ctrl-C end. Nothing of it is about cards."""

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOWNLOADS = ROOT / "build" / "downloads"
MODELS = ROOT / "build" / "models"
PICTURES = [DOWNLOADS / "darknet", DOWNLOADS / "opencv-doc" / "vtest.avi"]


def parser(text: str, **packages: str) -> argparse.ArgumentParser:
    """`packages`: for each option that names a package, the default in build/models."""
    made = argparse.ArgumentParser(description=text)
    made.add_argument("pictures", nargs="*", type=Path, default=PICTURES, help="pictures, folders, videos (default: what `make demo` fetched)")
    made.add_argument("--frames", type=count, default=16, help="at most so many pictures (default: %(default)s)")
    for option, package in packages.items():
        made.add_argument(f"--{option}", type=folder, default=MODELS / package, metavar="PACKAGE", help="model package (default: %(default)s)")
    return made


def folder(text: str) -> Path:
    """A package may be named by its folder or by its model.json."""
    return Path(text).parent if Path(text).name == "model.json" else Path(text)


def count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of pictures; give 0 or more")
    return int(text)


def run(main) -> None:
    """Ends the program: every exception of the runtime is a RuntimeError with a sentence, files that are missing are OSErrors."""
    name = Path(sys.argv[0]).stem
    try:
        main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except (RuntimeError, OSError, ValueError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(1)


def say(frame, found) -> str:
    """One line for a picture."""
    return f"{frame.name}: {', '.join(f'{one.label} {one.score:.2f}' for one in found) or 'nothing'}"
