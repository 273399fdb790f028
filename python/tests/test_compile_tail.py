"""The postamble: stock ONNX Runtime and OpenVINO give what the float tail gives."""

import numpy as np
import onnxruntime
import openvino as ov
import pytest
import tiny_networks
from onnx import helper
from polymetis.compile import cut, layout, postamble
from polymetis.compile.border import BorderTensor
from polymetis.compile.channels import Parts
from polymetis.compile.errors import CompileError
from polymetis.compile.postamble import Finish, Results
from polymetis.compile.source import read_network
from polymetis.compile.ssd import SsdOptions, anchors

FLOAT = {"INFERENCE_PRECISION_HINT": "f32"}
NO_FINISH = Finish()


def parts_of(body):
    made = []
    for i, output in enumerate(body.outputs):
        form = layout.layout_of(tuple(output.get_shape()), "first", "x")
        made.append(Parts((BorderTensor(f"card_{i}", form, layout.output_padding(form.nhwc), 1.0, 0),)))
    return made


def postamble_of(path, finish=NO_FINISH):
    model = read_network(path)
    split = cut.split(model)
    outputs = (split.tail or model).outputs
    results = Results(
        [sorted(o.get_names())[0] for o in model.outputs],
        [list(o.get_shape()) for o in outputs],
        [o.get_element_type().get_type_name() for o in outputs],
    )
    return model, split, postamble.build(split.tail, parts_of(split.body), results, 1, finish)


def check_equal_to_float(path):
    model, split, made = postamble_of(path)
    core = ov.Core()
    value = np.random.default_rng(0).normal(0, 1, list(model.inputs[0].shape)).astype(np.float32)
    whole = core.compile_model(model, "CPU", FLOAT)(value)
    border = core.compile_model(split.body, "CPU", FLOAT)(value)
    feed = {}
    for i, part in enumerate(parts_of(split.body)):
        feed[f"card_{i}"] = np.array(border[i]).reshape(1, *part.tensors[0].layout.nchw[1:])
    by_ort = onnxruntime.InferenceSession(made.SerializeToString()).run(None, feed)
    by_openvino = core.compile_model(core.read_model(made.SerializeToString()), "CPU", FLOAT)(feed)
    for i in range(len(model.outputs)):
        np.testing.assert_allclose(by_ort[i], whole[i], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(by_openvino[i], whole[i], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("network", [tiny_networks.detector, tiny_networks.classifier, tiny_networks.yolo_like], ids=lambda n: n.__name__)
def test_the_postamble_is_the_float_tail(network, tmp_path):
    check_equal_to_float(network(tmp_path / "n.onnx"))


def chain(path, build, shape=None):
    """Two convolutions to [1, 6, 4, 5], then what `build` adds from 'c' to 'out'."""
    net = tiny_networks.Net(4)
    net.conv(net.conv("pixels", "b", 3, 16), "c", 16, 6)
    build(net)
    return net.save(path, {"pixels": [1, 3, 4, 5]}, {"out": shape})


TAILS = {
    "slice": lambda n: n.op(
        "Slice",
        ["c", n.const("s", np.array([1, -1])), n.const("e", np.array([5, -100])), n.const("a", np.array([1, 3])), n.const("k", np.array([2, -1]))],
        "out",
    ),
    "gather": lambda n: n.op("Gather", ["c", n.const("i", np.array([5, 0, 2]))], "out", axis=1),
    "exp_log_clip": lambda n: n.op(
        "Log", [n.op("Clip", [n.op("Exp", ["c"], "e"), n.const("lo", np.float32(0.5)), n.const("hi", np.float32(2))], "k")], "out"
    ),
    "reduce": lambda n: n.op("ReduceMax", [n.op("Softmax", ["c"], "s", axis=1)], "out", axes=[1], keepdims=0),
    "sum": lambda n: n.op("ReduceSum", [n.op("Sigmoid", ["c"], "s"), n.const("a", np.array([2, 3]))], "out", keepdims=1),
    "concat_unsqueeze": lambda n: n.op(
        "Unsqueeze", [n.op("Concat", [n.op("Sigmoid", ["c"], "s"), n.op("Neg", ["c"], "m")], "k", axis=2), n.const("a", np.array([2]))], "out"
    ),
    "grid_arithmetic": lambda n: n.op(
        "Mul",
        [
            n.op("Add", [n.op("Sigmoid", ["c"], "s"), n.const("g", np.arange(20, dtype=np.float32).reshape(1, 1, 4, 5))], "p"),
            n.const("k", np.float32(8)),
        ],
        "out",
    ),
    "power_sqrt": lambda n: n.op("Sqrt", [n.op("Pow", [n.op("Sigmoid", ["c"], "s"), n.const("two", np.float32(3))], "p")], "out"),
    "matmul": lambda n: n.op("MatMul", [n.op("Softmax", ["c"], "s", axis=3), n.const("w", np.arange(10, dtype=np.float32).reshape(5, 2))], "out"),
    "tile_expand": lambda n: n.op("Tile", [n.op("Sigmoid", ["c"], "s"), n.const("r", np.array([1, 2, 1, 1]))], "out"),
    "select": lambda n: n.op("Where", [n.op("Greater", ["c", n.const("z", np.float32(0))], "g"), n.op("Sigmoid", ["c"], "s"), "c"], "out"),
}


@pytest.mark.parametrize("name", TAILS)
def test_operators_of_tails(name, tmp_path):
    check_equal_to_float(chain(tmp_path / "n.onnx", TAILS[name]))


def test_top_k_gives_values_and_places(tmp_path):
    net = tiny_networks.Net(4)
    net.conv("pixels", "c", 3, 6)
    net.op("Reshape", ["c", net.const("to", np.array([1, 120]))], "flat")
    net.nodes.append(helper.make_node("TopK", ["flat", net.const("k", np.array([7]))], ["best", "places"], axis=1))
    check_equal_to_float(net.save(tmp_path / "n.onnx", {"pixels": [1, 3, 4, 5]}, {"best": [1, 7]}))


def test_an_operator_without_translation_is_named(tmp_path):
    path = chain(
        tmp_path / "n.onnx", lambda n: n.op("ScatterND", ["c", n.const("i", np.array([[0, 1, 2, 3]])), n.const("u", np.ones(1, np.float32))], "out")
    )
    with pytest.raises(CompileError, match="ScatterNDUpdate.*--cut TENSOR"):
        postamble_of(path)


def test_a_network_that_needs_no_host_has_no_postamble(tmp_path):
    assert postamble_of(tiny_networks.residual(tmp_path / "n.onnx"))[2] is None


def test_ssd_anchors_count_and_bounds():
    table = anchors(SsdOptions((19, 10, 5, 3, 2, 1)))
    assert table.shape == (1917, 4)
    np.testing.assert_allclose(table[0], [0.5 / 19, 0.5 / 19, 0.1, 0.1], rtol=1e-6)
    np.testing.assert_allclose(table[-1], [0.5, 0.5, np.sqrt(0.95), np.sqrt(0.95)], rtol=1e-6)


def test_the_ssd_decoder_against_numpy(tmp_path):
    options = SsdOptions((2, 1), boxes_a_class=5)
    count, classes = len(anchors(options)), 3
    net = tiny_networks.Net()
    for name, width in (("encodings", 4), ("logits", classes)):
        net.conv("pixels", f"{name}_c", 3, count * width, kernel=1)
        net.op("Reshape", [f"{name}_c", net.const(f"{name}_to", np.array([1, count, width]))], name)
    path = net.save(tmp_path / "n.onnx", {"pixels": [1, 3, 1, 1]}, {"encodings": [1, count, 4], "logits": [1, count, classes]})
    made = postamble_of(path, Finish("ssd", options))[2]
    random = np.random.default_rng(1)
    encodings, logits = random.normal(0, 1, (1, count, 4)), random.normal(0, 2, (1, count, classes))
    feed = {"card_0": encodings.reshape(1, -1, 1, 1).astype(np.float32), "card_1": logits.reshape(1, -1, 1, 1).astype(np.float32)}
    boxes, scores, selected = onnxruntime.InferenceSession(made.SerializeToString()).run(None, feed)
    table = anchors(options)
    y, x, h, w = (encodings[0, :, i] / (10, 10, 5, 5)[i] for i in range(4))
    cy, cx, hh, ww = y * table[:, 2] + table[:, 0], x * table[:, 3] + table[:, 1], np.exp(h) * table[:, 2], np.exp(w) * table[:, 3]
    np.testing.assert_allclose(boxes[0], np.stack([cy - hh / 2, cx - ww / 2, cy + hh / 2, cx + ww / 2], 1), rtol=1e-5, atol=1e-6)
    expected = 1 / (1 + np.exp(-logits[0]))
    expected[:, 0] = 0
    np.testing.assert_allclose(scores[0], expected, rtol=1e-5, atol=1e-6)
    assert len(selected) and all(expected[box, label] > 0.4 for _, label, box in selected)
