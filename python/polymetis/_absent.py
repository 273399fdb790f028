"""What stands in for the native objects where they cannot be loaded."""

from __future__ import annotations

from ._errors import LibraryMissing


class Object:
    """A context, and all that it makes."""


class Context(Object):
    """Cannot be made; says why."""

    reason = ""

    def __init__(self, **_: object) -> None:
        raise LibraryMissing(
            f"A context was asked for, but the native part of polymetis cannot be loaded: {self.reason}. `polymetis doctor` says more."
        )


class Connection(Object):
    """Made by a context only."""


class Model(Object):
    """Made by a context only."""


class ModelInstance(Object):
    """Made by a connection only."""
