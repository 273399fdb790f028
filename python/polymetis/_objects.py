"""The native objects; where the native part cannot be loaded, ones that say so when a context is made, as programs expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["Connection", "Context", "Model", "ModelInstance", "Object"]

if TYPE_CHECKING:
    from ._native import Connection, Context, Model, ModelInstance, Object
else:
    try:
        from ._native import Connection, Context, Model, ModelInstance, Object
    except ImportError as error:
        from ._absent import Connection, Context, Model, ModelInstance, Object

        Context.reason = str(error)
