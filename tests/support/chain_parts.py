"""What certificates are put together from: names and extensions, well-formed or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from cryptography import x509
from cryptography.x509.name import _ASN1Type as StringType
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

Extension: TypeAlias = tuple[x509.ExtensionType, bool]
"""An extension and whether it is critical."""

INHERIT_ALL = "1.3.6.1.5.5.7.21.1"
INDEPENDENT = "1.3.6.1.5.5.7.21.2"
LIMITED = "1.3.6.1.4.1.3536.1.1.1.9"
PROXY_CERT_INFO = "1.3.6.1.5.5.7.1.14"
GT3_PROXY_CERT_INFO = "1.3.6.1.4.1.3536.1.222"
DIRAC_GROUP = "1.2.42.42"

_ATTRIBUTES = {
    "C": NameOID.COUNTRY_NAME,
    "CN": NameOID.COMMON_NAME,
    "DC": NameOID.DOMAIN_COMPONENT,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "UID": NameOID.USER_ID,
    "emailAddress": NameOID.EMAIL_ADDRESS,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "street": NameOID.STREET_ADDRESS,
}


_LABELS = {oid: label for label, oid in _ATTRIBUTES.items()}


# ---- names ---------------------------------------------------------------------------------------------------------


def attribute(text: str, kind: StringType | None = None) -> x509.NameAttribute:
    """``CN=Jane`` or ``1.2.3=x``; ``kind`` is the ASN.1 string type where it is not the usual one."""
    label, _, value = text.partition("=")
    oid = _ATTRIBUTES[label] if label in _ATTRIBUTES else ObjectIdentifier(label)
    return x509.NameAttribute(oid, value, kind, _validate=False)


def name(*parts: str | x509.NameAttribute | Sequence[str]) -> x509.Name:
    """A name of these RDNs, most significant first; a list is a multi-valued RDN."""
    rdns = []
    for part in parts:
        attributes = [part] if isinstance(part, (str, x509.NameAttribute)) else part
        rdns.append(x509.RelativeDistinguishedName([attribute(a) if isinstance(a, str) else a for a in attributes]))
    return x509.Name(rdns)


def below(above: x509.Name, *parts: str | x509.NameAttribute | Sequence[str]) -> x509.Name:
    """``above`` and these RDNs after it."""
    return x509.Name([*above.rdns, *name(*parts).rdns])


def one_line(subject: x509.Name) -> str:
    """How the plugin's log shows a name: as a login, but whatever is in it."""
    parts = []
    for rdn in subject.rdns:
        attributes = [f"{_LABELS.get(a.oid, a.oid.dotted_string)}={_shown(a)}" for a in rdn]
        parts.append("/" + "+".join(attributes))
    return "".join(parts)[:510]


def _shown(part: x509.NameAttribute) -> str:
    if part._type is StringType.BMPString:
        return "?"
    octets = str(part.value).encode()
    text = "".join(chr(o) if 32 <= o <= 126 else f"\\x{o:02X}" for o in octets)
    return text if "\\x" in text and b"\\" not in octets else text.replace("\\", "\\\\")


# ---- extensions ----------------------------------------------------------------------------------------------------


_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def key_usage(*uses: str) -> Extension:
    """A critical keyUsage of these, named as in ``cryptography``."""
    return x509.KeyUsage(**{use: use in uses for use in _USES}), True


USER_USAGE = key_usage("digital_signature", "key_encipherment")
CA_USAGE = key_usage("key_cert_sign", "crl_sign")
NOT_A_CA: Extension = (x509.BasicConstraints(ca=False, path_length=None), True)
CLIENT: Extension = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
SERVER_ONLY: Extension = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
ALT_NAME: Extension = (x509.SubjectAlternativeName([x509.RFC822Name("jane@example.org")]), False)
ISSUER_ALT_NAME: Extension = (x509.IssuerAlternativeName([x509.RFC822Name("jane@example.org")]), False)


def a_ca(path_length: int | None = None) -> Extension:
    return x509.BasicConstraints(ca=True, path_length=path_length), True


def unknown(oid: str, der: bytes = b"\x05\x00", *, critical: bool = False) -> Extension:
    return x509.UnrecognizedExtension(ObjectIdentifier(oid), der), critical


def der(tag: int, *contents: bytes) -> bytes:
    """One DER value."""
    inside = b"".join(contents)
    size = len(inside)
    length = bytes((size,)) if size < 128 else bytes((0x82,)) + size.to_bytes(2)
    return bytes((tag,)) + length + inside


def oid_der(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    octets = bytearray([40 * first + second])
    for arc in rest:
        groups = [arc & 127]
        while arc := arc >> 7:
            groups.append(arc & 127 | 128)
        octets += bytes(reversed(groups))
    return der(0x06, bytes(octets))


def policy(language: str = INHERIT_ALL, text: bytes | None = None) -> bytes:
    """DER of a ProxyPolicy (RFC 3820, 3.8)."""
    return der(0x30, oid_der(language), b"" if text is None else der(0x04, text))


def proxy_info(
    language: str = INHERIT_ALL, *, path_length: bytes = b"", text: bytes | None = None, critical: bool = True
) -> Extension:
    """proxyCertInfo; ``path_length`` is the content of the INTEGER, absent if empty."""
    length = der(0x02, path_length) if path_length else b""
    return unknown(PROXY_CERT_INFO, der(0x30, length, policy(language, text)), critical=critical)
