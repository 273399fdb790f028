"""The figures in Python: overhead of a run, iteration of a fleet, start-up, ONNX Runtime. Prints JSON. python bench/python_bench.py MODELS"""

from __future__ import annotations

import json
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
    import openvino as ov
    from polymetis.axruntime import Context
    from tiny_packages import write_package

    package = write_package(Path(folder) / "tiny")
    inputs, outputs = [np.zeros((1, 2, 2, 4), np.int8)], [np.zeros((1, 2, 2, 4), np.int8)]
    with Context(topology=topology(folder, '[[board]]\nname = "metis-0:1:0"\ncompute = "none"\n'), virtual="always") as context:
        instance = context.device_connect().load_model_instance(context.load_model(package))
        none = statistics.median(us_a_call(lambda: instance.run(inputs, outputs)) for _ in range(PAIRS))
    with Context(topology=topology(folder, '[[board]]\nname = "metis-0:1:0"\ncpus = [0]\n'), virtual="always") as context:
        instance = context.device_connect().load_model_instance(context.load_model(package))
        request = (
            ov.Core()
            .compile_model(package / "graph.xml", "CPU", {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1, "ENABLE_CPU_PINNING": False})
            .create_infer_request()
        )
        infer = request._infer if hasattr(request, "_infer") else request.infer
        over = [us_a_call(lambda: instance.run(inputs, outputs)) - us_a_call(infer) for _ in range(PAIRS)]
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
        model = fleet.load_model(package)

        def ours(count=5000):
            begin = time.perf_counter()
            for _ in fleet.stream(model, (frame for _ in range(count))):
                pass
            return count / (time.perf_counter() - begin)

        def theirs(count=5000):
            begin = time.perf_counter()
            for _ in range(count):
                queue.start_async([frame])
            queue.wait_all()
            return count / (time.perf_counter() - begin)

        ours(500), theirs(500)
        return [figure("dispatch_vs_asyncinferqueue_ratio", statistics.median(ours() / theirs() for _ in range(PAIRS)), "of AsyncInferQueue")]


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
        figures = overhead(folder) + iteration(folder) + async_queue(folder) + start_up(models)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
