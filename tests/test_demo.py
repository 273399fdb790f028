"""The demo as a user runs it: what it writes, and that boxes and skeletons sit on the people."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
MODELS = Path(os.environ.get("POLYMETIS_MODELS", ROOT / "build" / "models"))
DOWNLOADS = ROOT / "build" / "downloads"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    environment = {**os.environ, "POLYMETIS_RUN_DIR": str(tmp_path_factory.mktemp("run")), "POLYMETIS_VIRTUAL": "always"}

    def demo(*arguments):
        output = tmp_path_factory.mktemp("demo") / "out"
        command = [sys.executable, ROOT / "examples" / "demo", "--output", output, "--models", MODELS, *arguments]
        done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
        return done, output

    return demo


@pytest.fixture(scope="module")
def shown(demo):
    done, output = demo("--frames", 12)
    assert done.returncode == 0, done.stderr
    return done, output


class Page(HTMLParser):
    VOID = ("meta", "img", "br", "link")

    def __init__(self, text):
        super().__init__()
        self.open, self.sources, self.links, self.text, self.tags = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        if tag == "img":
            self.sources.append(attributes.get("src", ""))
        self.links += [v for k, v in attributes.items() if k in ("href", "src", "xlink:href", "srcset") and tag != "img"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_tells_what_it_did_and_where_things_are(shown):
    done, output = shown
    assert re.search(r"metis-0:1:0 \(virtual\)\s+detector\s+4\s+12\s+\d+%\s+\d+/s", done.stdout)
    assert re.search(r"metis-0:3:0 \(virtual\)\s+pose\s+4\s+\d+\s+\d+%\s+\d+/s", done.stdout)
    assert re.search(r"whole frame\s+\d+ ms\s+\d+ ms", done.stdout)
    assert f"Pictures: {output / 'pictures'}\nPage:     {output / 'index.html'}\n" in done.stdout
    assert "people and poses" in done.stdout
    assert "12/12" in done.stdout


def test_the_page_is_whole_needs_nothing_else_and_says_what_is_virtual(shown):
    text = (shown[1] / "index.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert page.links == []
    assert not re.search(r"https?://|url\(|@import", text)
    said = "".join(page.text)
    assert "Virtual cards." in said
    assert said.count("virtual") >= 3
    for words in ("People and their poses", "metis-0:1:0", "metis-0:3:0", "busy", "p95", "Busy cores", "A closer look"):
        assert words in said
    assert page.tags.count("svg") == 2
    pictures = [s for s in page.sources if s]
    assert len(pictures) == 12
    assert all(s.startswith("data:image/jpeg;base64,") for s in pictures)


def test_the_pictures_are_the_originals_with_something_drawn_on_them(shown):
    names = {p.name for p in (shown[1] / "pictures").iterdir()}
    assert {"person.jpg", "messi5.jpg", "dog.jpg", "kite.jpg", "vtest.avi_0.jpg"} <= names
    assert len(names) == 12
    drawn = cv2.imread(str(shown[1] / "pictures" / "person.jpg"))
    original = cv2.resize(cv2.imread(str(DOWNLOADS / "darknet" / "person.jpg")), (drawn.shape[1], drawn.shape[0]), interpolation=cv2.INTER_CUBIC)
    changed = cv2.absdiff(drawn, original).max(axis=2) > 60
    height, width = changed.shape
    assert changed[:, : width // 4].mean() < 0.02  # grass and the dog's tail
    assert changed[:, width // 2 :].mean() < 0.001  # the horse has no box
    assert changed[height // 5 : height, width // 4 : width // 2].mean() > 0.02  # the person has


@pytest.mark.parametrize("frames", [0, 1, 5])
def test_works_for_few_pictures(demo, frames):
    done, output = demo("--frames", frames)
    assert done.returncode == 0, done.stderr
    assert len(list((output / "pictures").iterdir())) == frames
    assert Page((output / "index.html").read_text()).open == []


def test_without_packages_it_says_what_to_do(demo, tmp_path):
    done, _ = demo("--models", tmp_path)
    assert done.returncode == 1
    assert "polymetis compile" in done.stderr
    assert "Traceback" not in done.stderr


# Where things are, looked up by eye, in pixels: (picture, box of the person, points of the body and how far off they may be).
PEOPLE = [
    ("darknet/person.jpg", (190, 98, 272, 372), {0: (238, 124), 24: (240, 240), 23: (228, 240), 28: (240, 355), 27: (232, 360)}, 28),
    ("opencv-doc/messi5.jpg", (70, 55, 460, 340), {0: (248, 118), 12: (212, 130), 11: (284, 132), 24: (245, 228), 23: (290, 210)}, 28),
]


@pytest.mark.parametrize(("name", "box", "points", "off"), PEOPLE, ids=["person", "messi5"])
def test_box_and_skeleton_sit_on_the_person(monkeypatch, name, box, points, off, tmp_path):
    from axelera.runtime import Context
    from polymetis import vision

    monkeypatch.setenv("POLYMETIS_VIRTUAL", "always")
    monkeypatch.setenv("POLYMETIS_RUN_DIR", str(tmp_path))
    picture = vision.read_picture(DOWNLOADS / name)

    def ran(context, device, network, package, pixels):
        connection = context.device_connect(device, 1)
        instance = connection.load_model_instance(context.load_model(package / "model.json"))
        inputs, outputs = network.new_inputs(), network.new_outputs()
        network.put([pixels], inputs)
        instance.run(inputs, outputs)
        return network.get(outputs, [pixels])[0]

    with Context() as context:
        detector, estimator = MODELS / "ssd_mobilenetv2", MODELS / "pose_lite"
        found = ran(context, 0, vision.Detector(detector), detector, picture)
        person = next(one.box for one in found if one.label == "Person")
        square = vision.around(person)
        pose = ran(context, 1, vision.PoseEstimator(estimator), estimator, vision.cut(picture, square)).moved(square.x, square.y)
    assert overlap(person, vision.Box(*box)) > 0.6
    assert pose.presence > 0.5
    for point, place in points.items():
        assert np.linalg.norm(pose.points[point] - place) < off, f"body point {point} is at {pose.points[point]}, the person's is at {place}"


def overlap(a, b):
    common = max(min(a.x1, b.x1) - max(a.x0, b.x0), 0) * max(min(a.y1, b.y1) - max(a.y0, b.y0), 0)
    return common / (a.width * a.height + b.width * b.height - common)
