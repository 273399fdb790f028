"""What `list_devices` gives."""

from __future__ import annotations

import enum
from types import SimpleNamespace
from typing import Any, NamedTuple

__all__ = ["BoardType", "CoreUse", "DeviceInfo", "HardwareGeneration"]


class BoardType(enum.Enum):
    """The kind of board a device is on."""

    alpha_pcie = 0
    alpha_m2 = 1
    pcie = 2
    m2 = 3
    devboard = 4
    sbc = 5
    unknown = 6
    europa_pcie = 7
    europa_devboard = 8


class HardwareGeneration(enum.Enum):
    """The family of the chip."""

    metis = 0
    europa = 1


class CoreUse(NamedTuple):
    """Who holds a core, and what ran on it; all zero where nobody does."""

    pid: int
    """0 = free, -1 = held by a process that cannot be told."""
    process: str
    """The process's name; empty where not known."""
    frames: int
    """Run by the model that is loaded on it now."""
    failures: int
    busy_seconds: float
    """Computing, in all."""
    memory_used: int
    """Bytes of the card, this core's share."""


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


class DeviceInfo:
    """A device and what is known of its use, by this and other processes, when it was listed.

    `DeviceInfo(raw)` reads the fields of a low-level struct (`axelera.runtime.axruntime.DeviceInfo`); what that lacks is empty.
    """

    name: str
    """Such as "metis-0:1:0"; ':' and '-' are equal where a name is given."""
    subdevice_count: int
    """Cores."""
    max_memory: int
    """Bytes of the card; 0 = not known."""
    in_use: bool
    """A core of it is reserved."""
    in_use_by: str
    """Who reserved which cores: "pid 123 (name): cores 0, 1"."""
    board_type: BoardType
    firmware_version: str
    board_revision: int
    flashed_firmware_version: str
    board_controller_firmware_version: str
    board_controller_board_type: str
    hw_generation: HardwareGeneration
    virtual: bool
    """A card that this computer only imitates."""
    driver: str
    """Which driver listed it."""
    board: str
    """What fails, heats and shares a link together; equal for the chips of one board."""
    memory_used: int
    """Bytes taken by models that were loaded through Polymetis, in all processes."""
    cores: tuple[CoreUse, ...]
    """Who holds each core."""
    origin: str
    """Where the description comes from."""
    not_usable_because: str
    """A sentence; empty where it is usable."""

    def __init__(self, raw: Any) -> None:
        self.name = _text(raw.name)
        self.subdevice_count = int(raw.subdevice_count)
        self.max_memory = int(raw.max_memory)
        self.in_use = bool(raw.in_use)
        self.in_use_by = _text(raw.in_use_by)
        self.board_type = _board_type(raw.board_type)
        self.firmware_version = _text(raw.firmware_version)
        self.board_revision = int(raw.board_revision)
        for field in ("flashed_firmware_version", "board_controller_firmware_version", "board_controller_board_type"):
            setattr(self, field, _text(getattr(raw, field, "")))
        europa = self.board_type in (BoardType.europa_pcie, BoardType.europa_devboard)
        self.hw_generation = HardwareGeneration.europa if europa else HardwareGeneration.metis
        self.virtual = bool(getattr(raw, "virtual", False))
        self.driver = getattr(raw, "driver", "")
        self.board = getattr(raw, "board", self.name)
        self.memory_used = getattr(raw, "memory_used", 0)
        self.cores = tuple(CoreUse(*core) for core in getattr(raw, "cores", ()))
        self.origin = getattr(raw, "origin", "")
        self.not_usable_because = getattr(raw, "not_usable_because", "")

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if isinstance(other, DeviceInfo) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        kind = "virtual " if self.virtual else ""
        use = f", in use by {self.in_use_by}" if self.in_use else ""
        return f"<DeviceInfo {self.name}: {kind}{self.board_type.name}, {self.subdevice_count} cores, {self.max_memory >> 20} MiB{use}>"


def _board_type(value: Any) -> BoardType:
    number = getattr(value, "value", value)
    return BoardType(number) if number in {kind.value for kind in BoardType} else BoardType.unknown


def device_info(**fields: Any) -> DeviceInfo:
    """What the native part makes one with."""
    return DeviceInfo(SimpleNamespace(**fields))


for _name in __all__:
    globals()[_name].__module__ = "polymetis.axruntime"
