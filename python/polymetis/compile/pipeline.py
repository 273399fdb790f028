"""One network file and some pictures -> one package."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import openvino as ov

from .._engine import said
from . import batch as batching
from . import cut, exactness, layers, measure, package, ranges, report
from .border import BorderTensor, add_border
from .channels import Parts, split_result
from .cut_check import check_cut
from .errors import CompileError
from .fingerprint import fingerprint, versions
from .inputs import input_tensors, read_samples
from .limits import check_options
from .options import Options
from .postamble import Results, build
from .quantiser import quantise_network
from .results_check import check_finite, check_results
from .runners import EXACT, FLOAT, FloatRunner, Host, Int8Runner
from .samples import Sample
from .source import name_nodes, prepare, read_network

Progress = Callable[[str, float], None]
"""Called with the step's name and its share done, 0 to 1."""


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
    arithmetic: dict = field(default_factory=dict)
    pairs: list[measure.Pair] = field(default_factory=list)
    cut_error: float = 0.0

    @property
    def outputs(self) -> list[BorderTensor]:
        return [t for part in self.parts for t in part.tensors]

    @property
    def kept(self) -> list[int]:
        """Numbers of the network's results that stay."""
        return list(self.options.keep_results or range(len(self.original.outputs)))

    def body_of_batch(self) -> ov.Model:
        """A copy of the float body with the package's batch."""
        body = self.body.clone()
        batching.set_batch(body, self.options.batch, str(self.options.source))
        return body

    def step(self, name: str, share: float = 0.0) -> None:
        self.progress(name, share)


def compile_package(options: Options, target: Path, progress: Progress = lambda name, share: None, force: bool = False) -> dict:
    """Writes the package `target` and answers its report; reads it back, computing nothing, when it is already there from the same sources.

    Raises CompileError; then, and when interrupted, `target` is as it was.
    """
    check_options(options)
    mark = fingerprint(options)
    if package.check_target(target, mark, force):
        return json.loads((target / "report.json").read_text())
    work = Work(options, progress)
    for step in (read, cut_network, read_pictures, choose_ranges, quantise, make_border, check_arithmetic, compare, compare_speed):
        step(work)
    work.step("write")
    made: dict = {}
    package.write_atomically(target, lambda directory: made.update(write(work, directory, mark)))
    work.step("write", 1.0)
    return made


def read(work: Work) -> None:
    work.step("read")
    options = work.options
    work.original = prepare(options.read(options.source), str(options.source)) if options.read else read_network(options.source)


def cut_network(work: Work) -> None:
    work.step("cut")
    found = cut.split(work.original, work.options.keep_results, work.options.cut)
    work.body, work.tail, work.cut = found.body, found.tail, found.cut
    work.inputs = input_tensors(work.body, work.options)


def read_pictures(work: Work) -> None:
    work.step("pictures")
    work.calibration = read_samples(work.body, work.inputs, work.options.calibration, work.options)
    work.step("pictures", 0.5)
    work.held_out = read_samples(work.body, work.inputs, work.options.held_out, work.options)
    if shared := {s.name for s in work.calibration} & {s.name for s in work.held_out}:
        raise CompileError(f"{sorted(shared)[0]}: is named to calibrate and to check with; held-out pictures must be others.")


def choose_ranges(work: Work) -> None:
    """Scale and zero point of each border tensor, and the outputs' names."""
    work.step("ranges")
    work.cut_error = check_cut(work.original, work.body, work.tail, work.kept, work.calibration[0].network)
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
        work.step("quantise", min(1.0, read_count / (2 * len(work.calibration))))  # once for ranges, once for biases

    work.step("quantise")
    work.quantised = quantise_network(work.body, [s.network for s in work.calibration], work.options.quantisation, tick)


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
    names = [sorted(o.get_names())[0] if o.get_names() else f"result_{i}" for i, o in enumerate(work.original.outputs)]
    shapes = [[d.get_length() if d.is_static else None for d in o.get_partial_shape()] for o in model.outputs]
    if work.tail is None:
        shapes = [[work.options.batch, *shapes[i][1:]] for i in work.kept]
    return Results([names[i] for i in work.kept], shapes, [o.get_element_type().get_type_name() for o in model.outputs])


def check_arithmetic(work: Work) -> None:
    work.step("arithmetic")
    work.arithmetic = {"int8_operators": len(exactness.operators(work.graph)), "inexact_here": exactness.inexact(work.graph)}


def compare(work: Work) -> None:
    """int8 against float, one sample at a time, whatever the package's batch (the sample stands in every place of it): by this computer's int8
    arithmetic, which examples show, and by exact arithmetic, for other computers."""
    work.step("agreement")
    host = Host(work.postamble)
    real = FloatRunner(work.body_of_batch(), work.parts, host)
    int8, exact = (Int8Runner(work.graph, work.outputs, host, how) for how in (FLOAT, EXACT))
    whole = lambda values: {n: np.repeat(v, work.options.batch, 0) for n, v in values.items()}  # noqa: E731
    elsewhere = []
    for number, sample in enumerate(work.held_out):
        wanted, card = real(whole(sample.network)), whole(sample.card(work.inputs))
        check_finite(sample.name, wanted)
        work.pairs.append(measure.Pair(sample.name, wanted, int8(card)))
        elsewhere.append(measure.Pair(sample.name, wanted, exact(card)))
        work.step("agreement", number / len(work.held_out))
    check_results(work.pairs, work.held_out)
    side = work.inputs[0].layout.nhwc[2]
    work.figures |= measure.agreement(work.options.task, work.pairs, side)
    work.arithmetic["figures_in_exact_arithmetic"] = measure.agreement(work.options.task, elsewhere, side)


def compare_speed(work: Work) -> None:
    work.step("speed")
    options = work.options
    if not options.speed_pairs:
        return
    done = iter(range(1, options.speed_pairs + 1))
    core = ov.Core()
    work.figures |= measure.speed(
        core.compile_model(work.body_of_batch(), "CPU", FLOAT),
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
        raise CompileError(f"{directory.parent}: asked to write a package there, but writing failed ({said(error)}); is the disk full?") from error
    body = work.body_of_batch()
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
