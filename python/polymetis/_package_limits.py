"""What a package may hold (docs/packages.md): the compiler keeps to it, and what reads packages checks it, as the C++ reader does."""

MAX_BATCH = 64
MAX_LABELS = 65536
MAX_NAME_BYTES = 255
"""Of a name or a label, as UTF-8."""


def name_bytes(text: str) -> int:
    return len(text.encode(errors="replace"))
