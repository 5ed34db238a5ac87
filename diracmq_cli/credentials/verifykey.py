"""The public key of a signer, ready to verify many signatures (RFC 7518 sections 3.3 and 3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from diracmq_cli.core.jws import Algorithm
from diracmq_cli.credentials.strength import KeyType
from diracmq_cli.credentials.translate import openssl_errors

if TYPE_CHECKING:
    from M2Crypto import EC, RSA

HALF = 32
"""Octets of r, and of s, in an ES256 signature."""


class VerifyKey(Protocol):
    """A public key."""

    @property
    def algorithm(self) -> Algorithm:
        """The one algorithm that this key verifies."""

    def verifies(self, digest: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is this key's over the SHA-256 ``digest``. Never raises, whatever the bytes."""


def verify_key(certificate: bytes, kind: KeyType) -> VerifyKey | None:
    """The key of a DER certificate, which ``strength`` has found to be of ``kind``; None for a kind of key that stamps
    know no algorithm for.

    Raises:
        CryptoError: OpenSSL does not take it: a point that is not on its curve.
    """
    if kind not in (KeyType.RSA, KeyType.P256):
        return None
    from M2Crypto import X509

    with openssl_errors("has a key that OpenSSL does not take"):
        key = X509.load_cert_der_string(certificate).get_pubkey()
        return _RsaKey(key.get_rsa()) if kind is KeyType.RSA else _P256Key(key.get_ec())


class _RsaKey:
    """RSASSA-PKCS1-v1_5 with SHA-256."""

    algorithm = Algorithm.RS256

    def __init__(self, key: RSA.RSA_pub) -> None:
        from M2Crypto import RSA, m2

        self._key, self._error, self._forget = key, RSA.RSAError, m2.err_clear_error

    def verifies(self, digest: bytes, signature: bytes) -> bool:
        try:
            return bool(self._key.verify(digest, signature, "sha256") == 1)
        except self._error:
            self._forget()
            return False


class _P256Key:
    """ECDSA on P-256 with SHA-256; a signature is r and s as they are, not the DER that OpenSSL makes of them."""

    algorithm = Algorithm.ES256

    def __init__(self, key: EC.EC_pub) -> None:
        from M2Crypto import EC, m2

        self._key, self._error, self._forget = key, EC.ECError, m2.err_clear_error

    def verifies(self, digest: bytes, signature: bytes) -> bool:
        if len(signature) != 2 * HALF:
            return False
        try:
            return bool(self._key.verify_dsa(digest, _integer(signature[:HALF]), _integer(signature[HALF:])) == 1)
        except self._error:
            self._forget()
            return False


def _integer(octets: bytes) -> bytes:
    """A positive integer as ``BN_mpi2bn`` reads it: its length, and a zero octet to keep the sign off."""
    return b"\x00\x00\x00\x21\x00" + octets
