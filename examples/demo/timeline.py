"""What the cards did, as SVG: how many cores were busy over the whole time, and each run of each core for a short while."""

from __future__ import annotations

from html import escape

from recorder import Card

WIDTH, LABEL, RIGHT = 1000, 128, 20
BUCKETS = 200


def busy_chart(cards: list[Card], start: float, seconds: float) -> str:
    """For each card an area: cores in a run, 0 to all of them."""
    high, gap = 64, 22
    parts = []
    for row, card in enumerate(cards):
        top = 8 + row * (high + gap)
        levels = busy_levels(card, start, seconds)
        step = (WIDTH - LABEL - RIGHT) / len(levels)
        points = [(LABEL + i * step, top + high * (1 - level)) for i, level in enumerate(levels)]
        path = f"M{LABEL} {top + high}" + "".join(f"V{y:.1f}H{x + step:.1f}" for x, y in points) + f"V{top + high}Z"
        parts.append(f'<rect class="ground" x="{LABEL}" y="{top}" width="{WIDTH - LABEL - RIGHT}" height="{high}"/>')
        parts.append(f'<path class="c{row % 4}" d="{path}"/>')
        parts += label(card.name, card.stage, top + high / 2)
    bottom = 8 + len(cards) * (high + gap) - gap
    return svg(bottom + 26, parts + axis(seconds, bottom, "s", 1.0))


def busy_levels(card: Card, start: float, seconds: float) -> list[float]:
    width = seconds / BUCKETS
    levels = [0.0] * BUCKETS
    for begin, end in card.runs:
        first = max(int((begin - start) / width), 0)
        for i in range(first, min(int((end - start) / width), BUCKETS - 1) + 1):
            levels[i] += max(min(end - start, (i + 1) * width) - max(begin - start, i * width), 0.0)
    return [min(level / (width * card.cores), 1.0) for level in levels]


def runs_chart(cards: list[Card], start: float, seconds: float) -> str:
    """A row for each core, a bar for each run."""
    high, gap = 13, 4
    parts, top = [], 8.0
    scale = (WIDTH - LABEL - RIGHT) / seconds
    for row, card in enumerate(cards):
        first = top
        for core in card.instances:
            parts.append(f'<rect class="ground" x="{LABEL}" y="{top}" width="{WIDTH - LABEL - RIGHT}" height="{high}"/>')
            bars = []
            for begin, end in core.runs:
                x0, x1 = max(begin - start, 0.0) * scale, min(end - start, seconds) * scale
                if x1 > x0:
                    bars.append(f"M{LABEL + x0:.1f} {top}h{max(x1 - x0 - 0.7, 0.6):.1f}v{high}h-{max(x1 - x0 - 0.7, 0.6):.1f}z")
            parts.append(f'<path class="c{row % 4}" d="{"".join(bars)}"/>')
            top += high + gap
        parts += label(card.name, f"{len(card.instances)} cores, {card.stage}", (first + top - gap) / 2)
        top += 12
    return svg(top + 16, parts + axis(seconds, top - 14, "ms", 1e3))


def label(name: str, text: str, middle: float) -> list[str]:
    return [
        f'<text x="{LABEL - 12}" y="{middle - 3:.1f}" class="name" text-anchor="end">{escape(name)}</text>',
        f'<text x="{LABEL - 12}" y="{middle + 12:.1f}" class="small" text-anchor="end">{escape(text)}</text>',
    ]


def axis(seconds: float, y: float, unit: str, scale: float) -> list[str]:
    length = seconds * scale
    step = next(s for p in range(-3, 7) for s in (10.0**p, 2 * 10.0**p, 5 * 10.0**p) if length / s <= 10)
    parts = []
    for i in range(int(length / step) + 1):
        x = LABEL + i * step / length * (WIDTH - LABEL - RIGHT)
        parts.append(f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 5}"/>')
        parts.append(f'<text class="small" x="{x:.1f}" y="{y + 18}" text-anchor="middle">{i * step:g}{" " + unit if i == 0 else ""}</text>')
    return parts


def svg(high: float, parts: list[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {high:.0f}" role="img" preserveAspectRatio="xMinYMin meet">{"".join(parts)}</svg>'
