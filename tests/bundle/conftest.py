"""The bundle and the Pythons of two nodes, made once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.pilot import ROOT, WHEELS, Bundle, build, python_of_a_node, unpack


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """This checkout's bundle, in a directory whose name has a space."""
    fetched = WHEELS / ".fetched"
    if not fetched.exists():  # make test has them; the lock is for several of us at once
        make = ["flock", "Makefile", "make", "-s", fetched.relative_to(ROOT)]
        subprocess.run(make, cwd=ROOT, check=True, timeout=300)
    directory = tmp_path_factory.mktemp("a bundle")
    archive, pyz = build(directory / "dist")
    return Bundle(archive, pyz, unpack(archive, directory / "unpacked"))


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a Python that has only M2Crypto."""
    return python_of_a_node(tmp_path_factory.mktemp("node") / "python")


@pytest.fixture(scope="session")
def bare_node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a Python that has nothing."""
    return python_of_a_node(tmp_path_factory.mktemp("bare") / "python", m2crypto=False)
