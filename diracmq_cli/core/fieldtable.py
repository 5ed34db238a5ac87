"""Field tables of AMQP 0-9-1 to and from Python (spec section 4.2.5.5, with the type letters that RabbitMQ uses).

Decoding is total: any octets end in a table or in one ``TableDefect``. Readers depend on it, because one header that
raised anything else would end the connection, come back, and end the next one as well. The letters are those of
RabbitMQ's ``rabbit_binary_parser`` (``s`` is a signed 16-bit integer, ``l`` and ``L`` are both signed 64-bit), plus
``U``, which the specification gives to signed 16-bit integers.
"""

from __future__ import annotations

import math
from decimal import Decimal
from struct import Struct
from struct import error as StructError  # noqa: N812  (it is an exception class, whatever struct calls it)

from diracmq_cli.core.values import FieldValue, OpaqueString, Table, Timestamp
from diracmq_cli.errors import DataError

MAX_DEPTH = 64
"""How many tables and arrays may be nested inside the outermost table."""

MAX_SHORT = 255
"""Octets of a short string: a header's name, most properties, a routing key."""

MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1
MAX_TIMESTAMP = 2**64 - 1

_LENGTH = Struct(">I")
_TIMESTAMP = Struct(">Q")
_DECIMAL = Struct(">Bi")
_INT32 = Struct(">ci")
_INT64 = Struct(">cq")
_DOUBLE = Struct(">cd")
_NUMBERS = {ord(letter): Struct(">" + code) for letter, code in zip("bBsUuIilLfd", "bBhhHiIqqfd", strict=True)}
_STRING, _OCTETS, _BOOLEAN, _TIME, _SCALED, _ARRAY, _TABLE, _VOID = b"SxtTDAFV"


class TableDefect(ValueError):
    """These octets are no field table that we can represent; the message is a short reason."""


class _Unfit(ValueError):
    """A value that AMQP (or RabbitMQ) cannot carry; the message says what is wrong with it."""


def decode_table(octets: bytes | memoryview, offset: int = 0) -> tuple[Table, int]:
    """Read the table whose length prefix is at ``offset``; returns it and the offset of what follows.

    Raises:
        TableDefect: it is cut short, nested too deep, names a header twice, or breaks the grammar in another way.
    """
    buffer = octets if isinstance(octets, bytes) else bytes(octets)
    try:
        start, end = _extent(buffer, offset, len(buffer))
        return _read_table(buffer, start, end, 0), end
    except (StructError, IndexError):
        raise TableDefect("cut short") from None


def _extent(buffer: bytes, at: int, limit: int) -> tuple[int, int]:
    """Where the content behind the length prefix at ``at`` begins and ends, checked against its container."""
    start = at + 4
    end = start + _LENGTH.unpack_from(buffer, at)[0]
    if end > limit:
        raise TableDefect("cut short")
    return start, end


def _read_table(buffer: bytes, at: int, end: int, depth: int) -> Table:
    table: Table = {}
    while at < end:
        start = at + 1
        at = start + buffer[at]
        if at >= end:  # the name and at least a type letter must be there
            raise TableDefect("cut short")
        try:
            name = buffer[start:at].decode()
        except UnicodeDecodeError:
            raise TableDefect("a name is not UTF-8") from None
        if name in table:
            raise TableDefect(f"{name!r} is there twice")
        table[name], at = _read_value(buffer, at, end, depth)
    return table


def _read_array(buffer: bytes, at: int, end: int, depth: int) -> list[FieldValue]:
    array: list[FieldValue] = []
    while at < end:
        value, at = _read_value(buffer, at, end, depth)
        array.append(value)
    return array


def _read_value(buffer: bytes, at: int, end: int, depth: int) -> tuple[FieldValue, int]:
    """Read the type letter at ``at`` and its value; ``end`` is where the container ends."""
    letter = buffer[at]
    at += 1
    value: FieldValue
    if letter == _STRING:
        at, stop = _extent(buffer, at, end)
        return text_of(buffer[at:stop]), stop
    if letter in _NUMBERS:
        number = _NUMBERS[letter]
        value, stop = number.unpack_from(buffer, at)[0], at + number.size
    elif letter == _BOOLEAN:
        value, stop = buffer[at] != 0, at + 1
    elif letter == _TIME:
        value, stop = Timestamp(_TIMESTAMP.unpack_from(buffer, at)[0]), at + 8
    elif letter == _VOID:
        value, stop = None, at
    elif letter == _SCALED:
        scale, coefficient = _DECIMAL.unpack_from(buffer, at)
        value, stop = Decimal(f"{coefficient}E-{scale}"), at + 5  # from text: exact whatever the decimal context
    elif letter == _OCTETS:
        at, stop = _extent(buffer, at, end)
        value = buffer[at:stop]
    elif letter in (_ARRAY, _TABLE):
        if depth == MAX_DEPTH:
            raise TableDefect(f"nested deeper than {MAX_DEPTH}")
        at, stop = _extent(buffer, at, end)
        read = _read_array if letter == _ARRAY else _read_table
        value = read(buffer, at, stop, depth + 1)
    else:
        raise TableDefect(f"unknown type {chr(letter)!a}")
    if stop > end:
        raise TableDefect("cut short")
    return value, stop


def text_of(octets: bytes) -> str | OpaqueString:
    """The text that these octets are: a ``str`` where they are UTF-8, else kept as they are."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return OpaqueString(octets)


def encode_table(table: Table) -> bytes:
    """Write a table with its length prefix.

    Infinities and NaN are refused although AMQP could carry them: RabbitMQ's parser knows no such double and closes
    the connection.

    Raises:
        DataError: a header cannot be carried; the message names it.
    """
    pieces: list[bytes] = []
    for name, value in table.items():
        try:
            _write_name(pieces, name)
            _write_value(pieces, value, 0)
        except _Unfit as unfit:
            raise DataError(f"header {name[:MAX_SHORT]!r} {unfit}") from None
    return _prefixed(pieces)


def _prefixed(pieces: list[bytes]) -> bytes:
    content = b"".join(pieces)
    return _LENGTH.pack(len(content)) + content


def _write_name(pieces: list[bytes], name: str) -> None:
    octets = _utf8(name)
    if len(octets) > MAX_SHORT:
        raise _Unfit(f"has a name of {len(octets)} octets, more than {MAX_SHORT}")
    pieces += (bytes((len(octets),)), octets)


def _write_value(pieces: list[bytes], value: FieldValue, depth: int) -> None:
    if isinstance(value, str):
        octets = _utf8(value)
        pieces += (b"S", _LENGTH.pack(len(octets)), octets)
    elif isinstance(value, bool):  # before int, which it is too
        pieces.append(b"t\1" if value else b"t\0")
    elif isinstance(value, int):
        pieces.append(_integer(value))
    elif value is None:
        pieces.append(b"V")
    elif isinstance(value, bytes):
        pieces += (b"x", _LENGTH.pack(len(value)), value)
    elif isinstance(value, OpaqueString):
        pieces += (b"S", _LENGTH.pack(len(value.octets)), value.octets)
    elif isinstance(value, Timestamp):
        if not 0 <= value.seconds <= MAX_TIMESTAMP:
            raise _Unfit("holds a timestamp before 1970 or beyond 64 bits")
        pieces += (b"T", _TIMESTAMP.pack(value.seconds))
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _Unfit(f"holds {value}, for which RabbitMQ closes the connection")
        pieces.append(_DOUBLE.pack(b"d", value))
    elif isinstance(value, Decimal):
        pieces += (b"D", _DECIMAL.pack(*decimal_parts(value)))
    else:
        _write_container(pieces, value, depth + 1)


def _write_container(pieces: list[bytes], value: list[FieldValue] | Table, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _Unfit(f"is nested deeper than {MAX_DEPTH}")
    inner: list[bytes] = []
    if isinstance(value, list):
        for item in value:
            _write_value(inner, item, depth)
        pieces += (b"A", _prefixed(inner))
    else:
        for name, item in value.items():
            _write_name(inner, name)
            _write_value(inner, item, depth)
        pieces += (b"F", _prefixed(inner))


def _integer(value: int) -> bytes:
    if -(2**31) <= value < 2**31:
        return _INT32.pack(b"I", value)
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise _Unfit("holds an integer beyond 64 bits")
    return _INT64.pack(b"l", value)


def decimal_parts(value: Decimal) -> tuple[int, int]:
    """The scale and the coefficient that AMQP writes for a decimal.

    AMQP has no positive exponent, no negative zero and nothing that is not finite. Another form of an equal number
    would fit more often, but would not bring back what was sent.

    Raises:
        ValueError: it does not fit; the message says so of something whose name is put before it.
    """
    sign, digits, exponent = value.as_tuple()
    if isinstance(exponent, int) and -255 <= exponent <= 0 and len(digits) <= 10:
        coefficient = int("".join(map(str, digits)))
        if coefficient < 2**31 + sign and not (sign and coefficient == 0):
            return -exponent, -coefficient if sign else coefficient
    raise _Unfit("holds a decimal that does not fit AMQP's (a signed 32-bit integer over 10**0 to 10**255)")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _Unfit("holds a lone surrogate, which is not a character") from None
