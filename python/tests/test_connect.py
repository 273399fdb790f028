"""Connections: reserving cores."""

from __future__ import annotations

import gc
import os

import pytest
from polymetis import axruntime as ax


def test_any_device_is_the_first_with_the_cores_free(context):
    connections = [context.device_connect() for _ in range(8)]
    assert [connection.device.name for connection in connections] == ["metis-0:1:0"] * 4 + ["metis-0:3:0"] * 4
    assert [connection.cores for connection in connections] == [(core,) for core in (0, 1, 2, 3)] * 2
    with pytest.raises(ax.DeviceInUse, match=str(os.getpid())):
        context.device_connect()


def test_any_device_skips_a_card_without_enough_consecutive_cores(context):
    first = [context.device_connect(0) for _ in range(3)]
    first[1].release()
    assert context.device_connect(None, 2).device.name == "metis-0:3:0"


def test_cores_are_consecutive(context):
    held = [context.device_connect(0) for _ in range(4)]
    held[0].release()
    held[2].release()
    with pytest.raises(ax.DeviceInUse):
        context.device_connect(0, 2)
    held[1].release()
    assert context.device_connect(0, 3).cores == (0, 1, 2)


@pytest.mark.parametrize("device", [0, "metis-0:1:0", "metis-0-1-0", None])
def test_both_arguments_are_positional(context, device):
    connection = context.device_connect(device, 2)
    assert connection.cores == (0, 1)
    assert connection.context is context


@pytest.mark.parametrize("cores", [0, 5, -1, 10**30])
def test_a_wrong_number_of_cores_is_an_error(context, cores):
    with pytest.raises(ax.InvalidArgument, match=f"num_sub_devices.*(1 or more|{cores} cores)") as caught:
        context.device_connect(0, cores)
    assert str(cores) in str(caught.value)


@pytest.mark.parametrize("cores", [1.0, "2", True, None])
def test_a_number_of_cores_of_a_wrong_type_is_a_type_error(context, cores):
    with pytest.raises(TypeError, match="num_sub_devices is an int; got (float|str|bool|NoneType)"):
        context.device_connect(0, cores)


def test_contexts_of_one_process_share_the_reservations(topology):
    from conftest import INSTANT

    file = topology(INSTANT)
    with ax.Context(topology=file) as one, ax.Context(topology=file) as other:
        held = one.device_connect(0, 3)
        assert other.list_devices()[0].in_use
        with pytest.raises(ax.DeviceInUse):
            other.device_connect(0, 2)
        held.release()
        assert other.device_connect(0, 4).cores == (0, 1, 2, 3)


def test_use_is_told(context):
    held = context.device_connect(0, 2)
    device = context.list_devices()[0]
    assert device.in_use
    assert f"pid {os.getpid()}" in device.in_use_by
    assert [core.pid for core in device.cores] == [os.getpid()] * 2 + [0] * 2
    held.release()
    assert not context.list_devices()[0].in_use


def test_a_connection_is_freed_by_with_by_release_and_by_the_collector(context):
    with context.device_connect(0, 4):
        pass
    context.device_connect(0, 4).release()
    context.device_connect(0, 4)
    gc.collect()
    context.device_connect(0, 4).release()


def test_release_again_does_nothing(context):
    connection = context.device_connect()
    connection.release()
    connection.release()


def test_use_after_release_is_an_error(context, package):
    connection = context.device_connect()
    model = context.load_model(package)
    connection.release()
    with pytest.raises(ax.InvalidArgument, match="released"):
        connection.load_model_instance(model)
    with pytest.raises(ax.InvalidArgument, match="released"):
        connection.device  # noqa: B018
    with pytest.raises(ax.InvalidArgument, match="released"):
        connection.cores  # noqa: B018
    context.release()
    with pytest.raises(ax.InvalidArgument, match="released"):
        context.list_devices()
    with pytest.raises(ax.InvalidArgument, match="released"):
        context.drivers()
    with pytest.raises(ax.InvalidArgument, match="released"):
        context.run_directory  # noqa: B018
    with pytest.raises(ax.InvalidArgument, match="released"):
        context.device_connect()
    with pytest.raises(ax.InvalidArgument, match="released"):
        context.load_model(package)
    with pytest.raises(ax.InvalidArgument, match="released"):
        model.inputs()


def test_two_topologies_for_one_device_are_refused_with_both_named(topology, tmp_path):
    from conftest import INSTANT

    first = ax.Context(topology=topology(INSTANT))
    held = first.device_connect(0)
    other_file = tmp_path / "other.toml"
    other_file.write_text(INSTANT.replace('compute = "none"', 'compute = "none"\ncores = 2'))
    with pytest.raises(ax.Error, match="other.toml") as caught:
        ax.Context(topology=other_file).device_connect(0)
    assert "cards.toml" in str(caught.value)
    held.release()


@pytest.mark.parametrize(
    ("key", "told"), [("timing = { fps = 7 }", "timing 7 fps"), ("clocks = [400]", "clocks 400"), ('[[board.fault]]\nkind = "hang"', "faults 1")]
)
def test_a_topology_that_was_edited_in_place_is_another(topology, key, told):
    board = '[[board]]\nname = "metis-0:1:0"\n'
    first = ax.Context(topology=topology(board))
    held = first.device_connect(0)
    with pytest.raises(ax.Error, match=told):
        ax.Context(topology=topology(board + key)).device_connect(0)
    held.release()


def test_the_same_topology_from_another_file_is_the_same(topology, tmp_path):
    board = '[[board]]\nname = "metis-0:1:0"\n'
    first = ax.Context(topology=topology(board))
    held = first.device_connect(0)
    (tmp_path / "copy.toml").write_text("# a copy\n" + board)
    (tmp_path / "link.toml").symlink_to(tmp_path / "copy.toml")
    for other in ("copy.toml", "link.toml", "../" + tmp_path.name + "/copy.toml"):
        ax.Context(topology=tmp_path / other).device_connect(0).release()
    held.release()
