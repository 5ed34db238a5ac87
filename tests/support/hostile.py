"""What a malicious publisher sends: content headers made by hand, through an independent connection."""

from __future__ import annotations

import struct
from typing import Any

from pika import spec
from pika.amqp_object import Method

_HEADERS_FLAG = 1 << 13
_MESSAGE_ID_FLAG = 1 << 7


class RawProperties:
    """Stands in for pika's BasicProperties: encodes to exactly these octets."""

    INDEX = spec.BasicProperties.INDEX

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def encode(self) -> list[bytes]:
        return [self.octets]


def table(*fields: tuple[bytes, bytes]) -> bytes:
    """A field table of names and already encoded values."""
    octets = b"".join(bytes([len(name)]) + name + value for name, value in fields)
    return struct.pack(">I", len(octets)) + octets


def with_headers(headers: bytes, message_id: bytes = b"") -> bytes:
    """A property list of a header table and, if given, a message id."""
    flags = _HEADERS_FLAG | (_MESSAGE_ID_FLAG if message_id else 0)
    return struct.pack(">H", flags) + headers + (bytes([len(message_id)]) + message_id if message_id else b"")


def nested_arrays(depth: int) -> bytes:
    """An array in an array in an array …"""
    value = b"A" + struct.pack(">I", 0)
    for _ in range(depth - 1):
        value = b"A" + struct.pack(">I", len(value)) + value
    return value


def string(octets: bytes) -> bytes:
    """A long string."""
    return b"S" + struct.pack(">I", len(octets)) + octets


HOSTILE = {
    "a timestamp that no calendar holds": with_headers(table((b"when", b"T" + b"\xff" * 8)), b"calendar"),
    "an array 3,000 deep": with_headers(table((b"deep", nested_arrays(3000))), b"deep"),
    "100 kB of headers": with_headers(table((b"big", string(b"h" * 100_000))), b"big"),
    "a name that is not UTF-8": with_headers(table((b"\xff\xfe", b"V")), b"name"),
    "the same name twice": with_headers(table((b"a", b"t\x00"), (b"a", b"t\x01")), b"twice"),
    "a message id that is not UTF-8": with_headers(table(), b"\xff\x00\xfe"),
}


def publish_raw(connection: Any, exchange: str, routing_key: str | bytes, properties: bytes, body: bytes) -> None:
    """Publish with a property list made by hand, by a ``BlockingConnection``; raises if the broker minds."""
    channel = connection.channel()
    method: Method = spec.Basic.Publish(exchange=exchange, routing_key=routing_key)
    channel._impl._send_method(method, (RawProperties(properties), body))
    channel.close()
