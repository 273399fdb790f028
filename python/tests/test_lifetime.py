"""Release in any order, by hand, by `with`, by the collector."""

from __future__ import annotations

import gc
import itertools
import re
import sys
import weakref
from pathlib import Path

import pytest
from polymetis import axruntime as ax

KINDS = ("context", "connection", "model", "instance")


def chain(context, package):
    connection = context.device_connect(0)
    model = context.load_model(package)
    return {"context": context, "connection": connection, "model": model, "instance": connection.load_model_instance(model)}


@pytest.mark.parametrize("order", list(itertools.permutations(KINDS)))
def test_objects_are_released_in_any_order(context, package, order):
    objects = chain(context, package)
    for kind in order:
        objects[kind].release()
    for kind in order:
        objects[kind].release()


@pytest.mark.parametrize("order", list(itertools.permutations(KINDS)))
def test_objects_are_collected_in_any_order_and_the_cores_come_back(topology, package, order):
    from conftest import INSTANT

    file = topology(INSTANT)
    objects = chain(ax.Context(topology=file), package)
    for kind in order:
        del objects[kind]
    gc.collect()
    with ax.Context(topology=file) as other:
        assert not other.list_devices()[0].in_use


def test_a_child_keeps_its_parent(topology, package, arrays):
    from conftest import INSTANT

    context = ax.Context(topology=topology(INSTANT))
    instance = context.device_connect().load_model_instance(context.load_model(package))
    seen = weakref.ref(context)
    del context
    gc.collect()
    instance.run(*arrays)
    assert instance.context is seen()
    assert instance.connection.context is seen()
    assert instance.model.context is seen()
    del instance
    gc.collect()
    assert seen() is None


def test_releasing_the_context_releases_the_children(context, package, arrays):
    objects = chain(context, package)
    context.release()
    with pytest.raises(ax.InvalidArgument, match="released"):
        objects["instance"].run(*arrays)
    with pytest.raises(ax.InvalidArgument, match="released"):
        objects["instance"].inputs()
    with pytest.raises(ax.InvalidArgument, match="released"):
        objects["connection"].load_model_instance(objects["model"])


def test_releasing_the_connection_releases_the_instance_not_the_model(context, package, arrays):
    objects = chain(context, package)
    objects["connection"].release()
    with pytest.raises(ax.InvalidArgument, match="released"):
        objects["instance"].run(*arrays)
    with pytest.raises(ax.InvalidArgument, match="released"):
        objects["instance"].run_async(*arrays)
    assert objects["model"].inputs()
    context.device_connect(0, 4)


def test_another_model_takes_the_cores_once_the_first_is_released(context, package):
    connection = context.device_connect()
    model = context.load_model(package)
    first = connection.load_model_instance(model)
    with pytest.raises(ax.InvalidArgument):
        connection.load_model_instance(model)
    first.release()
    connection.load_model_instance(model)


def test_all_are_context_managers(topology, package, arrays):
    from conftest import INSTANT

    with ax.Context(topology=topology(INSTANT)) as context, context.load_model(package) as model:
        with context.device_connect(0, 4) as connection, connection.load_model_instance(model) as instance:
            instance.run(*arrays)
        with pytest.raises(ax.InvalidArgument, match="released"):
            instance.run(*arrays)
        context.device_connect(0, 4)
    with pytest.raises(ax.InvalidArgument, match="released"):
        context.list_devices()


def test_with_passes_exceptions_on(context):
    with pytest.raises(KeyError), context.device_connect(0, 4):
        raise KeyError
    context.device_connect(0, 4)


def test_a_cycle_through_a_subclass_is_collected(topology, package):
    from conftest import INSTANT

    class Session(ax.Context):
        def __init__(self, file):
            super().__init__(topology=file)
            self.connection = self.device_connect(0, 4)
            self.model = self.load_model(package)
            self.instance = self.connection.load_model_instance(self.model)

    file = topology(INSTANT)
    seen = weakref.ref(Session(file))
    gc.collect()
    assert seen() is None
    with ax.Context(topology=file) as other:
        other.device_connect(0, 4)


def test_a_failed_construction_leaves_nothing(context, topology):
    for _ in range(3):
        with pytest.raises(ValueError, match="virtual"):
            ax.Context(virtual="x")
    with pytest.raises(TypeError):
        ax.Context("positional")
    with pytest.raises(TypeError):
        ax.Connection()


def test_runs_keep_nothing(instance, arrays):
    inputs, outputs = arrays
    before = [sys.getrefcount(thing) for thing in (inputs[0], outputs[0], inputs, instance)]
    for _ in range(100):
        instance.run(inputs, outputs)
        with pytest.raises(ax.InvalidArgument):
            instance.run(inputs, [outputs[0], outputs[0]])
        with pytest.raises(ax.InvalidArgument):
            instance.run(inputs, [bytes(3)])
    assert [sys.getrefcount(thing) for thing in (inputs[0], outputs[0], inputs, instance)] == before


def test_nothing_grows(topology, package, arrays):
    from conftest import INSTANT

    file = topology(INSTANT)

    def round_trip():
        with ax.Context(topology=file) as context, context.device_connect() as connection:
            instance = connection.load_model_instance(context.load_model(package))
            instance.run(*arrays)
            instance.run_async(*arrays).result(timeout=5)
            with pytest.raises(ax.Error):
                context.load_model("/nowhere")

    def descriptors():
        return len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(20):
        round_trip()
    gc.collect()
    files, objects, resident = descriptors(), len(gc.get_objects()), resident_kib()
    for _ in range(200):
        round_trip()
    gc.collect()
    assert descriptors() <= files
    assert len(gc.get_objects()) - objects < 100
    assert resident_kib() - resident < 4096


def resident_kib() -> int:
    return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1])
