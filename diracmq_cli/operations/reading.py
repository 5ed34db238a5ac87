"""The loop that ``consume`` and ``tail`` share: receive, judge, write, flush, acknowledge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from diracmq_cli.core.message import Delivery
from diracmq_cli.core.ports import Clock, Receiver, Sink, Stop
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.errors import NothingThere, Partial
from diracmq_cli.operations.deadline import Deadline, soonest

EMPTY_CHECK = 0.2
"""Seconds of silence after which the broker is asked whether the queue is empty."""

FLUSH_EVERY = 200
"""Messages after which the sink is flushed even though more are already here."""

Judge = Callable[[Delivery], Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When to end: after ``count`` messages, ``timeout`` seconds in all, ``idle`` seconds of silence; None for never.

    ``until_empty`` also ends when the queue holds nothing more.
    """

    count: int | None = None
    timeout: float | None = None
    idle: float | None = None
    until_empty: bool = False

    def after(self, seconds: float) -> Limits:
        """These limits when ``seconds`` of the whole have gone already, in reaching the broker."""
        return self if self.timeout is None else replace(self, timeout=max(0.0, self.timeout - seconds))

    def check(self, read: int, queue: str) -> None:
        """Say so when fewer messages came than were asked for.

        Raises:
            NothingThere: none came.
            Partial: fewer than ``count`` came, though the queue was not simply to be emptied.
        """
        if read == 0 and self.count != 0:
            raise NothingThere(f"nothing came from {queue}")
        if self.count is not None and read < self.count and not self.until_empty:
            raise Partial(f"{read} of {self.count} messages came from {queue}")


def read(
    receiver: Receiver,
    sink: Sink,
    judge: Judge,
    limits: Limits,
    *,
    clock: Clock,
    stop: Stop,
    wanted: Callable[[Delivery], bool] = lambda _delivery: True,
) -> int:
    """Move deliveries from ``receiver`` to ``sink`` until the limits are met or a stop is asked for.

    The order is write, flush, acknowledge: a message leaves the queue only once the sink has it. Returns how many
    were written. Deliveries that are not ``wanted`` are acknowledged and not shown.

    Raises:
        MQError, BrokenPipeError: whatever receiver and sink raise.
    """
    whole, silence = Deadline(clock, limits.timeout), Deadline(clock, limits.idle)
    unsettled = _Unsettled(receiver, sink)
    written = 0
    while not stop.requested and (limits.count is None or written < limits.count):
        delivery = receiver.receive(0)
        if delivery is None:
            unsettled.settle()
            delivery = receiver.receive(_patience(limits, whole, silence))
        if delivery is not None:
            silence.restart()
            if wanted(delivery):
                sink.write(delivery, judge(delivery))
                written += 1
            unsettled.add(delivery)
        elif whole.over or silence.over or (limits.until_empty and not stop.requested and _empty(receiver)):
            break
    unsettled.settle()
    return written


def _empty(receiver: Receiver) -> bool:
    return receiver.ready_count() == 0


def _patience(limits: Limits, whole: Deadline, silence: Deadline) -> float | None:
    left = soonest(whole, silence)
    if not limits.until_empty:
        return left
    return EMPTY_CHECK if left is None else min(EMPTY_CHECK, left)


class _Unsettled:
    """Deliveries that were written and not yet acknowledged.

    The first flushes come after 1, 2, 4 … messages: a reader of our output that leaves early (``| head -1``) must cost
    the queue a few messages, not a whole batch.
    """

    def __init__(self, receiver: Receiver, sink: Sink) -> None:
        self._receiver, self._sink = receiver, sink
        self._last: Delivery | None = None
        self._count = 0
        self._batch = 1

    def add(self, delivery: Delivery) -> None:
        self._last = delivery
        self._count += 1
        if self._count >= self._batch:
            self.settle()
            self._batch = min(self._batch * 2, FLUSH_EVERY)

    def settle(self) -> None:
        if self._last is not None:
            self._sink.flush()
            self._receiver.ack(self._last)
            self._last, self._count = None, 0
