"""The built packages keep the recipes' bounds. POLYMETIS_MODELS names their folder (default: build/models).

Accuracy is a property of a package. Speed is one of a computer, so only that it was measured well is checked here; the report says which bounds of
speed this computer misses.
"""

import json
import os
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILT = Path(os.environ.get("POLYMETIS_MODELS", ROOT / "build" / "models"))
NAMES = ("ssd_mobilenetv2", "pose_lite", "efficientnet_lite0")
FLOORS = {
    "ssd_mobilenetv2": {"float_found_by_int8": 0.95, "int8_found_by_float": 0.95, "float_boxes": 500},
    "pose_lite": {"held_out_samples": 100},
    "efficientnet_lite0": {"top1_agreement": 0.93, "held_out_samples": 200},
}
CEILINGS = {"pose_lite": {"keypoint_distance_mean_max": 0.028}}
SPEEDS = {"ssd_mobilenetv2": {"speed_int8_over_f32": 1.9}, "pose_lite": {"speed_int8_over_f32": 1.4}}
COUNTS = ("float_boxes", "held_out_samples")


@pytest.fixture(params=NAMES)
def report(request):
    path = BUILT / request.param / "report.json"
    assert path.is_file(), f"{path} is missing: compile the recipes with `python -m polymetis.compile.recipes {BUILT}`"
    return json.loads(path.read_text())


@pytest.mark.parametrize("whose", ["this computer", "any computer"])
def test_figures_keep_the_bounds(report, whose):
    figures = report["figures"] if whose == "this computer" else report["arithmetic"]["figures_in_exact_arithmetic"]
    for key, floor in FLOORS[report["name"]].items():
        assert figures[key] >= floor, key
    for key, ceiling in CEILINGS.get(report["name"], {}).items():
        assert figures[key] <= ceiling, key


def test_int8_is_exact_here(report):
    arithmetic = report["arithmetic"]
    assert arithmetic["int8_operators"] >= 50 and arithmetic["inexact_here"] == []


def test_speed_was_measured(report):
    figures = report["figures"]
    assert figures["speed_pairs"] >= 12
    assert figures["int8_ms"] > 0 and figures["f32_ms"] > 0
    assert 0.2 < figures["speed_int8_over_f32"] < 20


def test_speed_bounds_are_said_with_the_computer(report):
    bounds = SPEEDS.get(report["name"], {})
    missed = [k for k, bound in bounds.items() if report["figures"][k] < bound]
    assert [m.split()[0] for m in report["speed_misses"]] == missed
    assert report["computer"]["cpu"] and report["computer"]["cpus"] >= 1 and isinstance(report["computer"]["int8_features"], list)


def test_the_recipe_has_these_bounds_and_the_report_says_them(report):
    recipe = tomllib.loads((ROOT / "models" / report["name"] / "recipe.toml").read_text())
    wanted = {**FLOORS[report["name"]], **CEILINGS.get(report["name"], {}), **SPEEDS.get(report["name"], {})}
    assert recipe["bounds"] == {k: v for k, v in wanted.items() if k not in COUNTS}
    assert report["bounds"] == recipe["bounds"] and report["misses"] == []


def test_no_picture_is_used_twice(report):
    assert report["calibration"] and not set(report["calibration"]) & set(report["held_out"])


def test_all_border_tensors_are_int8(report):
    tensors = report["tensors"]["inputs"] + report["tensors"]["outputs"]
    assert tensors and all(t["dtype"] == "int8" for t in tensors)
