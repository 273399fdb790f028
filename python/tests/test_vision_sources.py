"""Pictures of files, folders and videos, read when asked for; drawing stays on the canvas."""

import cv2
import numpy as np
import pytest
from polymetis import vision
from polymetis.vision import Box, Detection, Pose


@pytest.fixture
def folder(tmp_path):
    for name, value in (("b.png", 20), ("a.JPG", 10)):
        cv2.imwrite(str(tmp_path / name), np.full((6, 8, 3), value, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "v.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for value in range(0, 250, 50):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    return path


def test_a_folder_gives_its_pictures_by_name(folder):
    assert [p.name for p in vision.pictures([folder])] == ["a.JPG", "b.png"]


def test_a_video_gives_its_frames_in_order(video):
    frames = list(vision.pictures([video]))
    assert [p.name for p in frames] == [f"v.avi#{i}" for i in range(5)]
    assert np.allclose([p.pixels.mean() for p in frames], range(0, 250, 50), atol=3)
    assert [p.name for p in vision.pictures([video], step=2)] == ["v.avi#0", "v.avi#2", "v.avi#4"]


@pytest.mark.parametrize("limit", [0, 1, 2, 3])
def test_the_limit_goes_over_all_sources(folder, limit):
    assert len(list(vision.pictures([folder / "a.JPG", folder / "b.png", folder / "a.JPG"], limit))) == limit


def test_pictures_are_read_only_when_asked_for(folder):
    (folder / "c.png").write_bytes(b"broken")
    frames = vision.pictures([folder])
    assert next(frames).name == "a.JPG"
    assert next(frames).name == "b.png"
    with pytest.raises(ValueError, match="c.png: is not a picture"):
        next(frames)


def test_what_is_not_there_is_said_before_any_work(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.jpg"):
        vision.pictures([folder, tmp_path / "missing.jpg"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="has no pictures"):
        vision.pictures([tmp_path / "empty"])
    with pytest.raises(ValueError, match="0 or more"):
        vision.pictures([folder], -1)
    with pytest.raises(ValueError, match="1 or more"):
        vision.pictures([folder], step=0)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"\x00" * 100])
def test_damaged_files_are_refused(tmp_path, content):
    for name in ("x.png", "x.avi"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}: is not a"):
            list(vision.pictures([tmp_path / name]))


def test_batches_are_whole_but_the_last():
    assert [list(b) for b in vision.batches(iter(range(5)), 2)] == [[0, 1], [2, 3], [4]]
    assert not list(vision.batches([], 4))


def found(x0, y0, x1, y1):
    return Detection("Person", 1, 0.5, Box(x0, y0, x1, y1))


def test_a_box_is_drawn_on_its_edges_and_nowhere_far_from_them():
    canvas = np.zeros((100, 100, 3), np.uint8)
    vision.draw_boxes(canvas, [found(40, 40, 90, 90)])
    assert canvas[40, 65].any()
    assert canvas[89:92, 65].any()
    assert canvas[65, 40].any()
    assert not canvas[65, 65].any()
    assert not canvas[5:15].any()


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (-1e6, -1e6, 1e6, 1e6), (99, 99, 99, 99)])
def test_boxes_at_the_edge_or_outside_do_not_fail(box):
    vision.draw_boxes(np.zeros((100, 100, 3), np.uint8), [found(*box)] * 3)
    vision.draw_boxes(np.zeros((3, 3, 3), np.uint8), [found(*box)])


def skeleton(presence=1.0, visible=1.0, at=50.0):
    points = np.full((33, 2), at, np.float32) + np.arange(66, dtype=np.float32).reshape(33, 2) % 20
    return Pose(points, np.full(33, visible, np.float32), presence)


def test_only_what_is_there_and_seen_is_drawn():
    canvas = np.zeros((100, 100, 3), np.uint8)
    vision.draw_poses(canvas, [skeleton(presence=0.4), skeleton(visible=0.4)])
    assert not canvas.any()
    vision.draw_poses(canvas, [skeleton()])
    assert canvas[50:70, 50:70].any()
    assert not canvas[:40].any()


def test_skeletons_far_outside_do_not_fail():
    vision.draw_poses(np.zeros((100, 100, 3), np.uint8), [skeleton(at=1e7), skeleton(at=-1e7)])


def test_left_and_right_have_colours_of_their_own():
    from polymetis.vision.draw import LEFT, RIGHT, TRUNK, side_colour

    assert side_colour(11, 13) == LEFT
    assert side_colour(24, 26) == RIGHT
    assert side_colour(11, 12) == TRUNK
    assert side_colour(1, 2) == LEFT
    assert side_colour(5, 6) == RIGHT
    assert side_colour(0, 0) == TRUNK
