"""Hold a number of messages of a quorum queue together, so that they can be put back in order.

RabbitMQ 3.10 treats each basic.get on a quorum queue as a consumer of its own, and gives the messages of a closed
channel back consumer by consumer, in no order: gets are shuffled (ten already, measured). The messages of one
basic.consume go back in order, however many they are. So this consumes where `getter` gets. A consumer is not told
that a queue is empty; the broker is asked for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pika import spec

from diracmq_cli.broker.consumer import Consumer

if TYPE_CHECKING:
    from diracmq_cli.broker.channel import Answer, Content
    from diracmq_cli.broker.link import Link
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.model import QueueSpec


class Holder(Consumer):
    """Takes up to ``limit`` messages into hand at once; ``receive`` answers None when the queue is empty.

    The answer that it is empty may overtake deliveries that are on their way. So the consumer is stopped then: what
    was on its way has come when it has stopped.
    """

    def __init__(self, link: Link, queue: QueueSpec, server_version: tuple[int, ...], limit: int) -> None:
        self._count: Answer | None = None
        self._ending = False
        self._dry = False
        super().__init__(link, queue, server_version, limit, prefetch=limit)

    def _window_for(self, wanted: int | None) -> int:
        return wanted or self._prefetch

    @property
    def _exhausted(self) -> bool:
        return super()._exhausted or (self._dry and not self._arrived)

    def receive(self, timeout: float | None, fd: int | None = None) -> Delivery | None:
        """See ``core.ports.Receiver``; each call after an empty queue looks anew."""
        self._dry = False
        return super().receive(timeout, fd)

    def _more(self, *, patient: bool) -> None:
        if self._ending:
            self._advance_stop()
            if not self._running:
                self._ending = False
                self._dry = True
            return
        super()._more(patient=patient)
        if not self._running:
            return
        if self._count is None:
            declare = spec.Queue.Declare(queue=self._queue.name, passive=True, arguments={})
            self._count = self._channel.ask(declare, spec.Queue.DeclareOk)
        elif isinstance(self._count.method, spec.Queue.DeclareOk) and not self._count.method.message_count:
            self._count = None
            self._ending = True
            self._stop()

    def _halt(self) -> None:
        super()._halt()
        self._count = None
        self._ending = False

    def _on_content(self, content: Content) -> None:
        self._count = None  # what it says is older than this delivery
        self._ending = False
        super()._on_content(content)
