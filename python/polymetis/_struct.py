"""The low-level forms, as the C API lays them out: `axelera.runtime.axruntime`."""

from __future__ import annotations

import ctypes
import enum

__all__ = ["BoardType", "DeviceInfo"]


class BoardType(enum.IntEnum):
    """`axrBoardType`."""

    ALPHA_PCIE = 0
    ALPHA_M2 = 1
    OMEGA_PCIE = 2
    OMEGA_M2 = 3
    OMEGA_DEVBOARD = 4
    OMEGA_SBC = 5
    UNKNOWN = 6
    EUROPA_PCIE = 7
    EUROPA_DEVBOARD = 8


class DeviceInfo(ctypes.Structure):
    """`axrDeviceInfo`: fields in order, texts as bytes, later ones optional."""

    _fields_ = (
        ("name", ctypes.c_char * 256),
        ("subdevice_count", ctypes.c_size_t),
        ("max_memory", ctypes.c_size_t),
        ("in_use", ctypes.c_int),
        ("in_use_by", ctypes.c_char * 256),
        ("board_type", ctypes.c_int),
        ("firmware_version", ctypes.c_char * 256),
        ("board_revision", ctypes.c_int),
        ("flashed_firmware_version", ctypes.c_char * 256),
        ("board_controller_firmware_version", ctypes.c_char * 256),
        ("board_controller_board_type", ctypes.c_char * 256),
    )
