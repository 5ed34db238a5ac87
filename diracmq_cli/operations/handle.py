"""Handle: run a command for each message, several at a time, and settle it by the way the command ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar, assert_never

from diracmq_cli.core.message import Delivery, Handled, Settlement
from diracmq_cli.core.policy import Refused
from diracmq_cli.core.refusal import Distrust
from diracmq_cli.errors import BrokerUnreachable, ConfigError, MQError
from diracmq_cli.operations.deadline import Deadline, soonest
from diracmq_cli.operations.reading import EMPTY_CHECK, Limits
from diracmq_cli.operations.workers import Done, Workers

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Launcher, Receiver
    from diracmq_cli.operations.refusing import Refusals
    from diracmq_cli.operations.screening import Screen
    from diracmq_cli.operations.stints import Around

T = TypeVar("T")

BRAKE = 0.05
BRAKE_LIMIT = 5.0
"""Seconds to wait after a requeue, doubled with each one in a row: a message nobody can handle must not spin."""


class OnFail(StrEnum):
    """What to do with a message whose command failed."""

    STOP = "stop"
    REQUEUE = "requeue"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandleRequest:
    """How failures are treated; ``command_timeout`` is in seconds, ``jobs`` how many commands run at a time."""

    queue: str
    jobs: int = 1
    on_fail: OnFail = OnFail.STOP
    command_timeout: float | None = None


@dataclass(slots=True)
class HandleSummary:
    """How many messages were settled in which way."""

    acked: int = 0
    requeued: int = 0
    rejected: int = 0

    def count(self, settlement: Settlement) -> None:
        """Account for one message."""
        match settlement:
            case Settlement.ACK:
                self.acked += 1
            case Settlement.REQUEUE:
                self.requeued += 1
            case Settlement.REJECT:
                self.rejected += 1
            case _:
                assert_never(settlement)

    def text(self, rejected: str = "dead-lettered") -> str:
        """One line of figures, leaving out what did not occur; ``rejected`` says where what was rejected went."""
        parts = [f"{self.acked} handled"]
        parts += [
            f"{count} {name}" for count, name in ((self.requeued, "given back"), (self.rejected, rejected)) if count
        ]
        return ", ".join(parts)


class Handling:
    """Hands messages to commands until the limits are met or a stop is asked for (``stints.Work``).

    A message is acknowledged only after its command has succeeded. On a stop, before the connection is renewed, and
    after a failure that ends the run, the commands at hand are waited for. What ``screen`` refuses reaches no command.
    When the connection is lost their messages go to somebody else, so that the commands are ended rather than left
    behind.
    """

    def __init__(
        self,
        launcher: Launcher,
        screen: Screen,
        limits: Limits,
        request: HandleRequest,
        refusals: Refusals,
        around: Around,
        on_handled: Callable[[Delivery, Settlement, Handled], None],
    ) -> None:
        self._workers = Workers(launcher, around.clock, request.command_timeout)
        self._screen, self._refusals, self._around = screen, refusals, around
        self._limits, self._request, self._on_handled = limits, request, on_handled
        self._silence = Deadline(around.clock, limits.idle)
        self._brake = Deadline(around.clock, 0.0)
        self._requeued = 0
        self._parked: list[Delivery] = []
        self._dry = self._renewing = False
        self._failure: MQError | None = None
        self._receiver: Receiver
        self.settled = 0
        """See ``stints.Work``: what was given back is not counted."""

    @property
    def taken(self) -> int:
        """How many messages left the queue by what their command said."""
        return self.settled

    @property
    def renewing(self) -> bool:
        """Whether it waits for the end of what is in hand, to make the connection anew."""
        return self._renewing

    @property
    def missing(self) -> int | None:
        """How many messages are still to be handled; None when there is no limit."""
        return None if self._limits.count is None else self._limits.count - self.settled

    def over(self, receiver: Receiver) -> bool:
        """See ``stints.Work``.

        Raises:
            MQError: a command failed and ``on_fail`` is stop, or it cannot be run; its message is back in the queue.
            ConfigError: a command wants to dead-letter, and there is no place for that.
        """
        self._receiver = receiver
        self._refusals.forget_held()
        self._dry = self._renewing = False
        self._silence.restart()
        try:
            self._run()
        finally:
            self._parked.clear()
            for delivery, verdict in self._workers.abandon():
                self._screen.end(delivery, verdict)
        if self._failure is not None:
            raise self._failure
        return not self._renewing

    def _run(self) -> None:
        """Take, start, settle, until there is nothing more to do or something has failed."""
        while self._workers or self._may_take:
            delivery = self._wait()
            if delivery is not None:
                self._guarded(self._begin, delivery)
            self._workers.hurry()
            for done in self._workers.ended():
                self._guarded(self._finish, done)
            self._renewing = self._renewing or self._around.renewal.due

    @property
    def _may_take(self) -> bool:
        """Whether another message is wanted at all."""
        if self._around.stop.requested or self._failure is not None or self._dry or self._around.whole.over:
            return False
        return not self._renewing and (self.missing is None or len(self._workers) < self.missing)

    def _wait(self) -> Delivery | None:
        """Wait for a message, if there is a hand free for it, or for the end of a command."""
        hands = self._request.jobs - len(self._workers) - len(self._parked)
        fd = self._workers.fileno()
        if not self._may_take or hands <= 0:
            self._receiver.turn(self._workers.left, fd)
            return None
        if not self._brake.over:
            self._receiver.turn(soonest(self._brake, *self._deadlines), fd)
            return None
        delivery = self._receiver.receive(soonest(*self._deadlines), fd)
        if delivery is None and not self._workers and not self._around.stop.requested:
            self._dry = self._silence.over or (self._limits.until_empty and self._receiver.ready_count() == 0)
        return delivery

    @property
    def _deadlines(self) -> list[Deadline]:
        """What ends a wait for a message. While commands run, silence means nothing, nor that the queue is empty."""
        around = self._around
        if self._workers:
            return [around.whole, around.renewal.look, Deadline(around.clock, self._workers.left)]
        empty = Deadline(around.clock, EMPTY_CHECK if self._limits.until_empty else None)
        return [around.whole, around.renewal.look, self._silence, empty]

    def _guarded(self, step: Callable[[T], None], subject: T) -> None:
        """Do something, and remember the first failure until the commands at hand have ended."""
        try:
            step(subject)
        except BrokerUnreachable:
            raise
        except MQError as error:
            if self._receiver.ended:
                raise
            self._failure = self._failure or error

    def _begin(self, delivery: Delivery) -> None:
        """Start the command of one message, unless none may have it."""
        self._silence.restart()
        screened = self._screen.look(delivery)
        if screened.in_hand:
            self._parked.append(delivery)
        elif screened.passes:
            self._workers.start(delivery, screened.verdict)
            self._screen.begin(delivery, screened.verdict)
        elif screened.refused is None:
            self._receiver.want_more()
            self._receiver.ack_one(delivery)
        elif self._refusals.refuse(self._receiver, delivery, screened.verdict, screened.refused):
            self._refusals.flush()
            self._receiver.ack_one(delivery)

    def _finish(self, done: Done) -> None:
        """Settle one message, and look again at those that wait for its end."""
        self._silence.restart()
        self._screen.end(done.delivery, done.verdict)
        settlement = self._settlement(done)
        self._settle(done, settlement)
        self._on_handled(done.delivery, settlement, done.handled)
        if settlement is Settlement.REQUEUE:
            self._requeued += 1
            self._brake = Deadline(self._around.clock, min(BRAKE * 2**self._requeued, BRAKE_LIMIT))
        else:
            self._requeued = 0
        if not self._around.stop.requested and self._failure is None:
            parked, self._parked = self._parked, []
            for delivery in parked:
                self._begin(delivery)

    def _settlement(self, done: Done) -> Settlement:
        """How to settle a message; or put it back and say why no more can be handled."""
        handled, request = done.handled, self._request
        settlement = handled.settlement
        if settlement is None and request.on_fail is not OnFail.STOP:
            settlement = Settlement.REQUEUE if request.on_fail is OnFail.REQUEUE else Settlement.REJECT
        if settlement is None or handled.stop:
            self._receiver.requeue(done.delivery)
            raise MQError(f"the command failed ({handled.detail}) and the message is back in {request.queue}")
        if settlement is Settlement.REJECT and not self._refusals.can_give_up:
            self._receiver.requeue(done.delivery)
            raise ConfigError(
                f"the command wants to dead-letter ({handled.detail}), and {request.queue} has no dead-letter queue: "
                "the message would be destroyed, so it is back in the queue",
                hint="give the queue a DeadLetterQueue in the CS, or name a directory with --reject-to",
            )
        return settlement

    def _settle(self, done: Done, settlement: Settlement) -> None:
        match settlement:
            case Settlement.ACK:
                remembered = self._screen.taken(done.delivery, done.verdict)
                self._screen.flush()
                self.settled += remembered  # should this acknowledgement be lost, it is dropped when it comes again
                self._receiver.ack_one(done.delivery)
                self.settled += not remembered
            case Settlement.REQUEUE:
                self._receiver.requeue(done.delivery)
            case Settlement.REJECT:
                why = Refused(Distrust.COMMAND.value, done.handled.detail)
                if self._refusals.give_up(self._receiver, done.delivery, done.verdict, why):
                    self._refusals.flush()
                    self._receiver.ack_one(done.delivery)
                self.settled += 1
            case _:
                assert_never(settlement)
