"""The family of exceptions."""

from __future__ import annotations

import builtins

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
