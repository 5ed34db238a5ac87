"""Payloads of records: a message with everything that was to be published, or the count of a gap.

A message is its routing key (one octet of length before it), its properties and its header table as AMQP carries them
(spec sections 4.2.6.1 and 4.2.5.5; two octets of length before the properties, the table has its own four), and then
its body. So what is sent later is what would have been sent at once: same id, same stamp, same types.
"""

from __future__ import annotations

import json
from struct import Struct
from struct import error as StructError  # noqa: N812  (it is an exception class, whatever struct calls it)
from typing import TYPE_CHECKING

from diracmq_cli.core.fieldtable import TableDefect, decode_table, encode_table, text_of
from diracmq_cli.core.message import MAX_BODY, Message
from diracmq_cli.core.properties import decode_properties, encode_properties, encode_short
from diracmq_cli.errors import DataError

if TYPE_CHECKING:
    from diracmq_cli.core.values import Table

MAX_HEADER = 131_072 - 8 - 14
"""Octets of properties and headers: one frame of RabbitMQ's default size, without what frames it."""

_LENGTH = Struct(">H")


class PayloadError(ValueError):
    """These octets are no payload of that kind."""


class MessageWriter:
    """Writes messages; remembers the last header table of strings, which the messages of one run share."""

    def __init__(self) -> None:
        self._last: tuple[tuple[str, object], ...] = ()
        self._octets = encode_table({})

    def encode(self, message: Message) -> bytes:
        """The payload of ``message``.

        Raises:
            DataError: AMQP cannot carry it, or the broker would close the channel for its size.
        """
        if message.size > MAX_BODY:
            raise DataError(f"a body of {message.size} octets is over the limit of {MAX_BODY}")
        key = encode_short("routing_key", message.routing_key)
        properties = encode_properties(message.properties, {})
        headers = self._table(message.headers)
        if len(properties) + len(headers) > MAX_HEADER:
            size = len(properties) + len(headers)
            raise DataError(f"properties and headers of {size} octets do not fit into the {MAX_HEADER} of a frame")
        return b"".join((key, _LENGTH.pack(len(properties)), properties, headers, message.body))

    def _table(self, table: Table) -> bytes:
        items = tuple(table.items())
        if items == self._last:
            return self._octets
        octets = encode_table(table)
        if all(type(value) is str for value in table.values()):  # 1, 1.0 and True are equal and not the same
            self._last, self._octets = items, octets
        return octets


def decode_message(payload: memoryview) -> Message:
    """The message that a payload holds.

    Raises:
        PayloadError: it holds none.
    """
    octets = payload.tobytes()
    try:
        at = 1 + octets[0]
        key = text_of(octets[1:at])
        start = at + _LENGTH.size
        end = start + _LENGTH.unpack_from(octets, at)[0]
        decoded = decode_properties(octets[start:end])
        headers, body = decode_table(octets, end)
    except (IndexError, StructError, TableDefect) as error:
        raise PayloadError(str(error)) from None
    if decoded.defect is not None:
        raise PayloadError(decoded.defect)
    return Message(body=octets[body:], properties=decoded.properties, headers=headers, routing_key=key)


def encode_gap(entries: int) -> bytes:
    """The payload that counts dropped entries."""
    return json.dumps({"entries": entries}).encode()


def decode_gap(payload: memoryview) -> int:
    """How many entries a gap stands for.

    Raises:
        PayloadError: it does not say.
    """
    try:
        entries = json.loads(payload.tobytes())["entries"]
    except (ValueError, KeyError, TypeError) as error:
        raise PayloadError(str(error)) from None
    if type(entries) is not int:
        raise PayloadError("entries is no integer")
    return entries
