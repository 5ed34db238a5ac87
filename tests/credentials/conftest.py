"""One small PKI for all tests of credentials, and a user of it."""

from __future__ import annotations

import pytest
from cryptography.x509.oid import NameOID
from support.pki import PKI, distinguished, make_pki
from support.proxies import Holder


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PKI:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def jane(pki: PKI) -> Holder:
    return pki.issue("jane", distinguished((NameOID.COMMON_NAME, "Jane Doe")))
