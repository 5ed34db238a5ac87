"""Tail: follow copies of messages, or a stream, without taking anything."""

from __future__ import annotations

from diracmq_cli.core.message import Delivery
from diracmq_cli.core.ports import Clock, Receiver, Sink, Stop
from diracmq_cli.operations.reading import Limits, read
from diracmq_cli.operations.screening import Screen


def tail(
    receiver: Receiver,
    sink: Sink,
    screen: Screen,
    limits: Limits,
    *,
    since: float | None,
    clock: Clock,
    stop: Stop,
) -> int:
    """Show messages as they come; returns how many were shown. What is refused is left out.

    Args:
        since: leave out what is stamped earlier (seconds since the epoch): a broker starts a stream at the chunk that
            holds a moment, so up to a chunk of older messages comes first.

    Raises:
        MQError, BrokenPipeError: whatever receiver and sink raise.
    """

    def recent(delivery: Delivery) -> bool:
        stamped = delivery.message.properties.timestamp
        return since is None or stamped is None or stamped >= int(since)

    return read(receiver, sink, screen, limits, clock=clock, stop=stop, wanted=recent)
