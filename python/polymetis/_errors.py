"""The exceptions of polymetis.axruntime.

Every one is a `RuntimeError`; where Python has an exception of the same meaning it is derived from that too. The text says what was asked, what was
found and what to do.
"""

from __future__ import annotations

import builtins
import errno

__all__ = [
    "ConnectionError",
    "DeviceInUse",
    "Error",
    "FrameDropped",
    "FrameLate",
    "IncompatibleDevice",
    "InternalError",
    "InvalidArgument",
    "InvalidConfiguration",
    "InvalidType",
    "InvalidValue",
    "LibraryMissing",
    "NotImplemented",
    "PackageNotFound",
    "Pending",
    "UnknownError",
]


class Error(RuntimeError):
    """A run or a call failed; the base of all others. `code` is the number of `axrResult`."""

    code = 1


class FrameDropped(Error):
    """A frame of a fleet was given up: its stream's queue was full, or it was cancelled or closed."""


class FrameLate(Error, TimeoutError):
    """A frame of a fleet was not answered before its deadline."""


class InvalidValue(Error, ValueError):
    """A bad value: of a property, a file, an environment variable."""

    code = 2


class PackageNotFound(InvalidValue, FileNotFoundError):
    """There is no model package at the path."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.errno = errno.ENOENT


class LibraryMissing(Error, OSError):
    """The native part cannot be loaded, so no context can be made."""


class InvalidArgument(Error, ValueError):
    """A wrong argument: no such device, a wrong array, an object that was released or made before a fork."""

    code = 3


class InvalidType(InvalidArgument, TypeError):
    """An argument of a wrong Python type."""


class ConnectionError(Error, builtins.ConnectionError):  # noqa: A001 - the API's name
    """The device, its link or the run directory cannot be used."""

    code = 4


class DeviceInUse(Error):
    """The cores, or the right to configure, are held; by whom is said."""

    code = 5


class IncompatibleDevice(Error):
    """The package is not for this device."""

    code = 6


class InvalidConfiguration(Error, ValueError):
    """An unknown key, or a configuration that cannot be."""

    code = 7


class NotImplemented(Error, NotImplementedError):  # noqa: A001 - the API's name
    """This driver or build cannot do that."""

    code = 8


class InternalError(Error):
    """A defect of the library: please report it."""

    code = 9


class Pending(Error):
    """Not yet: the queue of asynchronous runs is full, or a configuration is being applied."""

    code = 10


class UnknownError(Error):
    """A failure that has no other name."""

    code = 11


_OF_CODE: dict[int, type[Error]] = {
    kind.code: kind
    for kind in (
        Error,
        InvalidValue,
        InvalidArgument,
        ConnectionError,
        DeviceInUse,
        IncompatibleDevice,
        InvalidConfiguration,
        NotImplemented,
        InternalError,
        Pending,
        UnknownError,
    )
}


def exception_of_code(code: int, message: str) -> Error:
    """The exception for a result code."""
    return _OF_CODE.get(code, UnknownError)(message)


for _name in __all__:
    globals()[_name].__module__ = "polymetis.axruntime"


def exception_of_outcome(outcome: str, code: int, message: str) -> Error:
    """What a fleet's result raises that has no outputs."""
    of_outcome: dict[str, type[Error]] = {"dropped": FrameDropped, "late": FrameLate}
    return of_outcome[outcome](message) if outcome in of_outcome else exception_of_code(code, message)
