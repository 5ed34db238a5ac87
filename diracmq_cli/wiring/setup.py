"""Build what the operations need, each part once and only when it is asked for.

The order is DESIGN's: flags and environment, local CFG, credentials, TLS, model, session. Every step imports its box
late, so that a command pays only for what it uses.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from diracmq_cli.core.identity import CredentialRequest, CredentialSettings, Identity
from diracmq_cli.core.model import BrokerService, MessagingModel
from diracmq_cli.core.ports import Session
from diracmq_cli.errors import ConfigError, CredentialError
from diracmq_cli.version import __version__
from diracmq_cli.wiring.passphrase import ask_on_terminal
from diracmq_cli.wiring.target import Target, resolve

if TYPE_CHECKING:
    import ssl

    from diracmq_cli.config import Configuration

CLIENT_NAME = f"dirac-mq/{__version__}"


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What flags and environment say about configuration, broker and credentials."""

    broker: str | None = None
    cfg_files: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    credentials: CredentialRequest = field(default_factory=CredentialRequest)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


class Setup:
    """Everything between flags and a session, built on demand."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices

    @cached_property
    def configuration(self) -> Configuration:
        """The merged local CFG.

        Raises:
            UsageError, ConfigError: see ``config.load_configuration``.
        """
        from diracmq_cli.config import LocalSources, load_configuration

        choices = self.choices
        return load_configuration(LocalSources(choices.options, choices.cfg_files, choices.environment))

    @cached_property
    def model(self) -> MessagingModel:
        """The queues, exchanges and services of the configuration."""
        from diracmq_cli.config import read_messaging

        return read_messaging(self.configuration)

    def target(self, destination: str) -> Target:
        """Find a destination; raises as ``wiring.target.resolve``."""
        return resolve(self.model, destination, self.choices.broker)

    @cached_property
    def identity(self) -> Identity:
        """The user's credential, read and checked.

        Raises:
            CredentialError: none is found, or it cannot be used.
        """
        from diracmq_cli.credentials import locate, read_identity

        files = locate(self.choices.credentials, self._settings, self.choices.environment, os.getuid())
        return read_identity(files, now=time.time(), passphrase=self._passphrase)

    def open(self, service: BrokerService, *, timeout: float, wake_fd: int | None = None) -> Session:
        """Log in to ``service`` within ``timeout`` seconds.

        Raises:
            ConfigError: AMQP is not spoken to that service.
            CredentialError: no usable credential, or the broker refuses it.
            HostUnknown, BrokerUnreachable, ProtocolError: see ``broker.connect``.
        """
        from diracmq_cli.broker import connect

        if service.refusal is not None:
            raise ConfigError(f"{service.name}: {service.refusal}", hint=service.refusal_hint)
        by_name = service.user is not None
        if by_name and service.password_problem is not None:
            raise service.password_problem
        if by_name and service.password is None:
            raise CredentialError(
                f"no Password for user {service.user} of {service.name} ({service.source})",
                hint="put Password into a local CFG file that only you can read (chmod 600)",
            )
        context = self._server_context() if by_name and service.tls else self._user_context() if service.tls else None
        return connect(
            service,
            context,
            login=service.user or self.identity.dn,
            password=service.password,
            timeout=timeout,
            wake_fd=wake_fd,
            client_name=CLIENT_NAME,
        )

    def _user_context(self) -> ssl.SSLContext:
        from diracmq_cli.credentials import tls_context

        return tls_context(self.identity, self._ca_directory, passphrase=self._passphrase)

    def _server_context(self) -> ssl.SSLContext:
        """TLS for a server that logs in by name: with the host's certificate where there is one."""
        from diracmq_cli.credentials import locate_host_certificate, read_identity, tls_context

        files = locate_host_certificate(self._settings, self.choices.environment)
        host = None if files is None else read_identity(files, now=time.time())
        return tls_context(host, self._ca_directory)

    @cached_property
    def _settings(self) -> CredentialSettings:
        from diracmq_cli.config import read_security

        return read_security(self.configuration)

    @cached_property
    def _ca_directory(self) -> str:
        from diracmq_cli.credentials import locate_ca_directory

        return locate_ca_directory(self.choices.credentials, self._settings, self.choices.environment)

    @cached_property
    def _passphrase(self) -> Callable[[str], str] | None:
        from diracmq_cli.credentials import AskOnce

        ask = ask_on_terminal()
        return None if ask is None else AskOnce(ask)
