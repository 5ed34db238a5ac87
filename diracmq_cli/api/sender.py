"""A sender in a thread of its own: one run of the operation of ``dirac-mq send``, fed by a program."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from diracmq_cli.api.feed import Feed
from diracmq_cli.api.surroundings import console_of
from diracmq_cli.errors import MQError, TemporaryFailure
from diracmq_cli.operations.account import Account, SendSummary
from diracmq_cli.operations.intake import Intake
from diracmq_cli.wiring.sendparts import assemble
from diracmq_cli.wiring.signals import StopFlag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diracmq_cli.core.message import Message, Receipt
    from diracmq_cli.wiring.sendoptions import SendOptions
    from diracmq_cli.wiring.setup import Setup
    from diracmq_cli.wiring.target import Target

_log = logging.getLogger(__name__)

FAREWELL = 5.0
"""Seconds for the end of a run: confirms in flight (2 s), the disk, a goodbye to the broker."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over, for that reason."""

    error: BaseException


class Sender:
    """A run that has begun. It holds its connection, answers heartbeats and reconnects until it is closed or gives up.

    Its messages bear ids; ``answer`` gives each one's receipt, in no order, and in the end ``Ended``.
    """

    def __init__(self, setup: Setup, target: Target, options: SendOptions) -> None:
        self._setup, self._target, self._options = setup, target, options
        self._feed = Feed()
        self._answers: SimpleQueue[Receipt | Ended] = SimpleQueue()
        self._stop = StopFlag()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"send to {target.spec.name}")
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether it has given up, and only ``answer`` has something to say still."""
        return not self._thread.is_alive()

    def send(self, message: Message) -> None:
        """Hand over one message; nothing is waited for."""
        self._feed.put(message)

    def answer(self, *, wait: bool = True) -> Receipt | Ended | None:
        """The next receipt, or how it ended; without ``wait`` None if nothing is there."""
        try:
            return self._answers.get(block=wait)
        except Empty:
            return None

    def stop(self) -> None:
        """Ask for the end; what is in flight gets two seconds. May be called from a signal handler."""
        self._stop.ask()

    def close(self) -> None:
        """End it, and wait for that."""
        self._feed.end()
        self._stop.ask()
        self._thread.join(FAREWELL)
        if not self._thread.is_alive():
            self._feed.close()
            self._stop.close()

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        error: BaseException = TemporaryFailure("closed before the broker had answered")
        try:
            self._send()
        except BaseException as problem:
            error = problem
        self._answers.put(Ended(error))

    def _send(self) -> None:
        console = console_of(self._stop)
        with console.afterwards:
            account = Account(SendSummary(), self._tell, None, patient=self._options.spool is not None)
            intake = Intake(self._feed, time.monotonic)
            parts = assemble(self._setup, self._target, self._options, console, intake, account)
            try:
                parts.sending.run()
                if parts.spool is not None:
                    parts.spool.check(account.summary)
            except MQError as error:
                _log.info("%s: %s", self._target.spec.address, error)
                raise

    def _tell(self, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            self._answers.put(receipt)
