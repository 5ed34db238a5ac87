"""Connect and log in to a broker: every address behind every host, each within its share of the time."""

from __future__ import annotations

import ipaddress
import logging
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pika import ConnectionParameters
from pika.credentials import ExternalCredentials, PlainCredentials

from diracmq_cli.broker.errors import Party, dial_failure, login_failure
from diracmq_cli.broker.link import Link
from diracmq_cli.broker.resolve import Endpoint, resolve
from diracmq_cli.broker.session import BrokerSession
from diracmq_cli.broker.transport import Transport, dial
from diracmq_cli.broker.waiting import Deadline, Interrupted, Patience
from diracmq_cli.errors import BrokerUnreachable, ConfigError, CredentialError, HostUnknown, MQError, PermissionDenied
from diracmq_cli.version import __version__

if TYPE_CHECKING:
    from diracmq_cli.core.model import BrokerService, Secret
    from diracmq_cli.core.ports import Session

_FAIR_SHARE = 3.0
"""Seconds that an address gets at least while others wait: less would give up on a slow but good one."""

_ANSWER = 3.0
"""Seconds that an answer of a connected broker may take at least, where the session has no end of its own."""

_GRACE = 1.0
"""Seconds for each answer when the time for the whole session is up: to give back what is held, and to say goodbye."""

_FINAL = (CredentialError, PermissionDenied, ConfigError)
"""A broker that judged us: its fellows of the same service would say the same."""

logging.getLogger("pika").addHandler(logging.NullHandler())  # pika logs what it also raises


def connect(
    service: BrokerService,
    context: ssl.SSLContext | None,
    *,
    login: str,
    password: Secret | None,
    timeout: float,
    whole: float | None = None,
    wake_fd: int | None = None,
    heartbeat: int = 60,
    client_name: str,
) -> Session:
    """Log in to the first address of ``service`` that answers.

    Args:
        service: where; its hosts' names must be those in their certificates.
        context: TLS settings with our certificate, if any; None for plaintext, which only loopback may see.
        login: the end entity's DN (SASL EXTERNAL; the handshake proves it), or a server's login with a password.
        password: for SASL PLAIN; None for EXTERNAL.
        timeout: seconds for everything: names, addresses, TLS, login.
        whole: seconds for all that the session is for; a broker that has not answered by then is given up a second
            later. None when the session has no end of its own: then each answer may take ``timeout`` (at least a few
            seconds: giving back what is held must not fail because the time for taking was short).
        wake_fd: read end of a pipe that signals write to (``signal.set_wakeup_fd``).
        heartbeat: seconds, or less where the broker proposes that; a broker that is silent for longer counts as lost.
        client_name: what the broker's operator sees as the connection's name.

    Raises:
        HostUnknown: no host name of the service resolves.
        CredentialError: a broker refused our certificate, login or password.
        PermissionDenied: the virtual host is not for us.
        ConfigError: there is no such virtual host, or plaintext would leave this machine.
        AccessError: no broker's certificate can be verified, or none is for its host's name.
        ProtocolError: nothing there speaks AMQP 0-9-1 (over TLS).
        BrokerUnreachable: no address answered; each is named with its reason.
    """
    if context is not None and not (context.check_hostname and context.verify_mode is ssl.CERT_REQUIRED):
        raise ValueError("the TLS context must verify the broker's certificate and host name")
    deadline = Deadline(timeout)
    patience = Patience(max(timeout, _ANSWER)) if whole is None else Patience(_GRACE, Deadline(whole))
    resolution = resolve(service.hosts, shuffle=service.shuffle_hosts, deadline=deadline, wake_fd=wake_fd)
    if not resolution.endpoints:
        raise HostUnknown(
            f"no host of {service.name} resolves: " + "; ".join(resolution.failures),
            hint=f"check Host in {service.source}",
        )
    if context is None:
        require_loopback(service, resolution.endpoints)
    parameters = parameters_of(service, login, password, heartbeat, client_name)
    failures: list[tuple[str, MQError]] = []
    for place, endpoint in enumerate(resolution.endpoints):
        waiting = len(resolution.endpoints) - place
        share = Deadline(min(deadline.remaining, max(_FAIR_SHARE, deadline.remaining / waiting)))
        party = Party(service.name, str(endpoint.host), login, service.vhost, password is None, context is not None)
        try:
            link = _log_in(endpoint, context, parameters, party, share, wake_fd)
        except Interrupted:
            raise
        except _FINAL as error:
            raise type(error)(f"{endpoint}: {error}", hint=error.hint) from error
        except MQError as error:
            failures.append((str(endpoint), error))
        else:
            link.patience = patience
            return BrokerSession(link, endpoint)
    raise _summary(service, failures, resolution.failures)


def require_loopback(service: BrokerService, endpoints: Sequence[Endpoint]) -> None:
    """See that nothing is said in plaintext to another machine.

    Raises:
        ConfigError: an address is not this machine's own.
    """
    for endpoint in endpoints:
        if not ipaddress.ip_address(endpoint.ip.partition("%")[0]).is_loopback:
            raise ConfigError(
                f"{endpoint} is not on this machine, so service {service.name} must use TLS",
                hint=f"remove TLS = no from {service.source}",
            )


def parameters_of(
    service: BrokerService, login: str, password: Secret | None, heartbeat: int, client_name: str
) -> ConnectionParameters:
    """What pika wants to know of a login (``connect`` says what the arguments are)."""
    return ConnectionParameters(
        virtual_host=service.vhost,
        credentials=ExternalCredentials() if password is None else PlainCredentials(login, password.value),
        heartbeat=lambda _connection, proposed: min(heartbeat, int(proposed) or heartbeat),
        client_properties={
            "product": "diracmq_cli",
            "version": __version__,
            "connection_name": client_name,
            "information": "",
        },
    )


def _log_in(
    endpoint: Endpoint,
    context: ssl.SSLContext | None,
    parameters: ConnectionParameters,
    party: Party,
    deadline: Deadline,
    wake_fd: int | None,
) -> Link:
    try:
        transport = dial(endpoint, context, endpoint.host.host, deadline, wake_fd)
    except OSError as error:
        raise dial_failure(error, party) from error
    return begin(transport, parameters, party, deadline, wake_fd)


def begin(
    transport: Transport,
    parameters: ConnectionParameters,
    party: Party,
    deadline: Deadline,
    wake_fd: int | None,
) -> Link:
    """Log in on a connection that is there (TLS too); raises as ``connect`` does for one address."""
    link = Link(transport, parameters, party, wake_fd)
    link.open(deadline)
    if link.is_open:
        return link
    ending = link.ending
    link.shut()
    if ending is not None:
        raise login_failure(ending, party) from ending.cause
    if link.woken:
        raise Interrupted("stopped while connecting")
    raise BrokerUnreachable("it accepted the connection and then said nothing in time")


def _summary(service: BrokerService, failures: Sequence[tuple[str, MQError]], unresolved: Sequence[str]) -> MQError:
    """One error for all addresses: of their class when they agree, else BrokerUnreachable."""
    kinds = {type(error) for _, error in failures}
    kind = kinds.pop() if len(kinds) == 1 else BrokerUnreachable
    reasons = [f"{endpoint}: {error}" for endpoint, error in failures] + list(unresolved)
    hint = next((error.hint for _, error in failures if error.hint), None)
    return kind(f"no address of {service.name} answered: " + "; ".join(reasons), hint=hint)
