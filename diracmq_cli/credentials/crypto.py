"""Keys and signatures of credentials by OpenSSL, through M2Crypto, which only this package imports.

It is imported when first needed, and of it only the lower layer, ``m2``: the classes above import ``unittest`` and much
else, as long again as all that TLS needs. Octets go in and out, so no object of OpenSSL outlives a call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from diracmq_cli.credentials.lacking import without_m2crypto

if TYPE_CHECKING:
    from M2Crypto.types import BIO, EVP_PKEY, X509


class CryptoError(ValueError):
    """OpenSSL cannot read this, or a signature is not what it should be."""


class PassphraseError(CryptoError):
    """A private key does not open with this passphrase."""


def check_signature(certificate: bytes, issuer: bytes) -> None:
    """Check that ``certificate`` is signed with the key of ``issuer``, both DER.

    Raises:
        CryptoError: it is not, or one of them cannot be read.
    """
    with _openssl() as used:
        from M2Crypto import m2

        key = _key_of(_certificate(issuer, used), used)
        if m2.x509_verify(_certificate(certificate, used), key) != 1:  # 0: wrong, -1: could not even be tried
            raise CryptoError("does not bear its issuer's signature")


def public_key(certificate: bytes) -> bytes:
    """The public key of a DER certificate, as a DER SubjectPublicKeyInfo.

    Raises:
        CryptoError: it cannot be read.
    """
    with _openssl() as used:
        from M2Crypto import m2

        return bytes(m2.pkey_as_der(_key_of(_certificate(certificate, used), used)))


def public_key_of(private_key: bytes, passphrase: bytes | None) -> bytes:
    """The public half of a PEM private key, as a DER SubjectPublicKeyInfo.

    Args:
        private_key: one PEM block.
        passphrase: what opens it; None when it is not encrypted.

    Raises:
        PassphraseError: it does not open with the passphrase.
        CryptoError: it cannot be read.
    """

    def answer(*_verify: object) -> bytes:
        return passphrase or b""

    try:
        with _openssl() as used:
            from M2Crypto import m2

            key = m2.pkey_read_pem(_source(private_key, used), answer)
            used.callback(m2.pkey_free, key)
            return bytes(m2.pkey_as_der(key))
    except CryptoError as error:
        if passphrase is not None:
            raise PassphraseError("does not open with that passphrase") from error
        raise


@contextmanager
def _openssl() -> Iterator[ExitStack]:
    """Free what the block has used of OpenSSL, and raise its refusals as a CryptoError.

    A refusal is the ValueError of one of M2Crypto's classes or, where that class has not been imported, a SystemError.
    OpenSSL's queue of errors is emptied: Python's ``ssl`` shares it and would report ours as its own.

    Raises:
        ConfigError: M2Crypto cannot be loaded.
    """
    try:
        from M2Crypto import m2
    except ImportError as error:
        raise without_m2crypto(error) from error
    with ExitStack() as used:
        try:
            yield used
        except CryptoError:
            raise
        except (ValueError, SystemError) as error:
            raise CryptoError("cannot be read") from error
        finally:
            m2.err_clear_error()


def _source(octets: bytes, used: ExitStack) -> BIO:
    """A BIO to read the octets from."""
    from M2Crypto import m2

    source = m2.bio_new(m2.bio_s_mem())
    used.callback(m2.bio_free, source)
    m2.bio_write(source, octets)
    return source


def _certificate(octets: bytes, used: ExitStack) -> X509:
    """The X509 that a DER certificate is."""
    from M2Crypto import m2

    certificate = m2.d2i_x509(_source(octets, used))
    if certificate is None:
        raise CryptoError("cannot be read")
    used.callback(m2.x509_free, certificate)
    return certificate


def _key_of(certificate: X509, used: ExitStack) -> EVP_PKEY:
    """The public key in a certificate; OpenSSL may know the certificate and not the key."""
    from M2Crypto import m2

    key = m2.x509_get_pubkey(certificate)
    if key is None:
        raise CryptoError("cannot be read")
    used.callback(m2.pkey_free, key)
    return key
