"""The objects from several threads."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from polymetis import axruntime as ax
from tiny_packages import SIXTEEN

SLOW = '[[board]]\nname = "slow"\ncompute = "none"\ntiming = { fps = 10 }\n'


def memory():
    return [np.zeros(SIXTEEN, np.int8)], [np.zeros(SIXTEEN, np.int8)]


def test_other_threads_run_while_one_waits_for_the_card(topology, package):
    with ax.Context(topology=topology(SLOW)) as context:
        instance = context.device_connect().load_model_instance(context.load_model(package))
        thread = threading.Thread(target=instance.run, args=memory())
        thread.start()
        turns = 0
        while thread.is_alive():
            turns += 1
            time.sleep(0)
        assert turns > 100


def test_four_instances_run_in_parallel(topology, package):
    with ax.Context(topology=topology(SLOW)) as context:
        model = context.load_model(package)
        instances = [context.device_connect().load_model_instance(model) for _ in range(4)]
        started = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda instance: instance.run(*memory()), instances))
        assert time.monotonic() - started < 0.35  # one after the other: 0.4 s


def test_one_instance_in_two_threads_at_once_is_an_error_and_the_first_goes_on(topology, package):
    with ax.Context(topology=topology(SLOW)) as context:
        instance = context.device_connect().load_model_instance(context.load_model(package))
        with ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(instance.run, *memory()) for _ in range(2)]
            ends = [run.exception(timeout=5) for run in runs]
        (refused,) = [end for end in ends if end is not None]
        assert isinstance(refused, ax.InvalidArgument)
        assert "thread" in str(refused)
        instance.run(*memory())


def test_an_instance_is_handed_from_thread_to_thread(instance):
    def use():
        for _ in range(50):
            instance.run(*memory())

    for _ in range(4):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()


def test_release_from_another_thread_lets_the_run_end_first(topology, package):
    with ax.Context(topology=topology(SLOW)) as context:
        instance = context.device_connect().load_model_instance(context.load_model(package))
        inputs, outputs = memory()
        outputs[0][:] = 99
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(instance.run, inputs, outputs)
            time.sleep(0.02)
            context.release()
            run.result(timeout=5)
        assert (outputs[0] == 0).all()
        with pytest.raises(ax.InvalidArgument, match="released"):
            instance.run(*memory())


def test_everything_at_once(topology, package):
    text = '[defaults]\ncompute = "none"\n[[board]]\nname = "a"\n[[board]]\nname = "b"\n'
    file = topology(text)
    failures = []

    def work(context):
        try:
            for _ in range(20):
                with context.device_connect() as connection:
                    model = context.load_model(package)
                    instance = connection.load_model_instance(model)
                    for _ in range(5):
                        instance.run(*memory())
                    instance.run_async(*memory())
                    context.list_devices()
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    with ax.Context(topology=file) as one, ax.Context(topology=file) as other:
        threads = [threading.Thread(target=work, args=(context,)) for context in (one, other) * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert not any(device.in_use for device in one.list_devices())
