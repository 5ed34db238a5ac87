"""Peek: look at the next messages and put all of them back, in order, before showing any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.core.model import QueueSpec, QueueType
from diracmq_cli.errors import ConfigError
from diracmq_cli.operations.deadline import Deadline, soonest

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.ports import Clock, Receiver, Sink, Stop
    from diracmq_cli.operations.screening import Screen

SAFE_DELIVERY_LIMIT = 100
"""A quorum queue counts every look; below this limit a few looks would dead-letter or drop its messages."""


def guard(queue: QueueSpec) -> None:
    """Refuse to look where looking could lose messages; called before anything is got.

    Neither the limit nor the count can be asked for by AMQP without getting a message, so the CS has to name it.

    Raises:
        ConfigError: a quorum queue whose DeliveryLimit is unknown or too low.
    """
    limit = queue.delivery_limit
    if queue.type is not QueueType.QUORUM or (limit is not None and limit >= SAFE_DELIVERY_LIMIT):
        return
    what = "whose DeliveryLimit the CS does not tell" if limit is None else f"with DeliveryLimit = {limit}"
    raise ConfigError(
        f"{queue.address} is a quorum queue {what}, and every look counts against it ({queue.source})",
        hint=f"set DeliveryLimit to {SAFE_DELIVERY_LIMIT} or more there and on the broker, or insist with --force",
    )


def peek(
    receiver: Receiver,
    sink: Sink,
    screen: Screen,
    *,
    count: int,
    timeout: float | None,
    silence: float | None = None,
    clock: Clock,
    stop: Stop,
) -> int:
    """Show the next ``count`` messages, got within ``timeout`` seconds, and leave the queue as it was.

    Returns how many were shown; what is refused is left out.

    Args:
        silence: seconds without a message after which there are no more (a stream does not say that it is at its
            end); None where ``receiver`` itself knows.

    Raises:
        MQError, BrokenPipeError: whatever receiver and sink raise.
    """
    deadline = Deadline(clock, timeout)
    held: list[Delivery] = []
    try:
        while len(held) < count and not stop.requested:
            delivery = receiver.receive(soonest(deadline, Deadline(clock, silence)))
            if delivery is None:
                break
            held.append(delivery)
    finally:
        receiver.put_back()
    shown = 0
    for delivery in held:
        screened = screen.look(delivery)
        if screened.passes:
            sink.write(delivery, screened.verdict)
            shown += 1
    sink.flush()
    return shown
