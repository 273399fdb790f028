"""The files of a package as untrusted input: plain files, and those that model.json lists as it says (docs/packages.md)."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import xxhash


@dataclass(frozen=True)
class PackageFile:
    """A file that stands in `files` of model.json."""

    path: Path
    size_bytes: int
    xxh3_128: str

    def read(self) -> bytes:
        """Its content. Raises ValueError for a link, for what is no file, and for another content than model.json tells of."""
        with open_plain(self.path) as file:
            if (size := os.fstat(file.fileno()).st_size) != self.size_bytes:
                raise damaged(self.path, f"has {size} bytes, but model.json says {self.size_bytes}")
            content = file.read(self.size_bytes)
        if (found := xxhash.xxh3_128_hexdigest(content)) != self.xxh3_128:
            raise damaged(self.path, f"has the XXH3-128 {found}, but model.json says {self.xxh3_128}")
        return content


def open_plain(path: Path) -> BinaryIO:
    """Opens a file to read it. Raises ValueError for what is missing, a link, or no file."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe of that name must not hold us
    except OSError as error:
        link = error.errno == errno.ELOOP
        raise damaged(path, "is a link, but only plain files are read" if link else f"cannot be opened: {error.strerror}") from error
    file = os.fdopen(number, "rb", closefd=True) if stat.S_ISREG(os.fstat(number).st_mode) else None
    if file is None:
        os.close(number)
        raise damaged(path, "is not a regular file")
    return file


def damaged(path: Path, what: str) -> ValueError:
    return ValueError(f"{path}: {what}; copy the package again, or make it again with `polymetis compile`.")
