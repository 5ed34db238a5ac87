"""AMQP 0-9-1 in its own octets: connections by the hundred, and clients that do not do what they should."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
_PATIENCE = 60.0


def method(class_id: int, method_id: int, arguments: bytes) -> bytes:
    """A method frame on channel 0 (AMQP 0-9-1, 4.2.3)."""
    payload = struct.pack(">HH", class_id, method_id) + arguments
    return struct.pack(">BHI", 1, 0, len(payload)) + payload + b"\xce"


START_OK = method(10, 11, bytes(4) + b"\x08EXTERNAL" + bytes(4) + b"\x05en_US")
TUNE_OK_AND_OPEN = method(10, 31, struct.pack(">HIH", 16, 131072, 0)) + method(10, 40, b"\x05dirac\x00\x00")
CLOSE_METHOD = struct.pack(">HH", 10, 50)
CLOSE_OK = method(10, 51, b"")


def connect(port: int, context: ssl.SSLContext) -> tuple[ssl.SSLSocket, bytes]:
    """A connection, and what the broker said when it was to be opened: open-ok, or close with the reason."""
    tls = context.wrap_socket(socket.create_connection(("localhost", port), _PATIENCE), server_hostname="localhost")
    tls.sendall(PROTOCOL_HEADER)
    for words in (START_OK, TUNE_OK_AND_OPEN):
        tls.recv(4096)  # connection.start, tune
        tls.sendall(words)
    return tls, tls.recv(4096)


def open_channel(connection: ssl.SSLSocket) -> None:
    """Open channel 1 (AMQP channel.open)."""
    connection.sendall(struct.pack(">BHI", 1, 1, 5) + struct.pack(">HH", 20, 10) + b"\x00\xce")
    assert connection.recv(4096)[7:11] == struct.pack(">HH", 20, 11)


def connect_many(port: int, contexts: Sequence[ssl.SSLContext]) -> list[ssl.SSLSocket]:
    """A connection by each context, some at a time."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda context: connect(port, context)[0], contexts))


def all_closed(connections: Sequence[ssl.SSLSocket], seconds: float) -> float | None:
    """Answer each connection.close; when (seconds since the epoch) the last connection had ended, or None if some have
    not after ``seconds``."""
    poll = select.poll()
    left = {connection.fileno(): connection for connection in connections}
    for number in left:
        poll.register(number, select.POLLIN)
    deadline = time.monotonic() + seconds
    while left and time.monotonic() < deadline:
        for number, _ in poll.poll(200):
            try:
                heard = left[number].recv(4096)
                if CLOSE_METHOD in heard:
                    left[number].sendall(CLOSE_OK)
            except (ConnectionError, ssl.SSLError):
                heard = b""
            if not heard:
                poll.unregister(number)
                left.pop(number).close()
    return None if left else time.time()
