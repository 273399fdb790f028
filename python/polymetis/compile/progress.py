"""A bar for one compilation, and what Ctrl-C means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

# Shares of the whole, from the three recipes.
WEIGHTS = {"read": 2, "cut": 1, "pictures": 4, "ranges": 5, "quantise": 45, "border": 2, "arithmetic": 3, "agreement": 18, "speed": 28, "write": 1}


@contextmanager
def bar(title: str, console: Console) -> Iterator[Callable[[str, float], None]]:
    """Draws on `console` (nothing where it is no terminal). What it gives takes a step's name and its share done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    names = list(WEIGHTS)
    with Progress(*columns, console=console, disable=not console.is_terminal) as drawn:
        task = drawn.add_task(title, total=sum(WEIGHTS.values()))

        def show(step: str, share: float) -> None:
            before = sum(WEIGHTS[n] for n in names[: names.index(step)])
            drawn.update(task, completed=before + WEIGHTS[step] * share, description=f"{title}: {step}")

        yield show
