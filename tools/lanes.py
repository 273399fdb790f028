"""`make test`: runs the lanes one after the other, each with a budget in seconds, and ends with `N passed, N failed`.

tools/lanes.py [LANE...]   only these
tools/lanes.py --list      what there is
tools/lanes.py --again     also lanes that passed and of whose files none has changed since
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
CPUS = len(os.sched_getaffinity(0))
PYTHON = str(ROOT / ".venv" / "bin" / "python")
SANITIZERS = {
    "TBB_ENABLE_SANITIZERS": "1",
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "ignore_noninstrumented_modules=1:halt_on_error=1",
}


SHORT = ("base", "model", "device")
ALL = (*SHORT, "runtime", "fleet", "fleet_system", "capi", "driver_virtual", "driver_faulty", "conformance")


@dataclass
class Outcome:
    passed: int = 0
    failed: int = 0
    unchanged: bool = False
    """It passed before on the same files and was not run again."""


@dataclass
class Lane:
    name: str
    budget_s: int
    what: str
    run: Callable[[], Outcome]
    when: str = "always"
    """Or "asked": only where it is named."""
    without: tuple[str, ...] = ()
    """Files and folders that it does not depend on."""


# Objects of one preset's build are found by the others' and by the wheel's: paths in them are relative.
CCACHE = {"CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1"}


def call(*command: str, **environment: str) -> int:
    return subprocess.run(command, cwd=ROOT, env=os.environ | CCACHE | environment, check=False).returncode


def must(*command: str, **environment: str) -> None:
    if status := call(*command, **environment):
        raise RuntimeError(f"{' '.join(command)} ended with status {status}")


def counted(report: Path, status: int) -> Outcome:
    """What a JUnit file says; a runner that failed without a failed test counts as one."""
    suites = ElementTree.parse(report).getroot().iter("testcase") if report.is_file() else ()
    cases = [any(child.tag in ("failure", "error", "skipped") for child in case) for case in suites]
    bad = sum(cases)
    return Outcome(len(cases) - bad, bad or int(status != 0 or not cases))


def build(preset: str, *targets: str) -> None:
    if not (BUILD / preset / "build.ninja").is_file():
        must("cmake", "--preset", preset)
    must("cmake", "--build", "--preset", preset, *(("--target", *targets) if targets else ()))


def ctest(preset: str, *options: str, **environment: str) -> Outcome:
    report = BUILD / f"{preset}-tests.xml"
    report.unlink(missing_ok=True)
    command = ("ctest", "--test-dir", str(BUILD / preset), "--output-on-failure", "-j2", "--timeout", "600", "--quiet")
    status = call(*command, "--output-junit", str(report), *options, **environment)
    print_failures(report)
    return counted(report, status)


def print_failures(report: Path) -> None:
    """What failed tests printed: ctest keeps quiet of the others."""
    for case in ElementTree.parse(report).getroot().iter("testcase") if report.is_file() else ():
        if case.find("failure") is not None:
            print(f"--- FAILED {case.get('name')}\n{(case.findtext('system-out') or '').strip()[-4000:]}", flush=True)


def pytest(name: str, workers: int, *arguments: str) -> Outcome:
    """Tests of one `xdist_group` run in one worker, one after the other."""
    report = BUILD / f"{name}-tests.xml"
    report.unlink(missing_ok=True)
    return counted(
        report,
        call(PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(workers), "--dist", "loadgroup", f"--junitxml={report}", *arguments),
    )


def unit() -> Outcome:
    build("dev")
    return ctest("dev")


def python() -> Outcome:
    must("tools/install-python")
    return pytest("python", 2 * CPUS, "python/tests")  # they mostly wait


def sanitizer(preset: str, programs: tuple[str, ...]) -> Outcome:
    build(preset, *(f"{program}_tests" for program in programs))
    # UBSan's check of virtual tables needs a descriptor of its own, which the one test takes away; TSan cannot follow threads that a forked child
    # starts (the engine's helpers) in the other. The other lanes run them.
    left_out = "fleet_system/(chaos|mutant)|" + ("NoDescriptorsLeft" if preset == "asan" else "AForkedChildComputes")
    return ctest(preset, "-R", f"^({'|'.join(programs)})/", "-E", left_out, **SANITIZERS)


def fuzz() -> Outcome:
    return counted(BUILD / "fuzz.xml", call("tools/fuzz", "7", "--junitxml", str(BUILD / "fuzz.xml")))


def end_to_end() -> Outcome:
    must(PYTHON, "-m", "polymetis.compile.recipes", "build/models")
    return pytest("end_to_end", CPUS, "tests")


TEXTS = ("docs", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "bench", "models")
CPP = (*TEXTS, "python", "pyproject.toml")
LANES = (
    Lane("unit", 400, "C++ unit tests, conformance, C API, consumers of the installed tree", unit, without=CPP),
    Lane("python", 200, "both wheels, built, installed and tested", python, without=(*TEXTS, "tests")),
    Lane("asan", 240, "C++ tests of base, model and device under AddressSanitizer and UBSan", lambda: sanitizer("asan", SHORT), without=CPP),
    Lane("tsan", 240, "the same under ThreadSanitizer", lambda: sanitizer("tsan", SHORT), without=CPP),
    Lane("asan-all", 900, "all C++ tests under AddressSanitizer and UBSan", lambda: sanitizer("asan", ALL), "asked", CPP),
    Lane("tsan-all", 900, "all C++ tests under ThreadSanitizer", lambda: sanitizer("tsan", ALL), "asked", CPP),
    Lane("fuzz", 120, "fuzz targets, briefly", fuzz, without=CPP),
    Lane("end-to-end", 300, "real networks on real pictures, examples, README", end_to_end),
)


def digest(lane: Lane) -> str:
    """Of all files that the lane depends on, committed or not."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    total = hashlib.sha256()
    for name in sorted(set(listed.stdout.decode().split("\0")) - {""}):
        file = ROOT / name
        if name.split("/")[0] not in lane.without and file.is_file():
            total.update(f"{name}\0{file.stat().st_mode & 0o111}\0".encode() + file.read_bytes())
    return total.hexdigest()


def passed_before(lane: Lane, now: str) -> Outcome | None:
    stamp = BUILD / "stamps" / f"lane-{lane.name}.json"
    if not stamp.is_file():
        return None
    then = json.loads(stamp.read_text())
    return Outcome(then["passed"], 0, True) if then["digest"] == now else None


def remember(lane: Lane, now: str, outcome: Outcome) -> None:
    stamp = BUILD / "stamps" / f"lane-{lane.name}.json"
    stamp.unlink(missing_ok=True)
    if outcome.failed == 0:
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(json.dumps({"digest": now, "passed": outcome.passed}))


def run_lane(lane: Lane, again: bool) -> Outcome:
    print(f"\n=== {lane.name}: {lane.what}", flush=True)
    started = time.monotonic()
    now = digest(lane)
    outcome = None if again else passed_before(lane, now)
    if outcome is None:
        try:
            outcome = lane.run()
        except RuntimeError as error:
            print(f"{lane.name}: {error}")
            outcome = Outcome(failed=1)
        remember(lane, now, outcome)
    took = time.monotonic() - started
    note = "  OVER BUDGET" if took > lane.budget_s else "  not run again: nothing has changed since" if outcome.unchanged else ""
    summary = f"{lane.name:12} {outcome.passed:5} passed {outcome.failed:3} failed  {took:6.1f} s of {lane.budget_s} s{note}"
    print(f"=== {summary}", flush=True)
    lane.summary = summary  # type: ignore[attr-defined]
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lanes", nargs="*", metavar="LANE", choices=[[], *(lane.name for lane in LANES)], help="default: all")
    parser.add_argument("--list", action="store_true", help="list the lanes")
    parser.add_argument("--again", action="store_true", help="run also what passed before on the same files")
    options = parser.parse_args()
    chosen = [lane for lane in LANES if (lane.name in options.lanes if options.lanes else lane.when == "always" or options.list)]
    if options.list:
        print("\n".join(f"{lane.name:12} {lane.budget_s:4} s  {lane.what}" for lane in chosen))
        return 0
    BUILD.mkdir(exist_ok=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and so would the programs under test
    outcomes = [run_lane(lane, options.again) for lane in chosen]
    print("\n" + "\n".join(lane.summary for lane in chosen))  # type: ignore[attr-defined]
    failed = sum(outcome.failed for outcome in outcomes)
    print(f"\n{sum(outcome.passed for outcome in outcomes)} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
