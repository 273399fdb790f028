"""The name axelera.runtime."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from polymetis import axruntime as ax


def test_all_import_forms_of_programs_work():
    import axelera.runtime as axr
    from axelera import runtime
    from axelera.runtime import Context, TensorInfo, select_devices
    from axelera.runtime.axruntime import BoardType, DeviceInfo
    from axelera.runtime.configs import runtime_dir
    from axelera.runtime.objects import Context as SameContext

    assert axr is runtime
    assert Context is SameContext is ax.Context
    assert TensorInfo is ax.TensorInfo
    assert select_devices is ax.select_devices
    assert BoardType.OMEGA_PCIE == 2
    assert runtime.DeviceInfo(DeviceInfo(b"metis-0:1:0", 4, 0, 0, b"", BoardType.EUROPA_PCIE, b"", 0)).hw_generation.name == "europa"
    assert runtime.BoardType.pcie.name == "pcie"
    assert isinstance(runtime_dir, Path)
    assert list(runtime_dir.glob("libpolymetis*"))


@pytest.mark.parametrize("name", ax.__all__)
def test_every_name_is_there(name):
    runtime = importlib.import_module("axelera.runtime")
    assert getattr(runtime, name) is getattr(ax, name)
    assert name in runtime.__all__


NOT_HERE = ["op", "cv", "display", "scheduler"]


@pytest.mark.parametrize("name", NOT_HERE)
def test_what_is_not_provided_says_so(name):
    runtime = importlib.import_module("axelera.runtime")
    with pytest.raises(NotImplementedError, match=f"axelera.runtime.{name}") as caught:
        getattr(runtime, name)
    assert isinstance(caught.value, ax.NotImplemented)
    for statement in (f"from axelera.runtime import {name}", f"import axelera.runtime.{name}", f"from axelera.runtime.{name} import x"):
        with pytest.raises(NotImplementedError, match=f"axelera.runtime.{name} .* was asked for"):
            exec(statement)


@pytest.mark.parametrize("name", NOT_HERE)
def test_programs_that_ask_whether_it_is_there_are_told_no(name):
    runtime = importlib.import_module("axelera.runtime")
    assert not hasattr(runtime, name)
    assert name not in dir(runtime)
    with pytest.raises(ImportError) as caught:
        exec(f"from axelera.runtime import {name}")
    assert caught.value.name == f"axelera.runtime.{name}"


def test_an_unknown_name_is_an_attribute_error():
    runtime = importlib.import_module("axelera.runtime")
    with pytest.raises(AttributeError, match="nothing"):
        runtime.nothing  # noqa: B018


def test_axelera_is_a_namespace_that_others_may_share():
    import axelera

    assert getattr(axelera, "__file__", None) is None


def test_polymetis_alone_never_touches_the_name():
    from importlib import metadata

    files = [str(file) for file in metadata.files("polymetis") or ()]
    assert files
    assert not [file for file in files if file.startswith("axelera")]
    assert not [file for file in metadata.files("polymetis-axelera") or () if str(file).startswith("polymetis/")]


def test_the_program_of_the_sheet_runs(topology, package, monkeypatch):
    import numpy as np
    from axelera.runtime import Context

    monkeypatch.setenv("POLYMETIS_TOPOLOGY", str(topology('[[board]]\nname = "metis-0:1:0"\n')))
    with Context() as context:
        model = context.load_model(Path(package) / "model.json")
        connection = context.device_connect(context.list_devices()[0], 1, device_firmware_check=0)
        instance = connection.load_model_instance(model, num_sub_devices=1, aipu_cores=1, double_buffer=False)
        inputs = [np.zeros(info.shape, np.int8) for info in model.inputs()]
        outputs = [np.zeros(info.shape, np.int8) for info in model.outputs()]
        instance.run(inputs, outputs)
        assert (outputs[0] == 1).all()
        assert "axelera.runtime" in sys.modules
