"""The fleet through Python where a program does what it should not: nothing hangs, crashes or grows without end, and every frame ends."""

from __future__ import annotations

import asyncio
import gc
import threading
import time

import numpy as np
import programs
import pytest
from conftest import INSTANT
from polymetis import Fleet
from polymetis.axruntime import InvalidArgument

FRAME = np.zeros((1, 2, 2, 4), np.int8)
SLOW = '[defaults]\ncompute = "none"\ntiming = { fps = 50 }\ncores = 1\n[[board]]\nname = "metis-0:1:0"\n'


@pytest.fixture
def fleet(topology):
    with Fleet(topology=topology(INSTANT), virtual=True) as made:
        yield made


@pytest.fixture
def model(fleet, package):
    return fleet.load_model(package)


def test_frames_that_ask_their_own_stream_for_results(fleet, model):
    def frames():
        yield FRAME
        stream.next(0)
        yield FRAME

    stream = fleet.stream(model, frames())
    with pytest.raises(InvalidArgument, match="ask the stream itself for results"):
        list(stream)
    assert [r.ok for r in fleet.stream(model, [FRAME])] == [True]


def test_frames_that_close_their_own_stream(fleet, model):
    def frames():
        for _ in range(5):
            yield FRAME
        stream.close()
        yield FRAME

    stream = fleet.stream(model, frames())
    assert len(list(stream)) <= 5
    assert [r.ok for r in fleet.stream(model, [FRAME])] == [True]


def test_frames_that_close_the_fleet(fleet, model):
    def frames():
        for _ in range(5):
            yield FRAME
        fleet.close()
        yield FRAME

    results = []
    with pytest.raises(InvalidArgument, match="The fleet was closed"):
        results.extend(fleet.stream(model, frames()))


def test_a_fleet_closed_while_another_thread_iterates_gives_what_was_answered_first(fleet, model):
    numbers, errors, begun = [], [], threading.Event()

    def consume():
        try:
            for result in fleet.stream(model, (FRAME for _ in range(10**9))):
                numbers.append(result.number)
                begun.set()
        except InvalidArgument as error:
            errors.append(str(error))

    thread = threading.Thread(target=consume)
    thread.start()
    begun.wait(10)
    fleet.close()
    thread.join(10)
    assert not thread.is_alive()
    assert errors == ["The fleet was closed; make another one."]
    assert numbers == list(range(len(numbers)))


def test_several_threads_may_iterate_one_stream(fleet, model):
    stream = fleet.stream(model, (FRAME for _ in range(5000)))
    taken = [[] for _ in range(4)]
    threads = [threading.Thread(target=lambda mine=mine: mine.extend(r.number for r in stream)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(sum(taken, [])) == list(range(5000))
    assert all(mine == sorted(mine) for mine in taken)


def test_a_future_ends_also_where_its_fleet_is_dropped(topology, package):
    fleet = Fleet(topology=topology(SLOW), virtual=True)
    futures = [fleet.submit(fleet.load_model(package), FRAME) for _ in range(2)]
    del fleet
    gc.collect()
    assert [future.result(10).ok for future in futures] == [True, True]


def test_keeping_every_result_of_a_long_source_is_an_error_once_the_memory_is_used_up(topology, package):
    with Fleet(topology=topology(INSTANT), virtual=True, memory_bytes=1 << 16) as fleet:
        model = fleet.load_model(package)
        kept = []
        with pytest.raises(
            RuntimeError, match=r"memory for frames is used up \(\d+ of 65536 bytes\) by results.*let results go, or raise memory_bytes"
        ):
            kept.extend(fleet.stream(model, (FRAME for _ in range(200_000))))
        assert fleet.metrics().memory_used_bytes < 1 << 18
        assert all(result.ok for result in kept)
        kept.clear()
        assert sum(result.ok for result in fleet.stream(model, (FRAME for _ in range(20_000)))) == 20_000


def test_a_fleet_with_little_memory_runs_a_frame_at_a_time(topology, package):
    with (
        Fleet(topology=topology(INSTANT), virtual=True, memory_bytes=10) as fleet,
        pytest.raises(ValueError, match="memory_bytes is 10; tiny needs at least 64"),
    ):
        fleet.stream(fleet.load_model(package))
    with Fleet(topology=topology(INSTANT), virtual=True, memory_bytes=256) as fleet:
        assert sum(result.ok for result in fleet.stream(fleet.load_model(package), (FRAME for _ in range(100)))) == 100


def test_results_that_nobody_takes_are_bounded_with_a_drop_policy(fleet, model):
    with fleet.stream(model, overload="drop_oldest") as stream:

        def submit_for_ever() -> None:
            for _ in range(100_000):
                stream.submit(FRAME)

        with pytest.raises(RuntimeError, match=r"65536 results of .* lie untaken; take them, or close it"):
            submit_for_ever()
        assert stream.next(0) is not None
        stream.submit(FRAME)


async def test_closing_a_stream_ends_its_async_iteration(topology, package):
    with Fleet(topology=topology(SLOW), virtual=True) as fleet:

        async def frames():
            while True:
                yield FRAME

        stream = fleet.stream(fleet.load_model(package), frames())
        async for _ in stream:
            stream.close()
        assert stream.exhausted


async def test_a_wrong_tensor_from_an_async_source_comes_after_what_was_before(fleet, model):
    async def frames():
        yield FRAME
        yield np.zeros(3, np.int8)

    results = []
    with pytest.raises(InvalidArgument, match="needs C-contiguous int8"):
        results.extend([result async for result in fleet.stream(model, frames())])


def test_closing_after_a_late_frame_waits_for_its_run_only(topology, package):
    with Fleet(topology=topology(SLOW), virtual=True) as fleet:
        stream = fleet.stream(fleet.load_model(package), deadline=0.001)
        stream.submit(FRAME)
        assert stream.next(10).outcome == "late"
        begin = time.monotonic()
        fleet.close(patience=5)
        assert time.monotonic() - begin < 2


def test_a_loop_that_closes_while_a_frame_runs_loses_nothing(topology, package):
    with Fleet(topology=topology(SLOW), virtual=True) as fleet:
        model = fleet.load_model(package)

        async def leaves_while_it_waits():
            future = fleet.submit(model, FRAME)
            waiting = asyncio.wrap_future(future)
            await asyncio.sleep(0)
            return future, waiting  # which keeps it

        future, _ = asyncio.run(leaves_while_it_waits())
        assert future.result(10).ok
        assert fleet.submit(model, FRAME).result(10).ok


HUNG = '[[board]]\nname = "metis-0:1:0"\ncores = 1\ncompute = "none"\ntiming = { fps = 500 }\n[[board.fault]]\nkind = "hang"\nat_job = 2\n'


@pytest.mark.parametrize("ends", ["pass", "fleet.close(0.05)"])
def test_a_program_ends_while_a_card_hangs(topology, package, ends):
    status, out, err = programs.run(
        f"""
from polymetis import Fleet
fleet = Fleet(topology=sys.argv[1], virtual=True, hang_floor=60)
stream = fleet.stream(fleet.load_model(sys.argv[2]))
while fleet.health()[0].state != "ready":
    time.sleep(0.001)
stream.submit(memory()[0])
say("submitted")
{ends}
""",
        topology(HUNG),
        package,
        timeout=30,
    )
    assert (status, out) == (0, "submitted\n"), err
    assert err == ""
