"""Content-header properties of AMQP 0-9-1 class ``basic`` to and from octets (spec section 4.2.6.1).

A content header frame carries 16 flag bits, highest first in the order below, then the values of the properties whose
flag is set. Decoding is total, as it is for field tables: a reader gets what can be understood, and the rest as a
defect.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from struct import error as StructError  # noqa: N812  (it is an exception class, whatever struct calls it)

from diracmq_cli.core.fieldtable import MAX_SHORT, MAX_TIMESTAMP, TableDefect, decode_table, encode_table, text_of
from diracmq_cli.core.message import Properties
from diracmq_cli.core.values import OpaqueString, Table, Text
from diracmq_cli.errors import DataError

_FLAGS = Struct(">H")
_LENGTH = Struct(">I")
_TIMESTAMP = Struct(">Q")

_ORDER = (
    "content_type",
    "content_encoding",
    "headers",
    "delivery_mode",
    "priority",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "timestamp",
    "type",
    "user_id",
    "app_id",
    "cluster_id",
)
_FLAGGED = tuple((name, 1 << (15 - index)) for index, name in enumerate(_ORDER))
RANGES = {"delivery_mode": range(1, 3), "priority": range(256)}
"""What the properties of one octet may be: RabbitMQ closes the channel on any other delivery mode
(``rabbit_basic:is_message_persistent/1``)."""

_MORE_FLAGS = 1


@dataclass(frozen=True, slots=True)
class DecodedHeader:
    """What a content header says.

    With a ``defect``, ``headers`` is empty and ``raw_headers`` holds what was not understood: the header table's
    octets with their length prefix where the table alone is bad, else everything from the flags on.
    """

    properties: Properties
    headers: Table
    defect: str | None = None
    raw_headers: bytes | None = None


def decode_properties(octets: bytes) -> DecodedHeader:
    """Read the flags and values of a content header (what follows the body size in the frame). Never raises.

    A bad header table costs the headers only: its length prefix says where the next property begins.
    """
    try:
        return _decode(octets)
    except (StructError, IndexError):
        return DecodedHeader(Properties(), {}, "the properties are cut short", octets)


def _decode(octets: bytes) -> DecodedHeader:
    flags = _FLAGS.unpack_from(octets)[0]
    if flags & _MORE_FLAGS:
        return DecodedHeader(Properties(), {}, "there are properties that AMQP 0-9-1 does not have", octets)
    texts: dict[str, Text] = {}
    numbers: dict[str, int] = {}
    headers: Table = {}
    defect: str | None = None
    raw_headers: bytes | None = None
    at = 2
    for name, flag in _FLAGGED:
        if not flags & flag:
            continue
        if name == "headers":
            end = at + 4 + _LENGTH.unpack_from(octets, at)[0]
            try:
                headers, _ = decode_table(octets, at)
            except TableDefect as error:
                defect, raw_headers = str(error), octets[at:end]
            at = end
        elif name == "timestamp":
            numbers[name] = _TIMESTAMP.unpack_from(octets, at)[0]
            at += 8
        elif name in RANGES:
            numbers[name] = octets[at]
            at += 1
        else:
            start = at + 1
            at = start + octets[at]
            texts[name] = text_of(octets[start:at])
    if at != len(octets):
        reason = "the properties are cut short" if at > len(octets) else "something follows the properties"
        return DecodedHeader(Properties(), {}, reason, octets)
    return DecodedHeader(Properties(**texts, **numbers), headers, defect, raw_headers)  # type: ignore[arg-type]


def encode_properties(properties: Properties, headers: Table) -> bytes:
    """Write flags and values, as they follow the body size in a content header frame.

    Raises:
        DataError: a property or header that AMQP cannot carry; the message names it.
    """
    flags = 0
    pieces = [b""]
    for name, flag in _FLAGGED:
        if name == "headers":
            if headers:
                flags |= flag
                pieces.append(encode_table(headers))
            continue
        value: Text | int | None = getattr(properties, name)
        if value is None:
            continue
        if name == "expiration" and not (isinstance(value, str) and value.isascii() and value.isdecimal()):
            raise DataError(f"expiration {value!s:.40} is not a number of milliseconds")  # a 406 for the channel
        flags |= flag
        pieces.append(_number(name, value) if isinstance(value, int) else encode_short(name, value))
    pieces[0] = _FLAGS.pack(flags)
    return b"".join(pieces)


def _number(name: str, value: int) -> bytes:
    if name == "timestamp":
        if not 0 <= value <= MAX_TIMESTAMP:
            raise DataError("timestamp is before 1970 or beyond 64 bits")
        return _TIMESTAMP.pack(value)
    allowed = RANGES[name]
    if value not in allowed:
        raise DataError(f"{name} {value} is not in {allowed[0]} to {allowed[-1]}")
    return bytes((value,))


def encode_short(name: str, value: Text) -> bytes:
    """Write a short string: a length octet and at most 255 octets. ``name`` is for the error.

    Raises:
        DataError: it is longer, or not writable as UTF-8; the message gives ``name``.
    """
    try:
        octets = value.octets if isinstance(value, OpaqueString) else value.encode()
    except UnicodeEncodeError:
        raise DataError(f"{name} holds a lone surrogate, which is not a character") from None
    if len(octets) > MAX_SHORT:
        raise DataError(f"{name} has {len(octets)} octets, more than {MAX_SHORT}")
    return bytes((len(octets),)) + octets
