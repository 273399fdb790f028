"""The objects, under the name that some programs import them from."""

from polymetis.axruntime import (
    BoardType,
    Connection,
    Context,
    DeviceInfo,
    Model,
    ModelInstance,
    Object,
    TensorInfo,
)

__all__ = ["BoardType", "Connection", "Context", "DeviceInfo", "Model", "ModelInstance", "Object", "TensorInfo"]
