"""Names for what calls take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypedDict, Union

from ._device import DeviceInfo
from ._struct import DeviceInfo as RawDeviceInfo

if TYPE_CHECKING:
    from typing import SupportsIndex

    from typing_extensions import Buffer


class SupportsDLPack(Protocol):
    """An array of another framework."""

    def __dlpack__(self, *, stream: Any = ...) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...


class Driver(TypedDict):
    """What `Context.drivers` gives."""

    name: str
    virtual: bool
    used: bool
    state: str
    """How many devices, or why it is not used."""


Tensor: TypeAlias = Union["Buffer", SupportsDLPack, int]
"""An int8 array, raw bytes, or the descriptor of a dma-buf or memfd."""
Device: TypeAlias = Union[None, "SupportsIndex", str, DeviceInfo, RawDeviceInfo]
"""Any, a place in list_devices(), a name, or what list_devices() gave."""
Property: TypeAlias = Union[bool, "SupportsIndex", str]
