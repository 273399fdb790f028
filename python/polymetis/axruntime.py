"""The API of `axelera.runtime`.

    from polymetis.axruntime import Context

    with Context() as context:
        model = context.load_model("build/models/ssd_mobilenetv2")
        with context.device_connect() as connection, connection.load_model_instance(model) as instance:
            instance.run(inputs, outputs)

A Context owns Connections and Models, a Connection owns ModelInstances. A child keeps its parent alive; `release()` works in any order, from any
thread, and again. All are thread-safe; one instance runs one frame at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._device import BoardType, CoreUse, DeviceInfo, HardwareGeneration
from ._errors import (
    ConnectionError,  # noqa: A004 - the API's name
    DeviceInUse,
    Error,
    IncompatibleDevice,
    InternalError,
    InvalidArgument,
    InvalidConfiguration,
    InvalidType,
    InvalidValue,
    LibraryMissing,
    NotImplemented,  # noqa: A004 - the API's name
    PackageNotFound,
    Pending,
    UnknownError,
)
from ._objects import Connection, Context, Model, ModelInstance, Object
from ._select import select_devices

if TYPE_CHECKING:
    from ._future import RunFuture
    from ._tensor import TensorInfo

__all__ = [
    "BoardType",
    "Connection",
    "ConnectionError",
    "Context",
    "CoreUse",
    "DeviceInUse",
    "DeviceInfo",
    "Error",
    "HardwareGeneration",
    "IncompatibleDevice",
    "InternalError",
    "InvalidArgument",
    "InvalidConfiguration",
    "InvalidType",
    "InvalidValue",
    "LibraryMissing",
    "Model",
    "ModelInstance",
    "NotImplemented",
    "Object",
    "PackageNotFound",
    "Pending",
    "RunFuture",
    "TensorInfo",
    "UnknownError",
    "select_devices",
]

for _class in (Connection, Context, Model, ModelInstance, Object):
    _class.__module__ = __name__


def __dir__() -> list[str]:
    return sorted(__all__)


if not TYPE_CHECKING:  # or any name would do for a type checker

    def __getattr__(name: str) -> Any:
        # NumPy and asyncio take longer to import than to list devices.
        if name == "TensorInfo":
            from ._tensor import TensorInfo

            return TensorInfo
        if name == "RunFuture":
            from ._future import RunFuture

            return RunFuture
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
