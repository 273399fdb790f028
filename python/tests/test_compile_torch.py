"""The reader of legacy PyTorch files: four names and no other."""

import io
import pickle
import struct
from collections import OrderedDict

import numpy as np
import pytest
from polymetis.compile import torch_legacy
from polymetis.compile.errors import CompileError
from polymetis.compile.torch_legacy import MAGIC, read_weights


class Named:
    """Pickles as a call of a global by its name."""

    def __init__(self, module, name, *arguments):
        self.target, self.arguments = f"c{module}\n{name}\n".encode(), arguments


def storage(kind, key, count):
    return ("storage", kind, key, "cpu", count, None)


class Pickler(pickle._Pickler):
    """The pure Python pickler, so that names of modules that are not here can be written."""

    def persistent_id(self, value):
        return value if isinstance(value, tuple) and value and value[0] == "storage" else None

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Named):
            self.write(value.target)
            if value.arguments:
                pickle._Pickler.save(self, tuple(value.arguments))
                self.write(pickle.REDUCE)
            return
        pickle._Pickler.save(self, value, save_persistent_id)


def dump(file, value):
    Pickler(file, 2).dump(value)


def tensor(kind, key, count, offset, shape, steps):
    return Named("torch._utils", "_rebuild_tensor_v2", storage(Named("torch", kind), key, count), offset, shape, steps, False, OrderedDict())


def weights_file(path, state, storages):
    file = io.BytesIO()
    for value in (MAGIC, 1001, {"little_endian": True}, state, list(storages)):
        dump(file, value)
    for data in storages.values():
        file.write(struct.pack("<q", len(data)) + data.tobytes())
    path.write_bytes(file.getvalue())
    return path


def test_tensors_come_with_their_strides(tmp_path):
    data = np.arange(12, dtype=np.float32)
    state = OrderedDict(
        plain=tensor("FloatStorage", "0", 12, 0, (3, 4), (4, 1)),
        turned=tensor("FloatStorage", "0", 12, 0, (4, 3), (1, 4)),
        part=tensor("FloatStorage", "0", 12, 5, (2,), (3,)),
        count=tensor("LongStorage", "1", 1, 0, (1,), (1,)),
    )
    found = read_weights(weights_file(tmp_path / "w.pth", state, {"0": data, "1": np.array([7], np.int64)}))
    np.testing.assert_array_equal(found["plain"], data.reshape(3, 4))
    np.testing.assert_array_equal(found["turned"], data.reshape(3, 4).T)
    np.testing.assert_array_equal(found["part"], [5, 8])
    assert found["count"].tolist() == [7] and all(v.flags.c_contiguous for v in found.values())


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "eval"), ("torch", "load"), ("torch.nn.modules.linear", "Linear"), ("collections", "namedtuple")],
)
def test_any_other_name_is_refused_and_not_called(tmp_path, module, name):
    canary = tmp_path / "called"
    path = weights_file(tmp_path / "w.pth", {"a": Named(module, name, f"touch {canary}")}, {})
    with pytest.raises(CompileError, match=f"{module}.{name}.*refused"):
        read_weights(path)
    assert not canary.exists()


def test_the_magic_number_cannot_smuggle_a_call(tmp_path):
    file = io.BytesIO()
    dump(file, Named("os", "system", "true"))
    (tmp_path / "w.pth").write_bytes(file.getvalue())
    with pytest.raises(CompileError, match="os.system"):
        read_weights(tmp_path / "w.pth")


def test_another_format_is_refused(tmp_path):
    (tmp_path / "w.pth").write_bytes(pickle.dumps(5))
    with pytest.raises(CompileError, match="not a legacy PyTorch file"):
        read_weights(tmp_path / "w.pth")
    (tmp_path / "w.pth").write_bytes(b"PK\x03\x04")
    with pytest.raises(CompileError, match="not a whole legacy PyTorch file"):
        read_weights(tmp_path / "w.pth")


def test_every_truncation_is_refused(tmp_path):
    state = OrderedDict(a=tensor("FloatStorage", "0", 6, 0, (6,), (1,)))
    whole = weights_file(tmp_path / "w.pth", state, {"0": np.arange(6, dtype=np.float32)}).read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "w.pth").write_bytes(whole[:length])
        with pytest.raises(CompileError):
            read_weights(tmp_path / "w.pth")


@pytest.mark.parametrize(("offset", "shape", "steps"), [(0, (7,), (1,)), (1, (6,), (1,)), (0, (2,), (9,)), (-1, (2,), (1,)), (0, (2,), (-1,))])
def test_a_tensor_outside_its_storage_is_refused(tmp_path, offset, shape, steps):
    state = OrderedDict(a=tensor("FloatStorage", "0", 6, offset, shape, steps))
    path = weights_file(tmp_path / "w.pth", state, {"0": np.zeros(6, np.float32)})
    with pytest.raises(CompileError, match="outside its storage"):
        read_weights(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(CompileError, match="No such file"):
        read_weights(tmp_path / "none.pth")


def test_an_absurd_storage_is_refused(tmp_path):
    state = OrderedDict(a=tensor("FloatStorage", "0", torch_legacy.MAX_ELEMENTS + 1, 0, (1,), (1,)))
    with pytest.raises(CompileError, match="not a float or integer storage"):
        read_weights(weights_file(tmp_path / "w.pth", state, {"0": np.zeros(1, np.float32)}))
