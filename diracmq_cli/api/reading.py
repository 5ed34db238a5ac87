"""A reader in a thread of its own: one run of the operation of ``dirac-mq consume``, which hands messages to a program.

The thread serves the connection while the program thinks, connects again after a loss, and ends when the limits are
met, a stop is asked for, or something fails.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from diracmq_cli.api.hands import Abandoned, End, Hands
from diracmq_cli.api.message import Message
from diracmq_cli.api.surroundings import console_of
from diracmq_cli.errors import UsageError
from diracmq_cli.operations.handle import HandleRequest, HandleSummary, Handling
from diracmq_cli.wiring.setup import require_amqp
from diracmq_cli.wiring.signals import StopFlag
from diracmq_cli.wiring.taking import take

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery, Handled, Settlement
    from diracmq_cli.operations.refusing import Refusals
    from diracmq_cli.operations.screening import Screen
    from diracmq_cli.operations.stints import Around
    from diracmq_cli.wiring.consuming import ConsumeOptions
    from diracmq_cli.wiring.setup import Setup
    from diracmq_cli.wiring.taking import Tell
    from diracmq_cli.wiring.target import Target

FAREWELL = 10.0
"""Seconds for the end of a reading: what is in hand goes back, a goodbye to the broker."""


class Reading:
    """A reading of one queue that has begun with its first ``next``."""

    def __init__(self, setup: Setup, target: Target, options: ConsumeOptions) -> None:
        """Check what was asked for.

        Raises:
            UsageError, ConfigError: it does not fit together, or not the queue.
        """
        options.check()
        if options.jobs < 1:
            raise UsageError("prefetch: at least one message has to be in hand")
        options.check_for(target.queue)
        require_amqp(target.service)
        self.summary = HandleSummary()
        self.over = self._closed = False
        self._setup, self._target, self._options = setup, target, options
        self._can_reject = options.reject_to is not None or target.queue.dead_letter_queue is not None
        self._hands = Hands()
        self._stop = StopFlag()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"read {target.spec.name}")
        self._in_hand: Message | None = None

    def next(self) -> Message | None:
        """Wait for a message; None at the end of all.

        Raises:
            UsageError: the last one is not settled.
            MQError: why there is an end.
        """
        if self.over or self._stop.requested:
            return None
        if self._in_hand is not None and not self._in_hand.settled:
            raise UsageError(
                f"message {self._in_hand.id} is still in hand", hint="ack(), requeue() or reject() it, or use auto_ack"
            )
        if self._thread.ident is None:
            self._thread.start()
        coming = self._hands.next()
        if isinstance(coming, End):
            self.over = True
            if coming.error is not None:
                raise coming.error
            return None
        self._in_hand = Message(coming, can_reject=self._can_reject)
        return self._in_hand

    def stop(self) -> None:
        """Take nothing more. May be called from a signal handler."""
        self._stop.ask()

    def cancel(self) -> None:
        """Take nothing more, and put back what is in hand. May be called from a signal handler."""
        self._stop.ask()
        self._hands.abandon()

    def close(self) -> None:
        """Put back what is in hand, and wait for the end of it."""
        if self._closed:
            return
        self.over = self._closed = True
        self.cancel()
        if self._in_hand is not None:
            self._in_hand.let_go()
        if self._thread.ident is not None:
            self._thread.join(FAREWELL)
        if not self._thread.is_alive():
            self._hands.close()
            self._stop.close()

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._take()
        except Abandoned:
            pass
        except BaseException as problem:
            error = problem
        self._hands.end(error)

    def _take(self) -> None:
        take(self._setup, self._target, self._options, console_of(self._stop), self._work)

    def _work(self, screen: Screen, refusals: Refusals, around: Around) -> tuple[Handling, Tell]:
        options = self._options
        request = HandleRequest(queue=str(self._target.queue.address), jobs=options.jobs, on_fail=options.on_fail)
        work = Handling(self._hands, screen, options.limits, request, refusals, around, on_handled=self._count)
        return work, lambda: None

    def _count(self, _delivery: Delivery, settlement: Settlement, _handled: Handled) -> None:
        self.summary.count(settlement)
