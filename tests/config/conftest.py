"""One small PKI for all tests that ask a configuration server, a host, a registered user and her proxy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import NameOID
from support.asking import Asker
from support.pki import PKI, distinguished, make_pki
from support.proxies import Holder, by_globus, by_hand


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PKI:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def host(pki: PKI) -> Holder:
    return pki.issue("host", distinguished((NameOID.COMMON_NAME, "localhost")))


@pytest.fixture(scope="session")
def proxy(pki: PKI) -> Path:
    """Jane's proxy."""
    jane = pki.issue("jane", distinguished((NameOID.COMMON_NAME, "Jane Doe")))
    return by_globus(jane, pki.directory / "jane.proxy")


@pytest.fixture(scope="session")
def expired_proxy(pki: PKI, proxy: Path) -> Path:
    """A proxy of Jane's that was good until an hour ago."""
    jane = Holder(pki.directory / "jane.cert.pem", pki.directory / "jane.key.pem")
    ended = datetime.now(UTC) - timedelta(hours=1)
    return by_hand(jane, pki.directory / "expired.proxy", not_before=ended - timedelta(hours=1), not_after=ended)


@pytest.fixture
def asker(tmp_path: Path, pki: PKI, proxy: Path) -> Asker:
    """A command of Jane's, with a cache of its own."""
    return Asker(tmp_path, pki, proxy)
