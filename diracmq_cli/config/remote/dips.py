"""Ask a configuration server over dips, DIRAC's own protocol DISET (DIRAC, ``BaseTransport.py``, ``BaseClient.py``).

TLS carries frames ``<length>:<payload>``; a payload is JSON (``JEncode.py``), from old servers DEncode.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diracmq_cli.config.remote.answer import LARGEST_REPLY, Reply, parse, reply, value
from diracmq_cli.errors import ConfigError
from diracmq_cli.version import __version__

if TYPE_CHECKING:
    from diracmq_cli.config.remote.channel import Channel
    from diracmq_cli.config.remote.request import Request
    from diracmq_cli.config.remote.servers import Server

METHOD = "getCompressedDataIfNewer"
_KEEP_ALIVE = b"dka"
_MOST_KEEP_ALIVES = 100
_READ_SIZE = 64 * 1024


def ask(channel: Channel, server: Server, request: Request) -> Reply:
    """Ask for the CS if it is newer than ours.

    Raises:
        CredentialError: the server refuses our credential.
        CSUnreachable: it says that it failed.
        ConfigError: it is no Configuration/Server, or its answer is malformed.
        EOFError, OSError: the connection failed.
    """
    frames = Frames(channel)
    who = [server.component, request.setup, request.vo]
    extra_credentials = "hosts" if request.as_host else ""
    frames.send([who, ["RPC", METHOD], extra_credentials, __version__])
    accepted = value(frames.receive())
    if isinstance(accepted, dict) and "delegate" in accepted:
        raise ConfigError(
            "it is a gateway that wants a delegated proxy, which it does not get",
            hint="name the configuration servers themselves: -o /DIRAC/Gateways/SITE= lets /DIRAC/Configuration/Servers"
            " count",
        )
    frames.send([request.version])
    return reply(value(frames.receive()), tagged=True)


class Frames:
    """Return structures in both directions."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._rest = b""

    def send(self, content: Sequence[object]) -> None:
        """Send ``S_OK(content)``."""
        payload = json.dumps({"OK": True, "Value": content}).encode()
        self._channel.sendall(b"%d:%s" % (len(payload), payload))

    def receive(self) -> object:
        """The next structure; keep-alives before it are passed over.

        Raises:
            ConfigError: it is no frame, too large, or no JSON.
            EOFError: the connection ended.
        """
        for _ in range(_MOST_KEEP_ALIVES):
            keep_alive = self._starts_with_keep_alive()
            payload = self._take(self._length())
            if not keep_alive:
                return parse(payload)
        raise ConfigError("it sends keep-alives and no answer")

    def _starts_with_keep_alive(self) -> bool:
        while len(self._rest) < len(_KEEP_ALIVE) and _KEEP_ALIVE.startswith(self._rest):
            self._more()
        if not self._rest.startswith(_KEEP_ALIVE):
            return False
        self._rest = self._rest[len(_KEEP_ALIVE) :]
        return True

    def _length(self) -> int:
        digits = len(str(LARGEST_REPLY))
        while b":" not in self._rest[: digits + 1] and len(self._rest) <= digits:
            self._more()
        text, colon, _ = self._rest[: digits + 1].partition(b":")
        if not text.isdigit() or not (colon or len(text) > digits):
            raise ConfigError("it does not speak DISET: no length before a colon")
        if not colon or int(text) > LARGEST_REPLY:
            raise ConfigError(f"its answer is larger than {LARGEST_REPLY >> 20} MiB")
        self._rest = self._rest[len(text) + 1 :]
        return int(text)

    def _take(self, size: int) -> bytes:
        pieces = [self._rest]
        held = len(self._rest)
        while held < size:
            pieces.append(self._octets())
            held += len(pieces[-1])
        everything = b"".join(pieces)
        self._rest = everything[size:]
        return everything[:size]

    def _more(self) -> None:
        self._rest += self._octets()

    def _octets(self) -> bytes:
        octets = self._channel.read(_READ_SIZE)
        if not octets:
            raise EOFError
        return octets
