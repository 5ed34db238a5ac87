"""A TLS connection to a configuration server on which every wait ends: with its deadline, or when we are to stop."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import random
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from diracmq_cli.errors import CSUnreachable, HostUnknown

if TYPE_CHECKING:
    from diracmq_cli.core.model import HostPort

T = TypeVar("T")
_Address = tuple[int, tuple[object, ...]]


class Stopped(CSUnreachable):
    """A stop was asked for while we waited; no other server is to be tried."""


class Wait:
    """How long to wait, and for what else.

    Args:
        seconds: until when.
        wake_fd: readable when we are asked to stop (``signal.set_wakeup_fd``), or None.
    """

    def __init__(self, seconds: float, wake_fd: int | None = None) -> None:
        self._until = time.monotonic() + seconds
        self._wake_fd = wake_fd

    @property
    def remaining(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._until - time.monotonic())

    def share(self, parts: int) -> Wait:
        """A fair part of what is left."""
        return Wait(self.remaining / parts, self._wake_fd)

    def ready(self, fd: int, events: int) -> None:
        """Return when ``fd`` is ready for ``events`` (``select.POLLIN``, ``POLLOUT``).

        Raises:
            TimeoutError: it is not, in time.
            Stopped: we are asked to stop.
        """
        poll = select.poll()
        poll.register(fd, events)
        if self._wake_fd is not None:
            poll.register(self._wake_fd, select.POLLIN)
        ready = {each for each, _ in poll.poll(math.ceil(self.remaining * 1000))}
        if self._wake_fd in ready:
            raise Stopped("stopped while asking the configuration server")
        if fd not in ready:
            raise TimeoutError("no answer in time")


class Channel:
    """A client's end of a TLS connection.

    ``established`` tells whether TLS is up, ``heard`` whether the other side has said anything since: both make the
    difference between a network that is broken and a certificate that is not liked.
    """

    def __init__(self, sock: socket.socket, wait: Wait) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._wait = wait
        self.established = False
        self.heard = False

    def shake_hands(self, context: ssl.SSLContext, name: str) -> None:
        """Go over to TLS with the host called ``name``, whose certificate must say so.

        Raises:
            OSError: it cannot be done; ``ssl.SSLError`` when TLS is the reason.
        """
        tls = context.wrap_socket(self._sock, server_hostname=name, do_handshake_on_connect=False)
        self._sock = tls
        self._patiently(tls.do_handshake)
        self.established = True

    def read(self, size: int) -> bytes:
        """Up to ``size`` octets as they come; none at the end of the stream."""
        octets = self._patiently(lambda: self._sock.recv(size))
        self.heard = self.heard or bool(octets)
        return octets

    def sendall(self, octets: bytes) -> None:
        """Send all of ``octets``."""
        rest = memoryview(octets)
        try:
            while rest:
                rest = rest[self._patiently(lambda: self._sock.send(rest)) :]  # noqa: B023 - called at once
        except (ConnectionError, ssl.SSLEOFError):  # the latter is what Python makes of EPIPE
            with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLEOFError, ConnectionError):
                self._sock.recv(1)  # why it hung up may have come before: a TLS alert, which raises
            raise

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()

    def _patiently(self, operation: Callable[[], T]) -> T:
        while True:
            try:
                return operation()
            except (ssl.SSLWantReadError, BlockingIOError):
                self._wait.ready(self._sock.fileno(), select.POLLIN)
            except ssl.SSLWantWriteError:
                self._wait.ready(self._sock.fileno(), select.POLLOUT)


def connect(host: HostPort, wait: Wait) -> Channel:
    """A connection, still without TLS, to the first address of ``host`` that takes one.

    Raises:
        HostUnknown: the name does not resolve.
        OSError: no address takes a connection; that of the last one tried.
        Stopped: we are asked to stop.
    """
    failure: OSError = TimeoutError("no answer in time")
    addresses = _addresses(host, wait)
    for place, (family, address) in enumerate(addresses):
        try:
            return Channel(_dial(family, address, wait.share(len(addresses) - place)), wait)
        except OSError as error:
            failure = error
    raise failure


def _dial(family: int, address: tuple[object, ...], wait: Wait) -> socket.socket:
    with contextlib.ExitStack() as undo:
        sock = socket.socket(family, socket.SOCK_STREAM)
        undo.callback(sock.close)
        sock.setblocking(False)
        code = sock.connect_ex(address)
        if code == errno.EINPROGRESS:
            wait.ready(sock.fileno(), select.POLLOUT)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        undo.pop_all()
        return sock


def _addresses(host: HostPort, wait: Wait) -> list[_Address]:
    """All addresses of a name, in random order. ``getaddrinfo`` knows no time limit, so a thread has to wait for it."""
    answers: list[list[_Address] | OSError | UnicodeError] = []
    ours, theirs = socket.socketpair()

    def look_up() -> None:
        with theirs:  # closing it is the signal
            try:
                found = socket.getaddrinfo(host.host, host.port, type=socket.SOCK_STREAM)
                answers.append([(family, address) for family, _, _, _, address in found])
            except (OSError, UnicodeError) as error:
                answers.append(error)

    threading.Thread(target=look_up, daemon=True).start()
    with ours:
        try:
            wait.ready(ours.fileno(), select.POLLIN)
        except TimeoutError:
            raise TimeoutError("no answer from the name service in time") from None
    answer = answers[0]
    if isinstance(answer, UnicodeError):
        raise HostUnknown(f"{host.host!r} is no host name") from answer
    if isinstance(answer, OSError):
        raise HostUnknown(f"{host.host} does not resolve: {(answer.strerror or str(answer)).lower()}") from answer
    return random.sample(answer, len(answer))
