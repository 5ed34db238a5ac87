"""The payload of a stamp: its fields as one JSON object, values as envelopes have them (``core.jsonvalues``).

Written without spaces and always in the same order, so that a stamp is as small as it can be and the same fields give
the same octets. Reading accepts any order and spacing (the signature covers the octets as they are), but nothing
unknown, twice, or of another type.
"""

from __future__ import annotations

import json

from diracmq_cli.core.address import Address, Kind, parse_address
from diracmq_cli.core.fieldtable import MAX_TIMESTAMP
from diracmq_cli.core.jsonvalues import (
    Json,
    base64_of,
    checked,
    inside,
    octets_from_json,
    table_from_json,
    table_to_json,
    text_from_json,
    text_to_json,
)
from diracmq_cli.core.jws import MAX_STAMP
from diracmq_cli.core.refusal import Refusal
from diracmq_cli.core.stampfields import COVERED_PROPERTIES, StampFields
from diracmq_cli.core.strictjson import parse_json
from diracmq_cli.errors import DataError, UsageError, VerificationError

VERSION = 1

_REQUIRED = frozenset({"v", "id", "time", "dn", "service", "destination", "routing_key", "headers", "body_sha256"})
_KNOWN = _REQUIRED | COVERED_PROPERTIES.keys() | {"host"}


def encode_payload(fields: StampFields) -> bytes:
    """The octets of a payload."""
    document: dict[str, Json] = {
        "v": VERSION,
        "id": fields.message_id,
        "time": fields.time,
        "dn": fields.dn,
    }
    if fields.host is not None:
        document["host"] = fields.host
    document |= {
        "service": fields.service,
        "destination": str(fields.destination),
        "routing_key": text_to_json(fields.routing_key),
    }
    for name, value in fields.properties.items():
        document[name] = text_to_json(value)
    document["headers"] = table_to_json(fields.headers)
    document["body_sha256"] = base64_of(fields.body_sha256)
    return _ENCODER.encode(document).encode("ascii")


def decode_payload(payload: bytes) -> StampFields:
    """Read a payload.

    Raises:
        VerificationError: it is of an unknown version, or not exactly as this module writes it.
    """
    try:
        document = parse_json(payload, "the stamp's payload", limit=MAX_STAMP)
        if not isinstance(document, dict):
            raise DataError("the stamp's payload is not an object")
        version = document.get("v")
        if type(version) is not int or version != VERSION:
            raise VerificationError(Refusal.VERSION, f"the stamp's version is not {VERSION}")
        return _fields(document)
    except VerificationError:
        raise
    except (DataError, UsageError) as error:
        raise VerificationError(Refusal.PAYLOAD, f"the stamp's payload is malformed: {error}") from None


def _fields(document: dict[str, Json]) -> StampFields:
    if unknown := document.keys() - _KNOWN:
        raise DataError(f"{inside('payload', min(unknown))} is not known")
    if missing := _REQUIRED - document.keys():
        raise DataError(f"payload.{min(missing)} is missing")
    headers, time = document["headers"], document["time"]
    if not isinstance(headers, dict):
        raise DataError("payload.headers must be an object")
    if type(time) is not int or not 0 <= time <= MAX_TIMESTAMP:
        raise DataError("payload.time must be seconds since 1970")
    return StampFields(
        message_id=_string(document, "id"),
        time=time,
        dn=_string(document, "dn"),
        host=_string(document, "host") if "host" in document else None,
        service=_string(document, "service"),
        destination=_destination(document),
        routing_key=text_from_json(document["routing_key"], "payload.routing_key"),
        properties={
            name: text_from_json(document[name], f"payload.{name}") for name in COVERED_PROPERTIES if name in document
        },
        headers=table_from_json(headers, "payload.headers"),
        body_sha256=_digest(document),
    )


def _string(document: dict[str, Json], name: str) -> str:
    value = document[name]
    if not isinstance(value, str):
        raise DataError(f"payload.{name} must be a string")
    return checked(value, f"payload.{name}")


def _destination(document: dict[str, Json]) -> Address:
    text = _string(document, "destination")
    address = parse_address(text)
    if not isinstance(address, Address) or address.kind is Kind.TOPIC or str(address) != text:
        raise DataError("payload.destination is not the address of a queue or exchange")
    return address


def _digest(document: dict[str, Json]) -> bytes:
    octets = octets_from_json(document["body_sha256"], "payload.body_sha256")
    if len(octets) != 32:
        raise DataError("payload.body_sha256 is no SHA-256")
    return octets


_ENCODER = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(",", ":"))
