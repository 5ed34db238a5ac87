"""Consume: take messages from a queue; what did not reach the sink goes back."""

from __future__ import annotations

from diracmq_cli.core.ports import Clock, Receiver, Sink, Stop
from diracmq_cli.operations.reading import Judge, Limits, read


def consume(receiver: Receiver, sink: Sink, judge: Judge, limits: Limits, *, clock: Clock, stop: Stop) -> int:
    """Take messages until the limits are met; returns how many were taken.

    However this ends, what the sink has not flushed is returned to the queue.

    Raises:
        MQError, BrokenPipeError: whatever receiver and sink raise.
    """
    try:
        return read(receiver, sink, judge, limits, clock=clock, stop=stop)
    finally:
        receiver.put_back()
