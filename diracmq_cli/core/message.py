"""A message, a delivery and a receipt: what flows through the operations. No pika type gets here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.core.values import Table, Text

MAX_BODY = 16 * 1024 * 1024
"""Octets; what RabbitMQ 4.x takes by default. A larger message is refused before the broker closes the channel."""

PERSISTENT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """The properties of AMQP 0-9-1 class ``basic`` except ``headers``; None means absent.

    ``timestamp`` is in seconds since the epoch (0 to 2**64-1); ``expiration`` is milliseconds written as digits,
    as RabbitMQ wants it.
    """

    content_type: Text | None = None
    content_encoding: Text | None = None
    delivery_mode: int | None = None
    priority: int | None = None
    correlation_id: Text | None = None
    reply_to: Text | None = None
    expiration: Text | None = None
    message_id: Text | None = None
    timestamp: int | None = None
    type: Text | None = None
    user_id: Text | None = None
    app_id: Text | None = None
    cluster_id: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a publisher says: a body, its properties and headers, and the routing key it is published with."""

    body: bytes
    properties: Properties = field(default_factory=Properties)
    headers: Table = field(default_factory=dict)
    routing_key: Text = ""

    @property
    def size(self) -> int:
        """Octets of the body."""
        return len(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message as a broker handed it over (basic.deliver or basic.get-ok).

    ``defect`` says why the header table could not be decoded (nesting too deep, a duplicate name, cut short);
    then ``message.headers`` is empty and ``raw_headers`` holds the table's octets, so that nothing is lost.
    ``service`` and ``queue`` are the names the CS gives; ``queue`` is the AMQP queue's name. ``line`` is
    which line of a batch (``core.batch``) this is, counted from 1; None for a whole message.
    """

    message: Message
    service: str
    queue: str
    exchange: Text
    delivery_tag: int
    redelivered: bool = False
    defect: str | None = None
    raw_headers: bytes | None = None
    line: int | None = None

    @property
    def delivery_count(self) -> int:
        """How often the broker counts a failed delivery so far (``x-delivery-count``; quorum queues only)."""
        count = self.message.headers.get("x-delivery-count")
        return count if isinstance(count, int) and not isinstance(count, bool) else 0


class Outcome(StrEnum):
    """What became of an outgoing message.

    The broker says the first three; ``SPOOLED`` may be followed by one of them, ``LOST`` means that neither the broker
    nor the disk took it.
    """

    CONFIRMED = "confirmed"
    RETURNED = "returned"
    NACKED = "nacked"
    UNKNOWN = "unknown"
    SPOOLED = "spooled"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of one message; ``sequence`` is the publisher's own count from 1, 0 where it was not published;
    ``lines`` is how many it holds, where it is a batch."""

    sequence: int
    message_id: str
    outcome: Outcome
    reason: str | None = None
    lines: int | None = None


class Settlement(StrEnum):
    """What a reader says of a delivery: ``REQUEUE`` is basic.nack (not this message's fault), ``REJECT`` is
    basic.reject without requeue (it is: dead-letter it)."""

    ACK = "ack"
    REQUEUE = "requeue"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What a command made of a message: how to settle it (None: the command failed, and ``--on-fail`` decides).

    ``stop`` is set when no further message would fare better (the command cannot be run at all); ``detail`` says how
    it ended, as ``exit 75`` or ``killed by SIGKILL``, ``code`` the same as subprocess does: 75, or -9.
    """

    settlement: Settlement | None
    detail: str
    stop: bool = False
    code: int | None = field(default=None, compare=False)
