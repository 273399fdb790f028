"""Every dependency has its line in docs/dependencies.md."""

import re
import tomllib
from pathlib import Path

import pytest
from polymetis.compile import fetch

ROOT = Path(__file__).parents[1]
TABLE = [line.split("|")[1].lower() for line in (ROOT / "docs/dependencies.md").read_text().splitlines() if line.startswith("| ")]


def listed(file):
    lines = (line.partition("#")[0].strip() for line in (ROOT / file).read_text().splitlines())
    return {name(line) for line in lines if line}


def name(requirement):
    return re.split(r"[=<>~!\[ ]", requirement)[0]


def of_the_wheel():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [project["build-system"]["requires"], project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    return {name(one) for group in groups for one in group}


DEBIANS_NAME = {"libtomlplusplus-dev": "toml++", "nlohmann-json3-dev": "nlohmann-json", "libclang-rt-19-dev": "libclang-rt", "ninja-build": "ninja"}


def stem(package):
    """Debian's libfmt-dev is fmt, clang-19 is clang."""
    return DEBIANS_NAME.get(package) or re.sub(r"^lib(opencv-)?|-dev$|-19$", "", package)


PYTHON = listed("python/requirements-dev.txt") | listed("python/requirements-compile.txt") | of_the_wheel() | {name(fetch.NODE_FALLBACK)}
DEBIAN = listed("tools/debian-packages.txt")


@pytest.mark.parametrize("package", sorted(PYTHON))
def test_a_python_package_has_its_line(package):
    spelled = package.replace("onnxruntime", "onnx runtime")
    assert any(re.search(rf"(?<![\w-]){re.escape(spelled)}(?![\w-])", row) for row in TABLE)


@pytest.mark.parametrize("package", sorted(DEBIAN))
def test_a_package_of_debian_has_its_line(package):
    assert any(stem(package) in row for row in TABLE), stem(package)
