"""Keys and signatures of credentials by OpenSSL, through M2Crypto, which only this package imports.

It is imported when first needed (45 ms), and of it only X509 and EVP: neither SSL nor SMIME. Octets go in and out, so
no M2Crypto object outlives a call; names and times taken from a freed X509 object crash the interpreter.
"""

from __future__ import annotations


class CryptoError(ValueError):
    """OpenSSL cannot read this, or a signature is not what it should be."""


class PassphraseError(CryptoError):
    """A private key does not open with this passphrase."""


def check_signature(certificate: bytes, issuer: bytes) -> None:
    """Check that ``certificate`` is signed with the key of ``issuer``, both DER.

    Raises:
        CryptoError: it is not, or one of them cannot be read.
    """
    from M2Crypto import EVP, X509

    try:
        signed = X509.load_cert_der_string(certificate)
        key = X509.load_cert_der_string(issuer).get_pubkey()
        verdict = signed.verify(key)
    except (X509.X509Error, EVP.EVPError) as error:
        _forget_errors()
        raise CryptoError("cannot be read") from error
    if verdict != 1:  # 0: wrong, -1: could not even be tried
        _forget_errors()
        raise CryptoError("does not bear its issuer's signature")


def public_key(certificate: bytes) -> bytes:
    """The public key of a DER certificate, as a DER SubjectPublicKeyInfo.

    Raises:
        CryptoError: it cannot be read.
    """
    from M2Crypto import EVP, X509

    try:
        loaded = X509.load_cert_der_string(certificate)
        return bytes(loaded.get_pubkey().as_der())
    except (X509.X509Error, EVP.EVPError) as error:
        _forget_errors()
        raise CryptoError("cannot be read") from error


def public_key_of(private_key: bytes, passphrase: bytes | None) -> bytes:
    """The public half of a PEM private key, as a DER SubjectPublicKeyInfo.

    Args:
        private_key: one PEM block.
        passphrase: what opens it; None when it is not encrypted.

    Raises:
        PassphraseError: it does not open with the passphrase.
        CryptoError: it cannot be read.
    """
    from M2Crypto import EVP

    try:
        return bytes(EVP.load_key_string(private_key, lambda _verify: passphrase or b"").as_der())
    except EVP.EVPError as error:
        _forget_errors()
        if passphrase is not None:
            raise PassphraseError("does not open with that passphrase") from error
        raise CryptoError("cannot be read") from error


def _forget_errors() -> None:
    """Empty OpenSSL's queue of errors: Python's ``ssl`` shares it and would report ours as its own."""
    from M2Crypto import m2

    m2.err_clear_error()
