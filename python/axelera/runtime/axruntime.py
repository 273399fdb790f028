"""The low-level binding's structs."""

from polymetis._struct import BoardType, DeviceInfo

__all__ = ["BoardType", "DeviceInfo"]
