"""From what a package was made, in one line: the same line, the same package."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
from importlib import metadata
from pathlib import Path

from .errors import CompileError
from .options import Options

NO_CONTENT = frozenset(("__init__", "__main__", "cli", "fetch", "fingerprint", "progress", "recipe", "recipes"))
"""Modules of this compiler that change nothing in a package."""


def fingerprint(options: Options) -> str:
    """Of everything that the package depends on: options, file contents, versions, and this compiler's own code (not its comments).

    Raises CompileError for a file that is not there.
    """
    digest = hashlib.sha256()
    plain = dataclasses.asdict(dataclasses.replace(options, read=None, source=Path(options.source.name)))
    digest.update(json.dumps(plain, sort_keys=True, default=lambda v: getattr(v, "name", str(v))).encode())
    digest.update(json.dumps(versions()).encode())
    pictures = [path for one in (*options.calibration, *options.held_out) for path in (*one.paths, *([one.crops] if one.crops else []))]
    for path in (options.source, *pictures):
        if not path.is_file():
            raise CompileError(f"{path}: asked to read it, but there is no such file; check the path.")
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in NO_CONTENT:
            digest.update(path.name.encode() + code_of(path.read_text()).encode())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("openvino", "nncf", "onnx", "numpy", "opencv-python-headless")}


def code_of(source: str) -> str:
    """The code without comments, form and documentation, so that rewording compiles nothing again."""
    return ast.dump(WithoutText().visit(ast.parse(source)))


class WithoutText(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if text else node
