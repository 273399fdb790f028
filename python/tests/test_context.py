"""Context: listing, naming and configuring devices."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pytest
from polymetis import axruntime as ax

NAMES = ["metis-0:1:0", "metis-0:3:0"]


def test_without_a_topology_there_are_two_virtual_cards():
    with ax.Context() as context:
        devices = context.list_devices()
    assert [device.name for device in devices] == NAMES
    for device in devices:
        assert device.virtual
        assert device.subdevice_count == 4
        assert device.max_memory == 4 << 30
        assert device.board_type is ax.BoardType.pcie
        assert device.hw_generation.name == "metis"
        assert device.driver == "virtual"
        assert not device.in_use
        assert device.in_use_by == ""
        assert device.not_usable_because == ""
        assert [core.pid for core in device.cores] == [0] * 4
        assert "virtual" in repr(device)


def test_a_context_is_its_own_context_and_an_object(context):
    assert context.context is context
    assert isinstance(context, ax.Object)


def test_object_is_abstract():
    with pytest.raises(TypeError):
        ax.Object()


@pytest.mark.parametrize("form", [1, "metis-0:3:0", "metis-0-3-0", "metis:0:3:0"])
def test_a_device_is_named_by_place_and_by_name_with_either_separator(context, form):
    assert context.find_device(form).name == NAMES[1]


def test_a_device_is_named_by_what_was_listed(context):
    listed = context.list_devices()[1]
    assert context.find_device(listed) == listed
    raw = __import__("polymetis._struct", fromlist=["DeviceInfo"]).DeviceInfo(name=b"metis-0:3:0")
    assert context.find_device(raw).name == NAMES[1]


@pytest.mark.parametrize("form", [2, 10**30, "metis-0:2:0", "", "0"])
def test_an_unknown_device_is_an_error_with_what_there_is(context, form):
    with pytest.raises(ax.InvalidArgument, match=f"{form}.*metis-0:1:0"):
        context.find_device(form)


@pytest.mark.parametrize("form", [True, 1.5, b"metis-0:1:0", object(), ["0"]])
def test_a_device_of_a_wrong_type_is_a_type_error(context, form):
    with pytest.raises(TypeError, match="A device is None"):
        context.device_connect(form)


def test_a_negative_place_is_an_error(context):
    for place in (-1, -(10**30)):
        with pytest.raises(ax.InvalidArgument, match=f"0 or more; got {place}"):
            context.find_device(place)


def test_configuring_sets_what_reading_gives(context):
    assert context.configure_device(0, clock_profile=400, mvm_utilisation_core_1="50") in (True, False)
    assert context.device_ready(0) is True
    settings = context.read_device_configuration(0)
    assert settings["clock_profile_core_0"] == "400"
    assert settings["mvm_utilisation_core_1"] == "50"
    assert settings["mvm_utilisation_core_0"] == "100"
    assert context.read_device_configuration(1)["clock_profile_core_0"] == "800"


def test_a_configuration_may_be_pending(topology):
    cards = (
        '[defaults]\ncompute = "none"\n[[board]]\nname = "metis-0:7:0"\nconfigure_s = 3600\n[[board]]\nname = "metis-0:8:0"\nconfigure_s = 0.005\n'
    )
    with ax.Context(topology=topology(cards)) as context:
        assert context.configure_device(0, clock_profile=400) is False
        assert context.device_ready(0) is False
        ready = context.configure_device(1, clock_profile=400)
        while not ready:
            ready = context.device_ready(1)
        assert context.read_device_configuration(1)["clock_profile"] == "400"


def test_ddr_size_is_checked_and_without_effect(context):
    assert context.configure_device(0, ddr_size="0x40000000") is True
    assert context.configure_device(0, ddr_size=0x40000000) is True
    with pytest.raises(ValueError, match="ddr_size"):
        context.configure_device(0, ddr_size="much")


def test_firmware_may_be_asked_for_as_programs_do(context):
    assert context.configure_device("metis-0:1:0", device_firmware="1") is True


@pytest.mark.parametrize(("key", "value"), [("clock_profile", 123), ("clock_profile_core_0", "fast"), ("mvm_utilisation_core_3", 101)])
def test_a_bad_value_names_key_and_value_and_nothing_is_applied(context, key, value):
    with pytest.raises(ValueError, match=key) as caught:
        context.configure_device(0, mvm_utilisation_core_0=7, **{key: value})
    assert str(value) in str(caught.value)
    assert context.read_device_configuration(0)["mvm_utilisation_core_0"] == "100"


def test_an_unknown_key_is_invalid_configuration(context):
    with pytest.raises(ax.InvalidConfiguration, match="colour"):
        context.configure_device(0, colour=1)
    with pytest.raises(ax.InvalidConfiguration, match="colour"):
        context.device_connect(colour=1)


def test_a_property_of_a_wrong_type_is_a_type_error(context):
    with pytest.raises(TypeError, match="clock_profile"):
        context.configure_device(0, clock_profile=800.0)


def test_connect_takes_the_keywords_that_programs_pass(context):
    context.device_connect(None, 1, device_firmware_check=0, device_name="triton-0:1:0").release()


def test_a_bad_topology_file_names_line_and_key(topology):
    with pytest.raises(ValueError, match="clour") as caught:
        ax.Context(topology=topology('[[board]]\nname = "a"\nclour = "red"\n'))
    assert "3" in str(caught.value)


def test_a_missing_topology_file_is_an_error():
    with pytest.raises(ax.Error, match="nowhere.toml"):
        ax.Context(topology="/nowhere.toml")


def test_the_environment_names_a_topology(topology, monkeypatch):
    monkeypatch.setenv("POLYMETIS_TOPOLOGY", str(topology('[[board]]\nname = "only"\n')))
    with ax.Context() as context:
        assert [device.name for device in context.list_devices()] == ["only"]


def test_virtual_cards_can_be_forbidden(monkeypatch):
    monkeypatch.setenv("POLYMETIS_VIRTUAL", "never")
    with ax.Context() as context:
        assert context.list_devices() == []
        with pytest.raises(ax.Error):
            context.device_connect()
    with ax.Context(virtual="always") as context:
        assert len(context.list_devices()) == 2


@pytest.mark.parametrize("word", ["sometimes", "ALWAYS!"])
def test_a_bad_choice_of_virtual_is_an_error_with_what_is_allowed(word, monkeypatch):
    with pytest.raises(ValueError, match="never"):
        ax.Context(virtual=word)
    monkeypatch.setenv("POLYMETIS_VIRTUAL", word)
    with pytest.raises(ValueError, match="never"):
        ax.Context()


def test_64_devices(topology):
    with ax.Context(topology=topology('[[board]]\ncount = 64\nname = "metis-0:{}:0"\ncompute = "none"\n')) as context:
        assert len(context.list_devices()) == 64


def test_the_run_directory_is_told(context, own_run_directory):
    assert context.run_directory == own_run_directory
    assert isinstance(context.run_directory, Path)


def test_a_run_directory_that_cannot_be_used_is_a_connection_error(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ConnectionError, match="file"):
        ax.Context(run_directory=file / "folder").device_connect()


def test_the_drivers_are_told(context):
    (virtual,) = [driver for driver in context.drivers() if driver["name"] == "virtual"]
    assert virtual["virtual"]
    assert virtual["used"]


def test_virtual_cards_are_warned_of_once_through_logging(topology, child_environment):
    import subprocess
    import sys

    program = (
        "from polymetis.axruntime import Context\n"
        "for _ in range(2):\n    with Context() as context:\n        context.device_connect().release(); context.device_connect(1).release()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], env=child_environment, capture_output=True, text=True, timeout=60, check=True)
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "virtual card" in done.stderr


def test_messages_reach_the_loggers_of_both_names(caplog):
    from polymetis import _logs

    for name in ("axelera.runtime", "polymetis"):
        records = []
        handler = logging.Handler()
        handler.emit = records.append
        logging.getLogger(name).addHandler(handler)
        try:
            _logs.emit(5, "a warning with % signs")
        finally:
            logging.getLogger(name).removeHandler(handler)
        assert [record.getMessage() for record in records] == ["a warning with % signs"]
        assert records[0].levelno == logging.WARNING


def test_nothing_warns_by_itself(context):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        context.list_devices()


def test_select_devices_keeps_order_and_repeats(context):
    assert [device.name for device in ax.select_devices("1,metis-0-1-0, 1", context)] == [NAMES[1], NAMES[0], NAMES[1]]
    assert [device.name for device in ax.select_devices("0")] == NAMES[:1]


@pytest.mark.parametrize("text", ["2", "metis-0:9:0", "", "0,", "-1"])
def test_select_devices_names_what_did_not_match(context, text):
    with pytest.raises(ValueError, match=f"No device found matching {text.split(',')[-1]}"):
        ax.select_devices(text, context)


def test_device_info_wraps_a_low_level_struct():
    from polymetis._struct import BoardType, DeviceInfo

    info = ax.DeviceInfo(DeviceInfo(b"metis-0:1:0", 4, 0, 1, b"me", BoardType.OMEGA_M2, b"1.3", 2))
    assert (info.name, info.in_use, info.in_use_by, info.firmware_version) == ("metis-0:1:0", True, "me", "1.3")
    assert info.board_type is ax.BoardType.m2
    assert info.flashed_firmware_version == ""
    assert not info.virtual
