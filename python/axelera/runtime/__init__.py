"""`axelera.runtime`, provided by Polymetis: `polymetis.axruntime` under the name that programs know."""

from __future__ import annotations

from typing import Any

from polymetis import axruntime as _implementation
from polymetis.axruntime import *  # noqa: F403
from polymetis.axruntime import __all__ as __all__

from . import axruntime as axruntime
from . import configs as configs
from . import objects as objects

_NOT_HERE = {
    "op": "operators and pipelines",
    "cv": "reading pictures and video",
    "display": "windows",
    "scheduler": "the vendor's scheduler",
}


def __getattr__(name: str) -> Any:
    if name in _NOT_HERE:
        raise _implementation.NotImplemented(
            f"axelera.runtime.{name} ({_NOT_HERE[name]}) was asked for, but Polymetis provides the runtime objects only (Context, Connection, Model, "
            "ModelInstance); use those, or a library of your choice around them."
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
