"""One queue, read for ever in a thread of its own, whatever becomes of its broker."""

from __future__ import annotations

import logging
import random
import select
import threading
import time
from typing import TYPE_CHECKING

from diracmq_cli.api.hands import End, Hands, Held
from diracmq_cli.api.surroundings import console_of
from diracmq_cli.consumer.figures import Event
from diracmq_cli.consumer.worklist import Task
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.errors import CredentialError, MQError
from diracmq_cli.operations.handle import HandleRequest, Handling, OnFail
from diracmq_cli.operations.reading import Limits
from diracmq_cli.operations.redial import WORTH_ANOTHER_TRY, Backoff
from diracmq_cli.operations.refusing import OnUntrusted
from diracmq_cli.wiring.consuming import BROKER_CONSUMER_TIMEOUT, ConsumeOptions
from diracmq_cli.wiring.setup import require_amqp
from diracmq_cli.wiring.signals import StopFlag
from diracmq_cli.wiring.taking import take

if TYPE_CHECKING:
    from collections.abc import Callable

    from diracmq_cli.consumer.figures import Figures
    from diracmq_cli.consumer.worklist import Worklist
    from diracmq_cli.core.ports import Receiver
    from diracmq_cli.operations.refusing import Refusals
    from diracmq_cli.operations.screening import Screen
    from diracmq_cli.operations.stints import Around
    from diracmq_cli.wiring.acceptance import TrustOptions
    from diracmq_cli.wiring.setup import Setup
    from diracmq_cli.wiring.taking import Tell
    from diracmq_cli.wiring.target import Target

FIRST_SPAN = 30.0
"""Seconds whose tenth is the first pause between readings at most (``Backoff``); they grow to five minutes."""

_log = logging.getLogger("dirac-consumer")


class Source:
    """Takes messages of one queue into the worklist and settles them as the workers say.

    Args:
        new_setup: makes what a thread needs to log in; each has its own.
        target: the queue.
        options: how it is read.
        failed: told when it cannot go on, and why.
    """

    def __init__(
        self,
        new_setup: Callable[[], Setup],
        target: Target,
        options: ConsumeOptions,
        worklist: Worklist,
        figures: Figures,
        failed: Callable[[BaseException], None],
    ) -> None:
        options.check()
        options.check_for(target.queue)
        require_amqp(target.service)
        self.queue = target.queue
        self.address = str(target.queue.address)
        self.rejects_to_directory = options.reject_to is not None
        self.in_hand_limit = (target.queue.consumer_timeout or BROKER_CONSUMER_TIMEOUT) / 2
        """Seconds after which a message that waits for another try goes back."""
        self._new_setup, self._target, self._options = new_setup, target, options
        self._worklist, self._figures, self._failed = worklist, figures, failed
        self._stop = StopFlag()
        self._hands = Hands(self._put)
        self._receiver: Receiver | None = None
        self._screen: Screen | None = None
        self._refused = 0
        self._connections = 0
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"read {target.spec.name}")

    # -- the host's thread -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more; it ends when everything in hand is settled."""
        self._stop.ask()

    def join(self, timeout: float) -> None:
        """Wait for its end, if it was begun; what is still in hand then goes back."""
        if self._thread.ident is None:
            return
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._hands.abandon()
            self._thread.join(timeout)

    @property
    def heard(self) -> float | None:
        """When the broker last gave a sign of life (monotonic); None without a connection."""
        receiver = self._receiver
        return None if receiver is None else receiver.heard

    def refused_since(self) -> int:
        """How many were refused by their origin since this was last asked."""
        total = 0 if self._screen is None else self._screen.refused.total()
        new, self._refused = total - self._refused, total
        return max(0, new)

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        backoff = Backoff(FIRST_SPAN, random.random)
        while not self._stop.requested:
            before = self._connections
            try:
                take(self._new_setup(), self._target, self._options, console_of(self._stop), self._work)
            except MQError as error:
                if self._connections > before:
                    backoff.reset()
                lasting = not isinstance(error, WORTH_ANOTHER_TRY)
                if lasting and not (self._connections and isinstance(error, CredentialError)):
                    self._failed(error)
                    return
                self._wait(backoff.next(), error)
            except BaseException as error:
                self._failed(error)
                return

    def _wait(self, pause: float, error: MQError) -> None:
        _log.warning("%s: %s; trying again in %s", self.address, error, format_duration(pause))
        select.select([self._stop.wake_fd], [], [], pause)

    def _work(self, screen: Screen, refusals: Refusals, around: Around) -> tuple[_Watched, Tell]:
        self._screen, self._refused = screen, 0
        options = self._options
        request = HandleRequest(queue=self.address, jobs=options.jobs, on_fail=OnFail.REQUEUE)
        handling = Handling(self._hands, screen, options.limits, request, refusals, around, on_handled=lambda *_: None)
        return _Watched(self, handling), lambda: None

    def _put(self, coming: Held | End) -> None:
        if isinstance(coming, Held):
            self._figures.count(self.address, Event.RECEIVED)
            self._figures.in_hand(+1)
            self._worklist.put(Task(coming, self))

    def connected(self, receiver: Receiver) -> None:
        """There is a connection."""
        self._receiver = receiver
        self._connections += 1
        if self._connections > 1:
            self._figures.count(self.address, Event.RECONNECTED)
            _log.info("%s: connected again", self.address)

    def disconnected(self) -> None:
        """There is none any more."""
        self._receiver = None


class _Watched:
    """A handling whose connections its source knows (``wiring.taking.Taking``)."""

    def __init__(self, source: Source, handling: Handling) -> None:
        self._source, self._handling = source, handling

    @property
    def settled(self) -> int:
        return self._handling.settled

    @property
    def taken(self) -> int:
        return self._handling.taken

    @property
    def missing(self) -> int | None:
        return self._handling.missing

    def over(self, receiver: Receiver) -> bool:
        self._source.connected(receiver)
        try:
            return self._handling.over(receiver)
        finally:
            self._source.disconnected()


def sources_heard(sources: list[Source]) -> tuple[int, float]:
    """How many of them are connected, and when the most silent of those was last heard (monotonic; now for none)."""
    heard = [moment for source in sources if (moment := source.heard) is not None]
    return len(heard), min(heard, default=time.monotonic())


def consume_options(address: str, prefetch: int, trust: TrustOptions, reject_to: str | None) -> ConsumeOptions:
    """How a consumer reads a queue: for ever, and what is not accepted is dead-lettered."""
    return ConsumeOptions(
        queue=address,
        limits=Limits(),
        command=(),
        on_fail=OnFail.REQUEUE,
        jobs=prefetch,
        trust=trust,
        on_untrusted=OnUntrusted.DEAD,
        reject_to=reject_to,
    )
