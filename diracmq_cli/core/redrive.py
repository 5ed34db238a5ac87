"""Where a message goes that is moved: to one queue, or back to the queue in which it died.

``x-death`` says where a letter died, and whoever may publish to the dead-letter queue can write it himself. So a letter
goes back only to a queue whose dead letters the CS sends here, and where others than the broker may write the
dead-letter queue, only if its sender may publish to the queue in which it is said to have died.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diracmq_cli.core.model import MessagingModel, OriginLevel, Principals, QueueSpec
from diracmq_cli.core.moved import MOVED_HEADER, Move, as_moved, logins, read_move
from diracmq_cli.core.publication import Publication, publication
from diracmq_cli.core.registry import Registry
from diracmq_cli.core.stamp import REROUTING_HEADERS
from diracmq_cli.errors import VerificationError

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery, Message
    from diracmq_cli.core.values import Text
    from diracmq_cli.core.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Onward:
    """A message as it is to be published to the exchange of ``target``."""

    target: QueueSpec
    message: Message


@dataclass(frozen=True, slots=True)
class Left:
    """Why a message stays where it is."""

    reason: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Everything of ``source`` goes to ``target``, moved by the login ``by``."""

    source: QueueSpec
    target: QueueSpec
    by: str

    def __call__(self, delivery: Delivery, verdict: Verdict, reason: str | None = None) -> Onward | Left:
        """The message as it is published, with the ``reason`` for it if there is one; or why it cannot be."""
        obstacle = _obstacle(delivery)
        if obstacle is not None:
            return Left(obstacle)
        move = Move(
            by=self.by,
            source=str(self.source.address),
            user_id=_sender(delivery, verdict),
            level=verdict.level,
            reason=reason,
        )
        return Onward(self.target, as_moved(delivery.message, move, delivery.message.routing_key))


@dataclass(frozen=True, slots=True)
class Redrive:
    """Dead letters of ``source`` go back to the queues in which they died, moved by the login ``by``.

    ``targets`` are the queues, by name, whose dead letters the CS sends to ``source``. ``senders`` are, by queue and by
    exchange, those who may publish through it; None where the broker alone writes ``source``, so that what is there
    did die. ``unheard`` are the targets whose readers would not believe ``by``, who is not among their Movers.
    ``registry`` tells the members of groups.
    """

    source: QueueSpec
    targets: Mapping[str, QueueSpec]
    by: str
    senders: Mapping[tuple[str, str], Principals] | None = None
    unheard: frozenset[str] = frozenset()
    registry: Callable[[], Registry] = field(default=Registry)

    @classmethod
    def of(
        cls, source: QueueSpec, model: MessagingModel, by: str, registry: Callable[[], Registry], *, force: bool = False
    ) -> Redrive:
        """The redrive of ``source`` as ``model`` describes its broker.

        Args:
            source: the queue of dead letters.
            model: all queues.
            by: the mover's login.
            registry: asked for the members of groups.
            force: put letters back also where nobody will believe it.

        Raises:
            ConfigError: the registry does not know a group of Movers.
        """
        targets = {queue.name: queue for queue in dying_into(source, model)}
        unheard = (name for name, queue in targets.items() if not force and by not in logins(queue.movers, registry))
        return cls(source, targets, by, _senders(source, targets, model), frozenset(unheard), registry)

    def __call__(self, delivery: Delivery, verdict: Verdict) -> Onward | Left:
        """The letter as it is published, or why it stays.

        Raises:
            ConfigError: the registry does not know a group whose members may publish.
        """
        reason = _obstacle(delivery)
        if reason is None and verdict.level is None:
            reason = verdict.reason or "its origin contradicts itself"
        if reason is not None:
            return Left(reason)
        if "x-death" not in delivery.message.headers:
            return self._given_up(delivery, verdict)
        try:
            first = publication(delivery)
        except VerificationError as error:
            return Left(str(error))
        target = self.targets.get(first.queue)
        if target is None:
            return Left(f"died in {first.queue}, and the CS does not send the dead letters of that queue here")
        if first.queue in self.unheard:
            return Left(f"died in {first.queue}, and {self.by} is not among the Movers of that queue")
        doubt = self._doubt(first, verdict)
        if doubt is not None:
            return Left(doubt)
        move = Move(
            by=self.by,
            source=str(self.source.address),
            user_id=_sender(delivery, verdict),
            level=verdict.level,
            exchange=first.exchange if first.exchange in target.feeds - {target.exchange} else None,
        )
        return Onward(target, as_moved(delivery.message, move, first.routing_key))

    def _given_up(self, delivery: Delivery, verdict: Verdict) -> Onward | Left:
        """What no broker dead-lettered: a consumer has, among the Movers, and says which queue it was taken from."""
        move = None if verdict.moved_by is None else read_move(delivery.message.headers.get(MOVED_HEADER))
        if move is None:
            return Left("it is no dead letter: it has no x-death")
        target = next((queue for queue in self.targets.values() if str(queue.address) == move.source), None)
        if target is None:
            return Left(f"was moved from {move.source}, and the CS does not send the dead letters of that queue here")
        if target.name in self.unheard:
            return Left(f"was moved from {move.source}, and {self.by} is not among the Movers of that queue")
        again = Move(by=self.by, source=str(self.source.address), user_id=move.user_id, level=verdict.level)
        return Onward(target, as_moved(delivery.message, again, delivery.message.routing_key))

    def _doubt(self, first: Publication, verdict: Verdict) -> str | None:
        """Why the sender may have made up that it died in ``first.queue``."""
        if self.senders is None or verdict.moved_by is not None:
            return None
        if verdict.level is OriginLevel.CLAIMED:
            return (
                f"nobody vouches for its sender, and whoever may publish to {self.source.name} can make up an x-death"
            )
        sender = verdict.dn or verdict.user
        allowed = self.senders.get((first.queue, str(first.exchange)), Principals())
        if sender in logins(allowed, self.registry):
            return None
        return f"{sender} may not publish to {first.queue} through {first.exchange}, so it cannot have died there"


def dying_into(source: QueueSpec, model: MessagingModel) -> tuple[QueueSpec, ...]:
    """The queues whose dead letters the CS sends to ``source``."""
    return tuple(
        queue
        for queue in model.queues
        if queue.dead_letter_queue == source.name and queue.service.same_broker(source.service)
    )


def _senders(
    source: QueueSpec, targets: Mapping[str, QueueSpec], model: MessagingModel
) -> Mapping[tuple[str, str], Principals] | None:
    if not source.bindings and {source.publishers, source.movers} == {Principals()}:
        return None
    exchanges = {
        exchange.name: exchange.publishers
        for exchange in model.exchanges
        if exchange.service.same_broker(source.service)
    }
    senders = {}
    for queue in targets.values():
        senders[queue.name, queue.exchange] = queue.publishers
        for name in queue.feeds & exchanges.keys():
            senders[queue.name, name] = exchanges[name]
    return senders


def _obstacle(delivery: Delivery) -> str | None:
    """Why a message cannot be published again as it is."""
    if delivery.defect is not None:
        return f"malformed headers: {delivery.defect}"
    if any(name in delivery.message.headers for name in REROUTING_HEADERS):
        return "carries CC or BCC"
    return None


def _sender(delivery: Delivery, verdict: Verdict) -> Text | None:
    """Whom a broker authenticated when the message was first published: who moves it again passes that on."""
    earlier = None if verdict.moved_by is None else read_move(delivery.message.headers.get(MOVED_HEADER))
    return delivery.message.properties.user_id if earlier is None else earlier.user_id
