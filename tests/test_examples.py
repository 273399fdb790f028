"""Each example as a user runs it, on real packages and pictures and virtual cards."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "python"
MODELS = Path(os.environ.get("POLYMETIS_MODELS", ROOT / "build" / "models"))
DOWNLOADS = ROOT / "build" / "downloads"
PICTURES = [DOWNLOADS / "darknet" / "dog.jpg", DOWNLOADS / "darknet" / "person.jpg", DOWNLOADS / "opencv-doc" / "vtest.avi"]
DETECTING = ("quick_start", "round_robin", "explicit_cards", "model_per_card", "cascade", "double_buffering", "fewer_cards")
PACKAGE_OPTION = {"model_per_card": "--classifier", "cascade": "--pose"}
COUNTS = (0, 1, 2, 21)


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    return {**os.environ, "POLYMETIS_RUN_DIR": str(tmp_path_factory.mktemp("run")), "POLYMETIS_VIRTUAL": "always", "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="session")
def run(environment):
    def run(name, *arguments, pictures=PICTURES):
        command = [sys.executable, EXAMPLES / f"{name}.py", *pictures, *arguments]
        return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=60, check=False, cwd="/")

    return run


@pytest.fixture(scope="session")
def answers(run):
    """What an example says of `count` pictures, run once."""
    known = {}

    def answers(name, count):
        if (name, count) not in known:
            known[name, count] = run(name, "--frames", count)
        done = known[name, count]
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return answers


def of_pictures(lines):
    """The lines about pictures, without the card before and what else was found behind."""
    return [match[1] for line in lines if (match := re.search(r"((?:\w+\.jpg|vtest\.avi#\d+): [^|]*[^| ])", line))]


def test_the_quick_start_finds_the_dog_and_the_people(answers):
    dog, person, *street = of_pictures(answers("quick_start", 21))
    assert dog.startswith("dog.jpg: Dog 0.")
    assert "Bicycle 0." in dog
    assert person.startswith("person.jpg: ")
    assert "Person 0." in person
    assert len(street) == 19
    assert all("Person 0." in line for line in street)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", DETECTING)
def test_every_example_finds_the_same_in_the_same_order(answers, name, count):
    expected = of_pictures(answers("quick_start", count))
    assert len(expected) == count
    assert of_pictures(answers(name, count)) == expected


@pytest.mark.parametrize("count", COUNTS)
def test_round_robin_uses_both_cards_alike(answers, count):
    said = re.fullmatch(r"(\d+) pictures: (\d+) on metis-0:1:0, (\d+) on metis-0:3:0", answers("round_robin", count)[-1])
    total, first, second = map(int, said.groups())
    assert total == count == first + second
    assert first - second in (0, 1)


def test_explicit_cards_do_what_they_are_told(run, answers):
    lines = answers("explicit_cards", 2)
    assert [line.split()[0] for line in lines] == ["metis-0:1:0", "metis-0:3:0"]
    done = run("explicit_cards", "--frames", 3, "--devices", "metis-0-3-0,1,0")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["metis-0:3:0", "metis-0:3:0", "metis-0:1:0"]


@pytest.mark.parametrize("devices", ["7", "metis-0:9:0", "0,nothing", ""])
def test_a_card_that_is_not_there_is_named(run, devices):
    done = run("explicit_cards", "--frames", 3, "--devices", devices)
    assert done.returncode == 1
    refused(done, "explicit_cards")


def test_the_second_model_says_what_kind_of_picture_it_is(answers):
    dog = answers("model_per_card", 1)[0]
    label, score = re.search(r"\| class (\d+) (0\.\d+)$", dog).groups()
    assert 151 <= int(label) <= 268  # ImageNet's dogs
    assert float(score) > 0.3


def test_the_cascade_finds_a_pose_for_people_and_none_for_the_dog(answers):
    dog, person, *street = answers("cascade", 21)
    assert dog.endswith("| poses 0 of 0")
    assert person.endswith("| poses 1 of 1")
    found = [tuple(map(int, re.search(r"poses (\d+) of (\d+)$", line).groups())) for line in street]
    assert [total for _, total in found] == [line.count("Person 0.") for line in street]
    assert sum(sure for sure, _ in found) >= 0.7 * sum(total for _, total in found)


def test_fewer_cards_warns_and_goes_on(run, answers):
    done = run("fewer_cards", "--frames", 1, "--cards", 3)
    assert "warning: asked for 3 cards, going on with 2." in done.stderr
    assert done.stdout.splitlines()[-1] == "cards used: metis-0:1:0, metis-0:3:0"
    done = run("fewer_cards", "--frames", 1, "--cards", 1)
    assert "warning: asked" not in done.stderr
    assert done.stdout.splitlines()[-1] == "cards used: metis-0:1:0"
    assert run("fewer_cards", "--cards", 0).returncode == 1


def test_fewer_cards_says_who_holds_the_other_one(run, environment):
    holder = subprocess.Popen(
        [sys.executable, "-c", "from axelera.runtime import Context; c = Context(); k = c.device_connect(0, 4); print('held', flush=True); input()"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        done = run("fewer_cards", "--frames", 2, "--cards", 2)
        assert done.returncode == 0, done.stderr
        assert "warning: asked for 2 cards, going on with 1." in done.stderr
        assert f"{holder.pid}" in done.stderr
        assert done.stdout.splitlines()[-1] == "cards used: metis-0:3:0"
    finally:
        holder.communicate("\n", timeout=20)


def refused(done, name):
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert len(last) > 20
    assert f"{name}: " in done.stderr


@pytest.mark.parametrize("name", DETECTING)
def test_a_package_that_does_not_exist_is_one_clear_sentence(run, name, tmp_path):
    done = run(name, PACKAGE_OPTION.get(name, "--package"), tmp_path / "nothing here")
    refused(done, name)
    assert "nothing here" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["quick_start", *PACKAGE_OPTION])
def test_a_package_for_something_else_is_refused(run, name):
    wrong = MODELS / ("ssd_mobilenetv2" if name in PACKAGE_OPTION else "pose_lite")
    done = run(name, PACKAGE_OPTION.get(name, "--package"), wrong)
    refused(done, name)
    assert "asked for was one for" in done.stderr


def test_a_package_may_be_named_by_its_model_json(run, answers):
    done = run("quick_start", "--frames", 1, "--package", MODELS / "ssd_mobilenetv2" / "model.json")
    assert done.stdout.splitlines() == answers("quick_start", 1)


@pytest.mark.parametrize("name", DETECTING)
def test_a_broken_picture_in_the_middle_ends_the_program_with_its_name(run, name, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    done = run(name, pictures=[*PICTURES[:2], broken, PICTURES[0]])
    refused(done, name)
    assert "broken.jpg" in done.stderr


@pytest.mark.parametrize("name", DETECTING)
def test_help_tells_what_it_does(run, name):
    done = run(name, "--help")
    assert done.returncode == 0
    assert "--frames" in done.stdout


def test_a_bad_number_of_pictures_is_refused(run):
    done = run("quick_start", "--frames", "-1")
    assert done.returncode == 2
    assert "'-1' is no number of pictures; give 0 or more" in done.stderr


@pytest.mark.parametrize("name", DETECTING)
def test_ctrl_c_ends_it_at_once_and_cleanly(environment, name):
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *[str(PICTURES[2])] * 20, "--frames", "10000"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert errors.strip().endswith(f"{name}: interrupted")
    assert time.monotonic() - start < 15


def test_a_reader_that_goes_away_is_no_error(environment):
    command = f"{sys.executable} {EXAMPLES / 'round_robin.py'} {PICTURES[2]} --frames 200 | head -n 1"
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("vtest.avi#0: ")
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_the_pages_have_the_examples_word_for_word():
    done = subprocess.run([sys.executable, ROOT / "tools" / "include_snippets.py", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_example_has_a_page():
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "patterns").glob("*.md"))
    for example in sorted(EXAMPLES.glob("*.py")):
        assert f"examples/python/{example.name}" in pages, example.name


@pytest.mark.parametrize(("name", "lines"), [("quick_start", 15), ("fleet", 20)])
def test_the_readmes_python_examples_run(environment, name, lines):
    script = ROOT / "examples" / "readme" / f"{name}.py"
    assert len(script.read_text().splitlines()) <= lines
    done = subprocess.run([sys.executable, script], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert "'Dog 0." in found["dog.jpg"]
    assert "'Person 0." in found["person.jpg"]


TUTORIAL = (ROOT / "docs" / "fleet-tutorial.md").read_text()
BY_HAND = re.findall(r"<!-- from: (\S+) -->\n```python\n(.*?)```", TUTORIAL, re.DOTALL)
WITH_A_FLEET = [code for code in re.findall(r"```python\n(.*?)```", TUTORIAL, re.DOTALL) if "Fleet(" in code]
BEFORE = """
from threading import Thread
import numpy as np
from polymetis import Fleet
frames, small_frames, regions = ([np.zeros((1, *size, 4), np.int8)] * 3 for size in ((300, 304), (224, 224), (256, 256)))
people = lambda outputs: regions
use = lambda *results: print("used", len(results))
"""


@pytest.mark.parametrize(("file", "code"), BY_HAND, ids=[file for file, _ in BY_HAND])
def test_the_tutorials_hand_written_side_is_the_examples(file, code):
    assert 5 <= len(code.splitlines()) <= 12
    lines = [line.strip() for line in (ROOT / file).read_text().splitlines()]
    assert "\n".join(line.strip() for line in code.splitlines()) in "\n".join(lines)


def test_the_tutorial_shows_every_pattern_by_hand_and_with_a_fleet():
    assert len(BY_HAND) == 5
    assert len(WITH_A_FLEET) == 6


@pytest.mark.parametrize("code", WITH_A_FLEET, ids=range(len(WITH_A_FLEET)))
def test_the_tutorials_fleet_side_runs(environment, code):
    command = [sys.executable, "-c", BEFORE + code]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    frames = 9 if "people(" in code else 3
    assert len(re.findall(r"^used \d", done.stdout, re.MULTILINE)) == frames
