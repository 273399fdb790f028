"""A postamble is one file: none of its tensors is in another."""

import contextlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from polymetis import vision
from polymetis.vision.onnx_file import check_whole
from vision_packages import flatten, text, write


def outside(location="/etc/passwd"):
    tensor = TensorProto(name="shape", data_type=TensorProto.INT64, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return tensor


def sparse():
    return onnx.SparseTensorProto(values=outside(), indices=onnx.numpy_helper.from_array(np.array([0, 1])), dims=[2])


def in_initializer(model):
    model.graph.initializer[0].CopyFrom(outside())


def in_sparse_initializer(model):
    model.graph.sparse_initializer.append(sparse())


def in_attribute(model):
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=outside()))


def in_sparse_attribute(model):
    model.graph.node.append(helper.make_node("Constant", [], ["c"], sparse_value=sparse()))


def in_subgraph(model):
    inner = helper.make_graph([], "inner", [], [], [outside()])
    model.graph.node.append(helper.make_node("If", ["x"], ["c"], then_branch=inner, else_branch=inner))


def in_function(model):
    model.functions.append(helper.make_function("own", "F", [], ["c"], [helper.make_node("Constant", [], ["c"], value=outside())], []))


def in_training(model):
    model.training_info.add().algorithm.initializer.append(outside())


@pytest.mark.parametrize(
    "put",
    [in_initializer, in_sparse_initializer, in_attribute, in_sparse_attribute, in_subgraph, in_function, in_training],
    ids=lambda put: put.__name__,
)
def test_a_tensor_in_another_file_is_found_wherever_it_stands(put):
    model = flatten(4)
    check_whole(model.SerializeToString())
    put(model)
    with pytest.raises(ValueError, match="has a tensor in another file"):
        check_whole(model.SerializeToString())


def test_such_a_postamble_is_refused(tmp_path):
    (tmp_path / "secret").write_bytes(np.array([1, 4], np.int64).tobytes())
    model = flatten(4)
    model.graph.initializer[0].CopyFrom(outside(str(tmp_path / "secret")))
    with pytest.raises(ValueError, match="postamble.onnx: has a tensor in another file; compile the network again"):
        vision.Network(write(tmp_path / "package", text(), model))


def test_names_of_any_kind_are_no_files():
    check_whole(flatten(4, "location").SerializeToString())


@pytest.mark.parametrize(
    "content", [b"nothing", b"<?xml?>", b"\x3a\xff", b"\x3a" + b"\xff" * 11, b"\x08", b"\x09abc", b"\x0b\x0c", b"\x3a\x02\x2a\x05"]
)
def test_what_is_no_onnx_file_is_refused(content):
    with pytest.raises(ValueError, match="is no ONNX file"):
        check_whole(content)


def test_any_bytes_end_soon_in_a_sentence_or_in_nothing():
    random = np.random.default_rng(0)
    whole = np.frombuffer(flatten(4).SerializeToString(), np.uint8)
    for _ in range(500):
        changed = whole.copy()
        changed[random.integers(0, len(whole), 3)] = random.integers(0, 256, 3)
        with contextlib.suppress(ValueError):  # anything else would be a defect
            check_whole(changed.tobytes())
