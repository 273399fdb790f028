"""What a part of the demo gives to the page."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Table:
    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    """Plain text."""
    note: str = ""

    def numbers(self) -> list[bool]:
        """Which columns hold numbers: those stand to the right."""
        return [any(row[i][:1].isdigit() for row in self.rows) and i > 0 for i in range(len(self.head))]


@dataclass
class Chart:
    title: str
    svg: str
    note: str = ""


@dataclass
class Shot:
    """One annotated picture, JPEG."""

    caption: str
    jpeg: bytes
    wide: int
    high: int


@dataclass
class Part:
    title: str
    lead: str
    figures: list[tuple[str, str]]
    """Value and what it is, for the large numbers."""
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    shots: list[Shot] = field(default_factory=list)
    virtual: bool = True
    """Whether any of its cards is virtual, or may be."""
