"""What the local CFG says about credentials: ``/DIRAC/Security``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.core.identity import CredentialSettings

if TYPE_CHECKING:
    from diracmq_cli.config.configuration import Configuration

_SECURITY = "/DIRAC/Security"


def read_security(configuration: Configuration) -> CredentialSettings:
    """Where certificates and CAs are, as far as the CFG says (DIRAC, ``Core/Security/Locations.py``)."""
    return CredentialSettings(
        certificate=configuration.text(f"{_SECURITY}/CertFile"),
        key=configuration.text(f"{_SECURITY}/KeyFile"),
        use_server_certificate=configuration.flag(f"{_SECURITY}/UseServerCertificate"),
        grid_security=configuration.text(f"{_SECURITY}/Grid-Security"),
        ca_directory=configuration.text(f"{_SECURITY}/CALocation"),
        root=configuration.root,
    )
