"""A Configuration/Server that speaks DIRAC's wire formats to the byte, over real TLS, and misbehaves on demand.

``tests/config/test_real_servers.py`` holds it against DIRAC's own servers and clients.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from support.proxies import Holder

ALLOW_PROXIES = 0x40  # X509_V_FLAG_ALLOW_PROXY_CERTS
VERSION = "2026-11-24 01:02:03.000004"

Conversation = Callable[["Peer"], None]


@dataclass
class Peer:
    """One client, after the handshake; what it says is recorded in ``heard``."""

    connection: ssl.SSLSocket
    heard: list[bytes]
    _rest: bytes = b""

    def read_until(self, end: bytes) -> bytes:
        while end not in self._rest:
            self._more()
        found, _, self._rest = self._rest.partition(end)
        return found

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._more()
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    def frame(self) -> object:
        """A frame of DISET."""
        payload = self.read(int(self.read_until(b":")))
        self.heard.append(payload)
        return json.loads(payload)

    def send(self, octets: bytes) -> None:
        self.connection.sendall(octets)

    def send_frame(self, payload: bytes) -> None:
        self.send(b"%d:%s" % (len(payload), payload))

    def request(self) -> bytes:
        """An HTTP request's body; head and body are recorded."""
        head = self.read_until(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        body = self.read(int(fields[b"content-length"]))
        self.heard += [head, body]
        return body

    def _more(self) -> None:
        octets = self.connection.recv(65536)
        if not octets:
            raise EOFError
        self._rest += octets


def packed(text: str) -> bytes:
    """A CFG's text as DIRAC packs it (``ConfigurationData.getCompressedData``)."""
    return zlib.compress(text.encode(), 9)


def http_response(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nServer: TornadoServer/6.6.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    )
    return head.encode() + b"\r\n" + body


@dataclass
class CS:
    """The configuration that is served, in both ways."""

    text: str
    version: str = VERSION

    def https(self, peer: Peer) -> None:
        from urllib.parse import parse_qs

        form = parse_qs(peer.request().decode())
        value = {"newestVersion": self.version}
        if json.loads(form["args"][0])[0] < self.version:
            value["data"] = base64.b64encode(packed(self.text)).decode()
        peer.send(http_response(json.dumps({"OK": True, "Value": value}).encode()))

    def dips(self, peer: Peer) -> None:
        peer.frame()
        peer.send_frame(json.dumps({"OK": True, "Value": None}).encode())
        ours = peer.frame()["Value"][0]  # type: ignore[index]
        value: dict[str, object] = {"newestVersion": self.version}
        if ours < self.version:
            value["data"] = {"__dCls": "b64", "obj": base64.b64encode(packed(self.text)).decode()}
        peer.send_frame(json.dumps({"OK": True, "Value": value}).encode())

    def conversation(self, scheme: str) -> Conversation:
        return {"https": self.https, "dips": self.dips}[scheme]


@dataclass
class TlsServer:
    """Listens on loopback and holds a conversation with each client that shows a certificate it trusts.

    ``handshake`` False means that it accepts and then says nothing at all.
    """

    host: Holder
    ca_directory: Path
    conversation: Conversation
    scheme: str = "https"
    name: str = "localhost"
    tls: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    handshake: bool = True
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.name}:{self._listener.getsockname()[1]}/Configuration/Server"

    def __enter__(self) -> TlsServer:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.maximum_version = self.tls
        self._context.load_cert_chain(self.host.certificate, self.host.key)
        self._context.load_verify_locations(capath=str(self.ca_directory))
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.verify_flags |= ALLOW_PROXIES
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.close()
        self._thread.join(5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.settimeout(20)
                self.connections += 1
                self._open.append(sock)
                if self.handshake:
                    threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), self._context.wrap_socket(sock, server_side=True) as connection:
            self.conversation(Peer(connection, self.heard))


@contextlib.contextmanager
def plain_server(say: bytes) -> Iterator[int]:
    """Something that is no TLS at all: it says ``say`` to whoever connects. Yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listener.accept()
                    with sock:
                        sock.sendall(say)
                        sock.recv(1000)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
