"""A socket to a broker, plain or TLS, that never blocks: connect, shake hands, read, write.

pika's transport reads 4 kB at a time and hides why TLS failed inside the text of another exception. Here the
exception that OpenSSL or the kernel raised is the one that the caller sees.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import ssl
from collections import deque
from typing import TYPE_CHECKING

from diracmq_cli.broker.waiting import Deadline, wait_for

if TYPE_CHECKING:
    from diracmq_cli.broker.resolve import Endpoint

_READ_SIZE = 256 * 1024
_READ_BUDGET = 1024 * 1024
_WRITE_SIZE = 128 * 1024


class EndOfStream(ConnectionError):
    """The other side closed the connection without a word."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "closed by the other side")


class Transport:
    """A connected, non-blocking stream; ``write`` queues, ``flush`` sends what the kernel takes."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._queue: deque[bytes] = deque()
        self._chunk = memoryview(b"")
        self._end: OSError | None = None
        self.queued = 0
        self.readable_now = False

    def fileno(self) -> int:
        """The socket's descriptor, for ``poll``."""
        return self._sock.fileno()

    @property
    def local_ip(self) -> str:
        """Our end's numeric address."""
        return str(self._sock.getsockname()[0])

    def read(self) -> bytes:
        """Everything that is here, up to a megabyte; ``readable_now`` tells whether there may be more.

        Raises:
            OSError: the connection has ended (``EndOfStream`` without a word; ``ssl.SSLError`` with a TLS alert).
        """
        pieces: list[bytes] = []
        taken = 0
        self.readable_now = False
        while taken < _READ_BUDGET and self._end is None:
            try:
                piece = self._sock.recv(_READ_SIZE)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return b"".join(pieces)
            except OSError as error:
                self._end = error
            else:
                if piece:
                    pieces.append(piece)
                    taken += len(piece)
                else:
                    self._end = EndOfStream()
        if self._end is not None and not pieces:
            raise self._end
        self.readable_now = True  # what came before the end is handed over first
        return b"".join(pieces)

    def write(self, octets: bytes) -> None:
        """Queue ``octets``; nothing is sent before ``flush``."""
        self._queue.append(octets)
        self.queued += len(octets)

    def flush(self) -> None:
        """Send what the kernel takes now.

        Raises:
            OSError: the connection has ended.
        """
        while self.queued:
            if not self._chunk:
                self._chunk = memoryview(self._next_chunk())
            try:
                sent = self._sock.send(self._chunk)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return  # OpenSSL wants the very same octets again, so the chunk stays as it is
            self._chunk = self._chunk[sent:]
            self.queued -= sent

    def _next_chunk(self) -> bytes:
        """Join small writes: one system call and one TLS record for many small frames."""
        pieces = [self._queue.popleft()]
        size = len(pieces[0])
        while self._queue and size < _WRITE_SIZE:
            pieces.append(self._queue.popleft())
            size += len(pieces[-1])
        return b"".join(pieces)

    def close(self) -> None:
        """Close the socket; what is queued is lost."""
        self._queue.clear()
        self._chunk = memoryview(b"")
        self.queued = 0
        self._sock.close()


def dial(
    endpoint: Endpoint, context: ssl.SSLContext | None, name: str, deadline: Deadline, wake_fd: int | None
) -> Transport:
    """Connect to one address and, with a context, shake hands as a client of the host called ``name``.

    Raises:
        OSError: it cannot be done; ``ssl.SSLError`` when TLS is the reason, TimeoutError when time ran out.
        Interrupted: a stop was asked for.
    """
    sock = reach(endpoint, deadline, wake_fd)
    return Transport(sock if context is None else secure(sock, context, name, deadline, wake_fd))


def reach(endpoint: Endpoint, deadline: Deadline, wake_fd: int | None) -> socket.socket:
    """Connect to one address (TCP); raises as ``dial``."""
    with contextlib.ExitStack() as undo:
        sock = socket.socket(endpoint.family, socket.SOCK_STREAM)
        undo.callback(sock.close)
        sock.setblocking(False)
        _connect(sock, endpoint, deadline, wake_fd)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        undo.pop_all()
        return sock


def secure(
    sock: socket.socket, context: ssl.SSLContext, name: str, deadline: Deadline, wake_fd: int | None
) -> ssl.SSLSocket:
    """Shake hands on a connection, which is closed when that fails; raises as ``dial``."""
    with contextlib.ExitStack() as undo:
        undo.callback(sock.close)
        tls = context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)
        undo.callback(tls.close)
        _shake_hands(tls, deadline, wake_fd)
        undo.pop_all()
        return tls


def _connect(sock: socket.socket, endpoint: Endpoint, deadline: Deadline, wake_fd: int | None) -> None:
    code = sock.connect_ex(endpoint.address)
    if code == errno.EINPROGRESS:
        wait_for(sock.fileno(), select.POLLOUT, deadline, wake_fd)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _shake_hands(tls: ssl.SSLSocket, deadline: Deadline, wake_fd: int | None) -> None:
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            wait_for(tls.fileno(), select.POLLIN, deadline, wake_fd)
        except ssl.SSLWantWriteError:
            wait_for(tls.fileno(), select.POLLOUT, deadline, wake_fd)
        else:
            return
