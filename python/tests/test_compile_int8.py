"""What int8 does to a network: weights that every CPU computes exactly, biases that keep the means, and the check that tells."""

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from polymetis.compile import bias, computer, exactness, weights
from polymetis.compile.runners import EXACT, FLOAT

random = np.random.default_rng(3)
KERNELS = {"dense": (8, 6, 3, 3), "pointwise": (16, 24, 1, 1), "odd": (4, 5, 1, 1), "depthwise": (12, 1, 1, 3, 3)}


def network(values, quantised):
    """One convolution named 'work' with a bias; `quantised`: int8 of the given step a result and activations of 8 bits, else float."""
    grouped = values.ndim == 5
    image = ops.parameter([1, values.shape[0] if grouped else values.shape[1], 8, 8], ov.Type.f32, "image")
    image.output(0).set_names({"image"})
    source = ops.relu(image)
    source.set_friendly_name("source")
    used, made = source, ops.constant(values.astype(np.float32))
    if quantised is not None:
        used = ops.fake_quantize(source, *(np.float32(v) for v in (0, 1, 0, 1)), 256)
        scale = np.float32(quantised).reshape(-1, *[1] * (values.ndim - 1))
        made = ops.multiply(ops.convert(ops.constant(np.round(values / scale).clip(-127, 127).astype(np.int8)), ov.Type.f32), ops.constant(scale))
    form = ([1, 1], [0, 0], [0, 0], [1, 1])
    work = ops.group_convolution(used, made, *form) if grouped else ops.convolution(used, made, *form)
    work.set_friendly_name("work")
    total = ops.add(work, ops.constant(np.linspace(-1, 1, work.get_output_shape(0)[1], dtype=np.float32).reshape(1, -1, 1, 1)))
    return ov.Model([ops.result(total)], [image], "n")


def full_range(values):
    """The step a result that uses all 8 bits."""
    return np.abs(values).reshape(len(values), -1).max(1) / 127


def stored(model):
    return next(weights.int8_weights(n) for n in model.get_ordered_ops() if n.get_friendly_name() == "work").astype(int)


@pytest.mark.parametrize("kind", KERNELS)
def test_two_neighbours_fit_16_bits_and_no_range_is_wasted(kind):
    values = random.normal(0, 1, KERNELS[kind])
    model = network(values, full_range(values) * 2)
    weights.widen_weights(network(values, None), model)
    found = stored(model)
    assert found.shape == values.shape
    if kind == "depthwise":
        assert (np.abs(found).reshape(12, -1).max(1) == 127).all()
        return
    inputs = found.shape[1]
    pairs = np.pad(found, [(0, 0), (0, inputs % 2), (0, 0), (0, 0)]).reshape(len(found), -1, 2, *found.shape[2:])
    most = np.maximum(np.maximum(pairs, 0).sum(2), np.maximum(-pairs, 0).sum(2)).reshape(len(found), -1).max(1)
    assert (most * 255 < 1 << 15).all() and (most >= 126).all()


def test_the_step_fits_the_weights():
    values = random.normal(0, 1, KERNELS["dense"])
    model = network(values, full_range(values) * 2)
    weights.widen_weights(network(values, None), model)
    scale = next(n for n in model.get_ordered_ops() if n.get_friendly_name() == "work").input_value(1).get_node().input_value(1).get_node().data
    assert np.abs(stored(model) * scale - values).max() <= scale.max() / 2 + 1e-6


@pytest.mark.parametrize("kind", KERNELS)
def test_widened_weights_are_exact_here(kind):
    values = random.normal(0, 1, KERNELS[kind])
    model = network(values, full_range(values) * 2)
    weights.widen_weights(network(values, None), model)
    assert len(exactness.operators(model)) == 1 and exactness.inexact(model) == []


def test_8_bit_weights_saturate_just_where_the_cpu_has_no_fused_product():
    values = np.ones((8, 16, 1, 1))
    here = computer.describe()
    saturates = here["machine"] == "x86_64" and not computer.FUSED & set(here["int8_features"])
    assert exactness.inexact(network(values, full_range(values))) == (["work"] if saturates else [])


def test_another_result_than_whole_numbers_give_is_found(monkeypatch):
    values = random.normal(0, 1, KERNELS["pointwise"])
    model = network(values, full_range(values) * 2)
    assert exactness.inexact(model) == []
    real = ov.Core()
    monkeypatch.setattr(exactness.ov, "Core", lambda: OneOff(real))
    assert exactness.inexact(model) == ["work"]


class OneOff:
    """An engine whose int8 results are one too great."""

    def __init__(self, core):
        self._core = core

    def compile_model(self, model, device, how):
        run = self._core.compile_model(model, device, how)
        return run if how is EXACT else lambda given: [run(given)[i] + 1 for i in range(len(model.outputs))]


def test_biases_keep_each_channels_mean():
    values = random.normal(0, 1, KERNELS["pointwise"])
    body, model = network(values, None), network(values, full_range(values) * 8)
    samples = [{"image": random.uniform(-0.5, 1.2, (1, 24, 8, 8)).astype(np.float32)} for _ in range(8)]

    def shift():
        run = [ov.Core().compile_model(m, "CPU", how) for m, how in ((body, FLOAT), (model, EXACT))]
        return np.mean([(run[0](s)[0] - run[1](s)[0]).mean((0, 2, 3)) for s in samples], 0)

    before = np.abs(shift()).max()
    ticks = []
    bias.correct_biases(body, model, samples, lambda: ticks.append(1))
    assert len(ticks) == 8 and before > 0.01 and np.abs(shift()).max() < before / 100


def test_a_float_network_has_no_biases_to_correct():
    body = network(random.normal(0, 1, KERNELS["dense"]), None)
    bias.correct_biases(body, body.clone(), [], lambda: pytest.fail("a sample was read"))


def test_a_computer_is_described_by_what_helps_int8(tmp_path):
    (tmp_path / "cpuinfo").write_text("model name\t: Some CPU\nflags\t\t: fpu avx2 avx512_vnni\n\nmodel name\t: other\n")
    found = computer.describe(tmp_path / "cpuinfo")
    assert (found["cpu"], found["int8_features"]) == ("Some CPU", ["avx512_vnni", "avx2"]) and found["cpus"] >= 1
    assert computer.describe(tmp_path / "nothing")["int8_features"] == []
    old = {"machine": "x86_64", "int8_features": ["avx2"]}
    assert "VNNI" in computer.int8_limit(old) and computer.int8_limit({**old, "int8_features": ["avx_vnni"]}) == ""
    assert computer.int8_limit({**old, "machine": "aarch64"}) == ""
