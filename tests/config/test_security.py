"""``/DIRAC/Security``: where the CFG says that certificates are."""

import pytest
from support.cfgs import load, write_cfg

from diracmq_cli.config import read_security
from diracmq_cli.core.identity import CredentialSettings


def security(tmp_path, options):
    """What a CFG with these options says."""
    text = f"DIRAC\n{{\nSecurity\n{{\n{options}\n}}\n}}\n"
    return read_security(load(write_cfg(tmp_path, text), root="/opt/dirac"))


def test_every_option(tmp_path):
    """Each option of /DIRAC/Security that concerns us is read."""
    options = "CertFile = /c.pem\nKeyFile = /k.pem\nUseServerCertificate = Yes\nGrid-Security = /gs\nCALocation = /ca"
    assert security(tmp_path, options) == CredentialSettings(
        certificate="/c.pem",
        key="/k.pem",
        use_server_certificate=True,
        grid_security="/gs",
        ca_directory="/ca",
        root="/opt/dirac",
    )


def test_nothing_said(tmp_path):
    """Without options only the root is known."""
    assert security(tmp_path, "CertFile =") == CredentialSettings(root="/opt/dirac")


@pytest.mark.parametrize(
    ("text", "value"),
    [("y", True), ("TRUE", True), ("1", True), ("yes", True), ("no", False), ("false", False), ("on", False)],
)
def test_booleans_are_diracs(tmp_path, text, value):
    """DIRAC's own options are read as DIRAC reads them: what is not y, yes, true or 1 is false."""
    assert security(tmp_path, f"UseServerCertificate = {text}").use_server_certificate is value
