"""Compiles all recipes; what is up to date is left alone, and then nothing is fetched.

python -m polymetis.compile.recipes build/models
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from .errors import CompileError
from .fetch import fetch
from .pipeline import compile_package
from .progress import bar
from .recipe import DEFAULT_RECIPES, find_recipes, options_of, wanted_packages
from .report import summary

DEFAULT_DOWNLOADS = Path("build/downloads")


def compile_recipe(folder: Path, downloads: Path, target: Path, console: Console, force: bool, batch: int | None = None) -> dict:
    """Fetches what the recipe `folder` needs and is not in `downloads`, writes `target`, answers the report. `batch` replaces the recipe's.

    Raises CompileError.
    """
    fetch(wanted_packages([folder], folder.parent), downloads, lambda p: console.print(f"fetching {p.name} {p.version} from {p.registry}"))
    with bar(folder.name, console) as show:
        options = options_of(folder, downloads)
        options = options if batch is None else replace(options, batch=batch)
        return compile_package(options, target, show, force)


def compile_all(folders: list[Path], downloads: Path, target: Path, console: Console, done: Callable[[dict], None]) -> list[dict]:
    """Each recipe to `target`/<name>; a package that is there is replaced when its sources have changed."""
    reports = []
    for folder in folders:
        reports.append(compile_recipe(folder, downloads, target / folder.name, console, True))
        done(reports[-1])
    return reports


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m polymetis.compile.recipes", description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path, help="folder for the packages, one folder a recipe")
    parser.add_argument("names", nargs="*", help="recipes to compile (default: all)")
    parser.add_argument("--recipes", type=Path, default=DEFAULT_RECIPES, help="folder of recipes (default: %(default)s)")
    parser.add_argument("--downloads", type=Path, default=DEFAULT_DOWNLOADS, help="folder of fetched files (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the reports as JSON")
    options = parser.parse_args(arguments)
    console = Console(stderr=True, soft_wrap=True)
    try:
        folders = [options.recipes / n for n in options.names] or find_recipes(options.recipes)
        reports = compile_all(folders, options.downloads, options.target, console, lambda r: console.print(summary(r)))
    except CompileError as error:
        console.print(f"polymetis: {error}", style="red", markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("polymetis: interrupted; packages that were finished are kept, nothing half-written is left.")
        return 130
    if options.json:
        print(json.dumps(reports, indent=1))
    return 3 if any(r["misses"] for r in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
