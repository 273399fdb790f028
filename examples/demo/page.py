"""One page that needs nothing else: no network, no file beside it."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from part import Chart, Part, Shot, Table

STYLE = Path(__file__).with_name("page.css")
SCRIPT = Path(__file__).with_name("page.js")


def render(title: str, intro: str, parts: list[Part], facts: list[tuple[str, str]]) -> str:
    virtual = any(part.virtual for part in parts)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{STYLE.read_text()}</style></head><body><main>",
            f'<header><p class="brand">Polymetis</p><h1>{escape(title)}</h1><p class="intro">{escape(intro)}</p></header>',
            VIRTUAL if virtual else "",
            *(section(part) for part in parts),
            "<footer><dl>" + "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts) + "</dl></footer>",
            f"</main><dialog><img alt=''><p></p></dialog><script>{SCRIPT.read_text()}</script></body></html>",
        ]
    )


VIRTUAL = """<aside class="virtual"><b>Virtual cards.</b> No accelerator took part. Each card's cores really run the int8 networks, on the CPUs
of this computer, so what was found is real, and the times are this computer's: they say nothing about the speed of a card.</aside>"""


def section(part: Part) -> str:
    figures = "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for value, name in part.figures)
    return (
        f'<section><h2>{escape(part.title)}</h2><p class="lead">{escape(part.lead)}</p><div class="figures">{figures}</div>'
        + "".join(map(table, part.tables))
        + "".join(map(chart, part.charts))
        + gallery(part.shots)
        + "</section>"
    )


def table(one: Table) -> str:
    kinds = [' class="number"' if number else "" for number in one.numbers()]
    head = "".join(f"<th{kind}>{escape(text)}</th>" for kind, text in zip(kinds, one.head, strict=True))
    rows = "".join("<tr>" + "".join(f"<td{kind}>{cell(text)}</td>" for kind, text in zip(kinds, row, strict=True)) + "</tr>" for row in one.rows)
    return f'<h3>{escape(one.title)}</h3><div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{note(one.note)}'


def cell(text: str) -> str:
    """Ends in '(virtual)': a mark instead of the word."""
    name, mark, _ = text.partition(" (virtual)")
    return escape(name) + (' <span class="mark">virtual</span>' if mark else "")


def chart(one: Chart) -> str:
    return f'<h3>{escape(one.title)}</h3><div class="wide chart">{one.svg}</div>{note(one.note)}'


def note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>' if text else ""


def gallery(shots: list[Shot]) -> str:
    if not shots:
        return ""
    made = []
    for shot in shots:
        data = base64.b64encode(shot.jpeg).decode()
        made.append(
            f'<figure><button type="button"><img loading="lazy" width="{shot.wide}" height="{shot.high}" alt="{escape(shot.caption)}" '
            f'src="data:image/jpeg;base64,{data}"></button><figcaption>{escape(shot.caption)}</figcaption></figure>'
        )
    return (
        '<h3>Pictures</h3><p class="note">Blue: the person\'s left side, orange: the right. Click to enlarge.</p><div class="gallery">'
        + "".join(made)
        + "</div>"
    )
