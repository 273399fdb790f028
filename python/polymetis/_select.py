"""Devices by a text, as command lines give them."""

from __future__ import annotations

from ._device import DeviceInfo
from ._errors import InvalidArgument, InvalidType
from ._objects import Context


def select_devices(selector: str, context: Context | None = None) -> list[DeviceInfo]:
    """The devices of a comma-separated list of places in list_devices() and names, such as "0,metis-0:3:0"; its order is kept, as are repeats.

    Raises InvalidType; InvalidArgument (a ValueError) with the part that names no device. Without `context`, one is made for this call.
    """
    if not isinstance(selector, str):
        raise InvalidType(f'devices are a text such as "0,metis-0:3:0"; got {type(selector).__name__}.')
    if context is None:
        with Context() as own:
            return select_devices(selector, own)
    devices = context.list_devices()
    return [_one(part.strip(), devices) for part in selector.split(",")]


def _one(part: str, devices: list[DeviceInfo]) -> DeviceInfo:
    if part.isdecimal() and int(part) < len(devices):
        return devices[int(part)]
    for device in devices:
        if device.name.replace("-", ":") == part.replace("-", ":"):
            return device
    names = ", ".join(f"{place} ({device.name})" for place, device in enumerate(devices)) or "none"
    raise InvalidArgument(f"No device found matching {part}; there is: {names}.")


select_devices.__module__ = "polymetis.axruntime"
