"""What becomes of messages, published for one worker: confirmed, and under ids by which a repeat is known."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from diracmq_cli.api.opening import open_queue
from diracmq_cli.api.outgoing import Outgoing, new_id
from diracmq_cli.consumer.figures import Event
from diracmq_cli.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from diracmq_cli.api.queue import Queue
    from diracmq_cli.consumer.figures import Figures
    from diracmq_cli.consumer.job import Job
    from diracmq_cli.core.values import FieldValue, Text
    from diracmq_cli.wiring.setup import Setup


class Forwards:
    """Publishes for one thread, to as many destinations as it takes; connections are kept (port ``Forwarding``)."""

    def __init__(self, setup: Setup, figures: Figures) -> None:
        self._setup, self._figures = setup, figures
        self._queues: dict[str, Queue] = {}
        self._published: Counter[str] = Counter()

    def begin(self) -> None:
        """A message is handled from the beginning: what it leads to has the ids that it had the last time."""
        self._published.clear()

    def forward(
        self, job: Job, destination: str, body: bytes | str, routing_key: str, headers: Mapping[str, FieldValue]
    ) -> str:
        """See ``Job.forward``."""
        queue = self._open(destination)
        message_id = self._id_for(job.id, queue.address)
        own = job.properties
        queue.publish(
            Outgoing(
                body,
                routing_key=routing_key,
                headers=headers,
                message_id=message_id,
                type=_text(own.type),
                content_type=_text(own.content_type),
                priority=own.priority,
                correlation_id=_text(own.correlation_id),
                reply_to=_text(own.reply_to),
            )
        )
        self._figures.count(job.address, Event.FORWARDED)
        return message_id

    def close(self) -> None:
        """Close every connection."""
        for queue in self._queues.values():
            queue.close()

    def _id_for(self, own: str | None, address: str) -> str:
        """An id that is the same whenever the message is handled; one without an id leads to messages of any."""
        number = self._published[address]
        self._published[address] += 1
        if own is None:
            return new_id()
        return own if number == 0 else further_id(own, address, number)

    def _open(self, destination: str) -> Queue:
        if destination not in self._queues:
            self._queues[destination] = open_queue(destination, setup=self._setup)
        return self._queues[destination]


def further_id(own: str, address: str, number: int) -> str:
    """The id of the ``number``-th message (from 1) that follows from another: a UUID of version 8 (RFC 9562)."""
    octets = bytearray(hashlib.sha256(f"{own}\n{address}\n{number}".encode()).digest()[:16])
    octets[6] = octets[6] & 0x0F | 0x80
    octets[8] = octets[8] & 0x3F | 0x80
    digits = octets.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _text(value: Text | None) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise DataError("a property that is not UTF-8 cannot be forwarded")
