"""Handle: run a command for each message and settle it by the way the command ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from diracmq_cli.core.message import Delivery, Handled, Settlement
from diracmq_cli.core.policy import Refused
from diracmq_cli.core.ports import Child, Clock, Launcher, Receiver, Stop
from diracmq_cli.core.refusal import Distrust
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.errors import ConfigError, MQError
from diracmq_cli.operations.deadline import Deadline, soonest
from diracmq_cli.operations.reading import EMPTY_CHECK, Limits
from diracmq_cli.operations.refusing import Refusals
from diracmq_cli.operations.screening import Screen, Screened

KILL_GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL for a command that is out of time."""

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
    """How failures are treated; ``command_timeout`` is in seconds."""

    queue: str
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


def handle(
    receiver: Receiver,
    launcher: Launcher,
    screen: Screen,
    limits: Limits,
    request: HandleRequest,
    refusals: Refusals,
    *,
    on_handled: Callable[[Delivery, Settlement, Handled], None],
    clock: Clock,
    stop: Stop,
) -> int:
    """Hand messages to commands one after the other; returns how many left the queue by what their command said.

    A message is acknowledged only after its command has succeeded. On a stop, the command at hand is waited for.
    What ``screen`` refuses reaches no command.

    Raises:
        MQError: a command failed and ``on_fail`` is stop, or it cannot be run; its message is back in the queue.
        ConfigError: a command wants to dead-letter, and there is no place for that.
    """
    whole, silence = Deadline(clock, limits.timeout), Deadline(clock, limits.idle)
    settled, requeued = 0, 0
    try:
        while not stop.requested and (limits.count is None or settled < limits.count):
            patience = soonest(whole, silence)
            if limits.until_empty:
                patience = EMPTY_CHECK if patience is None else min(EMPTY_CHECK, patience)
            delivery = receiver.receive(patience)
            if delivery is None:
                if whole.over or silence.over or (limits.until_empty and receiver.ready_count() == 0):
                    break
                continue
            silence.restart()
            screened = screen.look(delivery)
            if not screened.passes:
                _pass_over(receiver, delivery, screened, refusals)
                continue
            handled = _run(launcher.start(delivery, screened.verdict), receiver, request, clock)
            settlement = _settlement(receiver, delivery, handled, request, refusals)
            if settlement is Settlement.ACK:
                screen.taken(delivery, screened.verdict)
                screen.flush()
            _settle(receiver, delivery, screened.verdict, handled, settlement, refusals)
            on_handled(delivery, settlement, handled)
            if settlement is Settlement.REQUEUE:
                requeued += 1
                _brake(receiver, requeued, clock, stop)
            else:
                settled, requeued = settled + 1, 0
            silence.restart()
    finally:
        receiver.put_back()
    return settled


def _pass_over(receiver: Receiver, delivery: Delivery, screened: Screened, refusals: Refusals) -> None:
    """Deal with a delivery that no command may have."""
    if screened.refused is None:
        receiver.want_more()
        receiver.ack_one(delivery)
    elif refusals.refuse(delivery, screened.verdict, screened.refused):
        refusals.flush()
        receiver.ack_one(delivery)


def _run(child: Child, receiver: Receiver, request: HandleRequest, clock: Clock) -> Handled:
    """Wait for the command while heartbeats go on; end it when it is out of time.

    When the connection is lost the message goes to somebody else, so the command is ended rather than left behind.
    """
    deadline = Deadline(clock, request.command_timeout)
    try:
        while not receiver.turn(deadline.left, child.fileno()):
            if deadline.over:
                child.terminate()
                deadline = Deadline(clock, KILL_GRACE)
    except MQError:
        child.terminate()
        child.terminate()
        child.result()
        raise
    return child.result()


def _settlement(
    receiver: Receiver, delivery: Delivery, handled: Handled, request: HandleRequest, refusals: Refusals
) -> Settlement:
    """How to settle one delivery; or put it back and say why no more can be handled."""
    settlement = handled.settlement
    if settlement is None and request.on_fail is not OnFail.STOP:
        settlement = Settlement.REQUEUE if request.on_fail is OnFail.REQUEUE else Settlement.REJECT
    if settlement is None or handled.stop:
        receiver.requeue(delivery)
        raise MQError(f"the command failed ({handled.detail}) and the message is back in {request.queue}")
    if settlement is Settlement.REJECT and not refusals.can_give_up:
        receiver.requeue(delivery)
        raise ConfigError(
            f"the command wants to dead-letter ({handled.detail}), and {request.queue} has no dead-letter queue: "
            "the message would be destroyed, so it is back in the queue",
            hint="give the queue a DeadLetterQueue in the CS, or name a directory with --reject-to",
        )
    return settlement


def _settle(
    receiver: Receiver,
    delivery: Delivery,
    verdict: Verdict,
    handled: Handled,
    settlement: Settlement,
    refusals: Refusals,
) -> None:
    match settlement:
        case Settlement.ACK:
            receiver.ack_one(delivery)
        case Settlement.REQUEUE:
            receiver.requeue(delivery)
        case Settlement.REJECT:
            if refusals.give_up(delivery, verdict, Refused(Distrust.COMMAND.value, handled.detail)):
                refusals.flush()
                receiver.ack_one(delivery)
        case _:
            assert_never(settlement)


def _brake(receiver: Receiver, requeued: int, clock: Clock, stop: Stop) -> None:
    pause = Deadline(clock, min(BRAKE * 2**requeued, BRAKE_LIMIT))
    while not pause.over and not stop.requested:
        receiver.turn(pause.left)
