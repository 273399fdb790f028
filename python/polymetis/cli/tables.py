"""How tables and amounts look."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table


def table(*columns: str, title: str | None = None) -> Table:
    result = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        result.add_column(column, overflow="fold", justify="right" if column.startswith(">") else "left")
        result.columns[-1].header = column.lstrip(">")
    return result


def console() -> Console:
    """stdout; wide where it is not a terminal, so that lines stay lines."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=200)


def amount(size_bytes: int) -> str:
    """Bytes as people read them."""
    for unit, digits in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size_bytes >= 1 << digits:
            return f"{size_bytes / (1 << digits):.3g} {unit}"
    return f"{size_bytes} B"
