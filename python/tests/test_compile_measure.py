"""The figures of a report, on outputs made by hand."""

import numpy as np
import pytest
from polymetis.compile.measure import Pair, agreement, misses


def found(*boxes):
    """Each box: label, score, (y0, x0, y1, x1)."""
    scores = np.zeros((1, len(boxes), 3), np.float32)
    for i, (label, score, _) in enumerate(boxes):
        scores[0, i, label] = score
    return {
        "boxes": np.array([[b for *_, b in boxes]], np.float32).reshape(1, -1, 4),
        "scores": scores,
        "selected": np.array([[0, label, i] for i, (label, *_) in enumerate(boxes)]).reshape(-1, 3),
    }


LEFT, RIGHT, NEAR_LEFT = (0, 0, 1, 0.4), (0, 0.6, 1, 1), (0, 0.05, 1, 0.45)


def figures(real, int8):
    return agreement("detection", [Pair("p", real, int8)], 300)


def test_the_same_boxes_are_all_found_again():
    both = found((1, 0.9, LEFT), (2, 0.5, RIGHT))
    assert figures(both, both) == {"held_out_samples": 1, "float_boxes": 2, "int8_boxes": 2, "float_found_by_int8": 1, "int8_found_by_float": 1}


def test_a_shifted_box_counts_and_one_of_another_class_or_place_does_not():
    real = found((1, 0.9, LEFT), (1, 0.8, RIGHT))
    assert figures(real, found((1, 0.5, NEAR_LEFT)))["float_found_by_int8"] == 0.5
    assert figures(real, found((2, 0.5, LEFT)))["float_found_by_int8"] == 0
    assert figures(real, found((1, 0.5, NEAR_LEFT), (2, 0.5, RIGHT)))["int8_found_by_float"] == 0.5


def test_one_box_answers_for_one_only():
    assert figures(found((1, 0.9, LEFT), (1, 0.8, NEAR_LEFT)), found((1, 0.9, LEFT)))["float_found_by_int8"] == 0.5


def test_keypoints_are_measured_as_a_share_of_the_crop():
    values = np.zeros((1, 195), np.float32)
    moved = values.copy()
    moved.reshape(39, 5)[:33, 0] = 3
    moved.reshape(39, 5)[:33, 1] = 4
    moved.reshape(39, 5)[33:] = 1000  # not of the body
    moved.reshape(39, 5)[:, 2:] += 50  # depth and logits
    result = agreement("pose", [Pair("p", {"landmarks": values}, {"landmarks": moved})], 250)
    assert result["keypoint_distance_mean_max"] == pytest.approx(0.02)


def test_classes_agree_by_their_first():
    one, other = np.array([[0.1, 0.9]], np.float32), np.array([[0.6, 0.4]], np.float32)
    pairs = [Pair("a", {"p": one}, {"p": one * 0.9}), Pair("b", {"p": one}, {"p": other})]
    assert agreement("classification", pairs, 224)["top1_agreement"] == 0.5


def test_bounds_are_kept_missed_or_not_measured():
    said = misses({"share": 0.9, "distance_max": 0.03}, {"share": 0.95, "distance_max": 0.02, "speed": 1.9})
    assert said == ["share is 0.9, the bound is 0.95", "distance_max is 0.03, the bound is 0.02", "speed was not measured"]
    assert misses({"share": 0.95, "distance_max": 0.02}, {"share": 0.95, "distance_max": 0.02}) == []
