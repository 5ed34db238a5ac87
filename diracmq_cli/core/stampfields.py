"""What a stamp covers of a message, and whether a message is still the one that was signed (DESIGN: the stamp).

Not covered, because brokers change them: ``expiration``, ``priority``, ``delivery_mode``, ``user_id``, headers
``x-*``; nor ``dirac-stamp`` itself, and ``dirac-moved``, which whoever moves a dead letter back adds.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from struct import Struct
from typing import TYPE_CHECKING

from diracmq_cli.core.address import Address, Kind
from diracmq_cli.core.moved import MOVED_HEADER
from diracmq_cli.core.publication import publication
from diracmq_cli.core.refusal import Refusal
from diracmq_cli.core.stamp import REROUTING_HEADERS, STAMP_HEADER
from diracmq_cli.errors import DataError, VerificationError

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery, Message
    from diracmq_cli.core.values import FieldValue, Table, Text

COVERED_PROPERTIES = {
    "content_type": Refusal.CONTENT_TYPE,
    "content_encoding": Refusal.CONTENT_ENCODING,
    "type": Refusal.TYPE,
    "correlation_id": Refusal.CORRELATION_ID,
    "reply_to": Refusal.REPLY_TO,
    "app_id": Refusal.APP_ID,
}
"""Properties that are covered as they are, and the reason to give when one has changed."""

_ELSEWHERE = frozenset({STAMP_HEADER, MOVED_HEADER, "dirac-dn", "dirac-host"})
_BROKERS = "x-"
_BITS = Struct(">d")


@dataclass(frozen=True, slots=True, kw_only=True)
class StampFields:
    """What the signer says. ``time`` is in seconds since the epoch; ``destination`` what it was sent to.

    ``properties`` are those of ``COVERED_PROPERTIES`` that are present; ``headers`` all but the broker's and those
    that have a field of their own.
    """

    message_id: str
    time: int
    dn: str
    host: str | None
    service: str
    destination: Address
    routing_key: Text
    properties: Mapping[str, Text]
    headers: Table
    body_sha256: bytes = field(repr=False)


def fields_to_sign(message: Message, *, service: str, destination: Address) -> StampFields:
    """What a stamp on this message must say; the message has its id, time, DN and host already (``core.stamp``).

    Raises:
        DataError: it names no sender, or has no id or time.
    """
    properties, headers = message.properties, message.headers
    dn, host = headers.get("dirac-dn"), headers.get("dirac-host")
    if not isinstance(dn, str):
        raise DataError("a message that does not name its sender cannot be signed")
    if not isinstance(properties.message_id, str) or properties.timestamp is None:
        raise DataError("a message without an id in UTF-8 and a time cannot be signed")
    return StampFields(
        message_id=properties.message_id,
        time=properties.timestamp,
        dn=dn,
        host=host if isinstance(host, str) else None,
        service=service,
        destination=destination,
        routing_key=message.routing_key,
        properties={name: value for name in COVERED_PROPERTIES if (value := getattr(properties, name)) is not None},
        headers=covered_headers(headers),
        body_sha256=hashlib.sha256(message.body).digest(),
    )


def covered_headers(headers: Table) -> Table:
    """The headers that are covered by name and value."""
    return {name: value for name, value in headers.items() if name not in _ELSEWHERE and not name.startswith(_BROKERS)}


def check_fields(signed: StampFields, delivery: Delivery, *, services: Collection[str]) -> None:
    """See that a delivery is what was signed, by decoded value and type.

    Args:
        signed: what the signer says.
        delivery: the message as it came. A dead letter is compared as it was first published.
        services: the names under which the reader knows this broker, usually one.

    Raises:
        VerificationError: it is not; the reason names the first field that differs.
    """
    message = delivery.message
    if any(name in message.headers for name in REROUTING_HEADERS):
        raise VerificationError(Refusal.REROUTING, "carries CC or BCC")
    _check_sender(signed, message)
    _check_place(signed, delivery, services)
    for name, reason in COVERED_PROPERTIES.items():
        if signed.properties.get(name) != getattr(message.properties, name):
            raise _changed(reason, name)
    _check_headers(signed.headers, covered_headers(message.headers))
    if signed.body_sha256 != hashlib.sha256(message.body).digest():
        raise _changed(Refusal.BODY, "the body")


def _check_sender(signed: StampFields, message: Message) -> None:
    if signed.dn != message.headers.get("dirac-dn"):
        raise _changed(Refusal.DN, "dirac-dn")
    if signed.host != message.headers.get("dirac-host"):
        raise _changed(Refusal.HOST, "dirac-host")
    if signed.message_id != message.properties.message_id:
        raise _changed(Refusal.MESSAGE_ID, "message_id")
    if signed.time != message.properties.timestamp:
        raise _changed(Refusal.TIME, "timestamp")


def _check_place(signed: StampFields, delivery: Delivery, services: Collection[str]) -> None:
    to = signed.destination
    if signed.service not in services or to.service not in services:
        raise VerificationError(Refusal.SERVICE, f"was signed for service {signed.service}, not {delivery.service}")
    first = publication(delivery)
    if to.name != (first.queue if to.kind is Kind.QUEUE else first.exchange):
        raise VerificationError(
            Refusal.DESTINATION, f"was signed for {to}, not for queue {first.queue} through {first.exchange}"
        )
    if signed.routing_key != first.routing_key:
        raise _changed(Refusal.ROUTING_KEY, "the routing key")


def _check_headers(signed: Table, found: Table) -> None:
    for name in found:
        if name not in signed:
            raise VerificationError(Refusal.HEADER_ADDED, f"header {name} was added after signing")
    for name, value in signed.items():
        if name not in found:
            raise VerificationError(Refusal.HEADER_REMOVED, f"header {name} was removed after signing")
        if type(value) is not type(found[name]):
            raise VerificationError(Refusal.HEADER_TYPE, f"header {name} had another type when it was signed")
        if not same_value(value, found[name]):
            raise _changed(Refusal.HEADER_VALUE, f"header {name}")


def same_value(one: FieldValue, other: FieldValue) -> bool:
    """Whether two values of field tables are equal in value and type: 1, 1.0 and true differ, and so do 0.0 and -0.0,
    1.5 and 1.50 as decimals. All NaNs are one."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_value(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return _BITS.pack(one) == _BITS.pack(other) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return one.as_tuple() == other.as_tuple()
    return one == other


def _changed(reason: Refusal, what: str) -> VerificationError:
    return VerificationError(reason, f"{what} was changed after signing")
