"""One network file and some pictures -> one package."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np
import onnx
import openvino as ov

from . import batch as batching
from . import cut, layers, layout, measure, package, ranges, report
from .border import BorderTensor, add_border, widen_input
from .channels import Parts, split_result
from .errors import CompileError
from .options import Options
from .pictures import PictureSet, load
from .postamble import Results, build
from .quantiser import quantise_network
from .runners import FLOAT, FloatRunner, Host, Int8Runner
from .samples import Sample, from_arrays, from_picture
from .source import last_line, name_nodes, prepare, read_network

Progress = Callable[[str, float], None]
"""Called with the step's name and its share done, 0 to 1."""

MAX_BATCH = 64
NO_CONTENT = frozenset(("__init__", "__main__", "cli", "fetch", "progress", "recipe", "recipes"))
"""Modules of this compiler that change nothing in a package."""


@dataclass
class Work:
    """What the steps hand on. Thread-bound."""

    options: Options
    progress: Progress
    original: ov.Model = field(init=False)
    body: ov.Model = field(init=False)
    tail: ov.Model | None = None
    cut: tuple[str, ...] = ()
    inputs: list[BorderTensor] = field(default_factory=list)
    parts: list[Parts] = field(default_factory=list)
    calibration: list[Sample] = field(default_factory=list)
    held_out: list[Sample] = field(default_factory=list)
    quantised: ov.Model = field(init=False)
    graph: ov.Model = field(init=False)
    postamble: onnx.ModelProto | None = None
    figures: dict = field(default_factory=dict)
    pairs: list[measure.Pair] = field(default_factory=list)
    cut_error: float = 0.0

    @property
    def outputs(self) -> list[BorderTensor]:
        return [t for part in self.parts for t in part.tensors]

    def step(self, name: str, share: float = 0.0) -> None:
        self.progress(name, share)


def compile_package(options: Options, target: Path, progress: Progress = lambda name, share: None, force: bool = False) -> dict:
    """Writes the package `target` and answers its report; reads it back, computing nothing, when it is already there from the same sources.

    Raises CompileError; then, and when interrupted, `target` is as it was.
    """
    if not 1 <= options.batch <= MAX_BATCH:
        raise CompileError(f"{options.name}: asked for batch {options.batch}; a package has 1 to {MAX_BATCH} frames a run.")
    mark = fingerprint(options)
    if package.check_target(target, mark, force):
        return json.loads((target / "report.json").read_text())
    work = Work(options, progress)
    for step in (read, cut_network, read_samples, choose_ranges, quantise, make_border, compare, compare_speed):
        step(work)
    work.step("write")
    made: dict = {}
    package.write_atomically(target, lambda directory: made.update(write(work, directory, mark)))
    work.step("write", 1.0)
    return made


def fingerprint(options: Options) -> str:
    """Of everything that the package depends on: options, file contents, versions, and this compiler's own source."""
    digest = hashlib.sha256()
    plain = dataclasses.asdict(dataclasses.replace(options, read=None, source=Path(options.source.name)))
    digest.update(json.dumps(plain, sort_keys=True, default=lambda v: getattr(v, "name", str(v))).encode())
    digest.update(json.dumps(versions()).encode())
    pictures = [path for one in (*options.calibration, *options.held_out) for path in (*one.paths, *([one.crops] if one.crops else []))]
    own = [p for p in sorted(Path(__file__).parent.glob("*.py")) if p.stem not in NO_CONTENT]
    for path in (options.source, *pictures, *own):
        if not path.is_file():
            raise CompileError(f"{path}: asked to read it, but there is no such file; check the path.")
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("openvino", "nncf", "onnx", "numpy", "opencv-python-headless")}


def read(work: Work) -> None:
    work.step("read")
    options = work.options
    work.original = prepare(options.read(options.source), str(options.source)) if options.read else read_network(options.source)


def cut_network(work: Work) -> None:
    work.step("cut")
    options = work.options
    found = cut.split(work.original, options.keep_results, options.cut)
    work.body, work.tail, work.cut = found.body, found.tail, found.cut
    work.inputs = [input_tensor(work, i) for i in range(len(work.body.inputs))]


def check_cut(work: Work) -> None:
    """Body and tail, one after the other, against the whole float network, on one sample: a wrong cut must not pass for quantisation noise."""
    sample = work.calibration[0].network
    core = ov.Core()
    whole = core.compile_model(work.original, "CPU", FLOAT)(narrow(sample, work.original))
    middle = core.compile_model(work.body, "CPU", FLOAT)(sample)
    found = [middle[o] for o in range(len(work.body.outputs))]
    if work.tail is not None:
        after = core.compile_model(work.tail, "CPU", FLOAT)(found)
        found = [after[i] for i in range(len(work.tail.outputs))]
    kept = work.options.keep_results or range(len(work.original.outputs))
    for index, value in zip(kept, found, strict=True):
        wanted = whole[index].astype(np.float64)
        if value.shape != wanted.shape or not np.isfinite(value).all():
            raise CompileError(
                f"Result {index} of the cut network has the shape {value.shape} instead of {wanted.shape}, or values that are not finite; "
                "name the cut with --cut TENSOR."
            )
        work.cut_error = max(work.cut_error, float(np.abs(value - wanted).max(initial=0)))
        if not np.allclose(value, wanted, rtol=1e-3, atol=1e-3 * max(float(np.abs(wanted).max(initial=0)), 1e-6)):
            raise CompileError(
                f"Result {index} of the cut network differs from the whole one by {work.cut_error:.3g}; name the cut with --cut TENSOR."
            )


def narrow(sample: dict[str, np.ndarray], model: ov.Model) -> dict[str, np.ndarray]:
    """Leaves out the channels that widen_input added."""
    return {i.get_any_name(): sample[i.get_any_name()][tuple(slice(d) for d in i.get_shape())] for i in model.inputs}


def input_tensor(work: Work, index: int) -> BorderTensor:
    options = work.options
    node = work.body.inputs[index]
    shape = tuple(node.get_shape())
    channels = options.channels
    if channels == "auto":
        last = options.source.suffix == ".tflite" or (len(shape) == 4 and shape[3] in (1, 3, 4) and shape[1] not in (1, 3, 4))
        channels = "last" if last else "first"
    form = layout.layout_of(shape, channels, f"The input {node.get_any_name()!r}")
    padding = layout.input_padding(form.nhwc)
    name = "image" if len(work.body.inputs) == 1 and is_picture(form) else node.get_any_name()
    if not is_picture(form) or any(p.suffix == ".npz" for one in options.calibration for p in one.paths):
        return BorderTensor(name, form, padding, 0.0, 0)
    image, count = options.image, form.nhwc[3]
    wide = bool(padding[3][1]) and widen_input(work.body, index, form.nhwc[3] + padding[3][1])
    return BorderTensor(name, form, padding, 1 / 255, -128, image.mean[:count], image.std[:count], wide)


def is_picture(form: layout.Layout) -> bool:
    return len(form.shape) == 4 and form.nhwc[3] in (1, 3)


def read_samples(work: Work) -> None:
    work.step("pictures")
    work.calibration = samples(work, work.options.calibration)
    work.step("pictures", 0.5)
    work.held_out = samples(work, work.options.held_out)
    if shared := {s.name for s in work.calibration} & {s.name for s in work.held_out}:
        raise CompileError(f"{sorted(shared)[0]}: is named to calibrate and to check with; held-out pictures must be others.")


def samples(work: Work, sets: Sequence[PictureSet]) -> list[Sample]:
    names = [i.get_any_name() for i in work.body.inputs]
    if work.inputs[0].mean and len(names) == 1:
        count = work.inputs[0].layout.nhwc[3]
        image = dataclasses.replace(work.options.image, mean=work.options.image.mean[:count], std=work.options.image.std[:count])
        return [from_picture(p, names[0], work.inputs[0], image) for p in load(sets)]
    found = []
    for path in (p for one in sets for p in one.paths):
        try:
            with np.load(path) as arrays:
                found.append(from_arrays(path.name, dict(arrays), names))
        except (OSError, ValueError, AttributeError) as error:
            asked = ", ".join(f"{i.get_any_name()} {list(i.get_shape())}" for i in work.body.inputs)
            raise CompileError(
                f"{path}: was given for a network whose inputs ({asked}) are not one picture of 1 or 3 channels; "
                "give .npz files with an array for each input."
            ) from error
    if not found:
        raise CompileError("No .npz file was named; give at least one to calibrate with and one to check with.")
    return found


def choose_ranges(work: Work) -> None:
    """Scale and zero point of each border tensor, and the outputs' names."""
    work.step("ranges")
    check_cut(work)
    groups = ranges.output_groups(work.options.outputs, automatic_names(work), work.body)
    for index in reversed(range(len(groups))):
        if len(groups[index]) > 1:
            work.body = split_result(work.body, index, [list(s.channels) for s in groups[index]])
    name_nodes(work.body)
    work.parts = ranges.choose(work.body, groups, work.calibration, lambda share: work.step("ranges", share))
    names = [i.get_any_name() for i in work.body.inputs]
    work.inputs = [
        t if t.scale else ranges.ranged_input(t, [s.network[n] for s in work.calibration]) for t, n in zip(work.inputs, names, strict=True)
    ]


def automatic_names(work: Work) -> list[str]:
    """A result's own name where nothing was cut behind it, else output_0, output_1 ..."""
    if work.tail is None:
        return [o.get_any_name() if o.get_names() else f"output_{i}" for i, o in enumerate(work.original.outputs)][: len(work.body.outputs)]
    return [f"output_{i}" for i in range(len(work.body.outputs))]


def quantise(work: Work) -> None:
    read_count = 0

    def tick() -> None:
        nonlocal read_count
        read_count += 1
        work.step("quantise", 1 - 1 / (1 + read_count / len(work.calibration)))  # NNCF does not say how often it will read

    work.step("quantise")
    work.quantised = quantise_network(work.body.clone(), [s.network for s in work.calibration], work.options.quantisation, tick)


def make_border(work: Work) -> None:
    work.step("border")
    options = work.options
    what = str(options.source)
    batching.set_batch(work.quantised, options.batch, what)
    if work.tail is not None:
        batching.set_batch(work.tail, options.batch, what)
    work.graph = package.name_graph(add_border(work.quantised, work.inputs, work.outputs), options.name)
    work.postamble = build(work.tail, work.parts, results(work), options.batch, options.finish)


def results(work: Work) -> Results:
    model = work.tail if work.tail is not None else work.original
    kept = work.options.keep_results or range(len(work.original.outputs))
    names = [sorted(o.get_names())[0] if o.get_names() else f"result_{i}" for i, o in enumerate(work.original.outputs)]
    shapes = [[d.get_length() if d.is_static else None for d in o.get_partial_shape()] for o in model.outputs]
    if work.tail is None:
        shapes = [[work.options.batch, *shapes[i][1:]] for i in kept]
    return Results([names[i] for i in kept], shapes, [o.get_element_type().get_type_name() for o in model.outputs])


def compare(work: Work) -> None:
    """int8 against float, one sample at a time, whatever the package's batch (the sample stands in every place of it)."""
    work.step("agreement")
    host = Host(work.postamble)
    body = work.body.clone()
    batching.set_batch(body, work.options.batch, str(work.options.source))
    real, int8 = FloatRunner(body, work.parts, host), Int8Runner(work.graph, work.outputs, host)
    whole = lambda values: {n: np.repeat(v, work.options.batch, 0) for n, v in values.items()}  # noqa: E731
    for number, sample in enumerate(work.held_out):
        pair = measure.Pair(sample.name, real(whole(sample.network)), int8(whole(sample.card(work.inputs))))
        work.pairs.append(pair)
        work.step("agreement", number / len(work.held_out))
    side = work.inputs[0].layout.nhwc[2]
    work.figures |= measure.agreement(work.options.task, work.pairs, side)


def compare_speed(work: Work) -> None:
    work.step("speed")
    options = work.options
    if not options.speed_pairs:
        return
    body = work.body.clone()
    batching.set_batch(body, options.batch, str(options.source))
    done = iter(range(1, options.speed_pairs + 1))
    core = ov.Core()
    work.figures |= measure.speed(
        core.compile_model(body, "CPU", FLOAT),
        core.compile_model(work.graph, "CPU", FLOAT),
        options.speed_pairs,
        options.slice_seconds,
        lambda: work.step("speed", next(done) / options.speed_pairs),
    )


def write(work: Work, directory: Path, mark: str) -> dict:
    options = work.options
    try:
        ov.save_model(work.graph, directory / "graph.xml", compress_to_fp16=False)
        if work.postamble is not None:
            onnx.save(work.postamble, directory / "postamble.onnx")
    except (OSError, RuntimeError) as error:
        raise CompileError(
            f"{directory.parent}: asked to write a package there, but writing failed ({last_line(error)}); is the disk full?"
        ) from error
    body = work.body.clone()
    batching.set_batch(body, options.batch, str(options.source))
    table = layers.layer_table(body)
    package.write_json(directory / "layers.json", {"format_version": package.FORMAT_VERSION, "layers": table})
    border = [int(np.prod(t.shape(options.batch))) for t in (*work.inputs, *work.outputs)]
    description = {
        "name": options.name,
        "task": options.task,
        "labels": list(options.labels),
        "weight_bytes": sum(layer["weight_bytes"] for layer in table),
        "activation_bytes": layers.activation_bytes(body, border),
    }
    model = package.model_json(directory, description, options.batch, work.inputs, work.outputs, image_json(work))
    package.write_json(directory / "model.json", model)
    graphs = {"postamble": model["postamble_graph"], "preamble": model["preamble_graph"]}
    package.write_json(directory / "manifest.json", package.manifest_json(options.batch, work.inputs, work.outputs, graphs))
    return report.write(directory, work, model, mark, versions())


def image_json(work: Work) -> dict | None:
    if not work.inputs[0].mean:
        return None
    image = work.options.image
    return {"colour": image.colour, "resize": image.resize, "crop": image.crop, "interpolation": image.interpolation}
