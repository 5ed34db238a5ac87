"""A message that was taken, or looked at: what it says, whose it is, and what is to become of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.core.message import Delivery, Handled, Properties, Settlement
from diracmq_cli.errors import ConfigError, DataError, UsageError

if TYPE_CHECKING:
    from diracmq_cli.api.hands import Held
    from diracmq_cli.core.values import Table
    from diracmq_cli.core.verdict import Verdict


class Peeked:
    """A message as it waits in its queue. ``origin`` says whose it is and how well that is known."""

    def __init__(self, delivery: Delivery, origin: Verdict) -> None:
        self.delivery = delivery
        self.origin = origin

    def __repr__(self) -> str:
        level = self.origin.level or "wrong"
        return f"<{type(self).__name__} {self.id} of {self.queue}, {len(self.body)} octets, origin {level}>"

    @property
    def body(self) -> bytes:
        """The octets that were sent."""
        return self.delivery.message.body

    @property
    def text(self) -> str:
        """The body as UTF-8.

        Raises:
            DataError: it is not UTF-8.
        """
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise DataError(f"the body of message {self.id} is not UTF-8 text") from None

    @property
    def id(self) -> str | None:
        """The message id; None where its sender gave it none."""
        message_id = self.properties.message_id
        return None if message_id is None else str(message_id)

    @property
    def headers(self) -> Table:
        """Application headers, the stamp's ``dirac-*`` and the broker's ``x-*``, by name."""
        return self.delivery.message.headers

    @property
    def properties(self) -> Properties:
        """The other properties of AMQP 0-9-1 class ``basic``."""
        return self.delivery.message.properties

    @property
    def routing_key(self) -> str:
        """The key that it was published with (or dead-lettered with)."""
        return str(self.delivery.message.routing_key)

    @property
    def queue(self) -> str:
        """The name of the queue that it came from."""
        return self.delivery.queue

    @property
    def redelivered(self) -> bool:
        """Whether the broker has handed it to somebody before."""
        return self.delivery.redelivered

    @property
    def delivery_count(self) -> int:
        """How often it was handed out and not settled, as quorum queues count."""
        return self.delivery.delivery_count


class Message(Peeked):
    """A message in hand. It leaves its queue by ``ack``, or by ``reject``; else it goes back.

    Each settlement returns False where the connection that brought the message has been lost meanwhile: the broker
    will hand it out again, to us or another, whatever was made of it.
    """

    def __init__(self, held: Held, *, can_reject: bool) -> None:
        super().__init__(held.delivery, held.verdict)
        self._held = held
        self._can_reject = can_reject
        self._let_go = False

    @property
    def settled(self) -> bool:
        """Whether it was said what is to become of it."""
        return self._held.handled is not None

    def ack(self) -> bool:
        """It is done: off the queue (basic.ack).

        Raises:
            UsageError: it is settled, or was put back because the reading has ended.
        """
        return self._settle(Settlement.ACK, "done")

    def requeue(self) -> bool:
        """Not this message's fault: back into the queue (basic.nack). Nothing is taken for a moment then.

        Raises:
            UsageError: as ``ack``.
        """
        return self._settle(Settlement.REQUEUE, "requeued by the program")

    def reject(self, reason: str = "rejected by the program") -> bool:
        """It is this message's fault: to the dead-letter queue, or to ``reject_to`` with ``reason``.

        Raises:
            ConfigError: neither is there: the message would be destroyed. It is still in hand.
            UsageError: as ``ack``.
        """
        if not self._can_reject:
            raise ConfigError(
                f"{self.queue} has no dead-letter queue, so rejecting message {self.id} would destroy it",
                hint="give the queue a DeadLetterQueue in the CS, or name a directory with reject_to=",
            )
        return self._settle(Settlement.REJECT, reason)

    def fail(self, detail: str) -> bool:
        """The program failed at it: ``on_fail`` of the reading says what becomes of it."""
        return self._settle(None, detail)

    def let_go(self) -> None:
        """The reading that it came by has ended: unless it is settled, it is back in its queue."""
        self._let_go = True

    def _settle(self, settlement: Settlement | None, detail: str) -> bool:
        if self.settled:
            raise UsageError(f"message {self.id} is settled already")
        if self._let_go:
            raise UsageError(
                f"message {self.id} is back in {self.queue}: the reading that it came by has ended",
                hint="settle a message before you leave the loop",
            )
        return self._held.settle(Handled(settlement=settlement, detail=detail))
