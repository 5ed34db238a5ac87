"""Translate what OpenSSL, the kernel, pika and the broker say went wrong into our tree of errors.

With TLS 1.3 a client believes that it is connected before the broker has judged its certificate: the verdict is an
alert (or nothing but the end of the stream) in answer to the first thing that we say. So an early end of a connection
on which we showed a certificate is a matter of credentials, not of the network or the protocol.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

import pika.connection
from pika import exceptions

from diracmq_cli.broker.transport import EndOfStream
from diracmq_cli.core.tlsalert import judgement
from diracmq_cli.errors import (
    AccessError,
    BrokerLost,
    BrokerUnreachable,
    ConfigError,
    CredentialError,
    DataError,
    MQError,
    PermissionDenied,
    ProtocolError,
    TemporaryFailure,
    UnknownDestination,
)

_State = pika.connection.Connection

CERTIFICATE_HINT = "look at the proxy with dirac-proxy-info; make a new one with dirac-proxy-init"
_CA_HINT = "point to the directory of your grid's CA certificates with --capath or X509_CERT_DIR"
_OPERATOR_HINT = "ask the operator of the broker, naming this login"

_NAME_MISMATCH = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH

_REPLIES: dict[int, type[MQError]] = {
    311: DataError,  # content-too-large
    403: PermissionDenied,
    404: UnknownDestination,
    405: PermissionDenied,  # resource-locked: somebody's exclusive queue
    406: DataError,
    501: ProtocolError,
    502: ProtocolError,
    503: ProtocolError,
    504: ProtocolError,
    505: ProtocolError,
    530: PermissionDenied,
    540: ProtocolError,
}
"""AMQP reply codes (section 1.2 of the specification's constants); any other is a lost connection."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who talks to whom, for messages. ``certificate``: we log in by certificate (EXTERNAL), not by password."""

    service: str
    peer: str
    login: str
    vhost: str
    certificate: bool
    tls: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection ended: pika's state at that moment (``Connection.CONNECTION_*``), and the cause."""

    state: int
    cause: BaseException


def dial_failure(error: OSError, party: Party) -> MQError:
    """Why TCP or TLS could not be set up."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _unverified(error, party)
    if isinstance(error, EndOfStream | ConnectionResetError | ssl.SSLEOFError) and party.tls:
        return BrokerUnreachable("closed by the other side during the TLS handshake")
    if isinstance(error, ssl.SSLError):
        return _tls_failure(error, party)
    if isinstance(error, TimeoutError):
        return BrokerUnreachable("no answer in time")
    return BrokerUnreachable((error.strerror or str(error)).lower())


def _unverified(error: ssl.SSLCertVerificationError, party: Party) -> MQError:
    if error.verify_code in _NAME_MISMATCH:
        return AccessError(
            f"the broker's certificate is for another host: {error.verify_message.rstrip('.')}",
            hint=f"write the name that the certificate bears into Host of service {party.service}",
        )
    return AccessError(f"the broker's certificate cannot be verified: {error.verify_message}", hint=_CA_HINT)


def _tls_failure(error: ssl.SSLError, party: Party) -> MQError:
    reason = error.reason or str(error)
    verdict = judgement(reason)
    if verdict is None:
        return ProtocolError(
            f"no TLS with {party.peer}: {reason.lower().replace('_', ' ')}",
            hint=f"check Host, Port and TLS of service {party.service}",
        )
    if not party.certificate:
        return CredentialError(f"the broker wants a certificate or does not like ours: {verdict}")
    return CredentialError(f"the broker refused our certificate ({party.login}): {verdict}", hint=CERTIFICATE_HINT)


def login_failure(ending: Ending, party: Party) -> MQError:
    """Why the AMQP handshake did not end in an open connection."""
    cause = ending.cause
    if isinstance(cause, MQError):
        return cause
    if isinstance(cause, ssl.SSLError):
        return _tls_failure(cause, party)
    if isinstance(cause, exceptions.AuthenticationError):
        return _no_mechanism(party)
    if isinstance(cause, exceptions.ConnectionClosedByBroker):
        return _closed_at_login(cause, ending.state, party)
    if isinstance(cause, OSError):
        return _cut_at_login(cause, ending.state, party)
    return ProtocolError(f"the AMQP handshake with {party.peer} failed: {cause}")


def _no_mechanism(party: Party) -> MQError:
    if party.certificate:
        return CredentialError(
            "the broker offers no login by certificate (EXTERNAL)",
            hint=f"the broker needs the rabbitmq_grid_proxy plugin; a server may set User of service {party.service}",
        )
    return CredentialError("the broker offers no login by password (PLAIN)")


def _closed_at_login(cause: exceptions.ConnectionClosedByBroker, state: int, party: Party) -> MQError:
    code, said = cause.reply_code, cause.reply_text
    if state == _State.CONNECTION_START or code == 403:
        return CredentialError(f"the broker refused the login of {party.login}: {said}", hint=_OPERATOR_HINT)
    if code == 530 and "not found" in said:
        return ConfigError(
            f"the broker has no virtual host {party.vhost!r}", hint=f"check VHost of service {party.service}"
        )
    if code == 530:
        return PermissionDenied(f"{party.login} may not use virtual host {party.vhost!r}: {said}", hint=_OPERATOR_HINT)
    return _reply(code, f"the broker closed the connection: {code} {said}")


def _cut_at_login(cause: OSError, state: int, party: Party) -> MQError:
    if state == _State.CONNECTION_PROTOCOL and party.certificate:
        return CredentialError(
            f"closed by the other side right after TLS: it probably refused our certificate ({party.login})",
            hint=CERTIFICATE_HINT,
        )
    if state == _State.CONNECTION_START:
        return CredentialError(f"the broker hung up on the login of {party.login}", hint=_OPERATOR_HINT)
    return BrokerUnreachable((cause.strerror or str(cause)).lower())


def lost(ending: Ending, party: Party) -> MQError:
    """Why a connection that had been up has ended."""
    cause = ending.cause
    if isinstance(cause, MQError):
        return cause
    if isinstance(cause, exceptions.ConnectionClosedByBroker):
        said = f"{party.peer} closed the connection: {cause.reply_code} {cause.reply_text}"
        if cause.reply_code == 320 and "expired" in cause.reply_text.lower():
            return CredentialError(said, hint=CERTIFICATE_HINT)
        return _reply(cause.reply_code, said)
    if isinstance(cause, exceptions.AMQPHeartbeatTimeout):
        return BrokerLost(f"{party.peer} has fallen silent: no heartbeat")
    if isinstance(cause, ssl.SSLError):
        failure = _tls_failure(cause, party)
        if isinstance(failure, CredentialError):
            return failure
        reason = (cause.reason or str(cause)).lower().replace("_", " ")
        return BrokerLost(f"the connection to {party.peer} was lost: {reason}")
    said = (cause.strerror if isinstance(cause, OSError) else None) or str(cause)
    return BrokerLost(f"the connection to {party.peer} was lost: {said.lower()}")


def refusal(code: int, text: str, what: str) -> MQError:
    """Why the broker closed a channel (channel.close) that served ``what``, such as ``queue demo.jobs on dev``."""
    said = f"{what}: {text.partition(' - ')[2] or text}"
    if code == 404 and "home node" in text:  # a node of the cluster is down, and with it this queue
        return BrokerLost(said)
    if code == 404:
        return UnknownDestination(said, hint="dirac-mq list shows what there is")
    if code == 406 and "user_id" in text:
        return CredentialError(said, hint="user_id must be the name that the broker knows us by")
    if code == 406 and "timed out" in text:  # another connection would not do better
        return TemporaryFailure(said, hint="settle sooner, or have ConsumerTimeout of the queue raised")
    return _reply(code, said)


def _reply(code: int, said: str) -> MQError:
    kind = _REPLIES.get(code, BrokerLost)
    return kind(said, hint=_OPERATOR_HINT if kind is PermissionDenied else None)
