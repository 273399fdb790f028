"""Type stubs: up to date, whole, and good enough for strict programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polymetis
import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent


def test_the_stub_is_that_of_the_module(tmp_path):
    subprocess.run([ROOT / "tools" / "python-stubs", tmp_path / "_native.pyi"], check=True, timeout=60)
    fresh = (tmp_path / "_native.pyi").read_text()
    assert fresh == (ROOT / "python" / "polymetis" / "_native.pyi").read_text(), "run tools/python-stubs"


def test_the_installed_package_is_typed():
    installed = Path(polymetis.__file__).parent
    assert (installed / "py.typed").is_file()
    assert (installed / "_native.pyi").is_file()


def test_mypy_accepts_a_strict_program_and_sees_wrong_use(tmp_path):
    program = tmp_path / "wrong.py"
    program.write_text(
        "from polymetis.axruntime import Context\n"
        "context = Context(virtual='maybe')\n"
        "context.device_connect(1.5)\n"
        "instance = context.device_connect().load_model_instance('path')\n"
        "instance.run([1.5], [None])\n"
        "import polymetis, polymetis.axruntime, axelera.runtime\n"
        "polymetis.Fleet, polymetis.axruntime.TensorInfo, axelera.runtime.TensorInfo\n"
        "from polymetis import Flet\n"
        "from polymetis.axruntime import Contxt\n"
        "from axelera.runtime import Contxt as Other\n"
    )
    command = (sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", tmp_path, program, HERE / "typed_program.py")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, check=False)
    errors = [line.split(":")[:2] for line in done.stdout.splitlines() if ": error:" in line]
    assert {Path(file).name for file, _ in errors} == {"wrong.py"}, done.stdout
    assert {int(number) for _, number in errors} == {2, 3, 4, 5, 8, 9, 10}, done.stdout


@pytest.mark.parametrize("module", ["polymetis", "polymetis.axruntime", "axelera.runtime"])
def test_dir_has_every_name(module):
    program = f"import {module} as module; print(set(module.__all__) - set(dir(module)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"


def test_the_program_runs(package):
    subprocess.run([sys.executable, HERE / "typed_program.py", package], check=True, timeout=60)


def test_everything_public_is_documented():
    from polymetis import axruntime as ax

    for name in ax.__all__:
        thing = getattr(ax, name)
        assert thing.__doc__, name
        for member, value in vars(thing).items():
            if not member.startswith("_") and callable(value):
                assert value.__doc__, f"{name}.{member}"
