"""Read how to reach a broker and log in there, from the options of either layout."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from diracmq_cli.config.lists import hosts, port
from diracmq_cli.config.parsers import boolean, one_of, short_string, whole
from diracmq_cli.core.model import BrokerService, HostPort, Secret, Source

if TYPE_CHECKING:
    from diracmq_cli.config.options import Options
    from diracmq_cli.errors import CredentialError

_RABBITMQ = "RabbitMQ"
_AMQP = frozenset({"rabbitmq", "amqp"})
_TLS_PORT, _PLAIN_PORT = 5671, 5672
_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|::1", re.IGNORECASE)
_URL = re.compile(r"https?://[^/@\s]+(?:/\S*)?", re.IGNORECASE)


class _HostOrder(StrEnum):
    SHUFFLED = "shuffled"
    LISTED = "listed"


def read_service(
    name: str, options: Options, source: Source, password: Secret | None, problem: CredentialError | None
) -> BrokerService:
    """The broker that ``options`` describe; ``problem`` says why the password there must not be used.

    An entry of another protocol (DIRAC's ``Stomp``) is read too, with its refusal: its port is not AMQP's, unless
    ``AMQPPort`` names one beside it.

    Raises:
        ConfigError: an option is missing or wrong.
    """
    user = options.text("User")
    tls = options.read(boolean, "TLS") is not False
    found = _hosts(options, tls)
    mq_type = options.text("MQType") or _RABBITMQ
    if mq_type.lower() in _AMQP:
        mq_type = _RABBITMQ
    refusal = _refusal(mq_type, options)
    remedy = f"set AMQPPort = {_TLS_PORT}, or MQType = {_RABBITMQ} and Port = {_TLS_PORT}, in {source.section}"
    return BrokerService(
        name=name,
        hosts=found,
        source=source,
        mq_type=mq_type,
        vhost=options.read(short_string, "VHost", "VH") or "/",
        tls=tls,
        user=user,
        password=password if user else None,
        password_problem=problem if user else None,
        shuffle_hosts=options.read(one_of(_HostOrder), "HostOrder") is not _HostOrder.LISTED,
        management_url=options.read(_url, "ManagementURL"),
        management_user=options.text("ManagementUser"),
        max_connections=options.read(whole(1), "MaxConnections"),
        max_pilot_connections=options.read(whole(1), "MaxPilotConnections"),
        refusal=refusal,
        refusal_hint=remedy if refusal else None,
    )


def _hosts(options: Options, tls: bool) -> tuple[HostPort, ...]:
    amqp_port = options.read(port, "AMQPPort")
    default = amqp_port or options.read(port, "Port") or (_TLS_PORT if tls else _PLAIN_PORT)
    found = options.read(partial(hosts, default=default), "Host")
    if found is None:
        raise options.refusal("Host is missing", "Host")
    if amqp_port is not None:  # the ports in Host are the other protocol's
        found = tuple(HostPort(each.host, amqp_port) for each in found)
    distant = [each.host for each in found if not _LOOPBACK.fullmatch(each.host)]
    if not tls and distant:
        raise options.refusal(f"plaintext is for loopback only, and {distant[0]} is not", "TLS", hint="remove TLS = no")
    return found


def _refusal(mq_type: str, options: Options) -> str | None:
    if mq_type == _RABBITMQ or options.find("AMQPPort"):
        return None
    number = options.text("Port")
    return f"is a {mq_type} service; its Port {number} is not AMQP" if number else f"is a {mq_type} service, not AMQP"


def _url(text: str) -> str:
    if not _URL.fullmatch(text):  # not shown: it may hold a password
        raise ValueError("not a URL such as https://mq1.example.org:15671, without user and password")
    return text
