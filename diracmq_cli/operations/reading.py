"""What ``consume`` and ``tail`` share: receive, judge, write, flush, acknowledge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.errors import MQError, NothingThere, Partial
from diracmq_cli.operations.deadline import Deadline, soonest

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.ports import Receiver, Sink
    from diracmq_cli.operations.refusing import Refusals
    from diracmq_cli.operations.screening import Screen
    from diracmq_cli.operations.stints import Around

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


@dataclass(slots=True)
class Progress:
    """How far a reader is: messages ``written`` that will not come again, and ``settled`` in whatever way."""

    written: int = 0
    settled: int = 0


class Reading:
    """Moves deliveries to a sink until the limits are met or a stop is asked for (``stints.Work``).

    The order is write, flush, acknowledge: a message leaves the queue only once the sink has it. Deliveries that are
    not ``wanted``, or repeated, are acknowledged and not shown; so are those that ``screen`` refuses, unless
    ``refusals`` deals with them.

    Args:
        come_again: whether what was not acknowledged when a connection was lost comes over the next.
    """

    def __init__(
        self,
        sink: Sink,
        screen: Screen,
        limits: Limits,
        around: Around,
        *,
        refusals: Refusals | None = None,
        wanted: Callable[[Delivery], bool] = lambda _delivery: True,
        come_again: bool = True,
    ) -> None:
        self._sink, self._screen, self._limits, self._around = sink, screen, limits, around
        self._refusals, self._wanted, self._come_again = refusals, wanted, come_again
        self._silence = Deadline(around.clock, limits.idle)
        self._progress = Progress()

    @property
    def taken(self) -> int:
        """How many messages were written and will not come again."""
        return self._progress.written

    @property
    def settled(self) -> int:
        """See ``stints.Work``."""
        return self._progress.settled

    @property
    def missing(self) -> int | None:
        """How many messages are still to come; None when there is no limit."""
        return None if self._limits.count is None else self._limits.count - self._progress.written

    def over(self, receiver: Receiver) -> bool:
        """See ``stints.Work``.

        Raises:
            MQError, BrokenPipeError: whatever receiver, sink and refusals raise.
        """
        self._silence.restart()
        if self._refusals is not None:
            self._refusals.forget_held()
        unsettled = _Unsettled(receiver, self._sink, self._screen, self._refusals, self._progress)
        try:
            return self._read(receiver, unsettled)
        except MQError:
            if self._come_again:
                unsettled.forget()
            raise

    def _read(self, receiver: Receiver, unsettled: _Unsettled) -> bool:
        around = self._around
        while not around.stop.requested and self.missing != 0:
            if around.renewal.due:
                unsettled.settle()
                return False
            delivery = receiver.receive(0)
            if delivery is None:
                unsettled.settle()
                delivery = receiver.receive(self._patience)
            if delivery is not None:
                self._silence.restart()
                if self._wanted(delivery):
                    unsettled.take(delivery)
                else:
                    unsettled.add(delivery)
            elif around.whole.over or self._silence.over or self._is_empty(receiver):
                break
        unsettled.settle()
        return True

    @property
    def _patience(self) -> float | None:
        around = self._around
        empty = Deadline(around.clock, EMPTY_CHECK if self._limits.until_empty else None)
        return soonest(around.whole, self._silence, around.renewal.look, empty)

    def _is_empty(self, receiver: Receiver) -> bool:
        return self._limits.until_empty and not self._around.stop.requested and receiver.ready_count() == 0


class _Unsettled:
    """Deliveries of one connection that were dealt with and not yet acknowledged.

    The first flushes come after 1, 2, 4 … messages: a reader of our output that leaves early (``| head -1``) must cost
    the queue a few messages, not a whole batch.
    """

    def __init__(
        self, receiver: Receiver, sink: Sink, screen: Screen, refusals: Refusals | None, progress: Progress
    ) -> None:
        self._receiver, self._sink, self._screen, self._refusals = receiver, sink, screen, refusals
        self._progress = progress
        self._waiting: list[Delivery] = []
        self._doubtful = 0
        self._batch = 1

    def take(self, delivery: Delivery) -> None:
        """Write a delivery, or do what is to be done with one that must not be."""
        screened = self._screen.look(delivery)
        if screened.passes:
            self._sink.write(delivery, screened.verdict)
            self._progress.written += 1
            if not self._screen.taken(delivery, screened.verdict):
                self._doubtful += 1
            self.add(delivery)
            return
        if screened.refused is None or self._refusals is None:
            self._receiver.want_more()
            self.add(delivery)
            return
        try:
            to_be_acknowledged = self._refusals.refuse(self._receiver, delivery, screened.verdict, screened.refused)
        except MQError:
            self.settle()
            raise
        if to_be_acknowledged:
            self.add(delivery)

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
        self._progress.settled += len(self._waiting)
        self._waiting.clear()
        self._doubtful = 0

    def forget(self) -> None:
        """The connection was lost: what was not acknowledged comes again, and counts then.

        What is remembered (``Screen.taken``) is dropped when it comes again, so it counts already.
        """
        self._progress.written -= self._doubtful
