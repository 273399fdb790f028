"""The command polymetis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from polymetis import __version__, cli

COMMAND = Path(sys.executable).with_name("polymetis")


def call(*words: str, expect: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([COMMAND, *words], capture_output=True, text=True, timeout=60, env=os.environ | environment, check=False)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def test_devices_lists_cards_and_marks_virtual_ones():
    out = call("devices").stdout
    assert out.count("metis-0:1:0") == 1
    assert out.count("metis-0:3:0") == 1
    assert out.count("virtual") >= 2
    assert "4 GiB" in out


def test_devices_as_json():
    devices = json.loads(call("devices", "--json").stdout)
    assert [device["name"] for device in devices] == ["metis-0:1:0", "metis-0:3:0"]
    first = devices[0]
    assert first["virtual"] is True
    assert first["subdevice_count"] == 4
    assert first["max_memory_bytes"] == 4 << 30
    assert first["in_use"] is False
    assert first["board_type"] == "pcie"
    assert [core["pid"] for core in first["cores"]] == [0] * 4
    assert first["configuration"]["clock_profile_core_0"] == "800"


def test_devices_says_who_holds_what_and_what_ran(context, instance, arrays, tmp_path):
    for _ in range(3):
        instance.run(*arrays)
    topology = str(tmp_path / "cards.toml")
    core = json.loads(call("devices", "--json", "--topology", topology).stdout)[0]["cores"][0]
    assert core["pid"] == os.getpid()
    assert core["frames"] == 3
    assert core["memory_used"] > 0
    out = call("devices", "--topology", topology).stdout
    assert str(os.getpid()) in out
    assert "Cores that are held" in out


def test_devices_can_be_chosen():
    assert [device["name"] for device in json.loads(call("devices", "1", "--json").stdout)] == ["metis-0:3:0"]
    assert [device["name"] for device in json.loads(call("devices", "metis-0-1-0", "--json").stdout)] == ["metis-0:1:0"]
    done = call("devices", "nothing", expect=1)
    assert "nothing" in done.stderr
    assert "Traceback" not in done.stderr


def test_devices_where_there_is_none():
    done = call("devices", POLYMETIS_VIRTUAL="never", expect=1)
    assert "no device" in done.stdout
    assert call("devices", "--json", "--virtual", "never", expect=1).stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["devices", "doctor"])
def test_an_error_is_a_sentence_and_json_where_json_was_asked(command, tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text("[[board]]\nnam = 1\n")
    done = call(command, "--topology", str(file), "--json", expect=1)
    assert "nam" in done.stdout
    json.loads(done.stdout)
    assert "Traceback" not in done.stderr


def test_doctor_finds_nothing_wrong(own_run_directory):
    out = call("doctor").stdout
    assert "Nothing is wrong" in out
    assert str(own_run_directory) in out
    assert __version__ in out
    assert "POLYMETIS_RUN_DIR" in out
    assert "virtual" in out


def test_doctor_as_json(own_run_directory):
    report = json.loads(call("doctor", "--json").stdout)
    assert report["ok"] is True
    found = {entry["name"]: entry["found"] for entry in report["versions"]}
    assert found["polymetis"] == __version__
    assert found["openvino"].startswith("2026.4.1")
    cards = {entry["name"]: entry for entry in report["cards"]}
    assert str(own_run_directory) in cards["run directory"]["found"]
    assert "virtual" in cards["metis-0:1:0"]["found"]
    assert "driver virtual" in cards


def test_doctor_says_what_is_wrong_and_what_to_do(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    done = call("doctor", POLYMETIS_RUN_DIR=str(file / "x"), expect=1)
    assert "POLYMETIS_RUN_DIR" in done.stdout
    done = call("doctor", POLYMETIS_VIRTUAL="never", expect=1)
    assert "POLYMETIS_VIRTUAL=always" in done.stdout


@pytest.mark.parametrize("words", [["--help"], ["devices", "--help"], ["doctor", "--help"], ["compile", "--help"], [], ["--version"]])
def test_help(words):
    assert "polymetis" in call(*words).stdout


def test_wrong_usage():
    assert "invalid choice" in call("dance", expect=2).stderr
    assert call("devices", "--nonsense", expect=2).stderr


def test_compile_is_handed_on():
    assert "name a MODEL" in call("compile", "-o", "somewhere", expect=2).stderr


def test_compile_gives_its_error_as_json_too():
    done = call("compile", "-o", "somewhere", "--json", expect=2)
    assert "name a MODEL" in json.loads(done.stdout)["error"]


def test_a_missing_extra_is_named(monkeypatch, capsys):
    command = cli.Command("polymetis_nothing_here", "x", extra="compile")
    monkeypatch.setitem(cli.COMMANDS, "compile", command)
    assert cli.main(["compile", "--json"]) == 1
    out, errors = capsys.readouterr()
    assert "polymetis[compile]" in errors
    assert "polymetis[compile]" in json.loads(out)["error"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "No space left on device; "),
        (PermissionError(13, "Permission denied", "x.html"), "x.html: Permission denied; "),
        (ValueError("--what was given as 3; give 2."), "--what was given as 3; give 2."),
        (ImportError("libopenvino.so cannot be opened"), "`polymetis doctor`"),
        (KeyError("x"), "report it"),
    ],
)
def test_whatever_goes_wrong_is_a_sentence(monkeypatch, capsys, error, said):
    class Failing:
        @staticmethod
        def add_arguments(parser):
            raise error

    monkeypatch.setitem(sys.modules, "failing", Failing)
    monkeypatch.setitem(cli.COMMANDS, "devices", cli.Command("failing", "x"))
    assert cli.main(["devices", "--json"]) == 1
    out, errors = capsys.readouterr()
    assert said in json.loads(out)["error"]
    assert errors.splitlines()[-1] == f"polymetis devices: {json.loads(out)['error']}"
    assert ("Traceback" in errors) == isinstance(error, KeyError)


def test_a_full_disk_under_stdout_is_a_sentence():
    done = subprocess.run(f"{COMMAND} devices --json > /dev/full", shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_ctrl_c_is_clean(monkeypatch, capsys):
    class Interrupted:
        @staticmethod
        def add_arguments(parser):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "interrupted", Interrupted)
    monkeypatch.setitem(cli.COMMANDS, "devices", cli.Command("interrupted", "x"))
    assert cli.main(["devices"]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("while_importing", ["polymetis.cli", "argparse"])
def test_ctrl_c_is_clean_from_the_start(while_importing):
    """The command's entry is small, and all else is imported where Ctrl-C is caught."""
    program = f"""
import sys
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == {while_importing!r}:
            raise KeyboardInterrupt
before = set(sys.modules)
from polymetis._command import main
assert {{m for m in set(sys.modules) - before if not m.startswith("polymetis")}} <= {{"__future__"}}, set(sys.modules) - before
sys.meta_path.insert(0, Interrupted())
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, "")


def test_a_closed_pipe_is_no_traceback():
    done = subprocess.run(f"{COMMAND} devices --json | true", shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr


def test_listing_imports_nothing_heavy():
    heavy = ("numpy", "openvino", "asyncio", "rich")
    program = f"import sys; from polymetis import cli; cli.main(['devices', '--json']); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_python_m_polymetis():
    done = subprocess.run([sys.executable, "-m", "polymetis", "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert __version__ in done.stdout


@pytest.mark.parametrize(
    ("blocks", "files", "devices", "told"), [(3, 9, 1, "12 KiB free"), (255, 9, 64, "1020 KiB free"), (1000, 0, 1, "no more files")]
)
def test_doctor_says_that_the_run_directory_is_full(tmp_path, monkeypatch, blocks, files, devices, told):
    from polymetis.cli import checks

    def statvfs(_):
        return os.statvfs_result((4096, 4096, 2000, blocks, blocks, 10, files, files, 0, 255))

    monkeypatch.setattr(checks.os, "statvfs", statvfs)
    (full,) = checks._run_directory(tmp_path, devices)
    assert full.state == "problem"
    assert told in full.found
    assert "POLYMETIS_RUN_DIR" in full.remedy


def test_doctor_finds_room_enough_where_files_are_not_counted(tmp_path, monkeypatch):
    from polymetis.cli import checks

    monkeypatch.setattr(checks.os, "statvfs", lambda _: os.statvfs_result((4096, 4096, 2000, 4, 4, 0, 0, 0, 0, 255)))
    (enough,) = checks._run_directory(tmp_path, 1)
    assert (enough.state, enough.remedy) == ("ok", "")
    assert "16 KiB free" in enough.found


def test_devices_shows_what_it_can_where_settings_cannot_be_read(context, monkeypatch):
    from polymetis import axruntime as ax
    from polymetis.cli import devices

    def no_space(_):
        raise ax.ConnectionError("No space left on device")

    (card, *_) = context.list_devices()
    assert devices.clock(context, card).endswith(" MHz")
    monkeypatch.setattr(type(context), "read_device_configuration", lambda _, device: no_space(device))
    assert devices.clock(context, card) == "?"
    assert devices.described(context, 0, card)["configuration"] == {}


def test_listing_devices_makes_no_file(own_run_directory):
    call("devices")
    call("doctor")
    assert list(own_run_directory.iterdir()) == []


def test_doctor_sees_real_cards_on_the_bus(tmp_path):
    from polymetis.cli.checks import hardware

    (none,) = hardware(tmp_path)
    assert (none.state, none.found.count("none")) == ("ok", 3)
    device = tmp_path / "sys/bus/pci/devices/0000:01:00.0"
    device.mkdir(parents=True)
    (device / "vendor").write_text("0x1f9d\n")
    (unloaded,) = hardware(tmp_path)
    assert "0000:01:00.0" in unloaded.found
    assert "kernel driver" in unloaded.remedy
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/metis-0-1-0").write_text("")
    assert "vendor's library" in list(hardware(tmp_path))[1].remedy
