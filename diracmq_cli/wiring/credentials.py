"""Who we are, built on demand: the user's credential, the host's, the CA directory, and TLS with them.

What the local CFG says about credentials is asked for first and late: the remote CS cannot be asked before.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from diracmq_cli.core.cached import cached_property
from diracmq_cli.core.identity import CredentialKind, CredentialRequest, CredentialSettings, Identity
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.errors import CredentialError
from diracmq_cli.wiring.passphrase import ask_on_terminal

if TYPE_CHECKING:
    import ssl

    from diracmq_cli.config import Credential
    from diracmq_cli.core.model import BrokerService
    from diracmq_cli.credentials import CredentialFiles
    from diracmq_cli.origin import Signer

_log = logging.getLogger(__name__)


class Credentials:
    """Credentials by flags, environment and local CFG; each is found and read once, when it is needed.

    Args:
        request: the flags.
        environment: the process's.
        settings: reads what the local CFG says about them.
    """

    def __init__(
        self, request: CredentialRequest, environment: Mapping[str, str], settings: Callable[[], CredentialSettings]
    ) -> None:
        self._request = request
        self._environment = environment
        self._read_settings = settings
        self._as_read: tuple[object, ...] = ()

    @cached_property
    def identity(self) -> Identity:
        """The user's credential, read and checked.

        Raises:
            CredentialError: none is found, or it cannot be used.
        """
        from diracmq_cli.credentials import locate, read_identity

        files = locate(self._request, self._settings, self._environment, os.getuid())
        self._as_read = _state(files)
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

    @property
    def owner(self) -> Identity:
        """The user's credential even if it has ended: what is kept for later belongs to that DN."""
        from diracmq_cli.credentials import locate, read_identity

        if "identity" in vars(self):
            return self.identity
        files = locate(self._request, self._settings, self._environment, os.getuid())
        return read_identity(files, now=None, passphrase=self._passphrase)

    def renew(self) -> bool:
        """Read the user's credential anew when it is asked for next, if its files have changed; returns whether."""
        from diracmq_cli.credentials import locate

        if "identity" not in vars(self):
            return False
        with suppress(CredentialError):  # it has gone; whoever asks for it will be told
            if _state(locate(self._request, self._settings, self._environment, os.getuid())) == self._as_read:
                return False
        for name in ("identity", "server_certificate"):
            vars(self).pop(name, None)
        return True

    @cached_property
    def server_certificate(self) -> Identity | None:
        """What a server that logs in by name shows for TLS: the certificate that a flag names, or the host's."""
        from diracmq_cli.credentials import locate_host_certificate, read_identity

        if self._request.certificate or self._request.key or self._request.proxy:
            return self.identity
        files = locate_host_certificate(self._settings, self._environment)
        return None if files is None else read_identity(files, now=time.time())

    @cached_property
    def ca_directory(self) -> str:
        """The directory of trusted CAs.

        Raises:
            CredentialError: there is none.
        """
        from diracmq_cli.credentials import locate_ca_directory

        directory = locate_ca_directory(self._request, self._settings, self._environment)
        _log.info("certificate authorities in %s", directory)
        return directory

    def user_context(self, service: BrokerService) -> ssl.SSLContext:
        """TLS for a login to ``service`` with the user's credential."""
        with _in_place_of_a_password(service):
            return self._context(self.identity)

    def login(self, service: BrokerService, *, even_ended: bool) -> Identity:
        """The user's credential for a login to ``service``; what has ended will do where that is said.

        Raises:
            CredentialError: none is found, or it cannot be used.
        """
        with _in_place_of_a_password(service):
            return self.owner if even_ended else self.identity

    def server_context(self) -> ssl.SSLContext:
        """TLS for a server that logs in by name: with a certificate where one is named, or the host's."""
        certificate = self.server_certificate
        _log.info("%s, for TLS", "no certificate" if certificate is None else f"certificate of {certificate.dn}")
        return self._context(certificate)

    def for_the_cs(self) -> Credential:
        """What the remote CS is asked with. A host's certificate says that it is one where the CFG wants it used."""
        from diracmq_cli.config import Credential

        as_host = self._settings.use_server_certificate and self.identity.kind is CredentialKind.HOST_CERTIFICATE
        return Credential(self._context(self.identity), as_host=as_host)

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

    def _context(self, identity: Identity | None) -> ssl.SSLContext:
        from diracmq_cli.credentials import tls_context

        return tls_context(identity, self.ca_directory, passphrase=self._passphrase)

    @cached_property
    def _settings(self) -> CredentialSettings:
        return self._read_settings()

    @cached_property
    def _passphrase(self) -> Callable[[str], str] | None:
        from diracmq_cli.credentials import AskOnce

        ask = ask_on_terminal()
        return None if ask is None else AskOnce(ask)


@contextmanager
def _in_place_of_a_password(service: BrokerService) -> Iterator[None]:
    """Say why a credential is asked for, where the CS names a user."""
    try:
        yield
    except CredentialError as error:
        if service.user is None:
            raise
        raise CredentialError(
            f"no Password for user {service.user} of {service.name} ({service.source}), and {error}",
            hint="a server has Password in a local CFG file that only it can read (chmod 600); for a person: "
            + (error.hint or "dirac-proxy-init"),
        ) from error


def _state(files: CredentialFiles) -> tuple[object, ...]:
    """What changes when somebody puts a new credential into its place."""
    states: list[object] = []
    for path in (files.certificate, files.key):
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError:
            states.append(path)
        else:
            states.append((path, status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(states)
