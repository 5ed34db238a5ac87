"""One address of a broker, step by step: TCP, TLS, login (port ``AddressProbe``, all but what certificates say)."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.broker.connect import begin, parameters_of, require_loopback
from diracmq_cli.broker.errors import Party, dial_failure
from diracmq_cli.broker.rights import RightsProbe
from diracmq_cli.broker.transport import Transport, reach, secure
from diracmq_cli.broker.waiting import Deadline, Patience

if TYPE_CHECKING:
    from diracmq_cli.broker.resolve import Endpoint
    from diracmq_cli.core.model import BrokerService, Secret

_HEARTBEAT = 60


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a TLS handshake agreed on, as OpenSSL names it, and the broker's certificate in DER."""

    version: str
    cipher: str
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Login:
    """Who we say we are: the end entity's DN, or a server's user name with its password."""

    name: str
    password: Secret | None


class Dialled:
    """A connection to one address that grows step by step."""

    def __init__(self, endpoint: Endpoint, service: BrokerService, login: Login, client_name: str) -> None:
        self._endpoint, self._service, self._login = endpoint, service, login
        self._client_name = client_name
        self._socket: socket.socket | None = None

    def __str__(self) -> str:
        return str(self._endpoint)

    def reach(self, timeout: float) -> float:
        """See ``core.probing.AddressProbe``."""
        if not self._service.tls:
            require_loopback(self._service, [self._endpoint])
        started = time.monotonic()
        try:
            self._socket = reach(self._endpoint, Deadline(timeout), None)
        except OSError as error:
            raise dial_failure(error, self._party) from error
        return time.monotonic() - started

    def secure(self, context: ssl.SSLContext, timeout: float) -> Handshake:
        """Shake hands; ``context`` must verify the broker.

        Raises:
            MQError: as ``core.probing.AddressProbe.secure``.
        """
        assert self._socket is not None
        try:
            tls = secure(self._socket, context, self._endpoint.host.host, Deadline(timeout), None)
        except OSError as error:
            raise dial_failure(error, self._party) from error
        self._socket = tls
        return Handshake(tls.version() or "", (tls.cipher() or ("",))[0], tls.getpeercert(binary_form=True) or b"")

    def shown(self, timeout: float) -> bytes | None:
        """The certificate in DER that a client sees that verifies nothing; None when there is none to see."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        deadline = Deadline(timeout)
        try:
            sock = reach(self._endpoint, deadline, None)
            with secure(sock, context, self._endpoint.host.host, deadline, None) as tls:
                return tls.getpeercert(binary_form=True)
        except OSError:
            return None

    def log_in(self, timeout: float) -> RightsProbe:
        """See ``core.probing.AddressProbe``."""
        assert self._socket is not None
        name, password = self._login.name, self._login.password
        parameters = parameters_of(self._service, name, password, _HEARTBEAT, self._client_name)
        link = begin(Transport(self._socket), parameters, self._party, Deadline(timeout), None)
        link.patience = Patience(timeout)
        return RightsProbe(link)

    def close(self) -> None:
        """See ``core.probing.AddressProbe``."""
        if self._socket is not None:
            self._socket.close()

    @property
    def _party(self) -> Party:
        service, login = self._service, self._login
        host = str(self._endpoint.host)
        return Party(service.name, host, login.name, service.vhost, login.password is None, service.tls)
