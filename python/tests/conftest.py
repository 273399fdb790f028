"""What the tests of the runtime share: cards of this test alone, and small packages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

INSTANT = """
[defaults]
compute = "none"
[[board]]
name = "metis-0:1:0"
[[board]]
name = "metis-0:3:0"
"""


@pytest.fixture(autouse=True)
def own_run_directory(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Reservations of a test meet nobody else's; subprocesses inherit the variable."""
    folder = tmp_path_factory.mktemp("run")
    monkeypatch.setenv("POLYMETIS_RUN_DIR", str(folder))
    monkeypatch.setenv("POLYMETIS_VIRTUAL", "always")
    for name in ("POLYMETIS_TOPOLOGY",):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 elements in and out; the output is the input plus one."""
    from tiny_packages import write_package

    return write_package(tmp_path_factory.mktemp("packages") / "tiny")


@pytest.fixture
def topology(tmp_path: Path):
    """Writes a topology file; gives its path."""

    def write(text: str) -> Path:
        file = tmp_path / "cards.toml"
        file.write_text(text)
        return file

    return write


@pytest.fixture
def context(topology) -> Iterator:
    """Two cards that compute nothing."""
    from polymetis.axruntime import Context

    with Context(topology=topology(INSTANT)) as made:
        yield made


@pytest.fixture
def instance(context, package):
    """The small network on one core of a card that computes nothing."""
    return context.device_connect().load_model_instance(context.load_model(package))


@pytest.fixture
def arrays():
    """One input and one output of the small network."""
    return [np.arange(16, dtype=np.int8).reshape(1, 2, 2, 4)], [np.full((1, 2, 2, 4), 99, np.int8)]


@pytest.fixture
def child_environment() -> dict[str, str]:
    """For a subprocess: as this one's."""
    return dict(os.environ)
