"""Consume: take messages from a queue; what did not reach the sink goes back."""

from __future__ import annotations

from diracmq_cli.core.ports import Clock, Receiver, Sink, Stop
from diracmq_cli.operations.reading import Limits, read
from diracmq_cli.operations.refusing import Refusals
from diracmq_cli.operations.screening import Screen


def consume(
    receiver: Receiver, sink: Sink, screen: Screen, limits: Limits, refusals: Refusals, *, clock: Clock, stop: Stop
) -> int:
    """Take messages until the limits are met; returns how many were taken, without those that were refused.

    However this ends, what the sink has not flushed, and what is held, is returned to the queue.

    Raises:
        MQError, BrokenPipeError: whatever receiver and sink raise.
    """
    try:
        return read(receiver, sink, screen, limits, clock=clock, stop=stop, refusals=refusals)
    finally:
        receiver.put_back()
