"""OpenSSL's own verdict on a certification path (RFC 5280 section 6, RFC 3820), CRLs included, through M2Crypto.

Times are left to the caller, for a stamp's chain must have been valid when it signed, and M2Crypto gives no way to set
that moment. Here M2Crypto's objects do outlive calls; each holder keeps alive what it points into.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diracmq_cli.credentials.translate import openssl_errors

if TYPE_CHECKING:
    from M2Crypto import X509

REVOKED = 23
"""``X509_V_ERR_CERT_REVOKED`` of OpenSSL's ``x509_vfy.h``: the one of its reasons that we do not look for ourselves."""


class PathRefused(Exception):
    """OpenSSL does not accept a path: its number for the reason, and which certificate (0 is the chain's first)."""

    def __init__(self, code: int, depth: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.depth = depth


class PathCheck:
    """Checks chains against one row of authorities, from the one that issues end entities to the root, and no other.

    Args:
        authorities: DER certificates.
        crls: DER, at least one of each authority; a certificate that one of them names is refused.

    Raises:
        CryptoError: OpenSSL cannot read one of them.
    """

    def __init__(self, authorities: Sequence[bytes], crls: Sequence[bytes]) -> None:
        from M2Crypto import X509, m2

        self._store: X509.X509_Store = X509.X509_Store()
        with openssl_errors("cannot be read"):
            for octets in authorities:
                self._store.add_x509(X509.load_cert_der_string(octets))
            for octets in crls:
                self._store.add_crl(X509.load_crl_string(_to_pem(octets)))  # type: ignore[no-untyped-call]
        self._store.set_flags(
            m2.VERIFY_ALLOW_PROXY_CERTS | m2.VERIFY_CRL_CHECK | m2.VERIFY_CRL_CHECK_ALL | m2.VERIFY_NO_CHECK_TIME
        )

    def check(self, chain: Sequence[bytes]) -> None:
        """Verify a chain of DER certificates, the leaf first, up to the one that the first authority issued.

        Raises:
            PathRefused: OpenSSL does not accept it.
            CryptoError: OpenSSL cannot read it.
        """
        from M2Crypto import X509, m2

        with openssl_errors("cannot be read"):
            leaf, *others = [X509.load_cert_der_string(octets) for octets in chain]
            untrusted = X509.X509_Stack()
            for certificate in others:
                untrusted.push(certificate)
            context = X509.X509_Store_Context()
            context.init(self._store, leaf, untrusted)  # type: ignore[no-untyped-call]
            if context.verify_cert() != 1:  # type: ignore[no-untyped-call]
                code = context.get_error()
                raise PathRefused(code, context.get_error_depth(), str(m2.x509_get_verify_error(code)))


def is_crl_of(crl: bytes, authority: bytes) -> bool:
    """Whether a CRL bears the signature of a CA, both DER.

    Raises:
        CryptoError: OpenSSL cannot read one of them.
    """
    from M2Crypto import X509

    with openssl_errors("cannot be read"):
        key = X509.load_cert_der_string(authority).get_pubkey()
        return bool(X509.load_crl_string(_to_pem(crl)).verify(key))  # type: ignore[no-untyped-call]


def name_hashes(certificate: bytes) -> tuple[str, str]:
    """OpenSSL's hashes of a DER certificate's subject and issuer, under which a CA directory files them.

    Raises:
        CryptoError: OpenSSL cannot read it.
    """
    from M2Crypto import X509

    with openssl_errors("cannot be read"):
        loaded = X509.load_cert_der_string(certificate)  # must live as long as its names
        return f"{loaded.get_subject().as_hash():08x}", f"{loaded.get_issuer().as_hash():08x}"


def _to_pem(octets: bytes) -> bytes:
    encoded = binascii.b2a_base64(octets, newline=False)
    lines = b"\n".join(encoded[at : at + 64] for at in range(0, len(encoded), 64))
    return b"-----BEGIN X509 CRL-----\n" + lines + b"\n-----END X509 CRL-----\n"
