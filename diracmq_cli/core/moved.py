"""What whoever moves a message says of it (the header ``dirac-moved``), and who is believed.

A move cannot keep another's ``user_id``: the broker takes only the mover's own. So the mover says in a table what was
known before, ``by`` whom and ``from`` where it was moved, the ``user_id`` it had, the ``level`` at which its origin was
known, and the ``exchange`` it was published through first where that is not its queue's own. A consumer that gives a
message up says its ``reason``. Only the ``Movers`` that
the CS names for the queue are believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from diracmq_cli.core.model import MessagingModel, OriginLevel, Principals, QueueSpec
from diracmq_cli.core.registry import Registry
from diracmq_cli.core.values import FieldValue, OpaqueString, Table, Text
from diracmq_cli.errors import ConfigError

if TYPE_CHECKING:
    from diracmq_cli.core.message import Message

MOVED_HEADER = "dirac-moved"

_BROKERS_NOTES = (
    "x-death",
    "x-first-death-",
    "x-last-death-",
    "x-delivery-count",
    "x-acquired-count",
    "x-stream-offset",
)
"""Beginnings of headers that RabbitMQ writes (3.10 to 4.3). Other ``x-*`` headers may be the sender's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The content of ``dirac-moved``. ``level`` is None for a message whose origin contradicted itself already."""

    by: str
    source: str
    user_id: Text | None = None
    level: OriginLevel | None = None
    exchange: Text | None = None
    reason: str | None = None

    def header(self) -> Table:
        """The table as it is published; what is not known is left out."""
        level = None if self.level is None else self.level.value
        table = {
            "by": self.by,
            "from": self.source,
            "user_id": self.user_id,
            "level": level,
            "exchange": self.exchange,
            "reason": self.reason,
        }
        return {name: value for name, value in table.items() if value is not None}


def read_move(value: FieldValue) -> Move | None:
    """Read ``dirac-moved``; None when it is not what ``Move.header`` writes. It may hold keys that nobody knows yet."""
    if not isinstance(value, dict):
        return None
    by, source, level = value.get("by"), value.get("from"), value.get("level")
    user_id, exchange = value.get("user_id"), value.get("exchange")
    if not isinstance(by, str) or not isinstance(source, str):
        return None
    if not _is_text(user_id) or not _is_text(exchange):
        return None
    if level is not None and level not in list(OriginLevel):
        return None
    known = None if level is None else OriginLevel(str(level))
    return Move(by=by, source=source, user_id=user_id, level=known, exchange=exchange)  # type: ignore[arg-type]


def _is_text(value: FieldValue) -> bool:
    return value is None or isinstance(value, (str, OpaqueString))


def as_moved(message: Message, move: Move, routing_key: Text) -> Message:
    """The message as ``move.by`` publishes it again: what its sender wrote stays as it is, ids and stamp and all.

    What brokers noted on the way goes: RabbitMQ takes an ``x-death`` that is published for its own, counts on, and
    drops a message that seems to go round in circles. A time to live that dead-lettering took off is not put back.
    """
    headers = {name: value for name, value in message.headers.items() if not name.startswith(_BROKERS_NOTES)}
    return replace(
        message,
        properties=replace(message.properties, user_id=move.by),
        headers={**headers, MOVED_HEADER: move.header()},
        routing_key=routing_key,
    )


def logins(principals: Principals, registry: Callable[[], Registry]) -> frozenset[str]:
    """Everybody whom ``principals`` means, as the broker knows them; ``registry`` is asked only about groups.

    Raises:
        ConfigError: the registry does not know a group.
    """
    members = (dn for group in principals.groups for dn in registry().members(group))
    return frozenset((*principals.dns, *principals.users, *members))


@dataclass(frozen=True, slots=True)
class Movers:
    """Who may say what a message was before it was moved, queue by queue.

    ``registry`` is asked only when a moved message is met: most readers never see one.
    """

    queues: Mapping[str, QueueSpec] = field(default_factory=dict)
    registry: Callable[[], Registry] = Registry

    @classmethod
    def on_the_way_to(cls, queue: QueueSpec, model: MessagingModel, registry: Callable[[], Registry]) -> Movers:
        """The Movers of ``queue`` and of every other queue of its broker, by the queues' names."""
        others = {other.name: other for other in model.queues if other.service.same_broker(queue.service)}
        return cls({**others, queue.name: queue}, registry)

    def of(self, queue: str) -> frozenset[str]:
        """The logins of the Movers of a queue, groups as their members' DNs.

        Raises:
            ConfigError: the registry does not know a group.
        """
        spec = self.queues.get(queue)
        if spec is None:
            return frozenset()
        return logins(spec.movers, self.registry)

    def doubt(self, move: Move, login: Text | None, queue: str) -> str | None:
        """Why a move into ``queue`` that ``login`` made is not to be believed, or None.

        Args:
            move: what ``dirac-moved`` says.
            login: whom the broker authenticated (``user_id``).
            queue: the queue that it was moved into: a dead letter has died there since.
        """
        if login is None or login != move.by:
            return f"says that {move.by} moved it, but was sent by {login or 'somebody whom the broker does not name'}"
        try:
            known = self.of(queue)
        except ConfigError as error:
            return f"was moved by {login}, and who may do that cannot be known: {error}"
        if login not in known:
            return f"was moved by {login}, who is not among the Movers of {queue}"
        if move.exchange is not None and move.exchange not in self.queues[queue].feeds:
            return f"was moved by {login} from exchange {move.exchange}, which does not feed {queue}"
        return None
