"""What is refused: what was asked, what was found, what to do; and nothing is left behind."""

import numpy as np
import pytest
import tiny_networks
from polymetis.compile import cli, pipeline
from polymetis.compile.errors import CompileError
from polymetis.compile.options import Options
from polymetis.compile.pictures import ImageSpec
from polymetis.compile.quantiser import Quantisation


@pytest.fixture
def good(tmp_path):
    return [
        str(tiny_networks.detector(tmp_path / "net.onnx")),
        "-o",
        str(tmp_path / "out"),
        "--imageset",
        str(tiny_networks.pictures(tmp_path / "i")),
        "--speed-pairs",
        "0",
    ]


def refused(arguments, capsys, *words, status=1):
    assert cli.main([str(a) for a in arguments]) == status
    said = capsys.readouterr().err.replace("\n", " ")
    assert all(word in said for word in words), said


def test_a_missing_file(good, tmp_path, capsys):
    refused([tmp_path / "no.onnx", *good[1:]], capsys, "no.onnx", "no such file")


def test_another_kind_of_file(good, tmp_path, capsys):
    (tmp_path / "net.pt").write_bytes(b"x")
    refused([tmp_path / "net.pt", *good[1:]], capsys, "net.pt", ".onnx or a .tflite", "export")


@pytest.mark.parametrize("name", ["net.onnx", "net.tflite"])
def test_a_damaged_file(good, tmp_path, capsys, name):
    (tmp_path / name).write_bytes(b"\x08\x07garbage" * 9)
    refused([tmp_path / name, *good[1:]], capsys, name, "not a readable")


def test_open_dimensions(good, tmp_path, capsys):
    net = tiny_networks.Net()
    net.conv("pixels", "out", 3, 4)
    model = net.save(tmp_path / "open.onnx", {"pixels": [1, 3, "h", "w"]}, {"out": [1, 4, "h", "w"]})
    refused([model, *good[1:]], capsys, "'pixels'", "static shapes")


def test_a_batch_in_the_file(good, tmp_path, capsys):
    refused([tiny_networks.detector(tmp_path / "eight.onnx", 8), *good[1:]], capsys, "[8, 3, 20, 24]", "--batch")


def test_no_pictures(good, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    refused([*good[:4], tmp_path / "empty"], capsys, "empty", "has no picture")
    refused([*good[:4], tmp_path / "nowhere"], capsys, "nowhere", "no folder")
    refused(good[:3], capsys, "--imageset", status=2)


def test_not_a_picture(good, tmp_path, capsys):
    (tmp_path / "i" / "03.png").write_bytes(b"not a picture")
    refused(good, capsys, "03.png", "not a picture")


def test_one_picture_for_both(good, tmp_path, capsys):
    one = tiny_networks.pictures(tmp_path / "one", 1)
    refused([*good[:4], one], capsys, "too few pictures")


def test_an_operator_that_no_postamble_can_have(good, tmp_path, capsys):
    net = tiny_networks.Net()
    net.conv("pixels", "c", 3, 4)
    net.op("ScatterND", ["c", net.const("i", np.array([[0, 1, 2, 3]])), net.const("u", np.ones(1, np.float32))], "out")
    model = net.save(tmp_path / "scatter.onnx", {"pixels": [1, 3, 8, 8]}, {"out": [1, 4, 8, 8]})
    refused([model, *good[1:]], capsys, "ScatterNDUpdate", "--cut")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_else(good, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    refused(good, capsys, "out", "--force")
    assert (tmp_path / "out" / "mine.txt").read_text() == "keep"


def test_a_file_where_the_package_should_be(good, tmp_path, capsys):
    (tmp_path / "out").write_text("keep")
    refused([*good, "--force"], capsys, "it is a file")
    assert (tmp_path / "out").read_text() == "keep"


def test_a_package_below_a_file(good, tmp_path, capsys):
    (tmp_path / "plain").write_text("")
    refused([good[0], "-o", tmp_path / "plain" / "out", *good[3:]], capsys, "asked to write a package there")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--batch", "0", "from 1 to 64"),
        ("--batch", "65", "from 1 to 64"),
        ("--std", "0", "other than 0"),
        ("--std", "1e-300", "other than 0"),
        ("--std", "inf", "other than 0"),
        ("--mean", "nan", "a number"),
        ("--crop", "0", "above 0, at most 1"),
        ("--crop", "nan", "above 0, at most 1"),
        ("--crop", "1.5", "above 0, at most 1"),
        ("--samples", "-3", "from 1 to"),
        ("--samples", "0", "from 1 to"),
        ("--speed-pairs", "-1", "from 0 to"),
        ("--seed", "-1", "from 0 to 4294967295"),
        ("--seed", "4294967296", "from 0 to 4294967295"),
        ("--keep-result", "-1", "from 0 to"),
    ],
)
def test_numbers_out_of_bounds_are_wrong_usage(good, tmp_path, capsys, option, value, said):
    with pytest.raises(SystemExit) as ended:
        cli.main([*good, option, value])
    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert option in last and repr(value) in last and said in last
    assert not (tmp_path / "out").exists()


def test_what_does_not_go_together_is_wrong_usage(good, tmp_path, capsys):
    refused(["-o", tmp_path / "out"], capsys, "name a MODEL", status=2)
    refused([*good, "--recipe", tmp_path], capsys, "name one of them", status=2)
    refused(["-o", tmp_path / "out", "--recipe", tmp_path, "--seed", "3"], capsys, "--seed", "leave one out", status=2)
    refused([*good, "--mean", "1", "2"], capsys, "--mean", "2 values", status=2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": ImageSpec(std=(1.0, 0.0, 1.0))}, "standard deviation"),
        ({"image": ImageSpec(mean=(float("nan"),) * 3)}, "mean"),
        ({"image": ImageSpec(mean=(0.0,))}, "one a colour"),
        ({"image": ImageSpec(resize="crop", crop=0.0)}, "crop"),
        ({"batch": 65}, "batch 65"),
        ({"quantisation": Quantisation(seed=-1)}, "seed -1"),
        ({"speed_pairs": -1}, "-1 pairs"),
        ({"name": "x" * 256}, "255 bytes"),
        ({"labels": ("x", "y" * 256)}, "label 'yyy"),
    ],
)
def test_a_recipe_is_held_to_the_same_bounds(tmp_path, change, said):
    options = Options(**({"name": "net", "source": tmp_path / "net.onnx"} | change))
    with pytest.raises(CompileError, match=said):
        pipeline.compile_package(options, tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"cat\n\xff\xfe\n", ("byte 4", "UTF-8")), (b"", ("there are none",)), (None, ("No such file",))],
    ids=["bytes", "empty", "missing"],
)
def test_labels_that_are_no_text(good, tmp_path, capsys, content, words):
    if content is not None:
        (tmp_path / "labels.txt").write_bytes(content)
    refused([*good, "--labels", tmp_path / "labels.txt"], capsys, "labels.txt", *words)


def test_a_network_whose_results_are_not_finite(good, tmp_path, capsys):
    net = tiny_networks.Net()
    net.op("Sqrt", [net.op("Sub", [net.conv("pixels", "c", 3, 4), net.const("much", np.float32(1e6))], "low")], "out")
    model = net.save(tmp_path / "nan.onnx", {"pixels": [1, 3, 8, 8]}, {"out": [1, 4, 8, 8]})
    refused([model, *good[1:]], capsys, "not finite", "--std")
    assert not (tmp_path / "out").exists()


def test_a_network_that_says_the_same_of_every_picture(good, tmp_path, capsys):
    net = tiny_networks.Net()
    net.op("Mul", [net.conv("pixels", "c", 3, 4), net.const("nothing", np.zeros((1, 4, 1, 1), np.float32))], "out")
    model = net.save(tmp_path / "same.onnx", {"pixels": [1, 3, 8, 8]}, {"out": [1, 4, 8, 8]})
    refused([model, *good[1:]], capsys, "the same out for all 2 held-out samples", "--std")
    assert not (tmp_path / "out").exists()


def test_ctrl_c_leaves_everything_as_it_was(good, tmp_path, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline.report, "write", interrupted)
    before = sorted(p.name for p in tmp_path.iterdir())
    assert cli.main(good) == 130
    assert "interrupted" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == before
