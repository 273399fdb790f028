"""`polymetis doctor`: what works here, what does not, and what to do."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from .arguments import add_context, add_json
from .checks import Finding, examine

EPILOG = "Exit status: 0 nothing is wrong, 1 something is (lines marked with a cross)."
MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "problem": "[red]wrong[/]"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `run` reads."""
    parser.description = "Says what is installed, which cards are used and why, where processes share them, and what to do about what is wrong."
    parser.epilog = EPILOG
    add_json(parser)
    add_context(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the findings; answers the exit status."""
    findings = examine(arguments.topology, arguments.virtual)
    wrong = sum(finding.state == "problem" for finding in findings)
    if arguments.json:
        print(json.dumps(as_json(findings), indent=1))
    else:
        show(findings, wrong)
    return 1 if wrong else 0


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """Findings by subject."""
    subjects: dict[str, list[dict[str, Any]]] = {}
    for finding in findings:
        subjects.setdefault(finding.subject, []).append({key: value for key, value in asdict(finding).items() if key != "subject"})
    return {"ok": all(finding.state != "problem" for finding in findings), **subjects}


def show(findings: list[Finding], wrong: int) -> None:
    """Prints a table and what to do."""
    from rich.markup import escape

    from .tables import console, table

    out = console()
    rows = table("", "", "", "found")
    rows.show_header = False
    subject = ""
    for finding in findings:
        rows.add_row(finding.subject if finding.subject != subject else "", MARKS[finding.state], finding.name, escape(finding.found))
        subject = finding.subject
    out.print(rows)
    for finding in findings:
        if finding.remedy:
            out.print(f"{MARKS[finding.state]} {finding.name}: {escape(finding.remedy)}")
    out.print(f"{wrong} thing{'' if wrong == 1 else 's'} wrong." if wrong else "Nothing is wrong.")
