"""The family of exceptions."""

from __future__ import annotations

import builtins
import subprocess
import sys

import pytest
from polymetis import _errors
from polymetis import axruntime as ax

DOCUMENTED = {
    "ConnectionError": builtins.ConnectionError,
    "DeviceInUse": RuntimeError,
    "IncompatibleDevice": RuntimeError,
    "InternalError": RuntimeError,
    "InvalidArgument": ValueError,
    "InvalidConfiguration": ValueError,
    "NotImplemented": NotImplementedError,
    "Pending": RuntimeError,
    "UnknownError": RuntimeError,
}


@pytest.mark.parametrize(("name", "built_in"), DOCUMENTED.items())
def test_documented_exceptions_are_runtime_errors_and_what_they_mean(name, built_in):
    kind = getattr(ax, name)
    assert issubclass(kind, RuntimeError)
    assert issubclass(kind, built_in)
    assert kind.__module__ == "polymetis.axruntime"
    assert str(kind("a sentence")) == "a sentence"


def test_each_code_has_its_own():
    kinds = [type(_errors.exception_of_code(code, "x")) for code in range(1, 12)]
    assert len(set(kinds)) == 11
    assert [kind.code for kind in kinds] == list(range(1, 12))
    assert type(_errors.exception_of_code(99, "x")) is ax.UnknownError


def test_value_errors_are_value_errors():
    assert issubclass(ax.InvalidValue, ValueError)
    assert issubclass(ax.PackageNotFound, FileNotFoundError)
    assert str(ax.PackageNotFound("a sentence")) == "a sentence"


def test_without_the_native_part_a_context_is_an_os_error_and_doctor_says_so():
    program = """
import sys
sys.modules["polymetis._native"] = None
from polymetis import cli
from polymetis.axruntime import Context, ModelInstance, TensorInfo
try:
    Context()
except OSError as error:
    print(isinstance(error, RuntimeError), "polymetis doctor" in str(error))
sys.exit(cli.main(["doctor"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("True True"), done.stderr
    assert "cannot be loaded" in done.stdout
    assert done.returncode == 1


def test_what_is_no_model_and_no_text_of_devices(context):
    with context.device_connect() as connection:
        for thing, name in (("model.json", "str"), (None, "NoneType")):
            with pytest.raises(ax.InvalidType, match=f"takes a Model, .*got {name}"):
                connection.load_model_instance(thing)
    with pytest.raises(ax.InvalidType, match="a text such as .*got int"):
        ax.select_devices(0, context)
