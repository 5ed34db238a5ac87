"""The devbroker's certification authority, certificates, CRL and proxies, in the forms that grids use."""

from __future__ import annotations

import re
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.devbroker.files import make_directory, write_file, write_private
from diracmq_cli.devbroker.openssl import crl_is_good_for, is_good_for, make_key, openssl
from diracmq_cli.devbroker.roles import CA_DN, HOST_DN, PEOPLE, Role

if TYPE_CHECKING:
    from diracmq_cli.devbroker.layout import Layout

DAY = 86400.0
_CERTIFICATE_DAYS = 3650
_CRL_DAYS = 90
_PROXY_DAYS = 7
# What ends sooner than this is made anew by ``up`` and ``start``: a devbroker left alone for a day goes on working.
_RENEW_CRL = 30 * DAY
_RENEW_PROXY = 3 * DAY

_HOST_NAME = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_CA_EXTENSIONS = """\
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""
_PERSON_EXTENSIONS = """\
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
_HOST_EXTENSIONS = """\
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = serverAuth,clientAuth
subjectAltName = {names},IP:127.0.0.1,IP:::1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
# RFC 3820 section 3; 1.2.42.42 is where DIRAC keeps the group (DIRAC.Core.Security.X509Certificate).
_PROXY_EXTENSIONS = """\
keyUsage = critical,digitalSignature,keyEncipherment
proxyCertInfo = critical,language:id-ppl-inheritAll
1.2.42.42 = ASN1:IA5STRING:{group}
"""
# To be used from within pki/ca: OpenSSL's configuration has no way to quote every path.
_CA_CONFIGURATION = """\
[ca]
default_ca = devbroker
[devbroker]
database = index.txt
crlnumber = crlnumber
default_md = sha256
crl_extensions = crl
[crl]
authorityKeyIdentifier = keyid
"""
_SIGNING_POLICY = """\
access_id_CA   X509    '{ca}'
pos_rights     globus  CA:sign
cond_subjects  globus  '"/DC=org/DC=example/*"'
"""


def create(layout: Layout) -> None:
    """Make what is not there yet: CA, host certificate, one certificate for each role."""
    make_directory(layout.pki)
    make_directory(layout.ca, 0o700)
    make_directory(layout.certificates)
    if not (layout.ca / "cert.pem").exists():
        _create_ca(layout)
    if not (layout.certificates / "devbroker.pem").exists():
        _publish_ca(layout)
    if not layout.host_certificate.exists():
        extensions = _HOST_EXTENSIONS.format(names=",".join(f"DNS:{name}" for name in _host_names()))
        _issue(layout, HOST_DN, extensions, layout.host_certificate, layout.host_key)
    for role, person in PEOPLE.items():
        if not layout.certificate(role).exists():
            _issue(layout, person.dn, _PERSON_EXTENSIONS, layout.certificate(role), layout.key(role))


def renew(layout: Layout) -> None:
    """Make the CRL and the proxies anew that are missing or end soon."""
    crl = layout.certificates / f"{_hash(layout)}.r0"
    if not crl.exists() or not crl_is_good_for(crl, _RENEW_CRL):
        write_crl(layout)
    for role in Role:
        if not layout.proxy(role).exists() or not is_good_for(layout.proxy(role), _RENEW_PROXY):
            make_proxy(layout, role)


def write_crl(layout: Layout) -> None:
    """Write a CRL of all that ``openssl ca -revoke`` has put into ``pki/ca/index.txt``."""
    signed = openssl("ca", "-gencrl", "-config", "ca.cnf", "-crldays", str(_CRL_DAYS),
                     "-cert", "cert.pem", "-keyfile", "key.pem", directory=layout.ca)  # fmt: skip
    write_file(layout.certificates / f"{_hash(layout)}.r0", signed)


def make_proxy(layout: Layout, role: Role) -> None:
    """Delegate a proxy of the role's certificate, in the order that grid tools write: certificate, key, chain."""
    person = PEOPLE[role]
    key = layout.ca / "proxy.key.pem"
    make_key(key)
    serial = secrets.randbits(31)
    certificate = _sign(
        f"{person.dn}/CN={serial}",
        key,
        _PROXY_EXTENSIONS.format(group=person.group),
        signer=(layout.certificate(role), layout.key(role)),
        days=_PROXY_DAYS,
        scratch=layout.ca,
    )
    write_private(layout.proxy(role), certificate + key.read_text() + layout.certificate(role).read_text())
    key.unlink()


def _create_ca(layout: Layout) -> None:
    key = layout.ca / "key.pem"
    make_key(key)
    extensions = layout.ca / "extensions.cnf"
    extensions.write_text(f"[req]\ndistinguished_name = none\n[none]\n[ca]\n{_CA_EXTENSIONS}")
    text = openssl("req", "-x509", "-new", "-key", key, "-subj", CA_DN, "-days", str(_CERTIFICATE_DAYS),
                   "-config", extensions, "-extensions", "ca")  # fmt: skip
    (layout.ca / "index.txt").touch()
    (layout.ca / "crlnumber").write_text("01\n")
    (layout.ca / "ca.cnf").write_text(_CA_CONFIGURATION)
    write_file(layout.ca / "cert.pem", text)


def _publish_ca(layout: Layout) -> None:
    """Fill the CA directory as IGTF's packages do: the certificate under a name of its own, and what is looked up by
    the hash of its subject."""
    name = _hash(layout)
    write_file(layout.certificates / f"{name}.signing_policy", _SIGNING_POLICY.format(ca=CA_DN))
    link = layout.certificates / f"{name}.0"
    link.unlink(missing_ok=True)
    link.symlink_to("devbroker.pem")
    write_file(layout.certificates / "devbroker.pem", (layout.ca / "cert.pem").read_text())


def _issue(layout: Layout, dn: str, extensions: str, certificate: Path, key: Path) -> None:
    make_key(key)
    signer = (layout.ca / "cert.pem", layout.ca / "key.pem")
    text = _sign(dn, key, extensions, signer=signer, days=_CERTIFICATE_DAYS, scratch=layout.ca)
    write_file(certificate, text)


def _sign(dn: str, key: Path, extensions: str, *, signer: tuple[Path, Path], days: int, scratch: Path) -> str:
    """A certificate in PEM: subject ``dn`` for ``key``, signed by ``signer`` (its certificate and key)."""
    request = openssl("req", "-new", "-key", key, "-subj", dn, "-config", "/dev/null")
    extension_file = scratch / "extensions.cnf"
    extension_file.write_text(extensions)
    return openssl("x509", "-req", "-CA", signer[0], "-CAkey", signer[1], "-set_serial", str(secrets.randbits(63)),
                   "-days", str(days), "-sha256", "-extfile", extension_file, text=request)  # fmt: skip


def _host_names() -> list[str]:
    """What a client may call this machine."""
    name = socket.gethostname()
    return ["localhost", *([name] if _HOST_NAME.fullmatch(name) and name != "localhost" else [])]


def _hash(layout: Layout) -> str:
    return openssl("x509", "-in", layout.ca / "cert.pem", "-noout", "-subject_hash").strip()
