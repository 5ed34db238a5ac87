"""RabbitMQ's own configuration files for a broker that users and pilots reach with certificates and proxies.

``rabbitmq.conf`` says all that it can say; ``advanced.config`` only what takes Erlang terms, which is TLS as a whole:
RabbitMQ replaces ``ssl_options`` by what the advanced file says, it does not merge them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from diracmq_cli.core.model import HostPort, MessagingModel

PLUGIN = "rabbitmq_grid_proxy"
CONSUMER_TIMEOUT = 1800.0
"""Seconds; RabbitMQ's own default for how long a delivery may stay unsettled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """What the configuration files of one node say that the CS does not.

    Args:
        listeners: where AMQP over TLS is offered; there is no plain listener.
        certificate: the host certificate.
        key: its key; the broker's user must be able to read it.
        authorities: a bundle of CA certificates and nothing else: Erlang takes any certificate in it as an anchor.
        revocations: a grid CA directory whose ``<hash>.r0`` files are asked for each certificate; a CA without a CRL
            refuses. None asks nothing.
        definitions: the file that is loaded at each start.
        passwords: whether servers may log in with user name and password (SASL PLAIN).
        consumer_timeout: seconds that a delivery may stay unsettled.
    """

    listeners: tuple[HostPort, ...]
    certificate: Path
    key: Path
    authorities: Path
    revocations: Path | None
    definitions: Path
    passwords: bool = False
    consumer_timeout: float = CONSUMER_TIMEOUT


def consumer_timeout(model: MessagingModel) -> float:
    """The longest ConsumerTimeout of the queues: before RabbitMQ 3.12 there is one for the whole node."""
    return max([CONSUMER_TIMEOUT, *(q.consumer_timeout for q in model.queues if q.consumer_timeout is not None)])


def rabbitmq_conf(settings: NodeSettings) -> str:
    """The text of ``rabbitmq.conf``."""
    mechanisms = ["EXTERNAL", *(["PLAIN"] if settings.passwords else [])]
    lines = [
        "## Written by dirac-mq from the Configuration Service; changes made here are lost.",
        "listeners.tcp = none",
        *(f"listeners.ssl.{i} = {address}" for i, address in enumerate(settings.listeners, start=1)),
        *(f"auth_mechanisms.{i} = {mechanism}" for i, mechanism in enumerate(mechanisms, start=1)),
        "",
        "## A herd of pilots connects at once: RabbitMQ's own values are 128 and 5 to 10 seconds.",
        "tcp_listen_options.backlog = 4096",
        "handshake_timeout = 60000",
        "ssl_handshake_timeout = 60000",
        "channel_max = 16",
        "",
        f"consumer_timeout = {round(settings.consumer_timeout * 1000)}",
        f"load_definitions = {settings.definitions}",
        "log.console = false",
        "log.file.level = info",
    ]
    return "\n".join(lines) + "\n"


def advanced_config(settings: NodeSettings) -> str:
    """The text of ``advanced.config``."""
    options = [
        "{versions, ['tlsv1.3', 'tlsv1.2']}",
        "{verify, verify_peer}",
        "{fail_if_no_peer_cert, true}",
        # An end entity, up to ten proxies and the sub-CAs above it; Erlang's own depth would refuse the chain before
        # the plugin sees it.
        "{depth, 20}",
        f"{{cacertfile, {_string(settings.authorities)}}}",
        f"{{certfile, {_string(settings.certificate)}}}",
        f"{{keyfile, {_string(settings.key)}}}",
        "{verify_fun, {rabbit_grid_proxy, verify, []}}",
        # A resumed TLS 1.2 session would not be verified again.
        "{reuse_sessions, false}",
    ]
    if settings.revocations is not None:
        directory = _string(settings.revocations)
        options.append("{crl_check, true}")
        options.append(f"{{crl_cache, {{ssl_crl_hash_dir, {{internal, [{{dir, {directory}}}]}}}}}}")
    body = ",\n     ".join(options)
    return f"[{{rabbit, [\n    {{ssl_options, [\n     {body}\n    ]}}\n]}}].\n"


def enabled_plugins() -> str:
    """The text of ``enabled_plugins``; ``rabbitmq_auth_mechanism_ssl`` must not stand beside ours."""
    return f"[{PLUGIN}].\n"


def _string(path: Path) -> str:
    """An Erlang string."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
