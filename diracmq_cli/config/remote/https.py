"""Ask a configuration server of DIRAC 8 or 9 over https (DIRAC, ``TornadoBaseClient.py``)."""

from __future__ import annotations

import http.client
import io
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from diracmq_cli.config.remote.answer import LARGEST_REPLY, REGISTRATION_HINT, Reply, parse, reply, value
from diracmq_cli.errors import ConfigError, CredentialError, CSUnreachable

if TYPE_CHECKING:
    from diracmq_cli.config.remote.channel import Channel
    from diracmq_cli.config.remote.request import Request
    from diracmq_cli.config.remote.servers import Server

METHOD = "getCompressedDataIfNewer"


def ask(channel: Channel, server: Server, request: Request) -> Reply:
    """Ask for the CS if it is newer than ours.

    Raises:
        CredentialError: the server does not take our credential (401, 403).
        CSUnreachable: it failed (5xx).
        ConfigError: it is no Configuration/Server, or its answer is malformed.
        OSError, http.client.HTTPException: the connection failed.
    """
    connection = http.client.HTTPConnection(server.host.host, server.host.port)
    connection.default_port = 443
    connection.sock = _Socket(channel)
    connection.request("POST", quote(f"/{server.component}"), _form(request), _HEADERS)
    response = connection.getresponse()
    octets = response.read(LARGEST_REPLY + 1)
    _check_status(response.status)
    if len(octets) > LARGEST_REPLY:
        raise ConfigError(f"its answer is larger than {LARGEST_REPLY >> 20} MiB")
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    return reply(value(parse(octets)), tagged=False)


class _Socket:
    """All that ``http.client`` needs of a socket. It closes its own before it has read from it; ours stays open."""

    def __init__(self, channel: Channel) -> None:
        self.sendall = channel.sendall
        self._channel = channel

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What is received, as a file."""
        return io.BufferedReader(_Incoming(self._channel))

    def close(self) -> None:
        """Leave the channel to whom it belongs."""


class _Incoming(io.RawIOBase):
    """A channel as a raw, readable stream."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        octets = self._channel.read(len(buffer))
        buffer[: len(octets)] = octets
        return len(octets)


_HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


def _form(request: Request) -> bytes:
    fields = {
        "method": METHOD,
        "args": json.dumps([request.version]),
        "clientVO": request.vo,
        "clientSetup": request.setup,
    }
    if request.as_host:
        fields["extraCredentials"] = json.dumps("hosts")
    return urlencode(fields).encode()


def _check_status(status: int) -> None:
    if status == 200:
        return
    if status in (401, 403):
        raise CredentialError(f"it does not take our credential (HTTP {status})", hint=REGISTRATION_HINT)
    if 300 <= status < 400:
        raise ConfigError(f"it redirects us (HTTP {status}), which a Configuration/Server does not", hint=_URL_HINT)
    if status in (404, 405, 501):
        raise ConfigError(f"there is no Configuration/Server at that path (HTTP {status})", hint=_URL_HINT)
    if status >= 500:
        raise CSUnreachable(f"it failed (HTTP {status})")
    raise ConfigError(f"it does not understand us (HTTP {status})", hint=_URL_HINT)


_URL_HINT = "check /DIRAC/Configuration/Servers"
