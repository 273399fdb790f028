"""`make bench`: runs the benchmark programs, prints a table and writes build/bench.json, a list of {name, value, unit, goal, met, samples}."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"


def programs(models: Path) -> dict[str, list[str]]:
    return {
        "runtime": [str(BUILD / "dev" / "bench" / "runtime_bench"), str(models)],
        "fleet": [str(BUILD / "dev" / "bench" / "fleet_bench"), str(models)],
        "python": [sys.executable, str(ROOT / "bench" / "python_bench.py"), str(models)],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", nargs="*", help="runtime, fleet, python (default: all)")
    parser.add_argument("--output", type=Path, default=BUILD / "bench.json", help="(default: %(default)s)")
    parser.add_argument("--models", type=Path, default=BUILD / "models", help="(default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    console = Console(stderr=options.json, width=None if sys.stdout.isatty() else 120)
    subprocess.run(["cmake", "--preset", "dev", "-DPOLYMETIS_BENCH=ON"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "--preset", "dev", "--target", "runtime_bench", "fleet_bench"], cwd=ROOT, check=True)
    figures, failed = [], False
    for name, command in programs(options.models).items():
        if options.programs and name not in options.programs:
            continue
        with console.status(f"measuring: {name}"):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            console.print(f"{name}: {done.stderr.strip()[-500:]}", style="red", markup=False)
            failed = True
            continue
        figures += json.loads(done.stdout)
    options.output.write_text(json.dumps(figures, indent=1))
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        console.print(drawn(figures), f"written: {options.output}")
    return int(failed)


def drawn(figures: list[dict]) -> Table:
    table = Table("figure", "value", "unit", "goal", "met", "samples")
    for f in figures:
        met = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[f["met"]]
        table.add_row(f["name"], f"{f['value']:.4g}", f["unit"], f["goal"] or "", met, str(f["samples"]))
    return table


if __name__ == "__main__":
    sys.exit(main())
