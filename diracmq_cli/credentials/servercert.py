"""What a server's certificate says, for people: whose, by whom, for which names (RFC 5280 section 4.2.1.6)."""

from __future__ import annotations

import ipaddress

from diracmq_cli.core.dn import from_rdns
from diracmq_cli.core.probing import CertificateFacts
from diracmq_cli.credentials import certificate as x509
from diracmq_cli.credentials import der
from diracmq_cli.credentials.certificate import COMMON_NAME, SUBJECT_ALT_NAME, Certificate, Name
from diracmq_cli.credentials.der import DerError
from diracmq_cli.errors import DataError

_DNS, _IP = 0x82, 0x87


def read_server_certificate(octets: bytes) -> CertificateFacts | None:
    """Read a certificate in DER, and verify nothing; None when it is none."""
    try:
        certificate = x509.parse(octets)
        return CertificateFacts(
            subject=_shown(certificate.subject),
            issuer=_shown(certificate.issuer),
            names=_names(certificate),
            not_before=certificate.not_before,
            not_after=certificate.not_after,
        )
    except (DerError, ValueError):
        return None


def _names(certificate: Certificate) -> tuple[str, ...]:
    """The host names that it is for; of an old one that has no such extension, the common name."""
    extension = certificate.extensions.get(SUBJECT_ALT_NAME)
    if extension is None:
        common = (value for rdn in certificate.subject.rdns for oid, _, value in rdn if oid == COMMON_NAME)
        return tuple(value.decode("utf-8", "backslashreplace") for value in common)
    names = []
    for name in der.read_one(extension.value).expect(der.SEQUENCE).children():
        if name.tag == _DNS:
            names.append(name.content.decode("ascii", "backslashreplace"))
        elif name.tag == _IP:
            names.append(str(ipaddress.ip_address(name.content)))
    return tuple(names)


def _shown(name: Name) -> str:
    try:
        return from_rdns(name.text_rdns())
    except DataError:
        return "a name that has no one-line form"
