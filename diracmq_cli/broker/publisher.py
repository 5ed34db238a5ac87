"""Publish with confirms in flight (port ``Publisher``): basic.publish, mandatory, on a channel in confirm mode."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pika import spec

from diracmq_cli.broker.channel import Channel, Content
from diracmq_cli.broker.frames import encode_body, encode_content_header, encode_method, text
from diracmq_cli.broker.waiting import Deadline
from diracmq_cli.core.batch import said_lines
from diracmq_cli.core.message import MAX_BODY, Message, Outcome, Receipt
from diracmq_cli.core.properties import decode_properties, encode_properties
from diracmq_cli.core.values import OpaqueString, Text
from diracmq_cli.errors import DataError

if TYPE_CHECKING:
    from pika.amqp_object import Method

    from diracmq_cli.broker.link import Link

_MAX_SHORT = 255
_ROUTES_KEPT = 1000


@dataclass(slots=True)
class _InFlight:
    """A message whose confirm is still to come; ``returned`` is the broker's reason once it has come back."""

    message_id: Text | None
    exchange: str
    routing_key: Text
    octets: int
    lines: int | None
    returned: str | None = None


class ConfirmingPublisher:
    """A publisher with at most ``max_messages`` messages and ``max_octets`` octets in flight.

    One message larger than the window is let through when nothing else is in flight, else it could never be sent.
    """

    def __init__(self, link: Link, max_messages: int, max_octets: int) -> None:
        self._link = link
        self._max_messages = max_messages
        self._max_octets = max_octets
        self._in_flight: OrderedDict[int, _InFlight] = OrderedDict()
        self._octets = 0
        self._last = 0
        self._receipts: list[Receipt] = []
        self._routes: dict[tuple[str, Text], bytes] = {}
        self._channel = Channel(
            link,
            f"publishing to {link.party.service}",
            on_content=self._on_return,
            on_method=self._on_confirm,
        )
        self._channel.call(spec.Confirm.Select(), spec.Confirm.SelectOk)

    @property
    def in_flight(self) -> int:
        """See ``core.ports.Publisher``."""
        return len(self._in_flight)

    @property
    def ready(self) -> bool:
        """See ``core.ports.Publisher``."""
        return (
            len(self._in_flight) < self._max_messages and self._octets < self._max_octets and self._link.blocked is None
        )

    @property
    def blocked(self) -> str | None:
        """See ``core.ports.Publisher``."""
        return self._link.blocked

    def publish(self, exchange: str, message: Message) -> int:
        """See ``core.ports.Publisher``."""
        self._channel.check()
        body = message.body
        if len(body) > MAX_BODY:
            raise DataError(f"a body of {len(body)} octets is over the limit of {MAX_BODY}")
        method = self._routes.get((exchange, message.routing_key)) or self._route(exchange, message.routing_key)
        header = encode_content_header(
            self._channel.number, len(body), encode_properties(message.properties, message.headers)
        )
        if len(header) > self._link.frame_max:
            raise DataError(
                f"properties and headers of {len(header)} octets do not fit into the {self._link.frame_max} "
                "that the broker takes"
            )
        self._link.put([method, header, *encode_body(self._channel.number, body, self._link.frame_max)])
        self._last += 1
        octets = len(method) + len(header) + len(body)
        self._in_flight[self._last] = _InFlight(
            message.properties.message_id, exchange, message.routing_key, octets, said_lines(message.headers)
        )
        self._octets += octets
        return self._last

    def _route(self, exchange: str, routing_key: Text) -> bytes:
        """The encoded basic.publish: thousands of messages share one."""
        key = routing_key.octets if isinstance(routing_key, OpaqueString) else routing_key.encode()
        for name, octets in (("exchange name", exchange.encode()), ("routing key", key)):
            if len(octets) > _MAX_SHORT:
                raise DataError(f"the {name} has {len(octets)} octets, more than {_MAX_SHORT}")
        publish = spec.Basic.Publish(exchange=exchange, routing_key=key, mandatory=True)
        if len(self._routes) >= _ROUTES_KEPT:
            self._routes.clear()
        method = self._routes[exchange, routing_key] = encode_method(self._channel.number, publish)
        return method

    def turn(self, timeout: float | None, fd: int | None = None) -> Sequence[Receipt]:
        """See ``core.ports.Publisher``; also returns when the broker blocks or unblocks us."""
        blocked = self._link.blocked
        self._link.wait(
            lambda: bool(self._receipts) or self._channel.closed is not None or self._link.blocked != blocked,
            Deadline(timeout),
            fd=fd,
            heed_wake=True,
        )
        receipts, self._receipts = self._receipts, []
        if not receipts:  # what was confirmed before the end is told first
            self._channel.check()
        return receipts

    def close(self) -> None:
        """See ``core.ports.Publisher``."""
        self._link.shut()

    def _on_confirm(self, method: Method) -> None:
        if isinstance(method, spec.Basic.Ack):
            self._settle(method.delivery_tag, method.multiple, Outcome.CONFIRMED)
        elif isinstance(method, spec.Basic.Nack):
            self._settle(method.delivery_tag, method.multiple, Outcome.NACKED)

    def _settle(self, tag: int, multiple: bool, outcome: Outcome) -> None:
        while multiple and self._in_flight:
            first = next(iter(self._in_flight))
            if first > tag:
                return
            self._settle_one(first, outcome)
        if not multiple and tag in self._in_flight:
            self._settle_one(tag, outcome)

    def _settle_one(self, sequence: int, outcome: Outcome) -> None:
        entry = self._in_flight.pop(sequence)
        self._octets -= entry.octets
        reason = entry.returned
        if reason is not None and outcome is Outcome.CONFIRMED:
            outcome = Outcome.RETURNED
        elif outcome is Outcome.NACKED:
            reason = "the broker refused it (basic.nack): the queue is full, or a node failed"
        self._receipts.append(
            Receipt(
                sequence=sequence,
                message_id=str(entry.message_id or ""),
                outcome=outcome,
                reason=reason,
                lines=entry.lines,
            )
        )

    def _on_return(self, content: Content) -> None:
        """Remember a basic.return: the confirm of the same message follows it."""
        method = content.method
        if not isinstance(method, spec.Basic.Return):
            return
        message_id = decode_properties(content.properties).properties.message_id
        exchange, key = text(method.exchange), text(method.routing_key)
        for entry in self._in_flight.values():
            if entry.returned is None and (entry.message_id, entry.exchange, entry.routing_key) == (
                message_id,
                exchange,
                key,
            ):
                entry.returned = f"{method.reply_code} {method.reply_text}"
                return
