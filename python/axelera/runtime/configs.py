"""Where the runtime is installed."""

from pathlib import Path

import polymetis

runtime_dir = Path(polymetis.__file__).parent
"""The folder that holds the runtime's libraries."""

__all__ = ["runtime_dir"]
