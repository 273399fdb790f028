"""How far a compilation is: a bar on a terminal, elsewhere a line a long step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

# Shares of the whole, from the three recipes.
WEIGHTS = {"read": 2, "cut": 1, "pictures": 4, "ranges": 5, "quantise": 40, "border": 2, "arithmetic": 3, "agreement": 18, "speed": 25, "write": 1}
LONG = 5

Show = Callable[[str, float], None]
"""Takes a step's name and its share done."""


@contextmanager
def bar(title: str, console: Console) -> Iterator[Show]:
    if not console.is_terminal:
        yield lines(title, console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    names = list(WEIGHTS)
    with Progress(*columns, console=console) as drawn:
        task = drawn.add_task(title, total=sum(WEIGHTS.values()))

        def show(step: str, share: float) -> None:
            before = sum(WEIGHTS[n] for n in names[: names.index(step)])
            drawn.update(task, completed=before + WEIGHTS[step] * share, description=f"{title}: {step}")

        yield show


def lines(title: str, console: Console) -> Show:
    said: set[str] = set()

    def show(step: str, share: float) -> None:
        if WEIGHTS[step] >= LONG and step not in said:
            said.add(step)
            console.print(f"{title}: {step}", markup=False, highlight=False)

    return show
