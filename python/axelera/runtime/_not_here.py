"""What the vendor's package has beside the runtime: to ask for it, by whatever form of import, says that it is not here."""

from __future__ import annotations

from typing import NoReturn

from polymetis.axruntime import NotImplemented  # noqa: A004 - the API's name

_WHAT = {
    "op": "operators and pipelines",
    "cv": "reading pictures and video",
    "display": "windows",
    "scheduler": "the vendor's scheduler",
}
NAMES = frozenset(_WHAT)


class NoAttribute(AttributeError, NotImplemented):
    """So that `hasattr` is False."""


class NoModule(ImportError, NotImplemented):
    """So that programs with a fallback take it."""


def sentence(name: str) -> str:
    return (
        f"axelera.runtime.{name} ({_WHAT[name]}) was asked for, but Polymetis provides the runtime objects only (Context, Connection, Model, "
        "ModelInstance); use those, or a library of your choice around them."
    )


def refuse_import(module: str) -> NoReturn:
    raise NoModule(sentence(module.rpartition(".")[2]), name=module)
