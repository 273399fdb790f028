"""Where the card ends."""

import pytest
import tiny_networks
from polymetis.compile import cut
from polymetis.compile.errors import CompileError
from polymetis.compile.source import read_network


def shapes(model):
    return [list(o.get_shape()) for o in model.outputs]


def kinds(split):
    return [name.split()[0] for name in split.cut]


def test_reshapes_and_activations_behind_a_convolution_stay_outside(tmp_path):
    split = cut.split(read_network(tiny_networks.detector(tmp_path / "n.onnx")))
    assert shapes(split.body) == [[1, 6, 10, 12]]
    assert kinds(split) == ["Transpose", "Reshape", "Sigmoid"]
    assert shapes(split.tail) == [[1, 120, 6]]


def test_a_dense_layer_and_its_pooling_are_the_cards_and_the_softmax_is_not(tmp_path):
    split = cut.split(read_network(tiny_networks.classifier(tmp_path / "n.onnx")))
    assert shapes(split.body) == [[1, 10]]
    assert kinds(split) == ["Softmax"]


def test_a_residual_sum_at_the_end_stays_on_the_card(tmp_path):
    split = cut.split(read_network(tiny_networks.residual(tmp_path / "n.onnx")))
    assert split.tail is None and split.cut == ()
    assert shapes(split.body) == [[1, 8, 16, 16]]


def test_a_small_convolution_behind_a_softmax_is_outside_with_it(tmp_path):
    split = cut.split(read_network(tiny_networks.yolo_like(tmp_path / "n.onnx")))
    assert shapes(split.body) == [[1, 68, 8, 8]]
    assert {"Softmax", "Convolution", "Concat"} <= set(kinds(split))


def test_a_named_cut_wins(tmp_path):
    split = cut.split(read_network(tiny_networks.detector(tmp_path / "n.onnx")), at=("t",))
    assert shapes(split.body) == [[1, 10, 12, 6]]
    assert kinds(split) == ["Reshape", "Sigmoid"]


def test_an_unknown_cut_is_refused_by_name(tmp_path):
    with pytest.raises(CompileError, match="cut at nowhere"):
        cut.split(read_network(tiny_networks.detector(tmp_path / "n.onnx")), at=("nowhere",))


def test_dropped_results_take_their_operators_along(tmp_path):
    net = tiny_networks.Net()
    net.conv("pixels", "small", 3, 4, kernel=1)
    net.conv("pixels", "large", 3, 64)
    model = read_network(net.save(tmp_path / "n.onnx", {"pixels": [1, 3, 8, 8]}, {"small": [1, 4, 8, 8], "large": [1, 64, 8, 8]}))
    split = cut.split(model, keep_results=(0,))
    assert shapes(split.body) == [[1, 4, 8, 8]]
    assert sum(n.get_type_name() == "Convolution" for n in split.body.get_ordered_ops()) == 1
    with pytest.raises(CompileError, match="keep result 2.*0..1"):
        cut.split(model, keep_results=(2,))


def test_a_network_without_work_for_a_card_is_refused(tmp_path):
    net = tiny_networks.Net()
    net.op("Sigmoid", ["pixels"], "out")
    with pytest.raises(CompileError, match="Nothing is left for the card"):
        cut.split(read_network(net.save(tmp_path / "n.onnx", {"pixels": [1, 3, 8, 8]}, {"out": [1, 3, 8, 8]})))
