"""Keeps an ONNX graph to itself: its tensors may name files for their values, anywhere on the computer, which the engine would read.

Walks the file's messages by their numbers in onnx.proto, so that nothing needs the package `onnx`.
"""

from __future__ import annotations

from collections.abc import Iterator

INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
EXTERNAL_DATA = 13
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def check_whole(content: bytes) -> None:
    """Raises ValueError for what is no ONNX file, and for one whose tensors are in other files."""
    waiting = [("model", memoryview(content))]
    while waiting:
        kind, message = waiting.pop()
        for number, value in fields(message):
            if kind == "tensor" and number == EXTERNAL_DATA:
                raise ValueError("has a tensor in another file")
            if number in INSIDE[kind]:
                waiting.append((INSIDE[kind][number], value))


def fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Each field's number and, where it has any, its bytes."""
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        begin, end = at, {FIXED64: at + 8, FIXED32: at + 4}.get(tag & 7, -1)
        if tag & 7 == VARINT:
            _, end = varint(message, at)
        elif tag & 7 == BYTES:
            size, begin = varint(message, at)
            end = begin + size
        if not 0 <= end <= len(message):
            raise ValueError("is no ONNX file")
        yield (tag & 0xFFFF_FFFF) >> 3, message[begin:end] if tag & 7 == BYTES else message[:0]
        at = end


def varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends."""
    value = 0
    for place, byte in enumerate(message[at : at + 10]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise ValueError("is no ONNX file")
