"""What a peer says of our certificate in TLS's own words: alerts (RFC 8446 section 6.2)."""

from __future__ import annotations

_ALERTS = {
    "CERTIFICATE_EXPIRED": "certificate expired",
    "CERTIFICATE_REVOKED": "certificate revoked",
    "CERTIFICATE_UNKNOWN": "certificate not acceptable",
    "CERTIFICATE_REQUIRED": "no certificate was shown",
    "BAD_CERTIFICATE": "bad certificate",
    "UNSUPPORTED_CERTIFICATE": "certificate of an unsupported kind",
    "UNKNOWN_CA": "it does not know the CA that signed it",
    "HANDSHAKE_FAILURE": "handshake failure",
    "DECRYPT_ERROR": "a signature does not verify",
    "ACCESS_DENIED": "access denied",
    "INTERNAL_ERROR": "its TLS failed on the certificate",
}


def judgement(reason: str) -> str | None:
    """The alert in words when it judges a client's certificate, else None.

    Args:
        reason: OpenSSL's name of what happened (``ssl.SSLError.reason``), such as ``SSLV3_ALERT_CERTIFICATE_EXPIRED``.
    """
    return next((words for name, words in _ALERTS.items() if f"ALERT_{name}" in reason), None)
