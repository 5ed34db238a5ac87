"""The envelope: one message as one line of JSON, the same for what readers print and what senders read.

Writing is exact (``core.jsonvalues`` has the forms of AMQP's values) and harmless: what a terminal or a line-based
tool could take for a command or for a line end is written as an escape. Reading is strict, so that no message is sent
that its writer did not mean, but a key that nobody knows yet is let pass: this format only ever grows.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from diracmq_cli.core.batch import LINES_HEADER, complaint
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
    time_from_json,
    time_to_json,
)
from diracmq_cli.core.message import MAX_BODY, Delivery, Message, Properties
from diracmq_cli.core.moved import MOVED_HEADER
from diracmq_cli.core.properties import RANGES
from diracmq_cli.core.stamp import RESERVED_PREFIX, STAMP_HEADER, SpooledMessage
from diracmq_cli.core.strictjson import parse_json
from diracmq_cli.errors import DataError

if TYPE_CHECKING:
    from diracmq_cli.core.values import Table, Text
    from diracmq_cli.core.verdict import Verdict

VERSION = 1

MAX_LINE = 7 * MAX_BODY
"""Octets of a line. A NUL in a body takes six (``\\u0000``), and the rest leaves ample room for headers."""

_PROPERTIES = (
    "message_id",
    "timestamp",
    "content_type",
    "content_encoding",
    "delivery_mode",
    "priority",
    "correlation_id",
    "reply_to",
    "expiration",
    "type",
    "user_id",
    "app_id",
    "cluster_id",
)

_HARMFUL = re.compile(
    "[\x7f-\x9f"  # DEL and C1; the JSON encoder has escaped C0
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of writing
    "\u2028\u2029"  # line ends to some readers
    "\ud800-\udfff]"  # halves of characters, which have no UTF-8
)


def encode(delivery: Delivery, verdict: Verdict, *, spooled: bool = False) -> str:
    """One JSON object without a line end, its keys always in the same order, absent properties left out.

    ``spooled`` says that it was stamped and never delivered: its sender may send it again with that stamp.
    """
    message = delivery.message
    document: dict[str, Json] = {
        "v": VERSION,
        "service": delivery.service,
        "queue": delivery.queue,
        "exchange": text_to_json(delivery.exchange),
        "routing_key": text_to_json(message.routing_key),
        "redelivered": delivery.redelivered,
        "delivery_count": delivery.delivery_count,
        "properties": _properties_to_json(message.properties),
        "headers": table_to_json(message.headers),
        "origin": _origin(verdict),
    }
    if spooled:
        document["spooled"] = True
    if delivery.line is not None:
        document["line"] = delivery.line
    if delivery.defect is not None:
        document["defect"] = delivery.defect
        document["headers_b64"] = base64_of(delivery.raw_headers or b"")
    try:
        document["body"] = message.body.decode()
    except UnicodeDecodeError:
        document["body_b64"] = base64_of(message.body)
    line = _ENCODER.encode(document)
    if line.isascii() and "\x7f" not in line:
        return line
    return _HARMFUL.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


def _properties_to_json(properties: Properties) -> dict[str, Json]:
    document: dict[str, Json] = {}
    for name in _PROPERTIES:
        value: Text | int | None = getattr(properties, name)
        if name == "timestamp" and isinstance(value, int):
            document[name] = time_to_json(value)
        elif isinstance(value, int):
            document[name] = value
        elif value is not None:
            document[name] = text_to_json(value)
    return document


def _origin(verdict: Verdict) -> dict[str, Json]:
    origin: dict[str, Json] = {"level": verdict.level}
    if verdict.dn is not None:
        origin["dn"] = verdict.dn
    if verdict.user is not None:
        origin["user"] = verdict.user
    if verdict.reason is not None:
        origin["reason"] = verdict.reason
    if verdict.code is not None:
        origin["code"] = verdict.code
    if verdict.moved_by is not None:
        origin["moved_by"] = verdict.moved_by
    return origin


def decode(line: str | bytes) -> Message:
    """Read an envelope as something to send.

    What only readers know (``service``, ``queue``, ``exchange``, ``origin`` and so on) is ignored, and so is the old
    stamp: ``user_id`` and the headers ``dirac-*`` and ``x-*``, but for a right ``dirac-lines``. ``message_id`` is kept,
    unless this is one line of a batch, whose id it has. What a spool wrote becomes a ``SpooledMessage``, whose stamp is
    kept apart.

    Raises:
        DataError: it is no envelope of this version, or holds what AMQP cannot carry; the message names the key.
    """
    document = _document(line)
    for key in ("defect", "headers_b64"):
        if key in document:
            raise DataError(f"{key} is there: the headers of this message could not be read, so it cannot be sent")
    properties = _object(document.get("properties", {}), "properties")
    headers = _object(document.get("headers", {}), "headers")
    body = _body(document)
    own = _properties(properties)
    message = Message(
        body=body,
        properties=own if document.get("line") is None else replace(own, message_id=None),
        headers=_headers(headers, body),
        routing_key=text_from_json(document.get("routing_key", ""), "routing_key"),
    )
    return _spooled(message, properties, headers) if document.get("spooled") is True else message


def decode_delivery(line: str | bytes) -> Delivery:
    """Read an envelope as the delivery that a reader saw, stamp and all, so that it can be judged again.

    Raises:
        DataError: as ``decode``; also when it does not say where the message was read.
    """
    document = _document(line)
    defect = document.get("defect")
    if defect is not None and not isinstance(defect, str):
        raise DataError("defect must be a string")
    properties = _object(document.get("properties", {}), "properties")
    return Delivery(
        message=Message(
            body=_body(document),
            properties=replace(
                _properties(properties),
                user_id=_login(properties),
            ),
            headers=table_from_json(_object(document.get("headers", {}), "headers"), "headers"),
            routing_key=text_from_json(document.get("routing_key", ""), "routing_key"),
        ),
        service=_name(document, "service"),
        queue=_name(document, "queue"),
        exchange=text_from_json(document.get("exchange"), "exchange"),
        delivery_tag=0,
        redelivered=document.get("redelivered") is True,
        defect=defect,
        line=_line(document),
    )


def _spooled(message: Message, properties: dict[str, Json], headers: dict[str, Json]) -> SpooledMessage:
    stamp = {
        name: value
        for name, value in headers.items()
        if name.startswith(RESERVED_PREFIX) and name not in (STAMP_HEADER, MOVED_HEADER, LINES_HEADER)
    }
    return SpooledMessage(
        body=message.body,
        properties=message.properties,
        headers=message.headers,
        routing_key=message.routing_key,
        login=_login(properties),
        stamp=table_from_json(stamp, "headers"),
    )


def _login(properties: dict[str, Json]) -> Text | None:
    login = properties.get("user_id")
    return None if login is None else text_from_json(login, "properties.user_id")


def _document(line: str | bytes) -> dict[str, Json]:
    document = _object(parse_json(line, "the envelope", limit=MAX_LINE), "the envelope")
    version = document.get("v")
    if version != VERSION or not isinstance(version, int) or isinstance(version, bool):
        raise DataError(f"v must be {VERSION}" if "v" in document else f'the envelope has no "v":{VERSION}')
    return document


def _name(document: dict[str, Json], key: str) -> str:
    name = document.get(key)
    if not isinstance(name, str):
        raise DataError(f"{key} must be a string")
    return checked(name, key)


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))


def _object(value: Json, where: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise DataError(f"{where} must be an object")
    return value


def _body(document: dict[str, Json]) -> bytes:
    if ("body" in document) == ("body_b64" in document):
        raise DataError("exactly one of body and body_b64 must be there")
    if "body" in document:
        text = document["body"]
        if not isinstance(text, str):
            raise DataError("body must be a string")
        body = checked(text, "body").encode()
    else:
        body = octets_from_json(document["body_b64"], "body_b64")
    if len(body) > MAX_BODY:
        raise DataError(f"body has {len(body)} octets, more than {MAX_BODY}")
    return body


def _line(document: dict[str, Json]) -> int | None:
    line = document.get("line")
    if line is not None and type(line) is not int:
        raise DataError("line must be a number")
    return line


def _headers(document: dict[str, Json], body: bytes) -> Table:
    kept = {
        name: value
        for name, value in document.items()
        if name == LINES_HEADER or not name.startswith((RESERVED_PREFIX, "x-"))
    }
    headers = table_from_json(kept, "headers")
    if complaint(headers, body) is not None:
        headers.pop(LINES_HEADER)
    return headers


def _properties(document: dict[str, Json]) -> Properties:
    texts: dict[str, Text] = {}
    numbers: dict[str, int] = {}
    for name, value in document.items():
        where = inside("properties", name)
        if name == "user_id":
            continue
        if name == "timestamp":
            numbers[name] = time_from_json(value, where)
        elif name in RANGES:
            if not isinstance(value, int) or isinstance(value, bool) or value not in RANGES[name]:
                raise DataError(f"{where} must be an integer from {RANGES[name][0]} to {RANGES[name][-1]}")
            numbers[name] = value
        elif name in _PROPERTIES:
            texts[name] = text_from_json(value, where)
        else:
            raise DataError(f"{where} is no property of AMQP; what is not one belongs into headers")
    return Properties(**texts, **numbers)  # type: ignore[arg-type]
