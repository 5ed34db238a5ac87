"""Where a message was published first: a dead letter has travelled since, and its broker wrote down from where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from diracmq_cli.core.moved import MOVED_HEADER, read_move
from diracmq_cli.core.refusal import Refusal
from diracmq_cli.core.values import FieldValue, OpaqueString, Text, Timestamp
from diracmq_cli.errors import VerificationError

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery


@dataclass(frozen=True, slots=True)
class Publication:
    """The exchange and routing key that a message was published with, and the first queue that it reached."""

    queue: str
    exchange: Text
    routing_key: Text


def publication(delivery: Delivery) -> Publication:
    """The first publication of a delivery: its own, or what the oldest entry of ``x-death`` says.

    A dead letter that was put back went through its queue's own exchange; the one that it took at first is what its
    mover says (``core.moved``: whoever judges a delivery says first whether that mover is believed).

    RabbitMQ puts the latest death first and moves an entry to the front when its queue sees the message die again
    (``rabbit_dead_letter:update_x_death_header/2``), so the oldest is told by its time, and among equals by its place.

    Raises:
        VerificationError: ``x-death`` is not what a broker writes.
    """
    last = _last_publication(delivery)
    move = read_move(delivery.message.headers.get(MOVED_HEADER))
    return last if move is None or move.exchange is None else replace(last, exchange=move.exchange)


def _last_publication(delivery: Delivery) -> Publication:
    """The same, not counting that its dead letters were put back."""
    deaths = delivery.message.headers.get("x-death")
    if deaths is None:
        return Publication(delivery.queue, delivery.exchange, delivery.message.routing_key)
    if not isinstance(deaths, list) or not deaths:
        raise VerificationError(Refusal.DEATH, "x-death is not a list of deaths")
    entries = [_read(death) for death in reversed(deaths)]
    return min(entries, key=lambda entry: entry[0])[1]


def _read(death: FieldValue) -> tuple[int, Publication]:
    if isinstance(death, dict):
        queue, exchange, time = death.get("queue"), death.get("exchange"), death.get("time")
        key = _only(death.get("routing-keys"))
        if isinstance(queue, str) and isinstance(exchange, str) and isinstance(time, Timestamp) and key is not None:
            return time.seconds, Publication(queue, exchange, key)
    raise VerificationError(Refusal.DEATH, "x-death holds an entry that no broker writes")


def _only(keys: FieldValue) -> Text | None:
    """The routing key of a death; further ones would come from CC, which nobody sends here."""
    if isinstance(keys, list) and len(keys) == 1 and isinstance(keys[0], (str, OpaqueString)):
        return keys[0]
    return None
