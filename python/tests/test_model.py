"""Models and TensorInfo."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polymetis import axruntime as ax
from tiny_packages import Tensor, write_package


@pytest.mark.parametrize("form", [str, lambda p: p, lambda p: p / "model.json", lambda p: str(p / "model.json"), lambda p: str(p).encode()])
def test_a_package_is_named_by_folder_or_description_as_text_or_path(context, package, form):
    model = context.load_model(form(package))
    assert model.context is context
    assert isinstance(model, ax.Object)
    assert model.name == "tiny"
    assert model.batch == 1
    assert model.directory == package
    assert model.properties == {"preamble_graph": "", "postamble_graph": "", "input_tensor_layout": "NHWC"}


def test_tensors_are_described(context, tmp_path):
    image = Tensor("image", (1, 4, 16, 4), ((0, 0), (1, 1), (1, 5), (0, 1)), 1 / 255, -128)
    folder = write_package(tmp_path / "described", (image,), (Tensor("out", (1, 4, 16, 4)),))
    (info,) = context.load_model(folder).inputs()
    assert info.name == "image"
    assert info.shape == (1, 4, 16, 4)
    assert info.padding == [(0, 0), (1, 1), (1, 5), (0, 1)]
    assert all(isinstance(sides, tuple) for sides in info.padding)
    assert info.unpadded_shape == (1, 2, 10, 3)
    assert info.size == 256
    assert info.dtype == np.int8
    assert info.scale == pytest.approx(1 / 255)
    assert info.zero_point == -128
    (out,) = context.load_model(folder).outputs()
    assert out.padding == [(0, 0)] * 4
    picture = np.zeros((2, 10, 3), np.int8)
    assert np.pad(picture, info.padding[1:]).shape == info.shape[1:]


def test_tensor_info_is_constructed_as_programs_do():
    info = ax.TensorInfo((1, 230, 240, 4), np.int8, "data", [(0, 0), (3, 3), (3, 13), (0, 1)], 0.5, 3)
    assert info.unpadded_shape == (1, 224, 224, 3)
    assert ax.TensorInfo((2, 3)).padding == [(0, 0), (0, 0)]
    assert ax.TensorInfo([2, 3], padding=[[0, 1], [0, 0]]).unpadded_shape == (1, 3)
    assert ax.TensorInfo((2, 3), np.float32).size == 24
    with pytest.raises(ValueError, match="padding"):
        ax.TensorInfo((2, 3), padding=[(0, 0)])


def test_a_missing_package_is_file_not_found(context, tmp_path):
    for path in (tmp_path / "nothing", tmp_path / "nothing" / "model.json"):
        with pytest.raises(FileNotFoundError, match="nothing") as caught:
            context.load_model(path)
        assert isinstance(caught.value, RuntimeError)
        assert isinstance(caught.value, ValueError)


def broken(change):
    """A description with one thing changed."""

    def write(folder):
        description = json.loads((folder / "model.json").read_text())
        change(description)
        (folder / "model.json").write_text(json.dumps(description))

    return write


BAD = {
    "empty": lambda folder: (folder / "model.json").write_text(""),
    "truncated": lambda folder: (folder / "model.json").write_text((folder / "model.json").read_text()[:100]),
    "not a dictionary": lambda folder: (folder / "model.json").write_text("[1, 2]"),
    "deep": lambda folder: (folder / "model.json").write_text("[" * 100_000),
    "another major version": broken(lambda d: d.update(format_version="2.0")),
    "no graph file": lambda folder: (folder / "graph.xml").unlink(),
    "no weights file": lambda folder: (folder / "graph.bin").unlink(),
    "another size of a file": lambda folder: (folder / "graph.bin").write_bytes(b"x"),
    "a path that escapes": broken(lambda d: d.update(graph="../graph.xml")),
    "an absolute path": broken(lambda d: d.update(weights="/etc/passwd")),
    "an absurd size": broken(lambda d: d["inputs"][0].update(shape=[1, 2**40, 2**40, 4])),
    "a negative size": broken(lambda d: d["inputs"][0].update(shape=[1, -2, 2, 4])),
    "no outputs": broken(lambda d: d.update(outputs=[])),
    "names twice": broken(lambda d: d.update(inputs=d["inputs"] * 2)),
    "padding beyond the shape": broken(lambda d: d["inputs"][0].update(padding=[[0, 0], [9, 9], [0, 0], [0, 0]])),
    "another batch": broken(lambda d: d.update(batch=2)),
    "not int8": broken(lambda d: d["inputs"][0].update(dtype="float32")),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_damaged_or_hostile_package_is_an_error_that_names_it(context, package, tmp_path, bad):
    folder = tmp_path / "damaged"
    shutil.copytree(package, folder)
    bad(folder)
    with pytest.raises(ValueError, match="damaged") as caught:
        context.load_model(folder)
    assert len(str(caught.value)) < 1000


def test_a_vendor_compiled_package_is_refused_with_what_to_do(context, tmp_path):
    folder = tmp_path / "vendor"
    folder.mkdir()
    description = {"inputs": [{"shape": [1, 642, 656, 4]}], "outputs": [{}], "memory_pools": [{"memory": "l2", "size": 123, "blob_file": "pool.bin"}]}
    (folder / "model.json").write_text(json.dumps(description))
    (folder / "pool.bin").write_bytes(b"\0" * 123)
    with pytest.raises(ax.Error, match="polymetis compile"):
        context.load_model(folder)


def test_a_graph_whose_tensors_differ_from_the_description_is_an_error(topology, tmp_path):
    folder = write_package(tmp_path / "differs")
    broken(lambda d: d["inputs"][0].update(name="z"))(folder)
    other = write_package(tmp_path / "shape")
    broken(lambda d: (d["inputs"][0].update(shape=[1, 4, 4, 1]), d["outputs"][0].update(shape=[1, 4, 4, 1])))(other)
    with ax.Context(topology=topology('[[board]]\nname = "real"\n')) as context:
        for path in (folder, other):
            with pytest.raises(ValueError, match="graph"):
                context.device_connect().load_model_instance(context.load_model(path))


@pytest.mark.parametrize("path", [None, 3, ["a"]])
def test_what_is_no_path_is_a_type_error(context, path):
    with pytest.raises(TypeError, match=f"A path is str, bytes or os.PathLike; got {type(path).__name__}"):
        context.load_model(path)


@pytest.mark.parametrize("path", [b"nul\0byte", "nul\0byte"])
def test_a_path_with_a_nul_is_a_value_error(context, path):
    with pytest.raises(ValueError, match="null byte"):
        context.load_model(path)


def test_a_released_model_is_an_error_but_its_instance_goes_on(context, package, arrays):
    model = context.load_model(package)
    instance = context.device_connect().load_model_instance(model)
    model.release()
    model.release()
    for call in (model.inputs, model.outputs, lambda: model.properties, lambda: model.name):
        with pytest.raises(ax.InvalidArgument, match="released"):
            call()
    with pytest.raises(ax.InvalidArgument, match="released"):
        context.device_connect().load_model_instance(model)
    instance.run(*arrays)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_description_is_read_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("any")
    (folder / "model.json").write_bytes(content)
    with ax.Context() as context, pytest.raises(ax.Error):
        context.load_model(folder)
