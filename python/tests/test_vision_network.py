"""Pictures in, results out, around a card that the test plays itself; batches; places in pictures."""

import threading

import numpy as np
import pytest
from polymetis import vision
from polymetis.vision import Box, Square
from polymetis.vision.results import classes, detections, pose
from vision_packages import flatten, text, write


def picture(value, height=8, width=8):
    return np.full((height, width, 3), value, np.uint8)


def classifier(tmp_path, batch=1):
    return vision.Classifier(write(tmp_path, text(batch, "classification", labels=["zero", "one"]), flatten(4, batch=batch)))


def test_put_fills_only_what_is_given(tmp_path):
    network = classifier(tmp_path, 3)
    inputs = network.new_inputs()
    network.put([picture(130), picture(131)], inputs)
    assert [int(row[0, 0, 0]) for row in inputs[0]] == [2, 3, -128]
    assert inputs[0].shape == (3, 8, 16, 4)


def test_more_pictures_than_a_batch_are_refused(tmp_path):
    network = classifier(tmp_path, 2)
    with pytest.raises(ValueError, match="3 pictures were given for one run, it takes 2"):
        network.put([picture(0)] * 3, network.new_inputs())


def test_each_picture_of_a_batch_gets_its_own_result_and_a_short_batch_is_trimmed(tmp_path):
    network = classifier(tmp_path, 3)
    outputs = network.new_outputs()
    outputs[0][:] = 10
    for row in range(3):
        outputs[0][row, 0, 0, row] = 30 + row
    found = network.get(outputs, [picture(0)] * 2)
    assert [one[0].class_id for one in found] == [0, 1]
    assert [one[0].score for one in found] == [10.0, 10.5]
    assert found[1][0].label == "one"


def test_results_do_not_refer_to_the_outputs(tmp_path):
    network = classifier(tmp_path)
    outputs = network.new_outputs()
    outputs[0][0, 0, 0, 2] = 30
    found = network.get(outputs, [picture(0)])
    outputs[0][:] = 0
    assert found[0][0].class_id == 2


def test_a_network_may_be_used_by_several_threads(tmp_path):
    network = classifier(tmp_path)
    wrong = []

    def work(best):
        outputs = network.new_outputs()
        outputs[0][0, 0, 0, best] = 100
        for _ in range(200):
            if network.get(outputs, [picture(0)])[0][0].class_id != best:
                wrong.append(best)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_package_of_another_task_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is a package for classification, asked for was one for detection"):
        vision.Detector(write(tmp_path, text(task="classification")))
    with pytest.raises(ValueError, match="its input is not a picture"):
        vision.Network(write(tmp_path, {k: v for k, v in text().items() if k != "image"}))


@pytest.mark.parametrize(("kind", "task"), [(vision.Detector, "detection"), (vision.PoseEstimator, "pose"), (vision.Classifier, "classification")])
def test_a_package_with_other_results_is_refused(tmp_path, kind, task):
    """As `polymetis compile --task detection` makes of a network that gives its own results."""
    folder = write(tmp_path / task, text(task=task), flatten(4, "scores"))
    with pytest.raises(ValueError, match=rf"{task}: its results are scores \[1, 4\], but a {kind.__name__} reads .+; name a package"):
        kind(folder)


@pytest.mark.parametrize("selected", [[2, 1, 0], [0, 3, 0], [0, 1, 2], [0, -1, 0], [-2, 1, 0]])
def test_selecting_what_there_is_not_is_a_sentence(selected):
    results = {"boxes": np.zeros((2, 2, 4)), "scores": np.zeros((2, 2, 3)), "selected": np.array([selected], np.int64)}
    with pytest.raises(ValueError, match="selected a frame, a class or a box that there is not"):
        detections(results, [], [(10, 10)])


def test_detections_are_in_pixels_within_the_picture_best_first_each_in_its_own_picture():
    boxes = np.array([[[0.25, 0.5, 0.75, 1.5], [0, 0, 0.5, 0.5]], [[-0.5, 0, 1, 1], [0, 0, 1, 1]]], np.float32)
    scores = np.zeros((2, 2, 3), np.float32)
    scores[0, 0, 1], scores[0, 1, 2], scores[1, 0, 1] = 0.5, 0.75, 0.5
    results = {"boxes": boxes, "scores": scores, "selected": np.array([[0, 1, 0], [1, 1, 0], [0, 2, 1], [-1, -1, -1]], np.int64)}
    first, second = detections(results, ["background", "Person"], [(100, 200), (50, 60)])
    assert [(d.label, d.score) for d in first] == [("class 2", 0.75), ("Person", 0.5)]
    assert first[1].box == Box(100, 25, 200, 75)
    assert second[0].box == Box(0, 0, 60, 50)


def test_no_selected_boxes_are_no_detections():
    empty = {"boxes": np.zeros((1, 2, 4)), "scores": np.zeros((1, 2, 3)), "selected": np.zeros((0, 3), np.int64)}
    assert detections(empty, [], [(10, 10)]) == [[]]


def test_a_pose_goes_back_to_where_its_crop_was_cut():
    landmarks = np.zeros((1, 195), np.float32)
    landmarks[0, :5] = 128, 64, 9, 0, 0
    found = pose({"landmarks": landmarks, "presence": np.array([[0.75]], np.float32)}, 0, 512 / 256).moved(100, -50)
    assert found.points.shape == (33, 2)
    assert found.points[0].tolist() == [356, 78]
    assert found.presence == 0.75
    assert found.visibility[0] == 0.5


def test_visibility_of_extreme_logits_stays_within_0_and_1():
    landmarks = np.tile(np.float32([0, 0, 0, 300, 0, 0, 0, 0, -300, 0]), 20)[None, :195]
    found = pose({"landmarks": landmarks, "presence": np.ones((1, 1), np.float32)}, 0, 1.0)
    assert found.visibility[0] == 1
    assert found.visibility[1] == 0


def test_classes_come_likeliest_first_and_ties_by_number():
    assert [c.class_id for c in classes(np.array([0.1, 0.4, 0.1, 0.4]), [], 3)] == [1, 3, 0]


@pytest.mark.parametrize(
    ("box", "expected"),
    [(Box(10, 10, 30, 50), Square(-5, 5, 50)), (Box(0, 0, 0, 0), Square(0, 0, 1)), (Box(90, 0, 100, 8), Square(89, -2, 12))],
)
def test_a_pose_crop_is_a_square_around_the_box(box, expected):
    assert vision.around(box) == expected


def test_cut_is_black_outside_and_a_copy():
    image = picture(9, 10, 10)
    crop = vision.cut(image, Square(-2, 7, 5))
    assert crop.shape == (5, 5, 3)
    assert (crop[:3, 2:] == 9).all()
    assert (crop[:, :2] == 0).all()
    assert (crop[3:] == 0).all()
    crop[:] = 1
    assert (image == 9).all()
    assert not vision.cut(image, Square(100, 100, 3)).any()
