"""Many cards, one context, nothing lost: a runtime for computers with several Metis-class accelerators.

`polymetis.axruntime` is the API that programs are written in today. `polymetis.Fleet` makes many cards one.
"""

from __future__ import annotations

from ._version import __version__ as __version__

TYPE_CHECKING = False  # typing's own takes longer to import than all that the command needs to start
if TYPE_CHECKING:
    from typing import Any

    from .fleet import Fleet as Fleet
    from .fleet import Result as Result
    from .fleet import Stream as Stream

__all__ = ["Fleet", "Result", "Stream", "__version__"]


def __dir__() -> list[str]:
    return sorted(__all__)


if not TYPE_CHECKING:  # or any name would do for a type checker

    def __getattr__(name: str) -> Any:
        # The engine is not loaded for `polymetis --help`.
        if name in ("Fleet", "Result", "Stream"):
            from . import fleet

            return getattr(fleet, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
