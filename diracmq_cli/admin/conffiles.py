"""RabbitMQ's own configuration files for a broker that users and pilots reach with certificates and proxies.

``rabbitmq.conf`` says all that it can say; ``advanced.config`` only what takes Erlang terms, which is TLS as a whole:
RabbitMQ replaces ``ssl_options`` by what the advanced file says, it does not merge them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.admin.erlang import erlang_string

if TYPE_CHECKING:
    from diracmq_cli.core.model import HostPort

PLUGIN = "rabbitmq_grid_proxy"
CONSUMER_TIMEOUT = 1800.0
"""Seconds; RabbitMQ's own default for how long a delivery may stay unsettled."""

MAX_PROXIES = 10
CONNECTION_MAX = 50_000
"""Connections of one node: below the 65536 open files of Debian's unit, of which each connection takes one."""

LOOPBACK = "127.0.0.1"
AMQPS_PORT = 5671


class Check(StrEnum):
    """What becomes of a certificate whose CA has no CRL, or no signing policy, in the CA directory."""

    REQUIRE = "require"
    IF_PRESENT = "if-present"
    OFF = "off"


class Limited(StrEnum):
    """Whether somebody may log in with a limited proxy (RFC 3820; what most batch jobs are given)."""

    ALLOW = "allow"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Management:
    """Where the HTTP API listens: over TLS, or plain on loopback."""

    port: int
    tls: bool
    loopback: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What the CS asks of every node of a broker.

    Args:
        passwords: whether servers may log in with user name and password (SASL PLAIN).
        consumer_timeout: seconds that a delivery may stay unsettled.
        management: where the management HTTP API is to be; None: nowhere.
    """

    passwords: bool = False
    consumer_timeout: float = CONSUMER_TIMEOUT
    management: Management | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """What the configuration files of one node say that the CS does not.

    Args:
        listeners: where AMQP over TLS is offered, none meaning all addresses; there is no plain listener.
        certificate: the host certificate.
        key: its key; the broker's user must be able to read it.
        authorities: a bundle of CA certificates and nothing else: Erlang takes any certificate in it as an anchor.
        revocations: a grid CA directory whose ``<hash>.r0`` files are asked for each certificate.
        definitions: the file that is loaded at each start.
        crl: what to do where a CA has no CRL there.
        policies: the signing policies of the CAs, as ``signingterms`` writes them; None: there is no such file.
        signing_policy: what to do where a CA has none there.
        limited: whether limited proxies may log in.
        max_proxies: how many proxies may follow each other in a chain.
        prometheus: the port on loopback where metrics are offered; None: nowhere.
    """

    listeners: tuple[HostPort, ...]
    certificate: Path
    key: Path
    authorities: Path
    revocations: Path
    definitions: Path
    crl: Check = Check.REQUIRE
    policies: Path | None = None
    signing_policy: Check = Check.IF_PRESENT
    limited: Limited = Limited.ALLOW
    max_proxies: int = MAX_PROXIES
    prometheus: int | None = None


def rabbitmq_conf(settings: NodeSettings, demands: Demands) -> str:
    """The text of ``rabbitmq.conf``."""
    mechanisms = ["EXTERNAL", *(["PLAIN"] if demands.passwords else [])]
    lines = [
        "## Written by dirac-mq from the Configuration Service; changes made here are lost.",
        "listeners.tcp = none",
        *_listeners(settings.listeners),
        *(f"auth_mechanisms.{i} = {mechanism}" for i, mechanism in enumerate(mechanisms, start=1)),
        "loopback_users.guest = true",
        "",
        "## A herd of pilots connects at once: RabbitMQ's own values are 128 and 5 to 10 seconds.",
        "tcp_listen_options.backlog = 4096",
        "handshake_timeout = 60000",
        "ssl_handshake_timeout = 60000",
        "channel_max = 16",
        f"connection_max = {CONNECTION_MAX}",
        "",
        f"consumer_timeout = {round(demands.consumer_timeout * 1000)}",
        f"load_definitions = {settings.definitions}",
        "log.console = false",
        "log.file.level = info",
        *_management(settings, demands.management),
        *_prometheus(settings.prometheus),
    ]
    return "\n".join(lines) + "\n"


def _listeners(addresses: tuple[HostPort, ...]) -> Iterator[str]:
    """Without an address RabbitMQ finds out whether the host has IPv6 at all."""
    if not addresses:
        yield f"listeners.ssl.default = {AMQPS_PORT}"
    for number, address in enumerate(addresses, start=1):
        yield f"listeners.ssl.{number} = {address}"


def advanced_config(settings: NodeSettings) -> str:
    """The text of ``advanced.config``."""
    verify = ", ".join(_verify_options(settings))
    options = [
        "{versions, ['tlsv1.3', 'tlsv1.2']}",
        "{verify, verify_peer}",
        "{fail_if_no_peer_cert, true}",
        # An end entity, up to ten proxies and the sub-CAs above it; Erlang's own depth would refuse the chain before
        # the plugin sees it.
        f"{{depth, {settings.max_proxies + 10}}}",
        f"{{cacertfile, {erlang_string(str(settings.authorities))}}}",
        f"{{certfile, {erlang_string(str(settings.certificate))}}}",
        f"{{keyfile, {erlang_string(str(settings.key))}}}",
        f"{{verify_fun, {{rabbit_grid_proxy, verify, [{verify}]}}}}",
        # A resumed TLS 1.2 session would not be verified again.
        "{reuse_sessions, false}",
    ]
    body = ",\n     ".join(options)
    return f"[{{rabbit, [\n    {{ssl_options, [\n     {body}\n    ]}}\n]}}].\n"


def enabled_plugins(settings: NodeSettings, demands: Demands) -> str:
    """The text of ``enabled_plugins``; ``rabbitmq_auth_mechanism_ssl`` must not stand beside ours."""
    plugins = [PLUGIN]
    if demands.management is not None:
        plugins.append("rabbitmq_management")
    if settings.prometheus is not None:
        plugins.append("rabbitmq_prometheus")
    return f"[{','.join(plugins)}].\n"


def _verify_options(settings: NodeSettings) -> Iterator[str]:
    """The plugin looks into the CRLs itself: Erlang's ``crl_check`` decodes them at every handshake."""
    yield f"{{max_proxies, {settings.max_proxies}}}"
    yield f"{{limited, {settings.limited}}}"
    yield f"{{crl, {_lookup(settings.crl, settings.revocations)}}}"
    yield f"{{signing_policy, {_lookup(settings.signing_policy, settings.policies)}}}"


def _lookup(check: Check, path: Path | None) -> str:
    if path is None or check is Check.OFF:
        return "off"
    return f"{{{check.replace('-', '_')}, {erlang_string(str(path))}}}"


def _management(settings: NodeSettings, management: Management | None) -> Iterator[str]:
    """Over TLS the HTTP API asks for a password, which is all that it knows (rabbitmq-server issue 2614)."""
    if management is None:
        return
    kind = "ssl" if management.tls else "tcp"
    yield ""
    yield f"management.{kind}.port = {management.port}"
    if management.loopback:
        yield f"management.{kind}.ip = {LOOPBACK}"
    if management.tls:
        yield f"management.ssl.cacertfile = {settings.authorities}"
        yield f"management.ssl.certfile = {settings.certificate}"
        yield f"management.ssl.keyfile = {settings.key}"
        yield "management.ssl.versions.1 = tlsv1.3"
        yield "management.ssl.versions.2 = tlsv1.2"


def _prometheus(port: int | None) -> Iterator[str]:
    """Metrics name every queue and need no login, so they are offered to this machine only."""
    if port is not None:
        yield ""
        yield f"prometheus.tcp.ip = {LOOPBACK}"
        yield f"prometheus.tcp.port = {port}"
