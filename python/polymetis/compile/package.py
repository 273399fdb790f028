"""A package on disk: hashes, the two descriptions, and writing it whole or not at all (docs/packages.md)."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import openvino as ov
import xxhash

from .border import BorderTensor
from .errors import CompileError

FORMAT_VERSION = "1.0"
PRODUCER = "polymetis 0.1.0"
HASHED = ("graph.xml", "graph.bin", "layers.json", "preamble.onnx", "postamble.onnx")


def file_hash(path: Path) -> str:
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def content_hash(files: dict[str, dict]) -> str:
    lines = "".join(f"{name}\0{files[name]['xxh3_128']}\n" for name in sorted(files))
    return f"xxh3-128:{xxhash.xxh3_128_hexdigest(lines.encode())}"


def tensor_json(tensor: BorderTensor, batch: int) -> dict:
    return {
        "name": tensor.name,
        "dtype": "int8",
        "shape": tensor.shape(batch),
        "padding": tensor.padding,
        "scale": tensor.scale,
        "zero_point": tensor.zero_point,
    }


def model_json(
    directory: Path, description: dict, batch: int, inputs: Sequence[BorderTensor], outputs: Sequence[BorderTensor], image: dict | None
) -> dict:
    """`description`: name, task, labels, weight_bytes, activation_bytes. The files are those in `directory`."""
    files = {n: {"bytes": (directory / n).stat().st_size, "xxh3_128": file_hash(directory / n)} for n in HASHED if (directory / n).is_file()}
    labels = {"labels": description["labels"]} if description["labels"] else {}
    return {
        "format_version": FORMAT_VERSION,
        "producer": PRODUCER,
        "name": description["name"],
        "task": description["task"],
        **labels,
        "content_hash": content_hash(files),
        "files": files,
        "batch": batch,
        "inputs": [tensor_json(t, batch) for t in inputs],
        "outputs": [tensor_json(t, batch) for t in outputs],
        **({"image": image} if image else {}),
        "input_tensor_layout": "NHWC",
        "graph": "graph.xml",
        "weights": "graph.bin",
        "layer_table": "layers.json",
        "preamble_graph": "preamble.onnx" if "preamble.onnx" in files else "",
        "postamble_graph": "postamble.onnx" if "postamble.onnx" in files else "",
        "weight_bytes": description["weight_bytes"],
        "activation_bytes": description["activation_bytes"],
    }


def manifest_json(batch: int, inputs: Sequence[BorderTensor], outputs: Sequence[BorderTensor], graphs: dict[str, str]) -> dict:
    """The keys of `axelera.types.Manifest` and no others."""
    flat = lambda t: [n for pair in t.padding for n in pair]  # noqa: E731
    return {
        "quantized_model_file": "graph.xml",
        "quantize_params": [[t.scale, t.zero_point] for t in inputs],
        "dequantize_params": [[t.scale, t.zero_point] for t in outputs],
        "input_shapes": [t.shape(batch) for t in inputs],
        "output_shapes": [t.shape(batch) for t in outputs],
        "input_shapes_original": [[batch, *t.layout.nchw[1:]] for t in inputs],
        "output_shapes_original": [[batch, *t.layout.nchw[1:]] for t in outputs],
        "n_padded_ch_inputs": [flat(t) for t in inputs],
        "n_padded_ch_outputs": [flat(t) for t in outputs],
        "input_tensor_layout": "NHWC",
        "preprocess_graph": graphs.get("preamble", ""),
        "postprocess_graph": graphs.get("postamble", ""),
        "model_lib_file": "model.json",
        "model_params_file": "graph.bin",
        "manifest_version": "1.1",
    }


def name_graph(graph: ov.Model, name: str) -> ov.Model:
    """A copy that has the same bytes for the same network: the engine numbers what has no name by a counter of the process, and notes how it was
    called."""
    graph = graph.clone()  # without results of earlier networks on its operators, whose names would stay
    border = {t.get_node().get_friendly_name(): t.get_names() for t in graph.inputs}
    border |= {r.input_value(0).get_node().get_friendly_name(): r.input_value(0).get_names() for r in graph.get_results()}
    for place, node in enumerate(graph.get_ordered_ops()):
        if node.get_type_name() == "Result":  # shares the names of what it stands behind
            continue
        names = border.get(node.get_friendly_name(), set())
        for output in node.outputs():
            output.set_names(names)
        node.set_friendly_name(next(iter(names)) if node.get_type_name() == "Parameter" else f"{node.get_type_name()}_{place}")
    graph.set_friendly_name(name)
    for key in list(graph.get_rt_info()):
        del graph.get_rt_info()[key]
    return graph


def write_json(path: Path, value) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")


def check_target(target: Path, fingerprint: str, force: bool) -> bool:
    """True when `target` already holds this very package. Raises CompileError when something else is there and `force` is not set."""
    if not target.exists():
        return False
    if not target.is_dir():
        raise CompileError(f"{target}: asked to write a package there, but it is a file; choose another -o DIR.")
    if found_fingerprint(target) == fingerprint:
        return True
    if any(target.iterdir()) and not force:
        raise CompileError(f"{target}: exists and holds something else; choose another -o DIR, or replace it with --force.")
    return False


def found_fingerprint(target: Path) -> str:
    """What the package in `target` was made from; '' where there is none or where a file of it is not as written."""
    try:
        report = json.loads((target / "report.json").read_text())
        files = json.loads((target / "model.json").read_text())["files"]
        whole = all(file_hash(target / name) == entry["xxh3_128"] for name, entry in files.items())
        return report["fingerprint"] if whole else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def write_atomically(target: Path, fill: Callable[[Path], None]) -> None:
    """Fills a new directory beside `target` and renames it there; on any error, or Ctrl-C, `target` stays as it was."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise CompileError(f"{target}: asked to write a package there, but {error.strerror}; choose another -o DIR.") from error
    try:
        fill(fresh)
        fresh.chmod(0o755)
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
            target.rename(old / "package")
            fresh.rename(target)
            shutil.rmtree(old)
        else:
            fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
