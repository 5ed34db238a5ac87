"""M2Crypto's exceptions as ours: the table for everything that verifies and signs stamps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from diracmq_cli.credentials.crypto import CryptoError


@contextmanager
def openssl_errors(fault: str) -> Iterator[None]:
    """Turn whatever M2Crypto raises in the block into a CryptoError that says ``fault``.

    SWIG raises SystemError where a wrapper forgot that OpenSSL had failed. OpenSSL's queue of errors is emptied
    either way: Python's ``ssl`` shares it and would report ours as its own.
    """
    from M2Crypto import EC, EVP, RSA, X509, m2

    try:
        yield
    except (X509.X509Error, EVP.EVPError, EC.ECError, RSA.RSAError, SystemError) as error:
        raise CryptoError(fault) from error
    finally:
        m2.err_clear_error()
