"""Build what the operations need, each part once and only when it is asked for.

The order is DESIGN's: flags and environment, local CFG, credentials, TLS, model, session. Every step imports its box
late, so that a command pays only for what it uses.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from diracmq_cli.core.identity import CredentialRequest, CredentialSettings, Identity
from diracmq_cli.core.model import BrokerService, MessagingModel
from diracmq_cli.core.ports import Session
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.errors import ConfigError, CredentialError
from diracmq_cli.version import __version__
from diracmq_cli.wiring.passphrase import ask_on_terminal
from diracmq_cli.wiring.target import Target, resolve

if TYPE_CHECKING:
    import ssl

    from diracmq_cli.config import Configuration
    from diracmq_cli.origin import Signer

_log = logging.getLogger(__name__)

_NO_HOST_CERTIFICATE = (
    "a server shows its host certificate, and none was found; name it with DIRAC_X509_HOST_CERT and "
    "DIRAC_X509_HOST_KEY, /DIRAC/Security/CertFile and KeyFile, or --cert and --key"
)

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
        configuration = load_configuration(LocalSources(choices.options, choices.cfg_files, choices.environment))
        _log.info("configuration from %s", ", ".join(configuration.files) or "no file at all")
        return configuration

    @cached_property
    def model(self) -> MessagingModel:
        """The queues, exchanges and services of the configuration."""
        from diracmq_cli.config import read_messaging

        model = read_messaging(self.configuration)
        _log.debug("%d queues, %d exchanges, %d services", len(model.queues), len(model.exchanges), len(model.services))
        return model

    def target(self, destination: str) -> Target:
        """Find a destination; raises as ``wiring.target.resolve``."""
        target = resolve(self.model, destination, self.choices.broker)
        _log.info("%s is %s, from %s", destination, target.spec.address, target.spec.source)
        return target

    @cached_property
    def identity(self) -> Identity:
        """The user's credential, read and checked.

        Raises:
            CredentialError: none is found, or it cannot be used.
        """
        from diracmq_cli.credentials import locate, read_identity

        files = locate(self.choices.credentials, self._settings, self.choices.environment, os.getuid())
        now = time.time()
        identity = read_identity(files, now=now, passphrase=self._passphrase)
        _log.info(
            "%s %s of %s, %s left",
            identity.kind,
            identity.certificate_file,
            identity.dn,
            format_duration(identity.not_after - now),
        )
        return identity

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
        user = self.login_name(service)
        context = None
        if service.tls:
            context = self._user_context(service) if user is None else self._server_context()
        _log.info("dialling %s: %s", service.name, ", ".join(map(str, service.hosts)))
        started = time.monotonic()
        try:
            session = connect(
                service,
                context,
                login=self.identity.dn if user is None else user,
                password=None if user is None else service.password,
                timeout=timeout,
                wake_fd=wake_fd,
                client_name=CLIENT_NAME,
            )
        except CredentialError as error:
            if user is None or context is None or self._server_certificate is not None:
                raise
            raise CredentialError(str(error), hint=_NO_HOST_CERTIFICATE) from error
        _log.info(
            "%s, RabbitMQ %s, knows us as %s; %.0f ms from %s",
            session.peer,
            ".".join(map(str, session.server_version)) or "of an unknown version",
            session.login,
            (time.monotonic() - started) * 1000,
            session.local_address,
        )
        return session

    def signer(self, *, many: bool) -> Signer:
        """What signs messages in the name of the user's credential.

        Args:
            many: whether more than one message will be signed (see ``Signer.of``).

        Raises:
            CredentialError: there is no credential, or it cannot sign.
        """
        from diracmq_cli.credentials import SigningCredential
        from diracmq_cli.origin import Signer

        return Signer.of(SigningCredential(self.identity, self._passphrase), many=many, now=time.time())

    def login_name(self, service: BrokerService) -> str | None:
        """The user that we log in as by password; None for a login by certificate.

        ``User`` stands in the CS for all to read, the password only where the server runs: everybody else logs in
        with a certificate.

        Raises:
            CredentialError: there is a password, and it must not be used.
        """
        if service.user is not None and service.password_problem is not None:
            raise service.password_problem
        if service.user is not None and service.password is None:
            _log.info("no Password for user %s of %s: a certificate has to do", service.user, service.name)
        return None if service.password is None else service.user

    def _user_context(self, service: BrokerService) -> ssl.SSLContext:
        from diracmq_cli.credentials import tls_context

        try:
            return tls_context(self.identity, self.ca_directory, passphrase=self._passphrase)
        except CredentialError as error:
            if service.user is None:
                raise
            raise CredentialError(
                f"no Password for user {service.user} of {service.name} ({service.source}), and {error}",
                hint="a server has Password in a local CFG file that only it can read (chmod 600); for a person: "
                + (error.hint or "dirac-proxy-init"),
            ) from error

    def _server_context(self) -> ssl.SSLContext:
        """TLS for a server that logs in by name: with a certificate where one is named, or the host's."""
        from diracmq_cli.credentials import tls_context

        certificate = self._server_certificate
        _log.info("%s, for TLS", "no certificate" if certificate is None else f"certificate of {certificate.dn}")
        return tls_context(certificate, self.ca_directory, passphrase=self._passphrase)

    @cached_property
    def _server_certificate(self) -> Identity | None:
        from diracmq_cli.credentials import locate_host_certificate, read_identity

        wanted = self.choices.credentials
        if wanted.certificate or wanted.key or wanted.proxy:
            return self.identity
        files = locate_host_certificate(self._settings, self.choices.environment)
        return None if files is None else read_identity(files, now=time.time())

    @cached_property
    def _settings(self) -> CredentialSettings:
        from diracmq_cli.config import read_security

        return read_security(self.configuration)

    @cached_property
    def ca_directory(self) -> str:
        """The directory of trusted CAs.

        Raises:
            CredentialError: there is none.
        """
        from diracmq_cli.credentials import locate_ca_directory

        directory = locate_ca_directory(self.choices.credentials, self._settings, self.choices.environment)
        _log.info("certificate authorities in %s", directory)
        return directory

    @cached_property
    def _passphrase(self) -> Callable[[str], str] | None:
        from diracmq_cli.credentials import AskOnce

        ask = ask_on_terminal()
        return None if ask is None else AskOnce(ask)
