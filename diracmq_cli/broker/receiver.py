"""What all receivers share (port ``Receiver``): deliveries that have arrived, and those still to be settled."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, NoReturn

from pika import spec

from diracmq_cli.broker.channel import Channel, Content
from diracmq_cli.broker.frames import text
from diracmq_cli.broker.waiting import Deadline
from diracmq_cli.core.message import Delivery, Message
from diracmq_cli.core.model import QueueSpec, QueueType
from diracmq_cli.core.properties import decode_properties
from diracmq_cli.errors import BrokerLost, UnknownDestination

if TYPE_CHECKING:
    from pika.amqp_object import Method

    from diracmq_cli.broker.link import Link

NACK_KEEPS_ORDER = (4, 3)
"""RabbitMQ from which a quorum queue takes nacked messages back in order, and without counting them as failures."""


class BaseReceiver(ABC):
    """Deliveries of ``queue``, in order.

    Delivery tags that leave here go on counting when a channel is reopened (the broker's start at 1 again), so that a
    late settlement can never hit another message.
    """

    def __init__(
        self,
        link: Link,
        queue: QueueSpec,
        server_version: tuple[int, ...],
        limit: int | None = None,
    ) -> None:
        self._link = link
        self._queue = queue
        self._server_version = server_version
        self._limit = limit
        self._taken = 0
        self._arrived: deque[Delivery] = deque()
        self._unsettled: OrderedDict[int, int] = OrderedDict()  # tag -> the consumer (its number) that brought it
        self._consumer = 0
        self._tag = 0
        self._tag_offset = 0
        self._channel = self._open_channel()

    # -- what the kinds of receivers differ in ---------------------------------------------------------------------

    @abstractmethod
    def _more(self, *, patient: bool) -> None:
        """Ask the broker for more, without waiting, if it is due; ``patient`` when the caller is ready to wait."""

    @abstractmethod
    def _halt(self) -> None:
        """Stop the flow of deliveries and wait until it has stopped."""

    @property
    def _wanted(self) -> int | None:
        """How many more may be handed to us: what was given back is wanted again."""
        return None if self._limit is None else self._limit - self._taken - len(self._unsettled)

    @property
    def _exhausted(self) -> bool:
        """True when nothing will come, whatever we wait for."""
        return self._wanted == 0 and not self._arrived

    def _on_method(self, method: Method) -> None:  # noqa: B027  (a stray answer concerns nobody)
        """Take a method that is neither content nor an answer."""

    def _raise_cancelled(self) -> NoReturn:
        """Say why the broker has ended a consumer (basic.cancel): its queue was deleted, or lives where a node died."""
        try:
            self._count_ready()
        except UnknownDestination as error:
            raise UnknownDestination(f"{self._what} was deleted while we were reading it") from error
        raise BrokerLost(f"the broker gives us nothing more of {self._what}")

    # -- the port --------------------------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """See ``core.ports.Receiver``."""
        return self._link.ending is not None

    @property
    def heard(self) -> float:
        """See ``core.ports.Receiver``."""
        return self._link.heard

    def receive(self, timeout: float | None, fd: int | None = None) -> Delivery | None:
        """See ``core.ports.Receiver``."""
        deadline = Deadline(timeout)
        if self._exhausted:
            return None
        if self._arrived:
            self._link.breathe()
        else:
            patient = timeout != 0
            self._more(patient=patient)
            self._link.wait(lambda: self._has_news(patient), deadline, fd=fd, heed_wake=True)
        self._channel.check()
        return self._hand_out()

    def _has_news(self, patient: bool) -> bool:
        if not self._arrived and self._channel.closed is None:
            self._more(patient=patient)
        return bool(self._arrived) or self._exhausted or self._channel.closed is not None

    def _hand_out(self) -> Delivery | None:
        return self._arrived.popleft() if self._arrived else None

    def turn(self, timeout: float | None, fd: int | None = None) -> bool:
        """See ``core.ports.Receiver``."""
        readable = self._link.wait(lambda: self._channel.closed is not None, Deadline(timeout), fd=fd, heed_wake=True)
        self._channel.check()
        return readable

    def ack(self, delivery: Delivery) -> None:
        """See ``core.ports.Receiver``."""
        tags = []
        for tag in self._unsettled:
            if tag > delivery.delivery_tag:
                break
            tags.append(tag)
        if tags:
            self._settle(tags, spec.Basic.Ack(tags[-1] - self._tag_offset, multiple=True))

    def want_more(self) -> None:
        """See ``core.ports.Receiver``."""
        if self._limit is not None:
            self._limit += 1

    def ack_one(self, delivery: Delivery) -> None:
        """See ``core.ports.Receiver``."""
        tag = delivery.delivery_tag
        if tag in self._unsettled:
            self._settle([tag], spec.Basic.Ack(tag - self._tag_offset, multiple=False))

    def requeue(self, delivery: Delivery) -> None:
        """See ``core.ports.Receiver``."""
        tag = delivery.delivery_tag
        if tag in self._unsettled:
            self._settle([tag], spec.Basic.Nack(tag - self._tag_offset, multiple=False, requeue=True))

    def reject(self, delivery: Delivery) -> None:
        """See ``core.ports.Receiver``."""
        tag = delivery.delivery_tag
        if tag in self._unsettled:
            self._settle([tag], spec.Basic.Reject(tag - self._tag_offset, requeue=False))

    def _settle(self, tags: list[int], method: Method) -> None:
        self._channel.send(method)
        for tag in tags:
            del self._unsettled[tag]
        if not isinstance(method, spec.Basic.Nack):
            self._taken += len(tags)
        self._link.flush()

    def put_back(self) -> None:
        """See ``core.ports.Receiver``.

        A classic queue, and a quorum queue from RabbitMQ 4.3 on, take messages back in order by one nack of all; an
        older quorum queue would put them at its tail or shuffle them, but keeps the order of what a consumer holds
        when the channel is closed. Where the connection or the channel has ended, the broker has taken everything back
        already.
        """
        if self._link.ending is None and self._channel.closed is None:
            self._halt()
            with contextlib.suppress(UnknownDestination):  # the queue was deleted, its messages with it
                self._return_unsettled()
        self._arrived.clear()
        self._unsettled.clear()

    @property
    def _returns_by_closing(self) -> bool:
        """Whether the channel's end rather than a nack puts back what is held."""
        return self._queue.type is QueueType.QUORUM and self._server_version < NACK_KEEPS_ORDER

    def _return_unsettled(self) -> None:
        if not self._unsettled:
            return
        if self._returns_by_closing:
            self._channel.close()
            self._channel = self._open_channel()
        else:
            last = next(reversed(self._unsettled))
            self._channel.send(spec.Basic.Nack(last - self._tag_offset, multiple=True, requeue=True))
            self._count_ready()  # answered by the queue, so after it has taken them back

    def ready_count(self) -> int:
        """See ``core.ports.Receiver``; what has arrived here and was not yet received counts too.

        Else a queue that is being emptied would look empty while its last messages are on their way to us.
        """
        return self._count_ready() + len(self._arrived)

    def close(self) -> None:
        """See ``core.ports.Receiver``."""
        self._link.shut()

    # -- inside ----------------------------------------------------------------------------------------------------

    @property
    def _what(self) -> str:
        return f"queue {self._queue.name} on {self._queue.service.name}"

    def _open_channel(self) -> Channel:
        self._tag_offset = self._tag
        return Channel(self._link, self._what, on_content=self._on_content, on_method=self._on_method)

    def _count_ready(self) -> int:
        declare = spec.Queue.Declare(queue=self._queue.name, passive=True, arguments={})
        return int(self._channel.call(declare, spec.Queue.DeclareOk).message_count)

    def _on_content(self, content: Content) -> None:
        method = content.method
        if not isinstance(method, spec.Basic.Deliver | spec.Basic.GetOk):
            return
        header = decode_properties(content.properties)
        self._tag = method.delivery_tag + self._tag_offset
        self._unsettled[self._tag] = self._consumer
        self._arrived.append(
            Delivery(
                message=Message(
                    body=content.body,
                    properties=header.properties,
                    headers=header.headers,
                    routing_key=text(method.routing_key),
                ),
                service=self._queue.service.name,
                queue=self._queue.name,
                exchange=text(method.exchange),
                delivery_tag=self._tag,
                redelivered=method.redelivered,
                defect=header.defect,
                raw_headers=header.raw_headers,
            )
        )
