"""Values of an AMQP 0-9-1 field table as Python has them (spec section 4.2.1; RabbitMQ's variant of the types).

=========================  ==========================================================================
Python                     AMQP field type
=========================  ==========================================================================
None                       V
bool                       t
int                        b B s u I i l (the width is not kept: the smallest of I and l is written)
float                      f d (written as d)
Decimal                    D (scale 0 to 255, signed 32-bit value)
str                        S, valid UTF-8
OpaqueString               S, other bytes
bytes                      x
Timestamp                  T (unsigned 64-bit seconds, so also what no calendar holds)
list, dict                 A, F
=========================  ==========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Timestamp:
    """Seconds since 1970-01-01T00:00Z, 0 to 2**64-1: the whole range that a publisher can put there."""

    seconds: int


@dataclass(frozen=True, slots=True)
class OpaqueString:
    """A short or long string whose octets are not UTF-8; kept as they came so that nothing is lost."""

    octets: bytes

    def __str__(self) -> str:
        return self.octets.decode("utf-8", "backslashreplace")


Text: TypeAlias = str | OpaqueString
"""A string as AMQP carries it: nearly always UTF-8, but a publisher may put any octets there."""

FieldValue: TypeAlias = (
    "bool | int | float | Decimal | str | OpaqueString | bytes | Timestamp | list[FieldValue] | Table | None"
)
Table: TypeAlias = "dict[str, FieldValue]"
