"""Translate what OpenSSL, the kernel and ``http.client`` say went wrong with a configuration server.

A server that does not like a certificate (DIRAC's, for an expired proxy) often just hangs up: with TLS 1.2 in the
handshake, with TLS 1.3 after it. So an end before the first word is a matter of credentials, not of the network.
"""

from __future__ import annotations

import http.client
import ssl

from diracmq_cli.core.tlsalert import judgement
from diracmq_cli.errors import AccessError, ConfigError, CredentialError, CSUnreachable, MQError

PROXY_HINT = "look at the proxy with dirac-proxy-info; make a new one with dirac-proxy-init"
_CA_HINT = "point to the directory of your grid's CA certificates with --capath or X509_CERT_DIR"
_NAME_MISMATCH = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH

Failure = OSError | EOFError | http.client.HTTPException


def translate(error: Failure, *, connected: bool, heard: bool) -> MQError:
    """Why a server could not be asked.

    Args:
        error: what was raised.
        connected: TCP was up.
        heard: TLS was up, and the server has said something.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _unverified(error)
    if isinstance(error, http.client.RemoteDisconnected | ssl.SSLEOFError | ssl.SSLZeroReturnError | EOFError):
        return _hung_up(heard)
    if isinstance(error, ssl.SSLError):
        return _tls(error)
    if isinstance(error, TimeoutError):
        return CSUnreachable(str(error) if error.errno is None else "no answer in time")
    if isinstance(error, ConnectionError) and connected:
        return _hung_up(heard)
    if isinstance(error, OSError):
        return CSUnreachable((error.strerror or str(error)).lower())
    if isinstance(error, http.client.IncompleteRead):
        return CSUnreachable("closed the connection in the middle of its answer")
    return ConfigError("it does not speak HTTP", hint="check scheme and port: https:// or dips://")


def _hung_up(heard: bool) -> MQError:
    if heard:
        return CSUnreachable("closed the connection in the middle of its answer")
    return CredentialError(
        "closed the connection without a word: so servers treat a proxy that has expired or that they do not trust",
        hint=PROXY_HINT,
    )


def _unverified(error: ssl.SSLCertVerificationError) -> MQError:
    if error.verify_code in _NAME_MISMATCH:
        return AccessError(
            f"its certificate is for another host: {error.verify_message.rstrip('.')}",
            hint="write the name that the certificate bears into /DIRAC/Configuration/Servers",
        )
    return AccessError(f"its certificate cannot be verified: {error.verify_message}", hint=_CA_HINT)


def _tls(error: ssl.SSLError) -> MQError:
    reason = error.reason or str(error)
    verdict = judgement(reason)
    if verdict is not None:
        return CredentialError(f"it refused our certificate: {verdict}", hint=PROXY_HINT)
    return ConfigError(f"no TLS with it: {reason.lower().replace('_', ' ')}", hint="check the port and https or dips")
