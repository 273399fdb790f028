"""The built packages keep the recipes' bounds. POLYMETIS_MODELS names their folder (default: build/models)."""

import json
import os
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILT = Path(os.environ.get("POLYMETIS_MODELS", ROOT / "build" / "models"))
NAMES = ("ssd_mobilenetv2", "pose_lite", "efficientnet_lite0")
FLOORS = {
    "ssd_mobilenetv2": {"float_found_by_int8": 0.95, "int8_found_by_float": 0.95, "speed_int8_over_f32": 1.9, "float_boxes": 500},
    "pose_lite": {"speed_int8_over_f32": 1.4, "held_out_samples": 100},
    "efficientnet_lite0": {"top1_agreement": 0.93, "held_out_samples": 200},
}
CEILINGS = {"pose_lite": {"keypoint_distance_mean_max": 0.028}}


@pytest.fixture(params=NAMES)
def report(request):
    path = BUILT / request.param / "report.json"
    assert path.is_file(), f"{path} is missing: compile the recipes with `python -m polymetis.compile.recipes {BUILT}`"
    return json.loads(path.read_text())


def test_figures_keep_the_bounds(report):
    figures = report["figures"]
    for key, floor in FLOORS[report["name"]].items():
        assert figures[key] >= floor, key
    for key, ceiling in CEILINGS.get(report["name"], {}).items():
        assert figures[key] <= ceiling, key


def test_speed_is_the_median_of_enough_pairs(report):
    assert report["figures"]["speed_pairs"] >= 12


def test_the_recipe_has_these_bounds_and_the_report_says_them(report):
    recipe = tomllib.loads((ROOT / "models" / report["name"] / "recipe.toml").read_text())
    wanted = {**FLOORS[report["name"]], **CEILINGS.get(report["name"], {})}
    wanted = {k: v for k, v in wanted.items() if k not in ("float_boxes", "held_out_samples")}
    assert recipe["bounds"] == {**recipe["bounds"], **wanted} and report["bounds"] == recipe["bounds"] and report["misses"] == []


def test_no_picture_is_used_twice(report):
    assert report["calibration"] and not set(report["calibration"]) & set(report["held_out"])


def test_all_border_tensors_are_int8(report):
    tensors = report["tensors"]["inputs"] + report["tensors"]["outputs"]
    assert tensors and all(t["dtype"] == "int8" for t in tensors)
