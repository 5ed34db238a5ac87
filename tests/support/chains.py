"""Certificate chains as CAs, people and forgers make them.

``issue`` signs what it is told to: an honest chain comes from leaving everything at its default, a forged one from
naming what is wrong with it. Times count from one moment, so that a table of chains agrees with itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from support.chain_parts import CA_USAGE, Extension, a_ca, below, der, oid_der, proxy_info

Key: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

NOW = datetime.now(UTC).replace(microsecond=0)
YESTERDAY, TOMORROW, NEXT_YEAR = NOW - timedelta(days=1), NOW + timedelta(days=1), NOW + timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate and the key it certifies."""

    certificate: x509.Certificate
    key: Key

    @property
    def subject(self) -> x509.Name:
        return self.certificate.subject

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@cache
def rsa_key(label: str = "") -> rsa.RSAPrivateKey:
    """An RSA key of 2048 bits, one per label: they cost 100 ms each."""
    del label
    return rsa.generate_private_key(65537, 2048)


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def issue(
    subject: x509.Name,
    signer: Issued | None,
    *extensions: Extension,
    key: Key | None = None,
    issuer: x509.Name | None = None,
    life: tuple[datetime, datetime] = (YESTERDAY, NEXT_YEAR),
) -> Issued:
    """A certificate for ``subject``, signed by ``signer`` (None: by itself). ``issuer`` is the name it claims to be
    signed by where that is a lie."""
    key = key or ec_key()
    signing_key = signer.key if signer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer if issuer is not None else signer.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(life[0])
        .not_valid_after(life[1])
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return Issued(certificate=builder.sign(signing_key, hashes.SHA256()), key=key)


def root(
    subject: x509.Name, *, key: Key | None = None, life: tuple[datetime, datetime] = (YESTERDAY, NEXT_YEAR)
) -> Issued:
    return issue(subject, None, a_ca(), CA_USAGE, key=key, life=life)


def proxy(
    signer: Issued,
    *extensions: Extension,
    info: Extension | None = None,
    cn: str | None = None,
    subject: x509.Name | None = None,
    issuer: x509.Name | None = None,
    key: Key | None = None,
    life: tuple[datetime, datetime] = (YESTERDAY, TOMORROW),
) -> Issued:
    """An RFC 3820 proxy of ``signer``: honest where nothing else is said. ``info`` is its proxyCertInfo."""
    if subject is None:
        subject = below(signer.subject, f"CN={cn or x509.random_serial_number() % 10**9}")
    return issue(subject, signer, info or proxy_info(), *extensions, key=key, issuer=issuer, life=life)


def proxies(signer: Issued, count: int, *, info: Extension | None = None) -> list[Issued]:
    """``count`` proxies, each signed by the one before; the leaf first."""
    made: list[Issued] = []
    for _ in range(count):
        made.insert(0, proxy(made[0] if made else signer, info=info))
    return made


def tampered(issued: Issued) -> Issued:
    """The same certificate with one bit of its signature turned."""
    octets = bytearray(issued.certificate.public_bytes(serialization.Encoding.DER))
    octets[-5] ^= 1
    return Issued(certificate=x509.load_der_x509_certificate(bytes(octets)), key=issued.key)


_SHA256_WITH_RSA = oid_der("1.2.840.113549.1.1.11")
_WEAK: dict[str, tuple[bytes, hashes.HashAlgorithm]] = {
    "md5": (oid_der("1.2.840.113549.1.1.4"), hashes.MD5()),
    "sha1": (oid_der("1.2.840.113549.1.1.5"), hashes.SHA1()),
}


def edited(issued: Issued, signer: Issued, old: bytes, new: bytes) -> Issued:
    """The same certificate with ``old`` made ``new`` (as long), and signed anew by an RSA ``signer``."""
    tbs = issued.certificate.tbs_certificate_bytes
    assert old in tbs
    return _signed(issued.key, signer, tbs.replace(old, new), _SHA256_WITH_RSA, hashes.SHA256())


def weakly_signed(issued: Issued, signer: Issued, digest: str) -> Issued:
    """The same certificate signed anew by an RSA ``signer`` with a digest that ``cryptography`` declines: md5, sha1."""
    algorithm, function = _WEAK[digest]
    tbs = issued.certificate.tbs_certificate_bytes.replace(_SHA256_WITH_RSA, algorithm)
    return _signed(issued.key, signer, tbs, algorithm, function)


def _signed(key: Key, signer: Issued, tbs: bytes, algorithm: bytes, function: hashes.HashAlgorithm) -> Issued:
    assert isinstance(signer.key, rsa.RSAPrivateKey)
    signature = signer.key.sign(tbs, padding.PKCS1v15(), function)
    octets = der(0x30, tbs, der(0x30, algorithm, b"\x05\x00"), der(0x03, b"\x00" + signature))
    return Issued(certificate=x509.load_der_x509_certificate(octets), key=key)


def crl(ca: Issued, *revoked: Issued, key: Key | None = None, until: datetime = NEXT_YEAR, part: bool = False) -> bytes:
    """PEM of a CRL of this CA. ``key`` signs it where that is a lie; ``part`` says that it holds users only."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.subject)
        .last_update(NOW - timedelta(days=30))
        .next_update(until)
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    if part:
        scope = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
        builder = builder.add_extension(scope, critical=True)
    for one in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(one.certificate.serial_number)
            .revocation_date(YESTERDAY)
            .build()
        )
    return builder.sign(key or ca.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
