"""The devbroker's certificates, judged by openssl."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from diracmq_cli.devbroker import PEOPLE, Layout, Role, pki


def openssl(*arguments: str | Path, cwd: Path | None = None) -> str:
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30, cwd=cwd)
    return done.stdout


def der(certificate: Path) -> bytes:
    return subprocess.run(
        ["openssl", "x509", "-in", certificate, "-outform", "DER"], capture_output=True, check=True, timeout=30
    ).stdout


@pytest.fixture(scope="module")
def layout(tmp_path_factory) -> Layout:
    made = Layout(tmp_path_factory.mktemp("devbroker"))
    pki.create(made)
    pki.renew(made)
    return made


@pytest.mark.parametrize("role", list(Role))
def test_every_role_has_a_good_proxy(layout, role):
    """Its proxy verifies against the CA directory, CRL included, and is the role's."""
    proxy = layout.proxy(role)
    openssl("verify", "-allow_proxy_certs", "-crl_check", "-CApath", layout.certificates, "-untrusted", proxy, proxy)
    subject = openssl("x509", "-in", proxy, "-noout", "-issuer", "-nameopt", "compat").strip()
    assert subject == f"issuer={PEOPLE[role].dn}"


def test_a_proxy_holds_certificate_key_and_chain_in_this_order(layout):
    """As grid tools write it, readable by its owner only."""
    proxy = layout.proxy(Role.USER)
    kinds = [line.split()[-1] for line in proxy.read_text().splitlines() if line.startswith("-----BEGIN")]
    assert kinds == ["CERTIFICATE-----", "KEY-----", "CERTIFICATE-----"]
    assert stat.S_IMODE(proxy.stat().st_mode) == 0o600


def test_a_proxy_names_a_dirac_group(layout):
    """DIRAC keeps the group as an IA5String under 1.2.42.42."""
    group = b"\x16\x0bdirac_pilot"
    oid = bytes.fromhex("06032a2a2a")  # 1.2.42.42
    assert oid + b"\x04" + bytes([len(group)]) + group in der(layout.proxy(Role.PILOT))


def test_the_host_answers_to_its_names(layout):
    """The host certificate is good for localhost and the loopback addresses."""
    for option, name in (("-checkhost", "localhost"), ("-checkip", "127.0.0.1"), ("-checkip", "::1")):
        assert "does match" in openssl("x509", "-in", layout.host_certificate, "-noout", option, name)


def test_keys_are_private_and_certificates_public(layout):
    """Nobody else can read a key; everybody can read what is to be trusted."""
    keys = [layout.host_key, layout.ca / "key.pem", *(layout.key(role) for role in Role)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
    public = list(layout.certificates.iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in public} == {0o644}
    (name,) = [path.stem for path in public if path.suffix == ".0"]
    assert {path.name for path in public} == {f"{name}.0", f"{name}.r0", f"{name}.signing_policy", "devbroker.pem"}


def test_what_ends_soon_is_made_anew_and_the_rest_stays(layout, monkeypatch):
    """A second renewal changes nothing; proxies and a CRL with less than the margin left are replaced."""
    crl = next(layout.certificates.glob("*.r0"))
    before = {role: layout.proxy(role).read_text() for role in Role}, crl.read_text()
    pki.renew(layout)
    assert ({role: layout.proxy(role).read_text() for role in Role}, crl.read_text()) == before
    monkeypatch.setattr(pki, "_RENEW_PROXY", 8 * pki.DAY)
    monkeypatch.setattr(pki, "_RENEW_CRL", 91 * pki.DAY)
    pki.renew(layout)
    assert all(layout.proxy(role).read_text() != before[0][role] for role in Role)
    assert crl.read_text() != before[1]


def test_a_lost_ca_directory_is_filled_again(layout):
    """The CA stays the same, so that certificates that are out stay good."""
    kept = (layout.certificates / "devbroker.pem").read_text()
    for path in layout.certificates.iterdir():
        path.unlink()
    pki.create(layout)
    pki.renew(layout)
    assert (layout.certificates / "devbroker.pem").read_text() == kept
    proxy = layout.proxy(Role.USER)
    openssl("verify", "-allow_proxy_certs", "-crl_check", "-CApath", layout.certificates, "-untrusted", proxy, proxy)


def test_a_revoked_certificate_is_on_the_crl(layout):
    """``openssl ca -revoke`` and a new CRL are all it takes."""
    openssl("ca", "-config", "ca.cnf", "-revoke", layout.certificate(Role.STRANGER),
            "-cert", "cert.pem", "-keyfile", "key.pem", cwd=layout.ca)  # fmt: skip
    pki.write_crl(layout)
    serial = openssl("x509", "-in", layout.certificate(Role.STRANGER), "-noout", "-serial").strip().partition("=")[2]
    assert serial in openssl("crl", "-in", next(layout.certificates.glob("*.r0")), "-noout", "-text")
