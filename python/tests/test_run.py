"""Running, and what run() refuses."""

from __future__ import annotations

import array
import collections
import ctypes
import mmap
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polymetis import axruntime as ax
from tiny_packages import SIXTEEN, Tensor, write_package


class OnlyDLPack:
    """An array of another framework: no buffer protocol."""

    def __init__(self, inner):
        self.inner = inner

    def __dlpack__(self, **keywords):
        return self.inner.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self.inner.__dlpack_device__()


@pytest.fixture
def computing(topology, package):
    """The small network really computed."""
    with ax.Context(topology=topology('[[board]]\nname = "metis-0:1:0"\n')) as context:
        yield context.device_connect().load_model_instance(context.load_model(package))


def test_results_are_written_in_place(computing, arrays):
    inputs, outputs = arrays
    assert computing.run(inputs, outputs) is None
    np.testing.assert_array_equal(outputs[0], inputs[0] + 1)


def test_a_card_that_computes_nothing_gives_zero_points(context, tmp_path, arrays):
    folder = write_package(tmp_path / "zero", outputs=(Tensor("y", SIXTEEN, zero_point=-7),))
    context.device_connect().load_model_instance(context.load_model(folder)).run(*arrays)
    assert (arrays[1][0] == -7).all()


@pytest.mark.parametrize("container", [list, tuple, collections.deque, collections.UserList])
def test_any_sequence_of_arrays_is_taken(instance, arrays, container):
    instance.run(container(arrays[0]), container(arrays[1]))


@pytest.mark.parametrize(
    "given",
    [
        lambda a: memoryview(a),
        lambda a: bytes(a),
        lambda a: bytearray(a),
        lambda a: memoryview(bytes(a)),
        lambda a: (ctypes.c_int8 * 16).from_buffer_copy(a),
        lambda a: array.array("b", bytes(a)),
        lambda a: array.array("B", bytes(a)),
        lambda a: OnlyDLPack(a),
        lambda a: read_only(a),
    ],
)
def test_any_memory_is_an_input(computing, given):
    values = np.arange(16, dtype=np.int8).reshape(SIXTEEN)
    output = np.zeros(SIXTEEN, np.int8)
    computing.run([given(values)], [output])
    np.testing.assert_array_equal(output, values + 1)


@pytest.mark.parametrize("make", [bytearray, lambda n: mmap.mmap(-1, n), lambda n: array.array("B", bytes(n)), lambda n: memoryview(bytearray(n))])
def test_any_writable_memory_is_an_output(computing, arrays, make):
    raw = make(16)
    computing.run(arrays[0], [raw])
    np.testing.assert_array_equal(np.frombuffer(raw, np.int8), np.arange(1, 17))


def test_dlpack_is_an_output(computing, arrays):
    computing.run(arrays[0], [OnlyDLPack(arrays[1][0])])
    np.testing.assert_array_equal(arrays[1][0], arrays[0][0] + 1)


class RaisingDLPack(OnlyDLPack):
    """`inner` is what lending raises."""

    def __dlpack__(self, **keywords):
        raise self.inner


def test_why_dlpack_cannot_lend_is_told(instance, arrays):
    cause = BufferError("Can't export tensors that require gradient")
    for inputs, outputs in ([RaisingDLPack(cause)], arrays[1]), (arrays[0], [RaisingDLPack(cause)]):
        with pytest.raises(ax.InvalidArgument, match="put 0 .*BufferError.*require gradient") as caught:
            instance.run(inputs, outputs)
        assert caught.value.__cause__ is cause


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_is_no_error_of_dlpack_passes_through(instance, arrays, kind):
    with pytest.raises(kind):
        instance.run([RaisingDLPack(kind())], arrays[1])
    instance.run(*arrays)


def test_dlpack_of_before_versions_is_taken(computing, arrays):
    class Old(OnlyDLPack):
        def __dlpack__(self, stream=None):
            return self.inner.__dlpack__()

    computing.run([Old(arrays[0][0])], arrays[1])
    np.testing.assert_array_equal(arrays[1][0], arrays[0][0] + 1)


def test_dlpack_that_gives_no_capsule_is_an_error(instance, arrays):
    class Wrong(OnlyDLPack):
        def __dlpack__(self, **keywords):
            return 3

    with pytest.raises(ax.InvalidArgument, match="Input 0 .*__dlpack__ gives int"):
        instance.run([Wrong(arrays[0][0])], arrays[1])


def test_descriptors_that_can_be_mapped_are_taken(context, topology, package, arrays):
    values = np.arange(16, dtype=np.int8)
    fds = [os.memfd_create("in"), os.memfd_create("out")]
    try:
        os.write(fds[0], values.tobytes())
        os.ftruncate(fds[1], 16)
        with ax.Context(topology=topology('[[board]]\nname = "computing"\n')) as computing:
            instance = computing.device_connect().load_model_instance(computing.load_model(package), input_dmabuf=True, output_dmabuf=True)
            for kind in (int, np.int64, np.int32):
                instance.run([kind(fds[0])], [kind(fds[1])])
        np.testing.assert_array_equal(np.frombuffer(os.pread(fds[1], 16, 0), np.int8), values + 1)
    finally:
        for fd in fds:
            os.close(fd)


@pytest.mark.parametrize("bad", [-1, 10**9, 10**30, np.int64(-1)])
def test_what_is_no_descriptor_is_an_error(context, package, arrays, bad):
    instance = context.device_connect().load_model_instance(context.load_model(package), input_dmabuf=1)
    with pytest.raises(ax.Error, match="descriptor|fd"):
        instance.run([bad], arrays[1])


def test_a_descriptor_that_is_too_small_is_an_error(context, package, arrays):
    instance = context.device_connect().load_model_instance(context.load_model(package), input_dmabuf=1)
    fd = os.memfd_create("small")
    try:
        os.ftruncate(fd, 15)
        with pytest.raises(ax.Error, match="16"):
            instance.run([fd], arrays[1])
        with pytest.raises(ax.Error):
            os_pipe_run(instance, arrays[1])
    finally:
        os.close(fd)


def os_pipe_run(instance, outputs):
    ends = os.pipe()
    try:
        instance.run([ends[0]], outputs)
    finally:
        for end in ends:
            os.close(end)


def read_only(a):
    copy = a.copy()
    copy.flags.writeable = False
    return copy


BAD_INPUTS = {
    "uint8": (lambda a: a.view(np.uint8), "uint8"),
    "float32": (lambda a: a.astype(np.float32), "float32"),
    "bool": (lambda a: a.astype(bool), "bool"),
    "int16 of the same bytes": (lambda a: a.view(np.int16), "int16"),
    "no batch": (lambda a: a[0], r"\(2, 2, 4\)"),
    "flat": (lambda a: a.reshape(-1), r"\(16,\)"),
    "other shape of the same size": (lambda a: a.reshape(1, 4, 2, 2), r"\(1, 4, 2, 2\)"),
    "too large": (lambda a: np.zeros((1, 2, 2, 5), np.int8), r"\(1, 2, 2, 5\)"),
    "not contiguous": (lambda a: np.zeros((1, 2, 2, 8), np.int8)[..., ::2], "contiguous"),
    "Fortran order": (lambda a: np.asfortranarray(a.reshape(1, 2, 2, 4)), "contiguous"),
    "too few bytes": (lambda a: bytes(15), "15"),
    "too many bytes": (lambda a: bytearray(17), "17"),
    "structured": (lambda a: np.zeros(SIXTEEN, [("a", np.int8)]), "type"),
    "uint8 DLPack": (lambda a: OnlyDLPack(a.view(np.uint8)), "type"),
    "DLPack of another shape": (lambda a: OnlyDLPack(a.reshape(-1)), r"\(16,\)"),
    "DLPack not contiguous": (lambda a: OnlyDLPack(np.zeros((1, 2, 2, 8), np.int8)[..., ::2]), "contiguous"),
}


@pytest.mark.parametrize(("make", "found"), BAD_INPUTS.values(), ids=BAD_INPUTS.keys())
def test_a_wrong_array_is_an_error_with_what_was_asked_found_and_to_do(instance, arrays, make, found):
    with pytest.raises(ax.InvalidArgument, match=found) as caught:
        instance.run([make(arrays[0][0])], arrays[1])
    assert "Input 0 'x'" in str(caught.value)
    assert "(1, 2, 2, 4)" in str(caught.value)
    with pytest.raises(ax.InvalidArgument, match="Output 0 'y'"):
        instance.run(arrays[0], [make(arrays[0][0])])
    instance.run(*arrays)


@pytest.mark.parametrize("make", [read_only, bytes, lambda a: memoryview(bytes(a)), lambda a: OnlyDLPack(read_only(a))])
def test_a_read_only_output_is_an_error(instance, arrays, make):
    with pytest.raises((ax.InvalidArgument, BufferError), match="read.?only"):
        instance.run(arrays[0], [make(arrays[1][0])])


@pytest.mark.parametrize("thing", [None, 1.5, "text", {}, object(), True, [1]])
def test_what_has_no_memory_is_a_type_error(instance, arrays, thing):
    with pytest.raises(TypeError, match="Input 0 'x'") as caught:
        instance.run([thing], arrays[1])
    assert isinstance(caught.value, ax.InvalidArgument)


@pytest.mark.parametrize("thing", [np.zeros(SIXTEEN, np.int8), None, 3, "ab", b"ab", {"x": 1}, {1, 2}])
def test_what_is_no_list_is_an_error(instance, arrays, thing):
    for call in (instance.run, instance.run_async):
        with pytest.raises(ax.InvalidType, match=f"Inputs are a list .*got .*{type(thing).__name__}"):
            call(thing, arrays[1])
        with pytest.raises(ax.InvalidType, match=f"Outputs are a list .*got .*{type(thing).__name__}"):
            call(arrays[0], thing)


@pytest.mark.parametrize("number", [0, 2, 1000])
def test_a_wrong_number_of_arrays_is_an_error(instance, arrays, number):
    with pytest.raises(ax.InvalidArgument, match=f"1 input, but {number}"):
        instance.run(arrays[0] * number, arrays[1])
    with pytest.raises(ax.InvalidArgument, match=f"1 output, but {number}"):
        instance.run(arrays[0], arrays[1] * number)


def test_overlapping_outputs_are_an_error(context, tmp_path, arrays):
    folder = write_package(tmp_path / "two", outputs=(Tensor("y", SIXTEEN), Tensor("z", SIXTEEN)))
    instance = context.device_connect().load_model_instance(context.load_model(folder))
    memory = np.zeros(40, np.int8)
    one, other = memory[:16].reshape(SIXTEEN), memory[15:31].reshape(SIXTEEN)
    with pytest.raises(ax.InvalidArgument, match="shares memory"):
        instance.run(arrays[0], [one, other])
    with pytest.raises(ax.InvalidArgument, match="shares memory"):
        instance.run([one], [one, memory[24:].reshape(SIXTEEN)])
    instance.run(arrays[0], [one, memory[16:32].reshape(SIXTEEN)])


def test_one_array_may_be_several_inputs(context, tmp_path, arrays):
    folder = write_package(tmp_path / "inputs", inputs=(Tensor("a", SIXTEEN), Tensor("b", SIXTEEN)))
    context.device_connect().load_model_instance(context.load_model(folder)).run(arrays[0] * 2, arrays[1])


def test_more_cores_than_the_batch_multiply_the_leading_dimension(topology, package):
    with ax.Context(topology=topology('[[board]]\nname = "computing"\n')) as context:
        instance = context.device_connect(None, 4).load_model_instance(context.load_model(package), num_sub_devices=4, aipu_cores=4)
        assert instance.inputs()[0].shape == (4, 2, 2, 4)
        assert instance.model.inputs()[0].shape == (1, 2, 2, 4)
        values = np.arange(64, dtype=np.int8).reshape(4, 2, 2, 4)
        outputs = np.zeros((4, 2, 2, 4), np.int8)
        instance.run([values], [outputs])
        np.testing.assert_array_equal(outputs, values + 1)
        with pytest.raises(ax.InvalidArgument, match=r"\(4, 2, 2, 4\)"):
            instance.run([values[:1]], [outputs])


def test_double_buffering_answers_two_runs_later(topology, package):
    with ax.Context(topology=topology('[[board]]\nname = "computing"\n')) as context:
        instance = context.device_connect().load_model_instance(context.load_model(package), double_buffer=True)
        answers = []
        value = np.zeros(SIXTEEN, np.int8)
        for i in range(6):
            value[:] = i
            output = np.full(SIXTEEN, 99, np.int8)
            instance.run([value], [output])
            answers.append(int(output[0, 0, 0, 0]))
        assert answers == [0, 0, 1, 2, 3, 4]


def test_several_instances_share_a_connection(context, package, arrays):
    connection = context.device_connect(0, 3)
    model = context.load_model(package)
    one = connection.load_model_instance(model, num_sub_devices=2)
    other = connection.load_model_instance(model)
    with pytest.raises(ax.InvalidArgument):
        connection.load_model_instance(model)
    other.run(*arrays)
    other.release()
    connection.load_model_instance(model).run(*arrays)
    assert one.connection is connection


@pytest.mark.parametrize(("key", "kind"), [("colour", ax.InvalidConfiguration), ("double_buffer", ValueError), ("num_sub_devices", ValueError)])
def test_bad_properties_of_an_instance(context, package, key, kind):
    with pytest.raises(kind, match=key):
        context.device_connect().load_model_instance(context.load_model(package), **{key: "x"})


def test_a_model_that_does_not_fit_is_refused_with_the_numbers(topology, tmp_path):
    folder = write_package(tmp_path / "large", weight_bytes=3 << 20)
    with ax.Context(topology=topology('[[board]]\nname = "small"\nmemory = "8 MiB"\ncompute = "none"\n')) as context:
        model = context.load_model(folder)
        connection = context.device_connect(None, 4)
        held = [connection.load_model_instance(model) for _ in range(2)]
        with pytest.raises(RuntimeError, match=str(model.instance_bytes)):
            connection.load_model_instance(model)
        held[0].release()
        connection.load_model_instance(model)


def test_frames_are_counted_for_who_looks(context, instance, arrays):
    for _ in range(5):
        instance.run(*arrays)
    core = context.list_devices()[0].cores[0]
    assert core.frames == 5
    assert core.memory_used > 0
    assert context.list_devices()[0].memory_used >= core.memory_used


def test_a_run_that_fails_is_an_exception_and_the_instance_goes_on(topology, package, arrays):
    text = '[[board]]\nname = "flaky"\ncompute = "none"\n[[board.fault]]\nkind = "error"\nat_job = 2\njobs = 1\n'
    with ax.Context(topology=topology(text)) as context:
        instance = context.device_connect().load_model_instance(context.load_model(package))
        instance.run(*arrays)
        with pytest.raises(RuntimeError):
            instance.run(*arrays)
        instance.run(*arrays)


def test_a_card_that_is_lost_is_a_connection_error(topology, package, arrays):
    text = '[[board]]\nname = "dying"\ncompute = "none"\n[[board.fault]]\nkind = "lost"\nat_job = 2\n'
    with ax.Context(topology=topology(text)) as context:
        instance = context.device_connect().load_model_instance(context.load_model(package))
        instance.run(*arrays)
        with pytest.raises(ConnectionError, match="dying"):
            instance.run(*arrays)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=6), st.sampled_from([np.int8, np.uint8, np.int16, np.float32, np.bool_]))
def test_any_array_is_run_or_refused(shared_instance, shape, dtype):
    given_array = np.zeros(shape, dtype)
    output = np.zeros(SIXTEEN, np.int8)
    if tuple(shape) == SIXTEEN and dtype == np.int8:
        shared_instance.run([given_array], [output])
    else:
        with pytest.raises(ax.InvalidArgument, match="Input 0"):
            shared_instance.run([given_array], [output])


@pytest.fixture(scope="module")
def shared_instance(package, tmp_path_factory):
    file = tmp_path_factory.mktemp("shared") / "cards.toml"
    file.write_text('[[board]]\nname = "shared"\ncompute = "none"\n')
    with ax.Context(topology=file, virtual="always", run_directory=tmp_path_factory.mktemp("run")) as context:
        yield context.device_connect().load_model_instance(context.load_model(package))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=20) | st.integers() | st.booleans(), min_size=1, max_size=3))
def test_any_unknown_properties_are_refused(shared_instance, keywords):
    with pytest.raises((ax.Error, UnicodeEncodeError), match="."):
        shared_instance.context.configure_device(0, **keywords)


def test_a_list_that_an_item_changes_is_an_error(context, tmp_path, arrays):
    folder = write_package(tmp_path / "two", inputs=(Tensor("a", SIXTEEN), Tensor("b", SIXTEEN)))
    instance = context.device_connect().load_model_instance(context.load_model(folder))
    inputs = []

    class Mischief(OnlyDLPack):
        def __dlpack__(self, **keywords):
            inputs.clear()
            return super().__dlpack__(**keywords)

    inputs += [Mischief(arrays[0][0]), arrays[0][0]]
    with pytest.raises(ax.InvalidArgument, match="changed"):
        instance.run(inputs, arrays[1])
