"""`axelera.runtime`, provided by Polymetis: `polymetis.axruntime` under the name that programs know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polymetis.axruntime import *  # noqa: F403
from polymetis.axruntime import __all__ as __all__

from . import _not_here
from . import axruntime as axruntime
from . import configs as configs
from . import objects as objects


def __dir__() -> list[str]:
    return sorted([*__all__, "axruntime", "configs", "objects"])


if not TYPE_CHECKING:  # or any name would do for a type checker

    def __getattr__(name: str) -> object:
        if name in _not_here.NAMES:
            raise _not_here.NoAttribute(_not_here.sentence(name))
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
