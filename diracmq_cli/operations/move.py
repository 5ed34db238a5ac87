"""Move: publish each message elsewhere, with confirms pipelined, and take it off its queue once it is confirmed.

A message is acknowledged only after the broker has confirmed it where it went: whenever this dies, what was in flight
is in both queues, under the same id, and nothing is in neither.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.core.message import Delivery, Outcome, Receipt
from diracmq_cli.core.redrive import Left, Onward
from diracmq_cli.errors import DataError, MQError, TemporaryFailure, Unroutable
from diracmq_cli.operations.deadline import Deadline
from diracmq_cli.operations.pace import Pace
from diracmq_cli.operations.reading import EMPTY_CHECK

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Clock, Publisher, Receiver, Stop
    from diracmq_cli.operations.movetally import MoveTally

CONFIRM_GRACE = 2.0
"""Seconds that a first SIGINT or SIGTERM, or the end of the time, leaves for confirms in flight."""

_TIME_UP = "the time was up"

_TURN = 0.5
"""Seconds after which the other connection gets its turn: both have heartbeats."""

Plan = Callable[[Delivery], Onward | Left]
"""Where a message goes, or why it stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRequest:
    """How much to move: all of the ``waiting`` messages that were there, or ``count``; ``rate`` a second at most.

    ``timeout`` is for all of it, ``stall`` for a silence of the broker while it owes a confirm, ``patience`` for how
    long messages that stay may be held before the broker would take them from us; all in seconds.
    """

    waiting: int
    count: int | None = None
    rate: float | None = None
    timeout: float | None = None
    stall: float = 30.0
    patience: float = 1440.0

    @property
    def limit(self) -> int:
        """How many to take at most, those that stay not counted."""
        return self.waiting if self.count is None else min(self.count, self.waiting)


def look(receiver: Receiver, plan: Plan, request: MoveRequest, tally: MoveTally, *, clock: Clock, stop: Stop) -> None:
    """Count what ``move`` would do with what is there now, and put all of it back.

    Raises:
        MQError: whatever ``receiver`` raises.
    """
    whole = Deadline(clock, request.timeout)
    try:
        while not (stop.requested or tally.seen >= request.waiting or tally.has_moved(request.count)):
            delivery = receiver.receive(whole.left)
            if delivery is None:
                tally.cut = _TIME_UP if whole.over else None
                break
            step = plan(delivery)
            if isinstance(step, Left):
                tally.leave(step.reason, delivery)
                if request.count is not None:
                    receiver.want_more()
            else:
                tally.move(step.target)
    finally:
        receiver.put_back()


def move(
    receiver: Receiver,
    publisher: Publisher,
    plan: Plan,
    request: MoveRequest,
    tally: MoveTally,
    *,
    clock: Clock,
    stop: Stop,
) -> None:
    """Move what ``plan`` lets go, until the request is met, the queue is empty or a stop is asked for.

    What stays is held until the end, so that it does not come twice, and then put back. ``tally`` tells the truth also
    when this raises.

    Raises:
        TemporaryFailure: the broker owes confirms and is silent; what is in flight has an unknown fate.
        MQError: whatever ``receiver`` and ``publisher`` raise.
    """
    mover = _Mover(receiver, publisher, plan, request, tally, clock)
    try:
        while not stop.requested and mover.goes_on:
            mover.turn()
        if not stop.requested and not mover.complete:
            tally.cut = mover.cut
        mover.settle_all(stop)
    finally:
        tally.unknown += mover.in_flight
        receiver.put_back()


class _Mover:
    """The state of one move: what is in flight, what no longer takes anything, how long messages have been held."""

    def __init__(
        self,
        receiver: Receiver,
        publisher: Publisher,
        plan: Plan,
        request: MoveRequest,
        tally: MoveTally,
        clock: Clock,
    ) -> None:
        self._receiver, self._publisher, self._plan = receiver, publisher, plan
        self._request, self._tally = request, tally
        self._whole = Deadline(clock, request.timeout)
        self._stall = Deadline(clock, request.stall)
        self._held: Deadline | None = None
        self._clock = clock
        self._pace = Pace(clock, request.rate)
        self._flights: dict[int, tuple[Delivery, Onward]] = {}
        self._full: dict[str, str] = {}
        self._seen = 0
        self._dry = False

    @property
    def in_flight(self) -> int:
        """Messages that were published and whose fate is not known yet."""
        return len(self._flights)

    @property
    def complete(self) -> bool:
        """True when nothing more is to be taken, if what is in flight arrives."""
        enough = self._tally.has_moved(self._request.count, self.in_flight)
        return enough or self._dry or self._seen >= self._request.waiting

    @property
    def cut(self) -> str | None:
        """Why this has to end before its end, or None."""
        if self._whole.over:
            return _TIME_UP
        if self._held is not None and self._held.over:
            return "the broker lets nobody hold what stays any longer"
        return None

    @property
    def goes_on(self) -> bool:
        """True while there is more to do: what is refused in flight makes room for others."""
        return self.cut is None and (not self.complete or self.in_flight > 0)

    def turn(self) -> None:
        """Send on what is here; then wait for whatever comes first: a confirm, a message, the next one's time."""
        if not self.in_flight and self._publisher.blocked is None:
            self._stall.restart()
        while self._may_take and (delivery := self._receiver.receive(0)) is not None:
            self._take(delivery)
        if self.in_flight or not self._may_take:
            self._await_confirms(_TURN)
            self._receiver.turn(0)  # its heartbeats; what it brings is received above
        else:
            self._await_message()

    @property
    def _may_take(self) -> bool:
        return self._publisher.ready and not self._pace.wait and not self.complete and self.cut is None

    def _await_message(self) -> None:
        patience = min(EMPTY_CHECK, _TURN if self._whole.left is None else self._whole.left)
        delivery = self._receiver.receive(patience)
        if delivery is not None:
            self._take(delivery)
        elif self._receiver.ready_count() == 0:
            self._dry = True
        self._settle(self._publisher.turn(0))

    def _take(self, delivery: Delivery) -> None:
        self._seen += 1
        step = self._plan(delivery)
        if isinstance(step, Onward) and (full := self._full.get(step.target.exchange)):
            step = Left(full)
        if isinstance(step, Left):
            self._leave(step.reason, delivery)
            return
        try:
            sequence = self._publisher.publish(step.target.exchange, step.message)
        except DataError as error:
            self._leave(str(error), delivery)
            return
        self._pace.spend()
        self._flights[sequence] = (delivery, step)

    def _leave(self, reason: str, delivery: Delivery) -> None:
        self._tally.leave(reason, delivery)
        if self._request.count is not None:
            self._receiver.want_more()
        if self._held is None:
            self._held = Deadline(self._clock, self._request.patience)

    def settle_all(self, stop: Stop) -> None:
        """Wait for what is in flight; only for a moment when a stop was asked for or the time is up."""
        grace: Deadline | None = None
        while self.in_flight and not (grace is not None and grace.over):
            if grace is None and (stop.requested or self._whole.over):
                grace = Deadline(self._clock, CONFIRM_GRACE)
            self._await_confirms(_TURN if grace is None else grace.left)
            self._receiver.turn(0)

    def _await_confirms(self, most: float | None) -> None:
        limits = (most, self._stall.left, self._pace.wait or None)
        receipts = self._publisher.turn(min(_TURN, *(limit for limit in limits if limit is not None)))
        if receipts:
            self._stall.restart()
            self._settle(receipts)
        elif self._stall.over:
            blocked = self._publisher.blocked
            why = "the broker confirms nothing" if blocked is None else f"the broker blocks publishers ({blocked})"
            raise TemporaryFailure(
                f"{why}; {self.in_flight} in flight may be in both queues, under the same ids",
                hint="run it again when the broker takes messages",
            )

    def _settle(self, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            delivery, step = self._flights.pop(receipt.sequence)
            if receipt.outcome is Outcome.CONFIRMED:
                self._receiver.ack_one(delivery)
                self._tally.move(step.target)
                continue
            refusal = _refusal(step, receipt)
            self._full[step.target.exchange] = str(refusal)
            self._tally.refusal = self._tally.refusal or refusal
            self._leave(str(refusal), delivery)


def _refusal(step: Onward, receipt: Receipt) -> MQError:
    """Why a queue takes no more: the others are not tried with it, for it would have them bounce."""
    address, why = step.target.address, receipt.reason or "for no given reason"
    if receipt.outcome is Outcome.RETURNED:
        return Unroutable(f"{address} did not get it: exchange {step.target.exchange} leads to no queue ({why})")
    return TemporaryFailure(f"{address} takes no more: {why}")
