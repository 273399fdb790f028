"""The examples' worker pool, double buffering and cascade on cards that the test plays: every frame once, its own result, in order; nothing left."""

import gc
import threading
import time
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples" / "python"


@pytest.fixture(autouse=True)
def example_modules(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    deadline = time.monotonic() + 5
    while (left := [t for t in threading.enumerate() if t.name.startswith("worker on")]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left


class Host:
    """A network's host side on numbers: the card squares them."""

    package = SimpleNamespace(name="squares")

    def __init__(self, batch=1, slow_get=0.0):
        self.batch, self.slow_get = batch, slow_get
        self.put_in = 0

    def new_inputs(self):
        return [np.zeros(self.batch, np.int64)]

    def new_outputs(self):
        return [np.zeros(self.batch, np.int64)]

    def put(self, pictures, inputs):
        assert 1 <= len(pictures) <= self.batch
        self.put_in += len(pictures)
        inputs[0][: len(pictures)] = pictures

    def get(self, outputs, pictures):
        time.sleep(self.slow_get)
        return [int(v) for v in outputs[0][: len(pictures)]]


class Card:
    """One instance. It reads its input late in the call, and writes its output in two steps, so that a buffer touched meanwhile shows."""

    def __init__(self, seconds=0.0, fails_at=(), error=None):
        self.seconds, self.fails_at, self.error = seconds, fails_at, error or RuntimeError("the card is gone")
        self.running = threading.Lock()
        self.runs = 0

    def run(self, inputs, outputs):
        assert self.running.acquire(blocking=False), "one instance was run by two threads at once"
        try:
            self.runs += 1
            outputs[0][:] = -1
            time.sleep(self.seconds)
            if any(v in self.fails_at for v in inputs[0]):
                raise self.error
            outputs[0][:] = inputs[0] ** 2
        finally:
            self.running.release()


def frames(count):
    return (SimpleNamespace(name=str(i), pixels=i) for i in range(count))


def pool_of(host, *cards):
    from workers import Loaded, WorkerPool

    return WorkerPool([Loaded(SimpleNamespace(name="metis-0:1:0", subdevice_count=4), None, card) for card in cards], host)


def squares(pairs):
    return [(frame.pixels, found) for frame, found in pairs]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 9, 100])
@pytest.mark.parametrize("batch", [1, 4])
def test_every_frame_once_in_order_with_its_own_result(count, batch):
    host = Host(batch)
    cards = [Card(0.002), Card(0.0), Card(0.001)]
    with pool_of(host, *cards) as pool:
        assert squares(pool.map(frames(count))) == [(i, i * i) for i in range(count)]
    assert host.put_in == count
    assert sum(card.runs for card in cards) == -(-count // batch)  # batches hold different frames, not one frame repeated


@pytest.mark.parametrize(("seconds", "slow_get"), [(0.02, 0.0005), (0.002, 0.008), (0.0, 0.0)])
def test_no_frame_is_overwritten_in_flight(seconds, slow_get):
    with pool_of(Host(slow_get=slow_get), *[Card(seconds) for _ in range(4)]) as pool:
        assert squares(pool.map(frames(40))) == [(i, i * i) for i in range(40)]


@pytest.mark.parametrize("fails_at", [0, 1, 5, 19])
def test_what_a_worker_raises_reaches_the_caller_after_the_results_before_it(fails_at):
    got = []
    with pytest.raises(RuntimeError, match="the card is gone"), pool_of(Host(), *[Card(0.001, {fails_at}) for _ in range(4)]) as pool:
        got.extend(pool.map(frames(20)))  # keeps what came before the error
    assert squares(got) == [(i, i * i) for i in range(fails_at)]


def test_a_worker_lives_on_after_an_error():
    with pool_of(Host(), Card(fails_at={2})) as pool:
        with pytest.raises(RuntimeError):
            list(pool.map(frames(10)))
        assert squares(pool.map(frames(2))) == [(0, 0), (1, 1)]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), MemoryError()])
def test_errors_of_every_kind_come_out(error):
    with pytest.raises(type(error)), pool_of(Host(), Card(fails_at={3}, error=error), Card(fails_at={3}, error=error)) as pool:
        list(pool.map(frames(9)))


def test_a_source_that_raises_is_heard():
    def broken():
        yield from frames(3)
        raise OSError("the camera is gone")

    with pytest.raises(OSError, match="the camera is gone"), pool_of(Host(), Card(), Card()) as pool:
        list(pool.map(broken()))


def test_a_consumer_that_stops_leaves_nothing_for_the_next():
    with pool_of(Host(), Card(0.002), Card(0.001)) as pool:
        for _ in range(5):
            for frame, found in pool.map(frames(50)):
                assert found == frame.pixels**2
                if frame.pixels == 3:
                    break
        assert squares(pool.map(frames(10))) == [(i, i * i) for i in range(10)]


def test_the_source_is_never_far_ahead_and_frames_are_let_go():
    class Frame:
        def __init__(self, number):
            self.pixels = number

    taken, alive, most = [], weakref.WeakSet(), 0

    def source():
        for i in range(200):
            taken.append(i)
            alive.add(frame := Frame(i))
            yield frame

    with pool_of(Host(), Card(), Card(), Card()) as pool:
        for done, _ in enumerate(pool.map(source())):
            assert len(taken) - done <= 2 * 3 + 1
            most = max(most, len(alive))
    gc.collect()
    assert most <= 2 * 3 + 3
    assert len(alive) <= 1


def test_all_workers_work_at_the_same_time():
    meeting = threading.Barrier(3, timeout=10)

    class Meeting(Card):
        def run(self, inputs, outputs):
            meeting.wait()
            super().run(inputs, outputs)

    with pool_of(Host(), Meeting(), Meeting(), Meeting()) as pool:
        assert len(list(pool.map(frames(6)))) == 6


def test_no_instance_at_all_is_said():
    with pytest.raises(RuntimeError, match="squares: no card has the 1 cores"):
        pool_of(Host())


def test_load_on_spreads_over_the_cards_and_fills_them():
    from workers import load_on

    cards = [SimpleNamespace(name=name, subdevice_count=4) for name in ("a", "b")]

    class Connection:
        def __init__(self, device):
            self.device = device

        def load_model_instance(self, model, num_sub_devices, aipu_cores):
            assert num_sub_devices == aipu_cores == 2
            return model

    context = SimpleNamespace(device_connect=lambda device, cores: Connection(device) if cores == 4 else None)
    assert [one.device.name for one in load_on(context, "model", cards, 2)] == ["a", "b", "a", "b"]
    assert load_on(context, "model", [SimpleNamespace(name="small", subdevice_count=4)], 8) == []


class Delayed:
    """A card with double_buffer, as the fact sheet has it: run i gives the result of run i - 2, the first two are dummies."""

    def __init__(self):
        self.inside = [77, 77]
        self.runs = 0

    def run(self, inputs, outputs):
        self.runs += 1
        self.inside.append(inputs[0] ** 2)
        outputs[0][:] = self.inside.pop(0)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10])
@pytest.mark.parametrize("batch", [1, 4])
def test_double_buffering_pairs_each_frame_with_its_answer(count, batch):
    from double_buffering import double_buffered

    card = Delayed()
    for _ in range(2):  # again on the same instance: what is left inside belongs to nobody
        card.runs = 0
        assert squares(double_buffered(card, Host(batch), frames(count))) == [(i, i * i) for i in range(count)]
        assert card.runs == (-(-count // batch) + 2 if count else 0)


class Finder:
    """Finds i % 4 people in picture i."""

    def get(self, outputs, pictures):
        from polymetis.vision import Box, Detection

        dog = Detection("Dog", 2, 0.9, Box(0, 0, 4, 4))
        return [[dog, *[Detection("Person", 1, 0.5, Box(p, 0, 4 + p, 4)) for p in range(int(pixels[0, 0, 0]) % 4)]] for pixels in pictures]


class Poser:
    """Its pose is the crop's mean colour."""

    def get(self, outputs, pictures):
        from polymetis.vision import Pose

        return [Pose(np.full((33, 2), float(p.max()), np.float32), np.ones(33, np.float32), 1.0) for p in pictures]


class PictureHost(Host):
    def __init__(self, reader, batch=1):
        super().__init__(batch)
        self.get = reader.get

    def put(self, pictures, inputs):
        assert 1 <= len(pictures) <= self.batch


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 30])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_cascade_joins_each_persons_pose_to_its_own_frame(count, batch):
    from cascade import cascade

    pictures = (SimpleNamespace(name=str(i), pixels=np.full((8, 8, 3), i, np.uint8)) for i in range(count))
    with pool_of(PictureHost(Finder()), Card(0.001), Card()) as detectors, pool_of(PictureHost(Poser(), batch), Card(0.002), Card()) as poses:
        scenes = list(cascade(pictures, detectors, poses))
    assert [int(scene.frame.name) for scene in scenes] == list(range(count))
    for i, scene in enumerate(scenes):
        assert len(scene.found) == 1 + i % 4
        assert [float(pose.points[0, 0]) for pose in scene.poses] == [i + p for p in range(i % 4)]  # moved to where the crop was cut


@pytest.mark.parametrize("stage", [0, 1])
def test_a_stage_that_fails_ends_the_cascade_with_its_error(stage):
    from cascade import cascade

    cards = [Card(), Card()]
    cards[stage] = Card(fails_at={0})
    pictures = (SimpleNamespace(name=str(i), pixels=np.full((8, 8, 3), i, np.uint8)) for i in range(9))
    with (
        pytest.raises(RuntimeError, match="the card is gone"),
        pool_of(PictureHost(Finder()), cards[0]) as detectors,
        pool_of(PictureHost(Poser()), cards[1]) as poses,
    ):
        list(cascade(pictures, detectors, poses))
