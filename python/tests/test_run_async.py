"""run_async and its future."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
import weakref

import numpy as np
import pytest
from polymetis import axruntime as ax
from test_run import OnlyDLPack
from tiny_packages import SIXTEEN

SLOW = '[[board]]\nname = "slow"\ncompute = "none"\ntiming = { fps = 20 }\n'


@pytest.fixture
def slow(topology, package):
    """50 ms a frame."""
    with ax.Context(topology=topology(SLOW)) as context:
        yield context.device_connect().load_model_instance(context.load_model(package), async_mode=1, max_inflight=2, max_pending=2)


def test_the_future_gives_none_and_the_output_is_there(instance, arrays):
    future = instance.run_async(*arrays)
    assert future.result(timeout=5) is None
    assert future.done()
    assert (arrays[1][0] == 0).all()
    assert isinstance(future, concurrent.futures.Future)
    assert isinstance(future, ax.RunFuture)


def test_it_returns_at_once_and_can_be_waited_for(slow, arrays):
    started = time.monotonic()
    future = slow.run_async(*arrays)
    assert time.monotonic() - started < 0.04
    assert not future.done()
    with pytest.raises(concurrent.futures.TimeoutError):
        future.result(timeout=0)
    assert not future.cancel()
    assert future.result(timeout=5) is None


def test_callbacks_are_called(slow, arrays):
    called = threading.Event()
    seen = []
    future = slow.run_async(*arrays)
    future.add_done_callback(lambda done: (seen.append(done), called.set()))
    assert called.wait(5)
    assert seen == [future]


def test_it_can_be_awaited(slow, package):
    async def three():
        outputs = [np.full(SIXTEEN, 9, np.int8) for _ in range(3)]
        await asyncio.gather(*(slow.run_async([np.zeros(SIXTEEN, np.int8)], [output]) for output in outputs))
        return outputs

    assert all((output == 0).all() for output in asyncio.run(three()))


async def test_cancelling_the_task_ends_the_wait_only(slow, arrays):
    async def wait():
        await slow.run_async(*arrays)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await slow.run_async(*arrays)


def test_a_full_queue_is_pending_and_has_room_again_after_an_end(slow):
    def submit():
        return slow.run_async([np.zeros(SIXTEEN, np.int8)], [np.zeros(SIXTEEN, np.int8)])

    futures = [submit() for _ in range(4)]
    with pytest.raises(ax.Pending):
        submit()
    futures[0].result(timeout=5)
    futures.append(submit())
    concurrent.futures.wait(futures, timeout=5)
    assert all(future.result(0) is None for future in futures)


def test_in_the_callback_there_is_room_again(slow):
    again = concurrent.futures.Future()

    def submit():
        return slow.run_async([np.zeros(SIXTEEN, np.int8)], [np.zeros(SIXTEEN, np.int8)])

    def resubmit(_):
        try:
            again.set_result(submit())
        except ax.Error as error:
            again.set_exception(error)

    futures = [submit() for _ in range(4)]
    futures[0].add_done_callback(resubmit)
    again.result(timeout=5).result(timeout=5)


def test_a_failure_is_the_futures_exception(topology, package, arrays):
    text = '[[board]]\nname = "flaky"\ncompute = "none"\n[[board.fault]]\nkind = "error"\nat_job = 1\njobs = 1\n'
    with ax.Context(topology=topology(text)) as context:
        instance = context.device_connect().load_model_instance(context.load_model(package))
        future = instance.run_async(*arrays)
        assert isinstance(future.exception(timeout=5), ax.Error)
        instance.run_async(*arrays).result(timeout=5)


def test_bad_arrays_are_refused_at_once(instance, arrays):
    with pytest.raises(ax.InvalidArgument, match="uint8"):
        instance.run_async([arrays[0][0].view(np.uint8)], arrays[1])


def test_arrays_live_until_the_end_without_their_owner(slow):
    output = bytearray(16)
    future = slow.run_async([np.zeros(SIXTEEN, np.int8)], [output])
    with pytest.raises(BufferError):
        output.append(1)
    future.result(timeout=5)
    output.append(1)


def test_arrays_are_the_callers_again_in_the_callback(slow):
    output = bytearray(16)
    given = OnlyDLPack(np.zeros(SIXTEEN, np.int8))
    seen = weakref.ref(given.inner)
    found = concurrent.futures.Future()

    def callback(_):
        given.inner = None
        try:
            output.append(1)
            found.set_result(seen())
        except BufferError as error:
            found.set_exception(error)

    slow.run_async([given], [output]).add_done_callback(callback)
    assert found.result(timeout=5) is None


def test_with_double_buffering_each_gets_its_own_result_and_counts_as_no_run(topology, package):
    with ax.Context(topology=topology('[[board]]\nname = "computing"\n')) as context:
        instance = context.device_connect().load_model_instance(context.load_model(package), double_buffer=True)

        def answer(call, value):
            output = np.full(SIXTEEN, 99, np.int8)
            call([np.full(SIXTEEN, value, np.int8)], [output])
            return int(output[0, 0, 0, 0])

        assert answer(instance.run, 1) == 0
        assert answer(lambda *frame: instance.run_async(*frame).result(timeout=5), 20) == 21
        assert [answer(instance.run, value) for value in (2, 3, 4)] == [0, 2, 3]


def test_a_dropped_future_is_no_harm(slow, arrays):
    slow.run_async(*arrays)
    slow.run_async([arrays[0][0].copy()], [arrays[1][0].copy()]).result(timeout=5)
