"""What a compilation says and how it ends: bounds of accuracy and of speed, warnings, progress, and when it compiles again."""

import io

import pytest
import tiny_networks
from polymetis.compile import fingerprint, measure, recipes, report
from polymetis.compile.options import Options
from polymetis.compile.pictures import PictureSet
from polymetis.compile.progress import bar
from rich.console import Console

GOOD = {
    "name": "n",
    "figures": {"top1_agreement": 0.9, "distance_max": 0.02},
    "misses": [],
    "speed_misses": [],
    "arithmetic": {"int8_operators": 3, "inexact_here": [], "figures_in_exact_arithmetic": {}},
}


def test_a_good_package_takes_one_line():
    assert report.summary(GOOD) == "n: top1_agreement 0.9, distance 0.02"


def test_misses_and_saturation_are_said():
    bad = {
        **GOOD,
        "misses": ["a is 1"],
        "speed_misses": ["speed_b is 1; for this reason"],
        "arithmetic": {**GOOD["arithmetic"], "inexact_here": ["c", "d"]},
    }
    said = report.summary(bad).splitlines()
    assert said[1:3] == ["  bound missed: a is 1", "  bound of speed missed on this computer: speed_b is 1; for this reason"]
    assert "saturates in 2 of 3 operators, first in c" in said[3]


def test_bounds_of_speed_are_apart_and_not_judged_where_speed_was_not_measured():
    bounds = {"share": 0.9, "speed_ratio": 2.0}
    assert report.judged({"share": 0.8, "speed_ratio": 1.0, "speed_pairs": 12}, bounds, "slow CPU") == (
        ["share is 0.8, the bound is 0.9"],
        ["speed_ratio is 1, the bound is 2; slow CPU"],
    )
    assert report.judged({"share": 0.9, "speed_ratio": 1.0, "speed_pairs": 12}, bounds, "")[1] == ["speed_ratio is 1, the bound is 2"]
    assert report.judged({"share": 0.9}, bounds, "") == ([], [])
    assert measure.misses({}, {"share": 0.9}) == ["share was not measured"]


@pytest.mark.parametrize(("changed", "status"), [({}, 0), ({"speed_misses": ["slow"]}, 0), ({"misses": ["wrong"]}, 3)])
def test_the_exit_status_tells_of_accuracy_only(monkeypatch, tmp_path, changed, status):
    monkeypatch.setattr(recipes, "compile_recipe", lambda *_: {**GOOD, **changed})
    assert recipes.main([str(tmp_path), "one"]) == status


def test_without_a_terminal_each_long_step_is_a_line():
    text = io.StringIO()
    with bar("net", Console(file=text)) as show:
        for step in ("read", "quantise", "quantise", "speed"):
            show(step, 0.5)
    assert text.getvalue().splitlines() == ["net: quantise", "net: speed"]


def test_rewording_is_no_reason_to_compile_again():
    code = 'def f(a):\n    """Says."""\n    return a + 1\n'
    assert fingerprint.code_of(code) == fingerprint.code_of('"""Module."""\n\n\ndef f(a):\n    # why\n    return (a +\n            1)\n')
    assert fingerprint.code_of(code) != fingerprint.code_of(code.replace("1", "2"))


def test_other_pictures_or_options_are(tmp_path):
    model = tiny_networks.detector(tmp_path / "net.onnx")
    pictures = sorted(tiny_networks.pictures(tmp_path / "pictures").iterdir())
    options = Options("n", model, calibration=(PictureSet(tuple(pictures[:2])),), held_out=(PictureSet(tuple(pictures[2:3])),))
    first = fingerprint.fingerprint(options)
    assert fingerprint.fingerprint(options) == first
    assert fingerprint.fingerprint(Options("n", model, batch=2, calibration=options.calibration, held_out=options.held_out)) != first
    pictures[0].write_bytes(pictures[3].read_bytes())
    assert fingerprint.fingerprint(options) != first
