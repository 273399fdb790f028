"""Many cards, one context, nothing lost: a runtime for computers with several Metis-class accelerators.

The API that programs are written in is `polymetis.axruntime`.
"""

from ._version import __version__ as __version__
