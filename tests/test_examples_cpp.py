"""The C++ examples and the README's, built on their own against an installed tree, as a user builds them.

POLYMETIS_BUILD names the build folder of the libraries (default: build/dev).
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("builds")]  # the first test builds
ROOT = Path(__file__).parents[1]
BUILD = Path(os.environ.get("POLYMETIS_BUILD", ROOT / "build" / "dev"))
ENGINE = next((ROOT / ".venv" / "lib").glob("python3*")) / "site-packages"
DOWNLOADS = ROOT / "build" / "downloads"


def must(*command):
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    if not (BUILD / "build.ninja").is_file():
        must("cmake", "--preset", "dev", "-B", BUILD)
    must("cmake", "--build", BUILD, "--target", "polymetis", "axruntime")
    tree, build = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("examples")
    for component in ("runtime", "devel", "axruntime", "axruntime-devel"):
        must("cmake", "--install", BUILD, "--prefix", tree, "--component", component)
    flags = ("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", "-DCMAKE_BUILD_TYPE=Release")
    must("cmake", "-S", ROOT / "examples", "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={tree};{ENGINE}", *flags)
    must("cmake", "--build", build)
    return build


@pytest.fixture
def run(examples, tmp_path):
    environment = {**os.environ, "POLYMETIS_RUN_DIR": str(tmp_path), "POLYMETIS_VIRTUAL": "always"}

    def run(name, *arguments):
        command = [examples / f"example_{name}", *arguments]
        return subprocess.run(list(map(str, command)), env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    return run


def lines(done):
    assert done.returncode == 0, done.stderr
    return dict(line.split(":", 1) for line in done.stdout.splitlines())


def test_the_quick_start_finds_the_dog_and_the_person(run):
    found = lines(run("quick_start"))
    assert list(found) == ["dog.jpg", "eagle.jpg", "giraffe.jpg", "horses.jpg", "kite.jpg", "person.jpg"]
    assert found["dog.jpg"].startswith(" Dog 0.")
    assert " Person 0." in found["person.jpg"]


def test_it_finds_what_the_python_example_finds(run):
    script = ROOT / "examples" / "python" / "quick_start.py"
    python = subprocess.run(
        [str(ROOT / ".venv" / "bin" / "python"), script, DOWNLOADS / "darknet"], capture_output=True, text=True, timeout=60, check=False
    )
    assert python.returncode == 0, python.stderr
    expected = {line.split(":")[0]: re.findall(r"(\w[\w ]*) (0\.\d+)", line.split(":")[1]) for line in python.stdout.splitlines()}
    found = {name: re.findall(r"(\w[\w ]*?) (0\.\d+)", text) for name, text in lines(run("quick_start")).items()}
    assert {k: [n for n, _ in v] for k, v in found.items()} == {k: [n for n, _ in v] for k, v in expected.items()}
    for name, pairs in found.items():  # two versions of OpenCV read and resize
        for (_, score), (_, other) in zip(pairs, expected[name], strict=True):
            assert abs(float(score) - float(other)) < 0.03


def test_the_cascade_finds_the_persons_nose(run):
    found = lines(run("cascade"))
    assert list(found) == ["dog.jpg", "eagle.jpg", "giraffe.jpg", "horses.jpg", "kite.jpg", "person.jpg"]
    assert "pose" not in found["dog.jpg"]
    presence, x, y = map(float, re.search(r"pose ([\d.]+), nose at (\d+),(\d+)", found["person.jpg"]).groups())
    assert presence > 0.5
    assert abs(x - 238) < 25  # looked up by eye
    assert abs(y - 124) < 25


@pytest.mark.parametrize("name", ["quick_start", "cascade"])
def test_one_picture_and_none_at_all(run, name, tmp_path):
    packages = [ROOT / "build" / "models" / p for p in (["ssd_mobilenetv2"] if name == "quick_start" else ["ssd_mobilenetv2", "pose_lite"])]
    assert list(lines(run(name, *packages, DOWNLOADS / "darknet" / "person.jpg"))) == ["person.jpg"]
    (tmp_path / "empty").mkdir()
    assert lines(run(name, *packages, tmp_path / "empty")) == {}


@pytest.mark.parametrize("name", ["quick_start", "cascade"])
def test_what_is_missing_is_one_clear_sentence(run, name, tmp_path):
    done = run(name, tmp_path / "nothing here", tmp_path / "nothing here")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name}: ")
    assert "nothing here" in done.stderr
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    done = run(name, *[ROOT / "build" / "models" / p for p in ("ssd_mobilenetv2", "pose_lite")][: 1 + (name == "cascade")], tmp_path / "broken.jpg")
    assert done.returncode == 1
    assert "broken.jpg" in done.stderr


def test_the_readmes_example_recognises_the_cannon(run):
    source = ROOT / "examples" / "readme" / "quick_start.cpp"
    assert len(source.read_text().splitlines()) <= 20
    done = run("readme")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(": class 471\n")
