"""Reads the weights of a legacy PyTorch file (.pth before PyTorch 1.6) without PyTorch and without running anything from it."""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import CompileError

MAGIC = 0x1950A86A20F9469CFC6C
MAX_ELEMENTS = 1 << 28


@dataclass(frozen=True)
class FloatStorage:
    dtype = np.dtype("<f4")


@dataclass(frozen=True)
class LongStorage:
    dtype = np.dtype("<i8")


@dataclass(frozen=True)
class Storage:
    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view into a storage; steps in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]


def rebuild_tensor(storage, offset, shape, steps, *_):
    return Tensor(storage, offset, tuple(shape), tuple(steps))


GLOBALS = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    ("torch", "FloatStorage"): FloatStorage,
    ("torch", "LongStorage"): LongStorage,
}


class SafeUnpickler(pickle.Unpickler):
    """Knows four names; any other, which could run code, is refused."""

    def find_class(self, module: str, name: str):
        if (module, name) not in GLOBALS:
            raise CompileError(f"The weights file asks for {module}.{name}, which no weights need; it is refused, take the file from its package.")
        return GLOBALS[module, name]

    def persistent_load(self, identity):
        kind, storage, key, _, count, *_ = identity
        if kind != "storage" or storage not in (FloatStorage, LongStorage) or not 0 <= count <= MAX_ELEMENTS:
            raise CompileError(f"The weights file has a {kind!r} of {count} elements that is not a float or integer storage.")
        return Storage(key, storage.dtype, count)


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The state dict: arrays by name, contiguous.

    Raises CompileError for a file that is missing, truncated, of another format, or that names anything but tensors.
    """
    try:
        file = io.BytesIO(path.read_bytes())
        if SafeUnpickler(file).load() != MAGIC:
            raise CompileError(f"{path}: is not a legacy PyTorch file; take the file from its package.")
        SafeUnpickler(file).load()  # protocol version
        SafeUnpickler(file).load()  # machine's sizes; the data is little-endian here
        state = SafeUnpickler(file).load()
        storages = {key: read_storage(file, find_storage(state, key)) for key in SafeUnpickler(file).load()}
        return {name: view(tensor, storages) for name, tensor in state.items()}
    except OSError as error:
        raise CompileError(f"{path}: asked to read the weights, but {error.strerror}; check the path.") from error
    except (pickle.UnpicklingError, EOFError, struct.error, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise CompileError(f"{path}: is not a whole legacy PyTorch file ({error}); take the file from its package again.") from error


def find_storage(state: dict[str, Tensor], key: str) -> Storage:
    return next(t.storage for t in state.values() if t.storage.key == key)


def read_storage(file: io.BytesIO, storage: Storage) -> np.ndarray:
    (count,) = struct.unpack("<q", file.read(8))
    if count != storage.count:
        raise ValueError(f"storage {storage.key} has {count} elements, announced were {storage.count}")
    return np.frombuffer(file.read(count * storage.dtype.itemsize), storage.dtype, count)


def view(tensor: Tensor, storages: dict[str, np.ndarray]) -> np.ndarray:
    """A copy: the strides of such files are often not those of a contiguous array."""
    data = storages[tensor.storage.key]
    last = tensor.offset + sum((d - 1) * s for d, s in zip(tensor.shape, tensor.steps, strict=True))
    if min((*tensor.shape, 1)) < 1 or min((*tensor.steps, 0)) < 0 or not 0 <= tensor.offset <= last < len(data):
        raise ValueError(f"a tensor of shape {tensor.shape} reaches outside its storage of {len(data)} elements")
    steps = [s * data.itemsize for s in tensor.steps]
    return np.ascontiguousarray(np.lib.stride_tricks.as_strided(data[tensor.offset :], tensor.shape, steps))
