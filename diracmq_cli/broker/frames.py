"""Cut the octets of a connection into AMQP frames, and say what their payloads are (AMQP 0-9-1, section 2.3).

pika's own reader copies its whole buffer once per frame and decodes property tables with code that a publisher can
crash (a timestamp no calendar holds, an array 3,000 deep). This one is linear, bounded by the negotiated frame size,
and leaves property lists as octets: `core.properties` decodes those, and is total.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from pika import spec
from pika.exceptions import AMQPError

from diracmq_cli.core.values import OpaqueString, Text
from diracmq_cli.errors import ProtocolError

if TYPE_CHECKING:
    from pika.amqp_object import Method

_HEAD = struct.Struct(">BHI")
_CONTENT = struct.Struct(">HHQ")
_OVERHEAD = spec.FRAME_HEADER_SIZE + spec.FRAME_END_SIZE
_KINDS = frozenset({spec.FRAME_METHOD, spec.FRAME_HEADER, spec.FRAME_BODY, spec.FRAME_HEARTBEAT})
_END = b"\xce"
_UNDECODABLE = (AMQPError, LookupError, struct.error, ArithmeticError, ValueError, OSError, RecursionError)
"""What pika's decoders raise on octets that they cannot read; OSError is datetime's."""


class Frame(NamedTuple):
    """One frame: its type (``spec.FRAME_METHOD`` …), its channel, and its payload."""

    kind: int
    channel: int
    payload: bytes


class FrameReader:
    """Collects octets and yields each frame once it is complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, octets: bytes) -> Iterator[Frame]:
        """Yield the frames that ``octets`` complete.

        Raises:
            ProtocolError: these are not AMQP 0-9-1 frames, or one is longer than was agreed.
        """
        buffer = self._buffer
        buffer += octets
        offset, end = 0, len(buffer)
        try:
            while end - offset >= _HEAD.size:
                kind, channel, size = _HEAD.unpack_from(buffer, offset)
                if kind not in _KINDS:
                    raise ProtocolError(_not_amqp(bytes(buffer[offset : offset + 8])), hint=_HINT)
                if size + _OVERHEAD > spec.FRAME_MAX_SIZE:  # what we proposed; brokers may only lower it
                    raise ProtocolError(f"the broker sent a frame of {size} octets, more than was agreed")
                start = offset + _HEAD.size
                stop = start + size
                if stop >= end:
                    break
                if buffer[stop] != spec.FRAME_END:
                    raise ProtocolError("the broker sent a frame without its end mark")
                offset = stop + 1
                yield Frame(kind, channel, bytes(buffer[start:stop]))
        finally:
            del buffer[:offset]


_HINT = "check Host, Port and TLS of the service: 5671 is AMQP over TLS, 5672 plain AMQP, 61613 Stomp"


def _not_amqp(start: bytes) -> str:
    if start.startswith(b"AMQP"):
        version = "-".join(str(octet) for octet in start[5:8])
        return f"the broker does not speak AMQP 0-9-1 but asks for {version}"
    if start.startswith(b"\x15\x03"):
        return "the broker does not speak plain AMQP on this port but TLS"
    return f"the other side does not speak AMQP: it begins with {start!r}"


def decode_method(payload: bytes) -> Method:
    """The AMQP method in a method frame.

    Raises:
        ProtocolError: there is no such method, or its arguments are cut short.
    """
    try:
        method: Method = spec.methods[int.from_bytes(payload[:4], "big")]()
        method.decode(payload, 4)
    except _UNDECODABLE as error:
        raise ProtocolError(f"the broker sent a method that AMQP 0-9-1 does not know: {payload[:4].hex()}") from error
    return method


def decode_content_header(payload: bytes) -> tuple[int, bytes]:
    """The body's length, and the property list's octets, of a header frame.

    Raises:
        ProtocolError: it is too short to be one.
    """
    if len(payload) < _CONTENT.size + 2:
        raise ProtocolError("the broker sent a content header that is cut short")
    return _CONTENT.unpack_from(payload)[2], payload[_CONTENT.size :]


def encode_method(channel: int, method: Method) -> bytes:
    """The frame that carries ``method``."""
    return _frame(spec.FRAME_METHOD, channel, method.INDEX.to_bytes(4, "big") + b"".join(method.encode()))


def encode_content_header(channel: int, body_size: int, properties: bytes) -> bytes:
    """The frame that announces a body of ``body_size`` octets with these encoded properties."""
    return _frame(spec.FRAME_HEADER, channel, _CONTENT.pack(spec.Basic.INDEX, 0, body_size) + properties)


def encode_body(channel: int, body: bytes, frame_max: int) -> Iterator[bytes]:
    """The frames of a body, none longer than ``frame_max``."""
    room = frame_max - _OVERHEAD
    for start in range(0, len(body), room):
        yield _frame(spec.FRAME_BODY, channel, body[start : start + room])


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return _HEAD.pack(kind, channel, len(payload)) + payload + _END


def text(value: str | bytes) -> Text:
    """A short string as pika hands it over: ``bytes`` where it is not UTF-8."""
    return value if isinstance(value, str) else OpaqueString(bytes(value))
