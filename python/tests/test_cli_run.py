"""`polymetis run`: it ends when it should, loses nothing from its counts, and says why it cannot."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest
from test_cli import COMMAND, call

SLOW = '[[board]]\nname = "metis-0:1:0"\ncores = 1\ncompute = "none"\ntiming = { fps = 1 }\n'
FAST = '[[board]]\nname = "metis-0:1:0"\ncompute = "none"\ntiming = { fps = 2000 }\n'


@pytest.fixture
def fast(topology):
    return ("--topology", str(topology(FAST)), "--seconds", "0.3")


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    """The sentence, which is on stderr and in the JSON on stdout."""
    assert "Traceback" not in done.stderr
    sentence = json.loads(done.stdout)["error"]
    assert sentence in done.stderr
    return sentence


def all_accounted_for(result: dict) -> None:
    for s in result["metrics"]["streams"]:
        assert s["offered"] == s["outputs"] + s["dropped"] + s["late"] + s["failed"]


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_pictures_that_are_not_there_are_one_sentence(package, tmp_path, folder):
    (tmp_path / "empty").mkdir()
    done = call("run", str(package), "--images", str(tmp_path / folder), "--json", expect=1)
    assert str(tmp_path / folder) in error_of(done)


@pytest.mark.parametrize("option", ["--report", "--trace", "--record"])
@pytest.mark.parametrize("file", ["missing/file", "."])
def test_a_file_that_cannot_be_written_is_found_before_the_run(package, tmp_path, option, file):
    begin = time.monotonic()
    done = call("run", str(package), option, str(tmp_path / file), "--seconds", "50", "--json", expect=1)
    assert str(tmp_path / file) in error_of(done)
    assert time.monotonic() - begin < 20


def test_looking_whether_a_file_can_be_written_leaves_it(package, tmp_path):
    (tmp_path / "old").write_text("kept")
    new = tmp_path / "new"
    call("run", "nothing", "--report", str(tmp_path / "old"), "--trace", str(new), expect=1)
    assert (tmp_path / "old").read_text() == "kept"
    assert not new.exists()


@pytest.mark.parametrize("option", ["--report", "--trace", "--record"])
def test_results_come_first_where_writing_fails_at_the_end(package, fast, option):
    done = call("run", str(package), *fast, option, "/dev/full", expect=1)
    assert "stream 0" in done.stdout
    assert "/dev/full" in done.stderr.splitlines()[-1]
    done = call("run", str(package), *fast, option, "/dev/full", "--json", expect=1)
    assert "/dev/full" in error_of(done)
    assert json.loads(done.stdout)["metrics"]["streams"]


def test_all_files_are_written(package, fast, tmp_path):
    call("run", str(package), *fast, "--report", str(tmp_path / "r.html"), "--trace", str(tmp_path / "t.json"), "--record", str(tmp_path / "r.rec"))
    assert "unfinished" in (tmp_path / "r.html").read_text()
    assert json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    call("replay", str(tmp_path / "r.rec"))


@pytest.mark.parametrize(
    "words",
    [
        ("--streams", "0"),
        ("--streams", "-3"),
        ("--streams", "4097"),
        ("--streams", "²"),
        ("--streams", "many"),
        ("--seconds", "-1"),
        ("--seconds", "0"),
        ("--seconds", "nan"),
    ],
)
def test_numbers_out_of_bounds_are_wrong_usage(package, words):
    done = call("run", str(package), *words, expect=2)
    assert words[0] in done.stderr.splitlines()[-1]
    assert "usage:" in done.stderr


def test_devices_are_found_by_place_and_name(package, fast):
    call("run", str(package), *fast, "--devices", " 0")
    call("run", str(package), *fast, "--devices", "metis-0:1:0 ")
    done = call("run", str(package), *fast, "--devices", "²", expect=1)
    assert "²" in done.stderr and "invalid literal" not in done.stderr


def test_it_ends_soon_after_its_time_on_a_slow_card(package, topology):
    """Four full queues would take 8 s more; two frames are on the card."""
    done = call("run", str(package), "--topology", str(topology(SLOW)), "--seconds", "1.5", "--streams", "4", "--json")
    result = json.loads(done.stdout)
    all_accounted_for(result)
    total = {key: sum(s[key] for s in result["metrics"]["streams"]) for key in ("outputs", "dropped")}
    assert 2 <= total["outputs"] <= 5
    assert total["dropped"] > 0


def test_ctrl_c_ends_it_with_the_results_until_then(package, topology):
    words = [COMMAND, "run", package, "--topology", topology(SLOW), "--seconds", "60", "--streams", "4", "--json", "--trace", "/dev/null"]
    process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while json.loads(call("devices", "--json", "--topology", str(topology(SLOW))).stdout)[0]["cores"][0]["frames"] < 2:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "interrupted" in errors.splitlines()[-1]
    result = json.loads(out)
    all_accounted_for(result)
    assert result["seconds"] < 20


def test_many_streams_end(package, topology):
    done = call("run", str(package), "--topology", str(topology(FAST)), "--streams", "600", "--seconds", "1", "--json")
    result = json.loads(done.stdout)
    assert len(result["metrics"]["streams"]) == 600
    all_accounted_for(result)


def test_the_table_tells_where_every_frame_is(package, fast):
    out = call("run", str(package), *fast, "--streams", "70").stdout
    assert "offered = outputs + dropped + late + failed + unfinished" in out
    rows = [line.split() for line in out.splitlines() if line.lstrip().startswith("stream ") or " more " in line]
    assert len(rows) == 1 + 64 + 1
    for row in rows[1:]:
        offered, *parts = map(int, row[2:8])
        assert offered == sum(parts)


def test_an_input_that_does_not_fit_ends_the_run_with_its_cause(package, fast, monkeypatch, capsys):
    import numpy as np
    from polymetis import cli
    from polymetis.cli import run

    monkeypatch.setattr(run, "_synthetic", lambda model: [[np.zeros((1, 3), np.int8)]])
    assert cli.main(["run", str(package), *fast[:2], "--seconds", "50", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]


def test_what_was_cut_off_is_no_whole_recording(package, fast, tmp_path):
    call("run", str(package), *fast, "--record", str(tmp_path / "r.rec"))
    whole = (tmp_path / "r.rec").read_bytes()
    cut = tmp_path / "cut.rec"
    cut.write_bytes(whole[: len(whole) // 2])
    assert "the recording has no end" in call("replay", str(cut), expect=1).stdout
    cut.write_bytes(whole[:-3])  # within the last digest
    assert "the decisions are the same; the recording has no end" in call("replay", str(cut), expect=1).stdout
    cut.write_bytes(whole[:30])
    assert "cut off" in error_of(call("replay", str(cut), "--json", expect=1))
    assert "folder" in error_of(call("replay", str(tmp_path), "--json", expect=1))
