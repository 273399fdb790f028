"""The fleet through Python: order, results, submitters, futures, asyncio, bad input, ends."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from polymetis import Fleet
from polymetis import fleet as fleet_module
from polymetis.axruntime import Context, InvalidArgument, InvalidType, Pending

CARDS = '[[board]]\ncount = {count}\nname = "metis-0:{{}}:0"\n{each}\n'


def topology(folder, count=2, each='timing = "host"', more=""):
    file = folder / "cards.toml"
    file.write_text(CARDS.format(count=count, each=each) + more)
    return file


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    monkeypatch.setenv("POLYMETIS_RUN_DIR", str(tmp_path / "run"))
    with Fleet(topology=topology(tmp_path), virtual=True) as made:
        yield made


@pytest.fixture
def other_package(tmp_path):
    from tiny_packages import SIXTEEN, Tensor, write_package

    return write_package(tmp_path / "other", outputs=(Tensor("z", SIXTEEN),))


@pytest.fixture
def model(fleet, package):
    return fleet.load_model(package)


def frame(number):
    return np.full((1, 2, 2, 4), number % 100, np.int8)


def test_iteration_gives_each_frames_own_result_in_order(fleet, model):
    numbers = []
    for result in fleet.stream(model, (frame(n) for n in range(500))):
        assert result.ok
        assert result.device in ("metis-0:1:0", "metis-0:2:0")
        assert (result.outputs[0] == result.number % 100 + 1).all()
        numbers.append(result.number)
    assert numbers == list(range(500))


def test_results_own_their_outputs(fleet, model):
    results = list(fleet.stream(model, (frame(n) for n in range(50))))
    outputs = [result.outputs[0] for result in results]
    del results
    gc.collect()
    list(fleet.stream(model, (frame(99) for _ in range(50))))
    assert [int(output.flat[0]) for output in outputs] == [n + 1 for n in range(50)]


def test_a_view_reads_in_place(fleet, model):
    result = next(iter(fleet.stream(model, [frame(7)])))
    with fleet_module.view(result) as outputs:
        assert (outputs[0] == 8).all()
        with pytest.raises(ValueError, match="read-only"):
            outputs[0][...] = 0


def test_outputs_and_views_of_one_result_in_any_order(fleet, model):
    first, second = fleet.stream(model, [frame(7), frame(9)])
    copied = first.outputs[0]
    with fleet_module.view(first) as outputs, fleet_module.view(second) as others:
        assert outputs[0].base is not None and (outputs[0] == copied).all()
        with pytest.raises(ValueError, match="read-only"):
            outputs[0][...] = 0
        assert (second.outputs[0] == 10).all()
        list(fleet.stream(model, (frame(99) for _ in range(50))))
        assert (others[0] == 10).all()
    first.outputs.clear()  # the list is the caller's
    with fleet_module.view(first) as outputs:
        assert (outputs[0] == 8).all() and (first.outputs[0] == 8).all()


def test_copied_outputs_leave_the_fleets_memory_free(tmp_path, model, monkeypatch):
    monkeypatch.setenv("POLYMETIS_RUN_DIR", str(tmp_path / "another"))
    with Fleet(topology=topology(tmp_path), virtual=True, memory_bytes=1 << 14) as fleet:
        kept = []
        for result in fleet.stream(model, (frame(n % 100) for n in range(1000))):
            assert result.outputs[0].flat[0] == result.number % 100 + 1
            kept.append(result)
        assert len(kept) == 1000


def test_map_gives_outputs(fleet, model):
    assert [int(outputs[0].flat[0]) for outputs in fleet.map(model, map(frame, range(10)))] == list(range(1, 11))


def test_submit_gives_a_future(fleet, model):
    futures = [fleet.submit(model, frame(n)) for n in range(20)]
    assert [int(future.result(10).outputs[0].flat[0]) for future in futures] == list(range(1, 21))


def test_submitting_and_taking_from_two_threads(fleet, model):
    stream = fleet.stream(model, name="camera")

    def camera():
        for n in range(200):
            stream.submit(frame(n), captured_at=time.monotonic(), tag=n * 2)
        stream.finish()

    thread = threading.Thread(target=camera)
    thread.start()
    results = list(stream)
    thread.join()
    assert [(r.number, r.tag) for r in results] == [(n, 2 * n) for n in range(200)]
    assert stream.exhausted
    assert stream.next() is None


def test_a_slot_is_filled_in_place(fleet, model):
    with fleet.stream(model) as stream:
        slot = stream.try_slot()
        slot.inputs[0][...] = 41
        stream.submit(slot)
        assert (stream.next(10).outputs[0] == 42).all()
        with pytest.raises(InvalidArgument, match="submitted already"):
            stream.submit(slot)


def test_a_full_queue_never_blocks_try_submit(tmp_path, monkeypatch, package):
    monkeypatch.setenv("POLYMETIS_RUN_DIR", str(tmp_path / "run"))
    with Fleet(topology=topology(tmp_path, 1, "cores = 1\ntiming = { fps = 20 }"), virtual=True) as fleet:
        stream = fleet.stream(fleet.load_model(package), queue=2)

        def fill() -> None:
            for n in range(10):
                stream.try_submit(frame(n))

        with pytest.raises(Pending, match="queue is full"):
            fill()


def test_drop_oldest_answers_every_frame(tmp_path, monkeypatch, package):
    monkeypatch.setenv("POLYMETIS_RUN_DIR", str(tmp_path / "run"))
    with Fleet(topology=topology(tmp_path, 1, "cores = 1\ntiming = { fps = 100 }"), virtual=True) as fleet:
        stream = fleet.stream(fleet.load_model(package), overload="drop_oldest", queue=2)
        for n in range(50):
            stream.submit(frame(n))
        stream.finish()
        results = list(stream)
        assert [r.number for r in results] == list(range(50))
        assert results[-1].ok
        dropped = [r for r in results if r.outcome == "dropped"]
        assert len(dropped) > 40
        with pytest.raises(fleet_module.FrameDropped, match="dropped"):
            _ = dropped[0].outputs


def test_a_late_frame_is_answered_as_late(tmp_path, monkeypatch, package):
    monkeypatch.setenv("POLYMETIS_RUN_DIR", str(tmp_path / "run"))
    with Fleet(topology=topology(tmp_path, 1, "cores = 1\ntiming = { fps = 10 }"), virtual=True) as fleet:
        stream = fleet.stream(fleet.load_model(package), deadline=0.02)
        stream.submit(frame(0))
        result = stream.next(10)
        assert result.outcome == "late"
        assert isinstance(result.error, TimeoutError)


def test_a_card_that_is_lost_is_not_noticed(tmp_path, monkeypatch, package):
    monkeypatch.setenv("POLYMETIS_RUN_DIR", str(tmp_path / "run"))
    lost = '[[board]]\nname = "metis-0:9:0"\ntiming = { fps = 500 }\n[[board.fault]]\nkind = "lost"\nat_job = 100\nlasts = 0.2\n'
    events = []
    with Fleet(topology=topology(tmp_path, 1, "timing = { fps = 500 }", lost), virtual=True) as fleet:
        fleet.on_event(lambda event: events.append((event.subject, event.state)))
        results = list(fleet.stream(fleet.load_model(package), (frame(n) for n in range(2000))))
        assert [r.number for r in results] == list(range(2000))
        assert all((r.outputs[0] == r.number % 100 + 1).all() for r in results)
        assert any(r.attempts > 1 for r in results)
    assert ("metis-0:9:0", "lost") in events or ("metis-0:9:0", "quarantined") in events


def test_an_iterator_that_raises_ends_the_stream_after_what_came_before(fleet, model):
    def frames():
        yield frame(0)
        yield frame(1)
        raise LookupError("the camera is gone")

    stream = fleet.stream(model, frames())
    assert [next(stream).number, next(stream).number] == [0, 1]
    with pytest.raises(LookupError, match="the camera is gone"):
        next(stream)


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        (np.zeros((1, 2, 2, 4), np.float32), InvalidArgument),
        (np.zeros((1, 2, 2, 3), np.int8), InvalidArgument),
        ([], InvalidArgument),
        ([np.zeros((1, 2, 2, 4), np.int8)] * 2, InvalidArgument),
        ("picture", InvalidType),
    ],
)
def test_wrong_tensors_are_refused_and_the_stream_goes_on(fleet, model, inputs, error):
    with fleet.stream(model) as stream:
        with pytest.raises(error):
            stream.submit(inputs)
        stream.submit(frame(1))
        assert stream.next(10).ok


def test_a_closed_fleet_says_so(fleet, model):
    stream = fleet.stream(model)
    fleet.close()
    fleet.close()
    assert fleet.closed
    with pytest.raises(InvalidArgument, match="closed"):
        stream.submit(frame(0))
    with pytest.raises(InvalidArgument, match="closed"):
        fleet.stream(model)


def test_a_finished_stream_takes_no_more(fleet, model):
    stream = fleet.stream(model)
    stream.finish()
    with pytest.raises(InvalidArgument, match="finished"):
        stream.submit(frame(0))
    assert list(stream) == []


def test_a_consumer_that_stops_and_a_stream_dropped_without_close(fleet, model):
    for result in fleet.stream(model, (frame(n) for n in range(100000))):
        if result.number == 3:
            break
    gc.collect()
    assert [r.number for r in fleet.stream(model, [frame(0)])] == [0]


def test_an_event_callback_that_raises_is_no_harm(tmp_path, monkeypatch, package):
    monkeypatch.setenv("POLYMETIS_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    with Fleet(topology=topology(tmp_path), virtual=True) as fleet:
        fleet.on_event(lambda event: 1 / 0)
        assert len(list(fleet.stream(fleet.load_model(package), map(frame, range(10))))) == 10


def test_too_few_cards_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("POLYMETIS_RUN_DIR", str(tmp_path / "run"))
    with pytest.raises(RuntimeError, match="needs 3 devices, 2 can be used"):
        Fleet(topology=topology(tmp_path), virtual=True, require=3)


def test_a_shared_context_keeps_its_connections(tmp_path, monkeypatch, package):
    monkeypatch.setenv("POLYMETIS_RUN_DIR", str(tmp_path / "run"))
    with Context(topology=topology(tmp_path), virtual="always") as context:
        connection = context.device_connect("metis-0:1:0", 2)
        with Fleet(context) as fleet:
            report = fleet.add_model(fleet.load_model(package))
            assert "2 on metis-0:1:0, 4 on metis-0:2:0" in report.text
        connection.release()


def test_two_models_share_the_cards(fleet, model, other_package):
    fleet.add_model(model)
    fleet.add_model(fleet.load_model(other_package))
    assert [m.instances for m in fleet.metrics().models] == [4, 4]


async def test_async_iteration_and_await(fleet, model):
    results = [result async for result in fleet.stream(model, (frame(n) for n in range(30)))]
    assert [r.number for r in results] == list(range(30))

    async def source():
        for n in range(30):
            await asyncio.sleep(0)
            yield frame(n)

    results = [result async for result in fleet.stream(model, source())]
    assert [int(r.outputs[0].flat[0]) for r in results] == list(range(1, 31))
    assert (await fleet.submit(model, frame(5))).ok


async def test_a_cancelled_wait_loses_no_result(fleet, model):
    stream = fleet.stream(model)
    waiting = asyncio.ensure_future(stream.__anext__())
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    stream.submit(frame(1))
    assert (await asyncio.wait_for(stream.__anext__(), 10)).number == 0


def test_metrics_and_explain_count_the_frames(fleet, model):
    stream = fleet.stream(model, (frame(n) for n in range(100)), name="lobby")
    list(stream)
    metrics = fleet.metrics()
    assert metrics.outputs == 100
    lobby = next(s for s in metrics.streams if s.name == "lobby")
    assert (lobby.offered, lobby.outputs, lobby.waiting, lobby.running) == (100, 100, 0, 0)
    assert 0 < lobby.latency.p50 <= lobby.latency.p999
    assert sum(d.frames for d in metrics.devices) == 100
    assert {limit.what for limit in fleet.explain().limits} >= {"cores", "host CPU", "host memory", "window", "consumer", "source", "health"}


def test_a_recording_replays_bit_for_bit_and_a_trace_is_the_chrome_format(tmp_path, monkeypatch, package):
    monkeypatch.setenv("POLYMETIS_RUN_DIR", str(tmp_path / "run"))
    with Fleet(topology=topology(tmp_path), virtual=True, record=tmp_path / "run.rec", trace_frames=1000) as fleet:
        list(fleet.stream(fleet.load_model(package), (frame(n) for n in range(300))))
        fleet.write_trace(tmp_path / "trace.json")
    done = subprocess.run(
        [sys.executable, "-m", "polymetis", "replay", str(tmp_path / "run.rec"), "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["same_decisions"]
    assert found["whole"]
    assert found["streams"][0]["outputs"] == 300
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    check_chrome_format(events)
    assert sum(event["ph"] == "X" for event in events) == 300


def check_chrome_format(events):
    """What the published description of the Trace Event Format asks of the phases that are used."""
    begun = {}
    for event in events:
        assert isinstance(event["name"], str)
        assert isinstance(event["pid"], int) and isinstance(event["tid"], int)
        assert isinstance(event["ts"], int | float) and event["ts"] >= 0
        assert isinstance(event.get("args", {}), dict)
        match event["ph"]:
            case "M":  # metadata: a name of a process or thread
                assert event["name"] in ("process_name", "thread_name") and isinstance(event["args"]["name"], str)
            case "X":  # complete: a duration of its own
                assert event["dur"] >= 0 and isinstance(event["cat"], str)
            case "b":  # nestable async: pairs by category, id and scope
                assert begun.setdefault((event["cat"], event["id"]), event) is event
            case "e":
                assert begun.pop((event["cat"], event["id"]))["ts"] <= event["ts"]
            case "i":  # instant: global, process or thread
                assert event["s"] in ("g", "p", "t")
            case phase:
                raise AssertionError(f"unknown phase {phase}")
    assert not begun
    threads = {(event["pid"], event["tid"]) for event in events if event["ph"] == "M" and event["name"] == "thread_name"}
    assert all((event["pid"], event["tid"]) in threads for event in events if event["ph"] in "Xbe")


def test_a_damaged_recording_is_refused(tmp_path):
    (tmp_path / "bad.rec").write_bytes(b"polymetis recording 2\n" + bytes(range(1, 200)))
    done = subprocess.run([sys.executable, "-m", "polymetis", "replay", str(tmp_path / "bad.rec")], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    done = subprocess.run([sys.executable, "-m", "polymetis", "replay", __file__], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "not a recording" in done.stderr


def alone(code, tmp_path, package, timeout=60):
    environment = os.environ | {
        "POLYMETIS_RUN_DIR": str(tmp_path / "alone"),
        "POLYMETIS_TOPOLOGY": str(topology(tmp_path, 2, "timing = { fps = 100 }")),
        "PACKAGE": str(package),
    }
    program = "import os, numpy as np\nfrom polymetis import Fleet\nframe = np.zeros((1, 2, 2, 4), np.int8)\n" + textwrap.dedent(code)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=timeout, check=False)


def test_the_interpreter_ends_with_everything_alive(tmp_path, package):
    done = alone(
        """
        fleet = Fleet()
        model = fleet.load_model(os.environ["PACKAGE"])
        stream = fleet.stream(model, (frame for _ in range(10**6)))
        kept = [next(stream) for _ in range(10)]
        future = fleet.submit(model, frame)
        print("end")
        """,
        tmp_path,
        package,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "end\n"


def test_a_forked_child_is_told_so_and_ends(tmp_path, package):
    done = alone(
        """
        fleet = Fleet()
        model = fleet.load_model(os.environ["PACKAGE"])
        stream = fleet.stream(model)
        child = os.fork()
        if child == 0:
            try:
                stream.submit(frame)
            except RuntimeError as error:
                print("child:", "before fork" in str(error), flush=True)
            for look in (fleet.health, fleet.metrics, fleet.explain):
                try:
                    look()
                except ValueError as error:
                    print("before fork" in str(error), flush=True)
            raise SystemExit
        print(os.waitpid(child, 0)[1])
        stream.submit(frame)
        print(stream.next().ok)
        """,
        tmp_path,
        package,
    )
    assert done.stdout == "child: True\nTrue\nTrue\nTrue\n0\nTrue\n", done.stderr


def test_ctrl_c_ends_a_wait(tmp_path, package):
    done = alone(
        """
        import signal, threading
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        fleet = Fleet()
        stream = fleet.stream(fleet.load_model(os.environ["PACKAGE"]))
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            stream.next()
        except KeyboardInterrupt:
            print("interrupted")
        stream.submit(frame)
        print(stream.next().ok)
        fleet.close()
        """,
        tmp_path,
        package,
    )
    assert done.stdout == "interrupted\nTrue\n", done.stderr


def test_the_command_runs_a_package(tmp_path, package):
    environment = os.environ | {
        "POLYMETIS_RUN_DIR": str(tmp_path / "run"),
        "POLYMETIS_TOPOLOGY": str(topology(tmp_path, 2, "timing = { fps = 100 }")),
    }
    command = [
        sys.executable,
        "-m",
        "polymetis",
        "run",
        str(package),
        "--seconds",
        "0.6",
        "--streams",
        "2",
        "--json",
        "--report",
        str(tmp_path / "report.html"),
        "--record",
        str(tmp_path / "r"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["virtual"]
    assert len(summary["metrics"]["streams"]) == 2
    assert summary["metrics"]["failed"] == 0
    assert 0 < summary["system_frames_per_s"] < 1000
    page = (tmp_path / "report.html").read_text()
    assert "Virtual cards" in page
    assert "<svg" in page
