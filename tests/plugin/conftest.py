"""The plugin, built once, and a TLS server in front of it that needs no broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.chain_server import ChainServer, start_chain_server
from support.chain_world import world
from support.chains import Issued

from diracmq_cli.admin.installation import find_rabbitmq
from diracmq_cli.admin.plugin import build_plugin


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin's own directory, as ``broker plugin`` builds it."""
    return build_plugin(tmp_path_factory.mktemp("plugins"))


@pytest.fixture(scope="session")
def chain_server(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChainServer]:
    with start_chain_server(plugin, find_rabbitmq(), world(), tmp_path_factory.mktemp("chains")) as server:
        yield server


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a chain (leaf first) in the order of a proxy file."""

    def written(*chain: Issued) -> Path:
        file = tmp_path / "chain.pem"
        file.write_bytes(b"".join([chain[0].pem, chain[0].key_pem, *(issued.pem for issued in chain[1:])]))
        return file

    return written
