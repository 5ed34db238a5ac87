"""How strong a certificate's key and signature are, as its DER says; the limits that stamps are held to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from diracmq_cli.core.refusal import Refusal
from diracmq_cli.credentials import der
from diracmq_cli.credentials.der import DerError, Element
from diracmq_cli.errors import VerificationError

if TYPE_CHECKING:
    from diracmq_cli.credentials.certificate import Certificate

MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
"""Bits of an RSA modulus; above, a check costs milliseconds, and no CA of the grid goes there."""

_RSA = "1.2.840.113549.1.1.1"
_EC = "1.2.840.10045.2.1"
_VERSION = 0xA0

_SIGNATURES = frozenset(
    {
        "1.2.840.113549.1.1.11",  # RSA (PKCS #1 v1.5) with SHA-256, -384, -512
        "1.2.840.113549.1.1.12",
        "1.2.840.113549.1.1.13",
        "1.2.840.10045.4.3.2",  # ECDSA with SHA-256, -384, -512
        "1.2.840.10045.4.3.3",
        "1.2.840.10045.4.3.4",
    }
)


class KeyType(Enum):
    """Kinds of public keys that a chain may hold."""

    RSA = "RSA"
    P256 = "1.2.840.10045.3.1.7"
    P384 = "1.3.132.0.34"
    P521 = "1.3.132.0.35"


_CURVES = {kind.value: kind for kind in (KeyType.P256, KeyType.P384, KeyType.P521)}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: its kind, and its DER (SubjectPublicKeyInfo, RFC 5280 section 4.1.2.7)."""

    type: KeyType
    octets: bytes = field(repr=False)


def check_digest(certificate: Certificate, what: str) -> None:
    """See that a certificate is signed with a digest that still holds: SHA-256 or longer.

    Raises:
        VerificationError: SHA-1, MD5, or an algorithm that is not known; ``what`` names the certificate.
    """
    try:
        algorithm = _algorithm(der.read_one(certificate.octets).children()[1])
    except (DerError, IndexError):
        raise VerificationError(Refusal.CERTIFICATE, f"{what} has a signature that cannot be read") from None
    if algorithm not in _SIGNATURES:
        raise VerificationError(
            Refusal.WEAK_DIGEST, f"{what} is signed with an algorithm that is not accepted ({algorithm})"
        )


def public_key(certificate: Certificate, what: str) -> PublicKey:
    """The public key of a certificate, if it is strong enough.

    Raises:
        VerificationError: an RSA key of less than 2048 bits or more than 8192, or a key of another kind; ``what``
            names the certificate.
    """
    try:
        element = _key_element(certificate)
        algorithm, bits = element.children()
        identifier = _algorithm(algorithm)
        if identifier == _RSA:
            size = _modulus_bits(bits)
            if not MIN_RSA_BITS <= size <= MAX_RSA_BITS:
                raise VerificationError(Refusal.WEAK_KEY, f"{what} has an RSA key of {size} bits")
            return PublicKey(KeyType.RSA, element.octets)
        if identifier == _EC:
            curve = _CURVES.get(der.oid(algorithm.children()[1]))
            if curve is not None:
                return PublicKey(curve, element.octets)
    except (DerError, ValueError, IndexError):
        raise VerificationError(Refusal.CERTIFICATE, f"{what} has a key that cannot be read") from None
    raise VerificationError(Refusal.KEY_TYPE, f"{what} has a key of a kind that is not accepted")


def _key_element(certificate: Certificate) -> Element:
    fields = der.read_one(certificate.octets).children()[0].children()
    return fields[6 if fields[0].tag == _VERSION else 5]


def _algorithm(element: Element) -> str:
    return der.oid(element.children()[0])


def _modulus_bits(bits: Element) -> int:
    content = bits.expect(der.BIT_STRING).content
    if content[:1] != b"\x00":
        raise DerError("not a whole number of octets")
    modulus, _exponent = der.read_one(content[1:]).expect(der.SEQUENCE).children()
    return der.natural(modulus).bit_length()
