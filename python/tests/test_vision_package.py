"""model.json as untrusted input, and the postamble behind a card's outputs."""

import json
import os

import numpy as np
import pytest
from onnx import TensorProto, helper
from polymetis import vision
from vision_packages import border, flatten, graph, text, write


def test_reads_a_package_by_its_folder_and_by_its_file(tmp_path):
    write(tmp_path, text())
    package = vision.read_package(tmp_path)
    assert package == vision.read_package(str(tmp_path / "model.json"))
    assert package.inputs[0].padding == ((0, 0), (0, 0), (0, 8), (0, 1))
    assert package.image == vision.ImageSpec()
    assert package.postamble is None
    assert package.inputs[0].empty().min() == package.inputs[0].empty().max() == -128
    assert package.outputs[0].empty().shape == (1, 1, 1, 64)


def test_a_package_that_is_missing_says_where_and_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.*polymetis compile"):
        vision.read_package(tmp_path / "nowhere")


BAD = {
    "another version": {"format_version": "2.0"},
    "no name": {"name": None, "batch": None},
    "another vendor's": {"format_version": None, "inputs": [{"shape": [1, 2]}]},
    "path out of the package": {"postamble_graph": "../postamble.onnx"},
    "postamble that files lacks": {"postamble_graph": "postamble.onnx", "files": {}},
    "files are a list": {"postamble_graph": "postamble.onnx", "files": ["postamble.onnx"]},
    "checksum of another kind": {"postamble_graph": "p", "files": {"p": {"bytes": 1, "xxh3_128": "F" * 32}}},
    "bytes without end": {"postamble_graph": "p", "files": {"p": {"bytes": float("inf"), "xxh3_128": "f" * 32}}},
    "batch without end": {"batch": float("inf")},
    "batch of 0": {"batch": 0, "inputs": [border("x", [0, 1, 1, 4])], "outputs": [border("x", [0, 1, 1, 4])]},
    "shape without end": {"outputs": [border("x", [1, float("inf"), 2, 4])]},
    "shape with a fraction": {"outputs": [border("x", [1, 1.5, 2, 4], [[0, 0]] * 4)]},
    "shape of 400 digits": {"outputs": [border("x", [1, 10**400, 2, 4])]},
    "shape of many dimensions": {"outputs": [border("x", [1] * 100)]},
    "padding without end": {"outputs": [border("x", [1, 1, 1, 4], [[0, 0], [0, 0], [0, 0], [0, float("-inf")]])]},
    "padded batch": {"batch": 2, "inputs": [border("x", [2, 4], [[1, 0], [0, 0]])], "outputs": [border("x", [2, 4])]},
    "scale of 400 digits": {"outputs": [border("x", [1, 1, 1, 4], scale=10**400)]},
    "scale that no float holds": {"outputs": [border("x", [1, 1, 1, 4], scale=1e-300)]},
    "zero point without end": {"outputs": [border("x", [1, 1, 1, 4], zero_point=float("inf"))]},
    "one name twice": {"outputs": [border("x", [1, 4]), border("x", [1, 4])]},
    "no inputs": {"inputs": []},
    "labels are a text": {"labels": "abc"},
    "crop of 400 digits": {"image": {"colour": "RGB", "resize": "crop", "crop": 10**400}},
    "float": {"outputs": [{**border("x", [1, 1, 1, 4]), "dtype": "float32"}]},
    "other batch": {"outputs": [border("x", [2, 1, 1, 4])]},
    "padding longer than the shape": {"outputs": [border("x", [1, 1, 1, 4], [[0, 0], [0, 0], [0, 0], [2, 2]])]},
    "negative padding": {"outputs": [border("x", [1, 1, 1, 4], [[0, 0], [0, 0], [0, 0], [-1, 0]])]},
    "padding of another rank": {"outputs": [border("x", [1, 1, 1, 4], [[0, 0]])]},
    "absurd": {"outputs": [border("x", [1, 1 << 20, 1 << 20, 1 << 20])]},
    "zero dimension": {"outputs": [border("x", [1, 0, 1, 4])]},
    "scale": {"outputs": [border("x", [1, 1, 1, 4], scale=0)]},
    "scale is no number": {"outputs": [border("x", [1, 1, 1, 4], scale=float("nan"))]},
    "zero point": {"outputs": [border("x", [1, 1, 1, 4], zero_point=200)]},
    "image": {"image": {"colour": "XYZ", "resize": "stretch"}},
    "image is a list": {"image": [1]},
    "crop": {"image": {"colour": "RGB", "resize": "crop", "crop": 0}},
    "inputs are a number": {"inputs": 3},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD.keys())
def test_damaged_packages_are_refused_with_a_sentence(tmp_path, changes):
    write(tmp_path, text(**changes))
    with pytest.raises(ValueError, match=r"model.json: is no package of polymetis \(.+\); compile the network again"):
        vision.read_package(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000, b"{}"], ids=repr)
def test_what_is_no_json_object_is_refused(tmp_path, content):
    (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(ValueError, match="is no package of polymetis"):
        vision.read_package(tmp_path)


def test_a_huge_model_json_is_not_read(tmp_path):
    (tmp_path / "model.json").write_bytes(b" " * (17 << 20))
    with pytest.raises(ValueError, match="bytes"):
        vision.read_package(tmp_path)


def test_without_a_postamble_the_outputs_are_real_nchw(tmp_path):
    output = border("out", [1, 2, 3, 8], [[0, 0], [0, 0], [0, 0], [1, 2]], 0.5, 10)
    package = vision.read_package(write(tmp_path, text(outputs=[output])))
    values = np.arange(48, dtype=np.int8).reshape(1, 2, 3, 8)
    found = vision.Postamble(package)([values])["out"]
    assert found.shape == (1, 5, 2, 3)
    assert found.dtype == np.float32
    assert np.array_equal(found, ((values[..., 1:6].astype(np.float32) - 10) * 0.5).transpose(0, 3, 1, 2))


def test_results_belong_to_the_caller(tmp_path):
    postamble = vision.Postamble(vision.read_package(write(tmp_path, text(), flatten(4))))
    first = postamble([np.full((1, 1, 1, 64), 12, np.int8)])["probabilities"]
    second = postamble([np.full((1, 1, 1, 64), 20, np.int8)])["probabilities"]
    assert (first == 1).all()
    assert (second == 5).all()


def test_outputs_are_matched_by_name_not_by_place(tmp_path):
    outputs = [border("b", [1, 1, 1, 2]), border("a", [1, 1, 1, 2])]
    node = helper.make_node("Sub", ["a", "b"], ["d"])
    postamble = graph({"a": [1, 2, 1, 1], "b": [1, 2, 1, 1]}, [node], {"d": (TensorProto.FLOAT, [1, 2, 1, 1])})
    run = vision.Postamble(vision.read_package(write(tmp_path, text(outputs=outputs), postamble)))
    assert (run([np.full((1, 1, 1, 2), 1, np.int8), np.full((1, 1, 1, 2), 9, np.int8)])["d"] == 8).all()


def test_a_postamble_that_does_not_fit_or_is_damaged_is_refused(tmp_path):
    other = write(tmp_path / "other", text(outputs=[border("other", [1, 1, 1, 4])]), flatten(4))
    with pytest.raises(ValueError, match="takes \\['out'\\], the package's outputs are \\['other'\\]"):
        vision.Postamble(vision.read_package(other))
    damaged = write(tmp_path / "damaged", text(), b"\x08\x07")
    with pytest.raises(ValueError, match=r"the engine cannot read this graph \((?!Exception)"):
        vision.Postamble(vision.read_package(damaged))


def as_link(path):
    path.rename(path.with_suffix(".there"))
    path.symlink_to(path.with_suffix(".there"))


def with_another_byte(path):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def as_pipe(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (as_link, "is a link, but only plain files are read"),
        (with_another_byte, "has the XXH3-128 .{32}, but model.json says .{32};"),
        (lambda path: path.write_bytes(path.read_bytes() + b" "), "has [0-9]+ bytes, but model.json says"),
        (lambda path: path.unlink(), "cannot be opened: No such file"),
        (as_pipe, "is not a regular file"),
    ],
    ids=["link", "byte", "longer", "missing", "pipe"],
)
def test_a_postamble_that_is_not_what_model_json_says_is_refused(tmp_path, change, said):
    folder = write(tmp_path / "package", text(), flatten(4))
    change(folder / "postamble.onnx")
    with pytest.raises(ValueError, match=f"postamble.onnx: {said}"):
        vision.Network(folder)


def test_a_link_is_no_model_json(tmp_path):
    folder = write(tmp_path / "package", text())
    as_link(folder / "model.json")
    with pytest.raises(ValueError, match="model.json: is a link"):
        vision.read_package(folder)


def test_keys_that_nobody_knows_are_left_alone(tmp_path):
    assert vision.read_package(write(tmp_path, text(new_key={"a": 1}))).name == "tiny"
    assert json.loads((tmp_path / "model.json").read_text())["new_key"]


def test_the_engines_first_use_is_over_when_a_postamble_is_made(tmp_path):
    # Several threads that use it for the first time at once hang now and then: 4 of 25 tries with 12 threads.
    postamble = vision.Postamble(vision.read_package(write(tmp_path, text(), flatten(4))))
    assert hasattr(postamble._own, "request")
