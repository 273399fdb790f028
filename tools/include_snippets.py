"""Keeps the code in Markdown pages the same as the files it comes from.

    tools/include_snippets.py            writes the code anew
    tools/include_snippets.py --check    exit code 1 where a page differs

A page names what to include in a comment right before the fence; '#name' takes one function or class of a Python file:

    <!-- include: examples/python/workers.py#Worker -->
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARKED = re.compile(r"(<!-- include: (?P<path>[^\s#]+)(?:#(?P<name>\w+))? -->\n)```(?P<language>\w+)\n(?P<code>.*?)```\n", re.DOTALL)
LANGUAGES = {".py": "python", ".cpp": "cpp", ".hpp": "cpp", ".c": "c"}


def wanted(path: Path, name: str | None) -> str:
    text = path.read_text(encoding="utf-8")
    if name is None:
        return text
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            return "".join(text.splitlines(keepends=True)[first - 1 : node.end_lineno])
    raise SystemExit(f"{path}: has no function or class {name}")


def renewed(page: str) -> str:
    def block(found: re.Match[str]) -> str:
        path = ROOT / found["path"]
        return f"{found[1]}```{LANGUAGES[path.suffix]}\n{wanted(path, found['name'])}```\n"

    return MARKED.sub(block, page)


def pages() -> list[Path]:
    return [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    different = 0
    for path in pages():
        text = path.read_text(encoding="utf-8")
        if text.count("<!-- include: ") != len(MARKED.findall(text)):
            print(f"{path.relative_to(ROOT)}: an include has no fence behind it", file=sys.stderr)
            return 1
        if (new := renewed(text)) != text:
            different += 1
            verdict = "differs from what it includes; run tools/include_snippets.py" if check else "written"
            print(f"{path.relative_to(ROOT)}: {verdict}", file=sys.stderr)
            if not check:
                path.write_text(new, encoding="utf-8")
    return 1 if check and different else 0


if __name__ == "__main__":
    sys.exit(main())
