"""Quantise, pad and their inverses against docs/packages.md; a picture's way into a tensor against plain numpy."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polymetis import vision
from polymetis.vision import ImageSpec, Tensor

RANDOM = np.random.default_rng(5)
PADDING = ((0, 0), (1, 2), (3, 5), (0, 1))
TENSOR = Tensor("image", (1, 10 + 3, 12 + 8, 4), PADDING, 1 / 255, -128)


def picture(height=40, width=30):
    return RANDOM.integers(0, 256, (height, width, 3), np.uint8)


def filled(image, spec, tensor=TENSOR):
    row = np.full(tensor.shape[1:], 77, np.int8)
    vision.picture_to_tensor(image, tensor, spec, row)
    return row


@pytest.mark.parametrize(("real", "expected"), [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (126.5, 126), (1e9, 127), (-1e9, -128)])
def test_rounds_half_to_even_and_clips(real, expected):
    assert vision.quantise(np.array([real]), 1.0, 0) == expected


def test_the_zero_point_is_added_before_rounding():
    assert vision.quantise(np.array([0.5]), 1.0, 1) == 2  # round(1.5), not round(0.5) + 1


@given(st.integers(-128, 127), st.integers(-128, 127), st.floats(1e-3, 10))
def test_quantise_is_the_inverse_of_dequantise(q, zero_point, scale):
    assert vision.quantise(vision.dequantise(np.array([q], np.int8), scale, zero_point).astype(np.float64), scale, zero_point) == q


def test_depad_is_the_inverse_of_pad_and_a_view():
    values = RANDOM.integers(-128, 127, (1, 3, 4, 2), np.int8)
    padded = vision.pad(values, PADDING, -128)
    assert padded.shape == (1, 6, 12, 3)
    assert padded[0, 0].max() == padded[0, :, :3].max() == -128
    inside = vision.depad(padded, PADDING)
    assert np.array_equal(inside, values)
    assert inside.base is padded


@pytest.mark.parametrize("colour", ["RGB", "BGR"])
def test_a_stretched_picture_is_pixel_minus_128_and_its_padding_is_left_alone(colour):
    image = picture()
    row = filled(image, ImageSpec(colour=colour))
    expected = cv2.resize(image, (12, 10)).astype(int) - 128
    expected = expected[:, :, ::-1] if colour == "RGB" else expected
    assert np.array_equal(row[1:11, 3:15, :3], expected)
    assert (row[0] == 77).all()
    assert (row[11:] == 77).all()
    assert (row[:, :3] == 77).all()
    assert (row[:, 15:] == 77).all()
    assert (row[:, :, 3] == 77).all()


def test_another_scale_goes_the_long_way():
    tensor = Tensor("image", TENSOR.shape, PADDING, 1 / 127.5, 3)
    image = picture()
    expected = vision.quantise(cv2.resize(image, (12, 10))[:, :, ::-1] / 255.0, 1 / 127.5, 3)
    assert np.array_equal(filled(image, ImageSpec(), tensor)[1:11, 3:15, :3], expected)


def test_crop_takes_the_central_square():
    image = picture(80, 40)
    row = filled(image, ImageSpec(resize="crop", crop=0.875, interpolation="cubic"))
    side = 35
    square = image[(80 - side) // 2 :, (40 - side) // 2 :][:side, :side]
    assert np.array_equal(row[1:11, 3:15, :3], cv2.resize(square, (12, 10), interpolation=cv2.INTER_CUBIC)[:, :, ::-1].astype(int) - 128)


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_picture_is_refused_with_what_it_is(wrong):
    with pytest.raises(ValueError, match=rf"uint8 array \[height, width, 3\]; found was {wrong.dtype}"):
        filled(wrong, ImageSpec())


def test_any_view_of_a_picture_is_taken():
    image = picture()
    assert np.array_equal(filled(image[:, ::-1], ImageSpec()), filled(image[:, ::-1].copy(), ImageSpec()))
