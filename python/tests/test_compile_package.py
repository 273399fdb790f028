"""A whole compilation of small networks, through the command."""

import json

import cv2
import numpy as np
import onnxruntime
import openvino as ov
import pytest
import tiny_networks
import xxhash
from openvino import opset13 as ops
from polymetis.compile import cli, layout
from polymetis.compile.border import BorderTensor, add_border
from polymetis.compile.package import name_graph

MANIFEST_KEYS = {
    "quantized_model_file",
    "quantize_params",
    "dequantize_params",
    "input_shapes",
    "output_shapes",
    "input_shapes_original",
    "output_shapes_original",
    "n_padded_ch_inputs",
    "n_padded_ch_outputs",
    "input_tensor_layout",
    "preprocess_graph",
    "postprocess_graph",
    "model_lib_file",
    "model_params_file",
    "manifest_version",
}


def compiled(folder, network=tiny_networks.detector, *more):
    model = network(folder / "net.onnx")
    pictures = tiny_networks.pictures(folder / "pictures")
    assert cli.main([str(model), "-o", str(folder / "package"), "--imageset", str(pictures), "--speed-pairs", "1", *more]) == 0
    return folder / "package"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("detector"))


def read(package, name="model.json"):
    return json.loads((package / name).read_text())


def test_the_files_are_there_and_their_hashes_are_right(package):
    model = read(package)
    assert set(model["files"]) == {"graph.xml", "graph.bin", "layers.json", "postamble.onnx"}
    for name, entry in model["files"].items():
        data = (package / name).read_bytes()
        assert entry == {"bytes": len(data), "xxh3_128": xxhash.xxh3_128_hexdigest(data)}
    lines = "".join(f"{n}\0{model['files'][n]['xxh3_128']}\n" for n in sorted(model["files"]))
    assert model["content_hash"] == f"xxh3-128:{xxhash.xxh3_128_hexdigest(lines.encode())}"


def test_the_tensors_are_those_of_the_graph(package):
    model = read(package)
    graph = ov.Core().read_model(package / "graph.xml")
    for side, found in (("inputs", graph.inputs), ("outputs", graph.outputs)):
        assert [(t["name"], t["shape"], t["dtype"]) for t in model[side]] == [
            (o.get_any_name(), list(o.shape), {"i8": "int8"}[o.get_element_type().get_type_name()]) for o in found
        ]
    (image,), (output,) = model["inputs"], model["outputs"]
    assert (image["shape"], image["padding"]) == ([1, 20, 32, 4], [[0, 0], [0, 0], [0, 8], [0, 1]])
    assert (image["scale"], image["zero_point"]) == (1 / 255, -128)
    assert (output["shape"], output["padding"]) == ([1, 10, 12, 64], [[0, 0], [0, 0], [0, 0], [0, 58]])


def test_the_manifest_has_the_keys_of_the_sheet_and_no_others(package):
    manifest, model = read(package, "manifest.json"), read(package)
    assert set(manifest) == MANIFEST_KEYS
    assert manifest["input_shapes"] == [model["inputs"][0]["shape"]]
    assert manifest["input_shapes_original"] == [[1, 3, 20, 24]]
    assert manifest["output_shapes_original"] == [[1, 6, 10, 12]]
    assert manifest["n_padded_ch_inputs"] == [[0, 0, 0, 0, 0, 8, 0, 1]]
    assert manifest["dequantize_params"] == [[model["outputs"][0]["scale"], model["outputs"][0]["zero_point"]]]


def test_the_layer_table_counts_the_work(package):
    layers = read(package, "layers.json")["layers"]
    convolutions = [layer for layer in layers if layer["type"] == "conv"]
    assert [(c["kernel"], c["stride"], c["output"][1:], c["macs"], c["weight_bytes"]) for c in convolutions] == [
        ([3, 3], [2, 2], [10, 12, 16], 120 * 16 * 4 * 9, 16 * 4 * 9 + 4 * 16),
        ([1, 1], [1, 1], [10, 12, 6], 120 * 6 * 16, 6 * 16 + 4 * 6),
    ]
    assert read(package)["weight_bytes"] == sum(layer["weight_bytes"] for layer in layers)
    assert read(package)["activation_bytes"] >= 20 * 32 * 4 + 10 * 12 * 64


def test_graph_then_postamble_is_close_to_the_float_network(package):
    model = read(package)
    (image,), (output,) = model["inputs"], model["outputs"]
    small = np.random.default_rng(1).integers(0, 256, (5, 6, 3)).astype(np.float32)
    pixels = cv2.resize(small, (24, 20))[None].round()
    q = layout.pad_value(layout.quantise(pixels / 255, image["scale"], image["zero_point"]), image["padding"], image["zero_point"])
    np.testing.assert_array_equal(layout.depad(q, image["padding"]), (pixels - 128).astype(np.int8))
    given = ov.Core().compile_model(package / "graph.xml", "CPU")(q)[0]
    assert (given[..., 6:] == output["zero_point"]).all()
    real = layout.dequantise(layout.depad(given, output["padding"]), output["scale"], output["zero_point"]).transpose(0, 3, 1, 2)
    scores = onnxruntime.InferenceSession(package / "postamble.onnx").run(["scores"], {output["name"]: real})[0]
    whole = onnxruntime.InferenceSession(package.parent / "net.onnx").run(["scores"], {"pixels": (pixels / 255).transpose(0, 3, 1, 2)})[0]
    assert scores.shape == whole.shape and np.abs(scores - whole).max() < 0.05


def test_the_report_names_pictures_figures_and_what_was_cut(package):
    report = read(package, "report.json")
    assert not set(report["calibration"]) & set(report["held_out"]) and len(report["held_out"]) == 2
    assert report["figures"]["signal_to_noise_db"] > 20 and report["figures"]["speed_pairs"] == 1
    assert [o.split()[0] for o in report["outside_the_card"]["operators"]] == ["Transpose", "Reshape", "Sigmoid"]
    assert report["outside_the_card"]["greatest_difference_of_the_cut"] < 1e-4
    arithmetic = report["arithmetic"]
    assert (arithmetic["int8_operators"], arithmetic["inexact_here"]) == (2, [])
    assert arithmetic["figures_in_exact_arithmetic"]["signal_to_noise_db"] > 20
    assert report["misses"] == report["speed_misses"] == [] and report["computer"]["cpu"]
    page = (package / "report.html").read_text()
    assert "All 2 int8 operators compute exactly" in page
    assert "signal_to_noise_db" in page and "http" not in page and 'src="data:' in page


def test_a_second_run_writes_nothing(package):
    before = {p.name: p.stat().st_mtime_ns for p in package.iterdir()}
    compiled(package.parent)
    assert {p.name: p.stat().st_mtime_ns for p in package.iterdir()} == before


def test_the_same_sources_give_the_same_content(package, tmp_path):
    again = compiled(tmp_path)
    assert read(again)["content_hash"] == read(package)["content_hash"]
    assert (again / "graph.xml").read_bytes() == (package / "graph.xml").read_bytes()


def test_a_damaged_package_is_written_again_only_with_force(tmp_path, capsys):
    package = compiled(tmp_path)
    whole = (package / "graph.bin").read_bytes()
    (package / "graph.bin").write_bytes(whole[:-1])
    arguments = [str(tmp_path / "net.onnx"), "-o", str(package), "--imageset", str(tmp_path / "pictures"), "--speed-pairs", "1"]
    assert cli.main(arguments) == 1
    assert "--force" in capsys.readouterr().err
    assert cli.main([*arguments, "--force"]) == 0
    assert (package / "graph.bin").read_bytes() == whole
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.onnx", "package", "pictures"]


def test_graphs_built_twice_in_one_process_are_the_same_bytes(tmp_path):
    written = []
    for _ in range(2):
        network = ov.Model([ops.relu(image := ops.parameter([1, 3, 4, 16], ov.Type.f32))], [image], "unnamed")
        form = layout.layout_of((1, 3, 4, 16), "first", "it")
        enter, leave = (BorderTensor(n, form, layout.output_padding(form.nhwc), 0.5, 0) for n in ("in", "out"))
        ov.save_model(name_graph(add_border(network, [enter], [leave]), "twice"), tmp_path / "g.xml")
        written.append((tmp_path / "g.xml").read_bytes())
    assert written[0] == written[1]
    assert b'names="in"' in written[0] and b'names="out"' in written[0]


@pytest.mark.parametrize("batch", ["n", 1], ids=["open", "of 1 in its reshapes"])
def test_a_batch_of_four(tmp_path, batch):
    package = compiled(tmp_path, lambda path: tiny_networks.detector(path, batch), "--batch", "4")
    model = read(package)
    assert model["batch"] == 4 and {t["shape"][0] for t in (*model["inputs"], *model["outputs"])} == {4}
    assert read(package, "manifest.json")["input_shapes"][0][0] == 4
    (image,), (output,) = model["inputs"], model["outputs"]
    q = np.random.default_rng(2).integers(-128, 128, image["shape"]).astype(np.int8)
    run = ov.Core().compile_model(package / "graph.xml", "CPU")
    together = run(q)[0].copy()
    turned = run(np.roll(q, 1, 0))[0]
    np.testing.assert_array_equal(np.roll(together, 1, 0), turned)
    real = layout.dequantise(layout.depad(together, output["padding"]), output["scale"], output["zero_point"]).transpose(0, 3, 1, 2)
    scores = onnxruntime.InferenceSession(package / "postamble.onnx").run(["scores"], {output["name"]: real})[0]
    assert scores.shape == (4, 120, 6)


def test_a_network_that_takes_arrays(tmp_path):
    net = tiny_networks.Net()
    net.op("Concat", [net.conv("left", "a", 8, 4), net.conv("right", "b", 8, 4)], "joined", axis=1)
    net.conv("joined", "out", 8, 5)
    model = net.save(tmp_path / "n.onnx", {"left": [1, 8, 6, 6], "right": [1, 8, 6, 6]}, {"out": [1, 5, 6, 6]})
    (tmp_path / "arrays").mkdir()
    random = np.random.default_rng(0)
    for i in range(8):
        np.savez(tmp_path / "arrays" / f"{i}.npz", left=random.normal(0, 1, (1, 8, 6, 6)), right=random.normal(3, 2, (1, 8, 6, 6)))
    assert cli.main([str(model), "-o", str(tmp_path / "package"), "--imageset", str(tmp_path / "arrays"), "--speed-pairs", "1"]) == 0
    description = read(tmp_path / "package")
    assert [t["name"] for t in description["inputs"]] == ["left", "right"] and description["inputs"][0]["shape"] == [1, 6, 16, 64]
    assert "image" not in description
    assert read(tmp_path / "package", "report.json")["figures"]["signal_to_noise_db"] > 20


def test_json_goes_to_stdout(tmp_path, capsys):
    model = tiny_networks.classifier(tmp_path / "net.onnx")
    arguments = [
        str(model),
        "-o",
        str(tmp_path / "p"),
        "--imageset",
        str(tiny_networks.pictures(tmp_path / "i")),
        "--task",
        "classification",
        "--speed-pairs",
        "0",
        "--json",
    ]
    assert cli.main(arguments) == 0
    assert "top1_agreement" in json.loads(capsys.readouterr().out)["figures"]
