"""AMQP values as JSON and back, exactly: what JSON lacks is an object with one key that begins with ``$``.

=====================================  ======================================================================
JSON                                   value
=====================================  ======================================================================
``null true 7 "text" [...] {...}``     None, bool, int (up to 2**53 either way), str, list, table
``{"$int":"9007199254740993"}``        int beyond 2**53, which many JSON readers would round
``{"$f64":0.5}``                       float; "nan", "inf", "-inf" and "-0.0" as strings. A bare ``0.5`` is read, too
``{"$dec":"1.50"}``                    Decimal, with its scale
``{"$ts":"2026-11-24T01:58:03Z"}``     Timestamp; beyond the year 9999 its seconds as digits
``{"$b64":"AAE="}``                    bytes (field type ``x``)
``{"$s64":"/w=="}``                    OpaqueString (field type ``S`` that is not UTF-8)
``{"$table":{"$ts":1}}``               a table inside another value that itself has one such key only
=====================================  ======================================================================

The tags for integers and floats are there because tools such as jq have doubles only and print 1.0 as 1.
"""

from __future__ import annotations

import binascii
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from diracmq_cli.core.fieldtable import MAX_DEPTH, MAX_INTEGER, MAX_TIMESTAMP, MIN_INTEGER, decimal_parts
from diracmq_cli.core.values import FieldValue, OpaqueString, Table, Text, Timestamp
from diracmq_cli.errors import DataError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_EXACT = 2**53
_EPOCH = datetime(1970, 1, 1)  # without a zone, since all arithmetic here is in UTC
_LAST_DATE = 253_402_300_799  # 9999-12-31T23:59:59Z
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_DIGITS = re.compile(r"0|[1-9][0-9]{0,19}")
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[Ee][+-]?[0-9]{1,3})?")
_ODD_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "-0.0": -0.0}


def to_json(value: FieldValue) -> Json:
    """The JSON for one value of a field table."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if -_EXACT <= value <= _EXACT else {"$int": str(value)}
    if isinstance(value, float):
        return {"$f64": _float_to_json(value)}
    if isinstance(value, dict):
        inner = table_to_json(value)
        return {"$table": inner} if _tag(inner) else inner
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, Decimal):
        return {"$dec": str(value)}
    if isinstance(value, Timestamp):
        return {"$ts": time_to_json(value.seconds)}
    if isinstance(value, OpaqueString):
        return {"$s64": base64_of(value.octets)}
    return {"$b64": base64_of(value)}


def table_to_json(table: Table) -> dict[str, Json]:
    """The JSON for a header table, whose own names are never taken for a tag."""
    return {name: to_json(value) for name, value in table.items()}


def text_to_json(text: Text) -> Json:
    """The JSON for a property or a routing key."""
    return text if isinstance(text, str) else to_json(text)


def time_to_json(seconds: int) -> str:
    """Seconds since the epoch as RFC 3339 in UTC, or as digits where the year has more than four."""
    if seconds > _LAST_DATE:
        return str(seconds)
    return (_EPOCH + timedelta(seconds=seconds)).isoformat() + "Z"


def base64_of(octets: bytes) -> str:
    """Base64 with padding (RFC 4648 section 4)."""
    return binascii.b2a_base64(octets, newline=False).decode("ascii")


def _float_to_json(value: float) -> Json:
    if math.isfinite(value) and (value or math.copysign(1, value) > 0):
        return value
    return str(value)  # nan inf -inf -0.0: not JSON, or losing its sign in a reader that makes it an integer


def _tag(value: dict[str, Json]) -> str | None:
    if len(value) == 1:
        name = next(iter(value))
        if name.startswith("$"):
            return name
    return None


def from_json(value: Json, where: str, depth: int = 0) -> FieldValue:
    """Read one value of a field table; ``where`` names it in errors.

    Raises:
        DataError: it is not one of the forms above, or AMQP cannot carry it.
    """
    if isinstance(value, str):
        return checked(value, where)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not -_EXACT <= value <= _EXACT:
            raise DataError(f'{where} is an integer beyond 2**53, which must be written {{"$int":"…"}}')
        return value
    if isinstance(value, float):
        return _finite(value, where)
    tag = _tag(value) if isinstance(value, dict) else None
    if isinstance(value, dict) and tag is not None and tag != "$table":
        return _tagged(tag, value[tag], where)
    if depth == MAX_DEPTH:
        raise DataError(f"{where} is nested deeper than {MAX_DEPTH}")
    if isinstance(value, list):
        return [from_json(item, where, depth + 1) for item in value]
    inner = value if tag is None else value[tag]
    if not isinstance(inner, dict):
        raise DataError(f"{where}.$table must be an object")
    return table_from_json(inner, where, depth + 1)


def _tagged(tag: str, value: Json, where: str) -> FieldValue:
    reader = _TAGS.get(tag)
    if reader is None:
        raise DataError(f'{where} has an unknown tag {tag!a}; a table of this one name is {{"$table":{{…}}}}')
    return reader(value, where)


def table_from_json(value: dict[str, Json], where: str, depth: int = 0) -> Table:
    """Read a header table; ``where`` names it in errors.

    Raises:
        DataError: as ``from_json``.
    """
    return {checked(name, where): from_json(item, inside(where, name), depth) for name, item in value.items()}


def inside(where: str, name: str) -> str:
    """The path of a key in errors; a name that could act on a terminal is quoted."""
    return f"{where}.{name if name.isprintable() else ascii(name)}"


def text_from_json(value: Json, where: str) -> Text:
    """Read a property or a routing key.

    Raises:
        DataError: it is neither a string nor ``{"$s64":…}``.
    """
    if isinstance(value, str):
        return checked(value, where)
    if isinstance(value, dict) and _tag(value) == "$s64":
        return _opaque(value["$s64"], where)
    raise DataError(f"{where} must be a string")


def time_from_json(value: Json, where: str) -> int:
    """Read seconds since the epoch, as ``time_to_json`` writes them.

    Raises:
        DataError: it is neither ``YYYY-MM-DDThh:mm:ssZ`` nor digits.
    """
    if isinstance(value, str):
        if _DIGITS.fullmatch(value) and int(value) <= MAX_TIMESTAMP:
            return int(value)
        if _DATE.fullmatch(value):
            try:
                seconds = (datetime.fromisoformat(value[:-1]) - _EPOCH) // timedelta(seconds=1)
            except ValueError:  # a thirteenth month
                seconds = -1
            if seconds >= 0:
                return seconds
    raise DataError(f"{where} must be a time such as 2026-11-24T01:58:03Z, from 1970 on")


def octets_from_json(value: Json, where: str) -> bytes:
    """Read Base64, in its one canonical form only.

    Raises:
        DataError: it is not.
    """
    try:
        if isinstance(value, str):
            octets = binascii.a2b_base64(value)
            if binascii.b2a_base64(octets, newline=False) == value.encode():
                return octets
    except ValueError:
        pass
    raise DataError(f"{where} is not canonical Base64")


def checked(text: str, where: str) -> str:
    """Return ``text`` if it can be written as UTF-8: a JSON escape may name half a character.

    Raises:
        DataError: it holds a lone surrogate.
    """
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise DataError(f"{where} holds a lone surrogate, which is not a character") from None
    return text


def _opaque(value: Json, where: str) -> OpaqueString:
    octets = octets_from_json(value, where)
    try:
        octets.decode()
    except UnicodeDecodeError:
        return OpaqueString(octets)
    raise DataError(f"{where} is UTF-8, so it must be written as a plain string")


def _finite(value: float, where: str) -> float:
    if not math.isfinite(value):
        raise DataError(f"{where} is a number too large for a double")
    return value


def _double(value: Json, where: str) -> float:
    if isinstance(value, str) and value in _ODD_FLOATS:
        return _ODD_FLOATS[value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return _finite(float(value), where)
        except OverflowError:
            raise DataError(f"{where} is a number too large for a double") from None
    raise DataError(f"{where}.$f64 must be a number, or one of {', '.join(map(repr, _ODD_FLOATS))}")


def _integer(value: Json, where: str) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value) and MIN_INTEGER <= int(value) <= MAX_INTEGER:
        return int(value)
    raise DataError(f"{where}.$int must be a string of digits, a signed 64-bit integer")


def _decimal(value: Json, where: str) -> Decimal:
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise DataError(f"{where}.$dec must be a string such as '1.50'")
    number = Decimal(value)
    try:
        decimal_parts(number)
    except ValueError as unfit:
        raise DataError(f"{where} {unfit}") from None
    return number


def _time(value: Json, where: str) -> Timestamp:
    return Timestamp(time_from_json(value, where))


_TAGS: dict[str, Callable[[Json, str], FieldValue]] = {
    "$int": _integer,
    "$f64": _double,
    "$dec": _decimal,
    "$ts": _time,
    "$b64": octets_from_json,
    "$s64": _opaque,
}
