"""The translation of what went wrong: each foreign failure has its class, its words and, where there is one, a hint."""

from __future__ import annotations

import errno
import ssl

import pytest
from pika import exceptions
from pika.connection import Connection

from diracmq_cli.broker.errors import Ending, Party, dial_failure, login_failure, lost, refusal
from diracmq_cli.broker.transport import EndOfStream
from diracmq_cli.errors import (
    AccessError,
    BrokerLost,
    BrokerUnreachable,
    ConfigError,
    CredentialError,
    DataError,
    PermissionDenied,
    ProtocolError,
    TemporaryFailure,
    UnknownDestination,
)

DN = "/DC=org/DC=example/CN=Jane Doe"
BY_CERTIFICATE = Party("dev", "mq1.example.org:5671", DN, "dirac", certificate=True, tls=True)
BY_PASSWORD = Party("dev", "mq1.example.org:5671", "robot", "dirac", certificate=False, tls=True)

PROTOCOL, START, TUNE = Connection.CONNECTION_PROTOCOL, Connection.CONNECTION_START, Connection.CONNECTION_TUNE
OPEN = Connection.CONNECTION_OPEN


def _tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] …")
    error.reason = reason
    return error


def _unverified(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


def _closed(code: int, text: str) -> exceptions.ConnectionClosedByBroker:
    return exceptions.ConnectionClosedByBroker(code, text)


def _check(error, kind, words):
    assert type(error) is kind
    assert words in str(error)
    assert not str(error).endswith(".")


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        (OSError(errno.ECONNREFUSED, "Connection refused"), BrokerUnreachable, "connection refused"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), BrokerUnreachable, "no route to host"),
        (TimeoutError("no answer in time"), BrokerUnreachable, "no answer in time"),
        (EndOfStream(), BrokerUnreachable, "during the TLS handshake"),
        (ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] …"), BrokerUnreachable, "during the TLS handshake"),
        (_unverified(20, "unable to get local issuer certificate"), AccessError, "unable to get local issuer"),
        (_unverified(10, "certificate has expired"), AccessError, "has expired"),
        (_unverified(62, "Hostname mismatch, certificate is not valid for 'mq'."), AccessError, "another host"),
        (_tls("WRONG_VERSION_NUMBER"), ProtocolError, "wrong version number"),
        (_tls("TLSV1_ALERT_PROTOCOL_VERSION"), ProtocolError, "protocol version"),
        (_tls("SSLV3_ALERT_CERTIFICATE_EXPIRED"), CredentialError, "certificate expired"),
        (_tls("SSLV3_ALERT_HANDSHAKE_FAILURE"), CredentialError, DN),
    ],
)
def test_dialling(failure, kind, words):
    """TCP and TLS failures while connecting."""
    _check(dial_failure(failure, BY_CERTIFICATE), kind, words)


@pytest.mark.parametrize(
    ("alert", "words"),
    [
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "certificate expired"),
        ("SSLV3_ALERT_CERTIFICATE_REVOKED", "certificate revoked"),
        ("SSLV3_ALERT_CERTIFICATE_UNKNOWN", "not acceptable"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "bad certificate"),
        ("SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "unsupported"),
        ("TLSV1_ALERT_UNKNOWN_CA", "does not know the CA"),
        ("TLSV1_ALERT_DECRYPT_ERROR", "does not verify"),
        ("TLSV1_ALERT_ACCESS_DENIED", "access denied"),
        ("TLSV1_ALERT_INTERNAL_ERROR", "failed on the certificate"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "no certificate was shown"),
    ],
)
def test_an_alert_after_the_handshake(alert, words):
    """With TLS 1.3 the verdict on our certificate comes when we believe to be connected: still a credential."""
    error = login_failure(Ending(PROTOCOL, _tls(alert)), BY_CERTIFICATE)
    _check(error, CredentialError, words)
    assert DN in str(error)
    assert "dirac-proxy-init" in error.hint


@pytest.mark.parametrize(
    ("state", "cause", "party", "kind", "words"),
    [
        (PROTOCOL, EndOfStream(), BY_CERTIFICATE, CredentialError, "probably refused our certificate"),
        (PROTOCOL, ConnectionResetError(104, "Connection reset by peer"), BY_CERTIFICATE, CredentialError, DN),
        (PROTOCOL, EndOfStream(), BY_PASSWORD, BrokerUnreachable, "closed by the other side"),
        (START, EndOfStream(), BY_PASSWORD, CredentialError, "robot"),
        (START, _closed(403, "ACCESS_REFUSED - Login was refused"), BY_PASSWORD, CredentialError, "robot"),
        (TUNE, _closed(530, "NOT_ALLOWED - vhost dirac not found"), BY_CERTIFICATE, ConfigError, "'dirac'"),
        (TUNE, _closed(530, "NOT_ALLOWED - access to vhost"), BY_CERTIFICATE, PermissionDenied, "'dirac'"),
        (TUNE, _closed(541, "INTERNAL_ERROR"), BY_CERTIFICATE, BrokerLost, "INTERNAL_ERROR"),
        (START, exceptions.AuthenticationError("EXTERNAL"), BY_CERTIFICATE, CredentialError, "EXTERNAL"),
        (START, exceptions.AuthenticationError("PLAIN"), BY_PASSWORD, CredentialError, "PLAIN"),
        (PROTOCOL, ProtocolError("not AMQP"), BY_CERTIFICATE, ProtocolError, "not AMQP"),
        (START, exceptions.ProtocolVersionMismatch(1, 2), BY_CERTIFICATE, ProtocolError, "handshake"),
    ],
)
def test_logging_in(state, cause, party, kind, words):
    """Failures of the AMQP handshake, by how far it had come."""
    _check(login_failure(Ending(state, cause), party), kind, words)


@pytest.mark.parametrize(
    ("cause", "kind", "words"),
    [
        (EndOfStream(), BrokerLost, "closed by the other side"),
        (ConnectionResetError(104, "Connection reset by peer"), BrokerLost, "reset by peer"),
        (exceptions.AMQPHeartbeatTimeout("…"), BrokerLost, "silent"),
        (_tls("DECRYPTION_FAILED_OR_BAD_RECORD_MAC"), BrokerLost, "bad record mac"),
        (_tls("SSLV3_ALERT_CERTIFICATE_EXPIRED"), CredentialError, "certificate expired"),
        (_closed(320, "CONNECTION_FORCED - broker forced connection closure"), BrokerLost, "CONNECTION_FORCED"),
        (_closed(320, "CONNECTION_FORCED - the proxy has expired"), CredentialError, "expired"),
        (_closed(501, "FRAME_ERROR"), ProtocolError, "501"),
        (_closed(540, "NOT_IMPLEMENTED"), ProtocolError, "540"),
        (_closed(541, "INTERNAL_ERROR"), BrokerLost, "541"),
    ],
)
def test_losing_a_connection(cause, kind, words):
    """Ends of a connection that had been up; the broker is named."""
    error = lost(Ending(OPEN, cause), BY_CERTIFICATE)
    _check(error, kind, words)
    assert "mq1.example.org" in str(error) or DN in str(error)


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (404, "NOT_FOUND - no queue 'q' in vhost '/'", UnknownDestination),
        (403, "ACCESS_REFUSED - access to queue 'q' refused", PermissionDenied),
        (405, "RESOURCE_LOCKED - cannot obtain exclusive access", PermissionDenied),
        (406, "PRECONDITION_FAILED - user_id property set to 'a' but authenticated user was 'b'", CredentialError),
        (406, "PRECONDITION_FAILED - message size 17 larger than configured max size", DataError),
        (406, "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out", TemporaryFailure),
        (404, "NOT_FOUND - home node 'rabbit@a' of durable queue 'q' in vhost '/' is down or inaccessible", BrokerLost),
        (541, "INTERNAL_ERROR", BrokerLost),
    ],
)
def test_a_closed_channel(code, text, kind):
    """Reasons for which a broker closes a channel; what it was about is named, the reply code's name is not."""
    error = refusal(code, text, "queue q on dev")
    _check(error, kind, text.rpartition(" - ")[2])
    assert str(error).startswith("queue q on dev: ")
