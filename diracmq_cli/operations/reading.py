"""The loop that ``consume`` and ``tail`` share: receive, judge, write, flush, acknowledge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from diracmq_cli.core.message import Delivery
from diracmq_cli.core.ports import Clock, Receiver, Sink, Stop
from diracmq_cli.errors import MQError, NothingThere, Partial
from diracmq_cli.operations.deadline import Deadline, soonest
from diracmq_cli.operations.refusing import Refusals
from diracmq_cli.operations.screening import Screen

EMPTY_CHECK = 0.2
"""Seconds of silence after which the broker is asked whether the queue is empty."""

FLUSH_EVERY = 200
"""Messages after which the sink is flushed even though more are already here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When to end: after ``count`` messages, ``timeout`` seconds in all, ``idle`` seconds of silence; None for never.

    ``until_empty`` also ends when the queue holds nothing more.
    """

    count: int | None = None
    timeout: float | None = None
    idle: float | None = None
    until_empty: bool = False

    @property
    def endless(self) -> bool:
        """True when only a stop ends it."""
        return self == Limits()

    def after(self, seconds: float) -> Limits:
        """These limits when ``seconds`` of the whole have gone already, in reaching the broker."""
        return self if self.timeout is None else replace(self, timeout=max(0.0, self.timeout - seconds))

    def check(self, read: int, queue: str, refused: int = 0) -> None:
        """Say so when fewer messages came than were asked for, not counting those that were ``refused``.

        Raises:
            NothingThere: none came.
            Partial: fewer than ``count`` came, though the queue was not simply to be emptied.
        """
        if read == 0 and self.count != 0:
            raise NothingThere(
                f"nothing that is accepted came from {queue}" if refused else f"nothing came from {queue}"
            )
        if self.count is not None and read < self.count and not self.until_empty:
            raise Partial(f"{read} of {self.count} messages came from {queue}")


def read(
    receiver: Receiver,
    sink: Sink,
    screen: Screen,
    limits: Limits,
    *,
    clock: Clock,
    stop: Stop,
    refusals: Refusals | None = None,
    wanted: Callable[[Delivery], bool] = lambda _delivery: True,
) -> int:
    """Move deliveries from ``receiver`` to ``sink`` until the limits are met or a stop is asked for.

    The order is write, flush, acknowledge: a message leaves the queue only once the sink has it. Returns how many
    were written. Deliveries that are not ``wanted``, or repeated, are acknowledged and not shown; so are those that
    ``screen`` refuses, unless ``refusals`` deals with them.

    Raises:
        MQError, BrokenPipeError: whatever receiver, sink and refusals raise.
    """
    whole, silence = Deadline(clock, limits.timeout), Deadline(clock, limits.idle)
    unsettled = _Unsettled(receiver, sink, screen, refusals)
    written = 0
    while not stop.requested and (limits.count is None or written < limits.count):
        delivery = receiver.receive(0)
        if delivery is None:
            unsettled.settle()
            delivery = receiver.receive(_patience(limits, whole, silence))
        if delivery is not None:
            silence.restart()
            if wanted(delivery):
                written += unsettled.take(delivery)
            else:
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
    """Deliveries that were dealt with and not yet acknowledged.

    The first flushes come after 1, 2, 4 … messages: a reader of our output that leaves early (``| head -1``) must cost
    the queue a few messages, not a whole batch.
    """

    def __init__(self, receiver: Receiver, sink: Sink, screen: Screen, refusals: Refusals | None) -> None:
        self._receiver, self._sink, self._screen, self._refusals = receiver, sink, screen, refusals
        self._waiting: list[Delivery] = []
        self._batch = 1

    def take(self, delivery: Delivery) -> bool:
        """Write a delivery, or do what is to be done with one that must not be; returns whether it was written."""
        screened = self._screen.look(delivery)
        if screened.passes:
            self._sink.write(delivery, screened.verdict)
            self._screen.taken(delivery, screened.verdict)
            self.add(delivery)
            return True
        if screened.refused is None or self._refusals is None:
            self._receiver.want_more()
            self.add(delivery)
            return False
        try:
            to_be_acknowledged = self._refusals.refuse(delivery, screened.verdict, screened.refused)
        except MQError:
            self.settle()
            raise
        if to_be_acknowledged:
            self.add(delivery)
        return False

    def add(self, delivery: Delivery) -> None:
        """Have a delivery acknowledged, with the batch."""
        self._waiting.append(delivery)
        if len(self._waiting) >= self._batch:
            self.settle()
            self._batch = min(self._batch * 2, FLUSH_EVERY)

    def settle(self) -> None:
        """Flush what was written, remember it, acknowledge it."""
        if not self._waiting:
            return
        self._sink.flush()
        if self._refusals is not None:
            self._refusals.flush()
        self._screen.flush()
        if self._refusals is not None and self._refusals.held:
            for delivery in self._waiting:
                self._receiver.ack_one(delivery)
        else:
            self._receiver.ack(self._waiting[-1])
        self._waiting.clear()
