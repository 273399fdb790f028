"""What is refused: what was asked, what was found, what to do; and nothing is left behind."""

import numpy as np
import pytest
import tiny_networks
from polymetis.compile import cli, pipeline


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


def refused(arguments, capsys, *words):
    assert cli.main([str(a) for a in arguments]) == 1
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
    refused(good[:3], capsys, "--imageset")


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


@pytest.mark.parametrize("batch", ["0", "65"])
def test_a_batch_out_of_range(good, capsys, batch):
    refused([*good, "--batch", batch], capsys, batch, "1 to 64")


def test_ctrl_c_leaves_everything_as_it_was(good, tmp_path, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline.report, "write", interrupted)
    before = sorted(p.name for p in tmp_path.iterdir())
    assert cli.main(good) == 130
    assert "interrupted" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == before
