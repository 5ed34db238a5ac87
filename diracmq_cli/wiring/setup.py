"""Build what the operations need, each part once and only when it is asked for.

The order is DESIGN's: flags and environment, local CFG, credentials, TLS, remote CS, model, session. Every step imports
its box late, so that a command pays only for what it uses.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diracmq_cli.core.cached import cached_property
from diracmq_cli.core.identity import CredentialRequest, Identity
from diracmq_cli.errors import ConfigError, CredentialError, CSUnreachable, HostUnknown, UnknownDestination
from diracmq_cli.version import __version__
from diracmq_cli.wiring.credentials import Credentials
from diracmq_cli.wiring.target import Target, find_service, is_url, resolve, unlisted

if TYPE_CHECKING:
    import ssl

    from diracmq_cli.config import Configuration, ConfigurationService
    from diracmq_cli.core.model import BrokerService, MessagingModel
    from diracmq_cli.core.ports import Session
    from diracmq_cli.origin import Signer
    from diracmq_cli.wiring.console import Console

_log = logging.getLogger(__name__)

_NO_HOST_CERTIFICATE = (
    "a server shows its host certificate, and none was found; name it with DIRAC_X509_HOST_CERT and "
    "DIRAC_X509_HOST_KEY, /DIRAC/Security/CertFile and KeyFile, or --cert and --key"
)

CLIENT_NAME = f"dirac-mq/{__version__}"

CS_TIMEOUT = 10.0
"""Seconds for all configuration servers together, before a command begins its work."""

RENEWAL_TIMEOUT = 2.0
"""Seconds for the same when the work is done, and only the next command gains by it."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What flags and environment say about configuration, broker and credentials.

    ``cs_max_age`` (seconds) is for how long the copy of the remote CS counts as fresh, None as long as by default;
    ``cs_timeout`` is how long a command may wait for the CS.
    """

    broker: str | None = None
    cfg_files: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    credentials: CredentialRequest = field(default_factory=CredentialRequest)
    cs_max_age: float | None = None
    cs_timeout: float = CS_TIMEOUT
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


class Setup:
    """Everything between flags and a session, built on demand.

    Args:
        choices: the flags.
        console: warns of what is wrong with the remote CS, and stops waiting for it; None: only logged.
        warn: takes those warnings in the console's place.
    """

    def __init__(
        self, choices: Choices, console: Console | None = None, *, warn: Callable[[str], object] | None = None
    ) -> None:
        self.choices = choices
        self._console = console
        self._warn = console.talk.warning if warn is None and console is not None else warn
        self._credentials = Credentials(choices.credentials, choices.environment, lambda: self.cs.local.security)

    @cached_property
    def cs(self) -> ConfigurationService:
        """The local CFG, and the remote CS for what that does not say.

        Raises:
            UsageError, ConfigError: the local CFG cannot be read (``config.load_configuration``).
        """
        from diracmq_cli.config import ConfigurationService, LocalSources, RemoteAccess

        choices, console = self.choices, self._console
        access = RemoteAccess(self._credentials.for_the_cs, timeout=choices.cs_timeout)
        if choices.cs_max_age is not None:
            access = access._replace(max_age=choices.cs_max_age)
        if console is not None:
            access = access._replace(wake_fd=console.stop.wake_fd)
        if self._warn is not None:
            access = access._replace(warn=self._warn)
        service = ConfigurationService(LocalSources(choices.options, choices.cfg_files, choices.environment), access)
        _log.info("configuration from %s", ", ".join(service.local.model.files) or "no file at all")
        return service

    def finish(self) -> None:
        """Do what only the next command gains by: renew a stale copy of the CS, keep names for completions.

        To be called when the work is done and told; never raises.
        """
        if "cs" in vars(self):
            self.cs.renew(RENEWAL_TIMEOUT)
            self.cs.keep_names()

    @property
    def configuration(self) -> Configuration:
        """The tree of everything that was read so far: files, and the remote CS if it was needed."""
        return self.cs.configuration()

    @property
    def model(self) -> MessagingModel:
        """The queues, exchanges and services of everything that was read so far."""
        return self.cs.current.model

    def target(self, destination: str) -> Target:
        """Find a destination, in the local CFG or else in the CS.

        With the URL of a broker, what neither of them knows is taken as it stands; so is what the local CFG does not
        know while no configuration server answers.

        Raises:
            UsageError, UnknownDestination, ConfigError: as ``wiring.target.resolve``.
            MQError: it is not in the local CFG, and the CS cannot be asked (``ConfigurationService.find``).
        """
        broker = self.choices.broker
        try:
            target = self.cs.find(lambda model: resolve(model, destination, broker))
        except (UnknownDestination, CSUnreachable, HostUnknown) as error:
            if broker is None or not is_url(broker):
                raise
            if self._warn is not None and not isinstance(error, UnknownDestination):
                self._warn(str(error))
            target = unlisted(destination, broker)
        _log.info("%s is %s, from %s", destination, target.spec.address, target.spec.source)
        return target

    def service(self, name: str) -> BrokerService:
        """Find a service by its name, in the local CFG or else in the CS.

        Raises:
            UnknownDestination: there is none of that name.
            MQError: it is not in the local CFG, and the CS cannot be asked.
        """
        return self.cs.find(lambda model: find_service(model, name))

    @property
    def identity(self) -> Identity:
        """The user's credential (``Credentials.identity``)."""
        return self._credentials.identity

    def login_identity(self, service: BrokerService, *, even_ended: bool = False) -> Identity:
        """The user's credential for a login to ``service`` (``Credentials.login``)."""
        return self._credentials.login(service, even_ended=even_ended)

    def renew(self) -> bool:
        """Read a credential anew whose files have changed (``Credentials.renew``)."""
        return self._credentials.renew()

    @property
    def ca_directory(self) -> str:
        """The directory of trusted CAs (``Credentials.ca_directory``)."""
        return self._credentials.ca_directory

    def signer(self, *, many: bool) -> Signer:
        """What signs messages in the name of the user's credential (``Credentials.signer``)."""
        return self._credentials.signer(many=many)

    def open(
        self, service: BrokerService, *, timeout: float, whole: float | None = None, wake_fd: int | None = None
    ) -> Session:
        """Log in to ``service`` within ``timeout`` seconds; ``whole`` are those for all that the session is for, if it
        has an end.

        Raises:
            ConfigError: AMQP is not spoken to that service.
            CredentialError: no usable credential, or the broker refuses it.
            HostUnknown, BrokerUnreachable, ProtocolError: see ``broker.connect``.
        """
        from diracmq_cli.broker import connect

        require_amqp(service)
        user = self.login_name(service)
        context = self.tls(service)
        _log.info("dialling %s: %s", service.name, ", ".join(map(str, service.hosts)))
        started = time.monotonic()
        try:
            session = connect(
                service,
                context,
                login=self.identity.dn if user is None else user,
                password=None if user is None else service.password,
                timeout=timeout,
                whole=whole,
                wake_fd=wake_fd,
                client_name=CLIENT_NAME,
            )
        except CredentialError as error:
            raise self.explained(error, service) from error
        _log.info(
            "%s, RabbitMQ %s, knows us as %s; %.0f ms from %s",
            session.peer,
            ".".join(map(str, session.server_version)) or "of an unknown version",
            session.login,
            (time.monotonic() - started) * 1000,
            session.local_address,
        )
        return session

    def explained(self, error: CredentialError, service: BrokerService) -> CredentialError:
        """Why a login was refused, with what a server can do that has no certificate to show."""
        if self.login_name(service) is None or not service.tls or self._credentials.server_certificate is not None:
            return error
        return CredentialError(str(error), hint=_NO_HOST_CERTIFICATE)

    def tls(self, service: BrokerService) -> ssl.SSLContext | None:
        """TLS for a login to ``service``, with the user's credential or a server's; None where it is off.

        Raises:
            CredentialError: there is no CA directory, no usable credential, or a password that must not be used.
        """
        if not service.tls:
            return None
        if self.login_name(service) is None:
            return self._credentials.user_context(service)
        return self._credentials.server_context()

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


def require_amqp(service: BrokerService) -> None:
    """See that AMQP can be spoken to a service.

    Raises:
        ConfigError: the CS says otherwise.
    """
    if service.refusal is not None:
        raise ConfigError(f"{service.name}: {service.refusal}", hint=service.refusal_hint)
