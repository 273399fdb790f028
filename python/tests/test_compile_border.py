"""int8 at the border, bit for bit against numpy."""

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from polymetis.compile import batch, border, layout
from polymetis.compile.border import BorderTensor, add_border, widen_input
from polymetis.compile.errors import CompileError
from polymetis.compile.ranges import grid

RANDOM = np.random.default_rng(3)


def identity(shape):
    """A float network that changes nothing."""
    parameter = ops.parameter(list(shape), ov.Type.f32, "x")
    return ov.Model([ops.result(ops.multiply(parameter, np.float32(1)))], [parameter], "identity")


def tensor(name, shape, channels, padding, scale, zero_point, **picture):
    form = layout.layout_of(tuple(shape), channels, name)
    return BorderTensor(name, form, padding(form.nhwc), scale, zero_point, **picture)


def run(model, values):
    return ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(values)[0]


def expected(q, enter, leave):
    """What docs/packages.md says of the two tensors around a network that changes nothing."""
    real = layout.dequantise(layout.depad(q, enter.padding), enter.scale, enter.zero_point)
    return layout.pad_value(layout.quantise(real, leave.scale, leave.zero_point), leave.padding, leave.zero_point)


@pytest.mark.parametrize(("shape", "channels"), [((1, 5, 6, 7), "first"), ((1, 6, 7, 5), "last"), ((1, 9, 70), "first"), ((1, 130), "first")])
@pytest.mark.parametrize(("scale_in", "zero_in", "scale_out", "zero_out"), [(0.25, 3, 0.5, -7), (0.03125, -128, 0.0078125, 0), (1.0, 0, 2.0, 127)])
def test_border_arithmetic_equals_numpy(shape, channels, scale_in, zero_in, scale_out, zero_out):
    # Scales that are powers of two: ties are real ties, so rounding half to even shows.
    enter = tensor("in", shape, channels, layout.input_padding, scale_in, zero_in)
    leave = tensor("out", shape, channels, layout.output_padding, scale_out, zero_out)
    q = RANDOM.integers(-128, 128, enter.shape(1)).astype(np.int8)
    found = run(add_border(identity(shape), [enter], [leave]), q)
    assert found.dtype == np.int8 and list(found.shape) == leave.shape(1)
    np.testing.assert_array_equal(found, expected(q, enter, leave))


def test_the_padding_of_an_input_never_matters_and_that_of_an_output_is_the_zero_point():
    enter = tensor("in", (1, 3, 6, 7), "first", layout.input_padding, 0.5, 9)
    leave = tensor("out", (1, 3, 6, 7), "first", layout.output_padding, 0.5, -20)
    assert enter.padding == [[0, 0], [0, 0], [0, 9], [0, 1]] and leave.padding == [[0, 0], [0, 0], [0, 0], [0, 61]]
    model = add_border(identity((1, 3, 6, 7)), [enter], [leave])
    q = RANDOM.integers(-128, 128, enter.shape(1)).astype(np.int8)
    other = q.copy()
    other[:, :, 7:, :] = 77
    other[..., 3:] = -77
    np.testing.assert_array_equal(run(model, q), run(model, other))
    assert (run(model, q)[..., 3:] == -20).all()


def convolution():
    weights = RANDOM.integers(-3, 4, (4, 3, 3, 3)).astype(np.float32)
    parameter = ops.parameter([1, 3, 8, 16], ov.Type.f32, "x")
    made = ops.convolution(parameter, ops.constant(weights), [1, 1], [1, 1], [1, 1], [1, 1])
    return ov.Model([ops.result(made)], [parameter], "convolution")


def test_a_widened_picture_input_gives_the_same_and_ignores_the_fourth_channel():
    picture = {"mean": (10.0, 20.0, 30.0), "std": (2.0, 4.0, 8.0)}
    enter = tensor("in", (1, 3, 8, 16), "first", layout.input_padding, 1 / 255, -128, **picture)
    leave = tensor("out", (1, 4, 8, 16), "first", layout.output_padding, 16.0, 0)
    narrow = convolution()
    wide = narrow.clone()
    assert widen_input(wide, 0, 4)
    wide_tensor = border.BorderTensor(**{**enter.__dict__, "wide": True})
    q = RANDOM.integers(-128, 128, enter.shape(1)).astype(np.int8)
    first = run(add_border(narrow, [enter], [leave]), q)
    model = add_border(wide, [wide_tensor], [leave])
    assert not any(n.get_type_name() == "Slice" for n in model.get_ordered_ops())
    np.testing.assert_array_equal(run(model, q), first)
    q[..., 3] = -q[..., 3]
    np.testing.assert_array_equal(run(model, q), first)


def test_an_input_that_two_operators_read_is_not_widened():
    parameter = ops.parameter([1, 3, 8, 16], ov.Type.f32, "x")
    results = [ops.result(ops.relu(parameter)), ops.result(ops.tanh(parameter))]
    model = ov.Model(results, [parameter], "two")
    assert not widen_input(model, 0, 4)
    assert list(model.inputs[0].shape) == [1, 3, 8, 16]


def test_every_frame_of_a_batch_is_its_own():
    enter = tensor("in", (1, 3, 8, 16), "first", layout.input_padding, 0.5, 0)
    leave = tensor("out", (1, 4, 8, 16), "first", layout.output_padding, 0.5, 0)
    q = RANDOM.integers(-128, 128, enter.shape(3)).astype(np.int8)
    one = convolution()
    three = one.clone()
    batch.set_batch(three, 3, "x")
    together = run(add_border(three, [enter], [leave]), q)
    single = add_border(one, [enter], [leave])
    np.testing.assert_array_equal(together, np.concatenate([run(single, q[i : i + 1]) for i in range(3)]))


def test_a_batch_that_is_built_in_is_refused():
    parameter = ops.parameter([1, 4], ov.Type.f32, "x")
    model = ov.Model([ops.result(ops.reshape(parameter, np.array([4]), False))], [parameter], "fixed")
    with pytest.raises(CompileError, match="batch of 1 built into"):
        batch.set_batch(model, 2, "net.onnx")


@pytest.mark.parametrize("shape", [(4,), (1, 2, 3, 4, 5)])
def test_other_ranks_are_refused(shape):
    with pytest.raises(CompileError, match="2, 3 or 4 dimensions"):
        layout.layout_of(shape, "first", "It")


@pytest.mark.parametrize(("low", "high"), [(-1.0, 3.0), (0.5, 2.0), (-4.0, -1.0), (0.0, 0.0), (-12.0, 12.0)])
def test_a_grid_covers_its_range_and_has_zero_on_a_step(low, high):
    scale, zero = grid(low, high, None)
    assert -128 <= zero <= 127 and scale > 0
    assert (-128 - zero) * scale <= min(low, 0) + scale and (127 - zero) * scale >= max(high, 0) - scale


def test_a_threshold_can_lie_between_two_steps():
    threshold = float(np.log(0.4 / 0.6))
    scale, zero = grid(-8, 4, threshold)
    steps = threshold / scale
    assert abs(steps - np.floor(steps) - 0.5) < 1e-6
    assert 255 * scale >= 12 and (-128 - zero) * scale <= -8 + scale
