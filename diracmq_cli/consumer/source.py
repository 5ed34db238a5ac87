"""One queue, read for ever in a thread of its own, whatever becomes of its broker."""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING

from diracmq_cli.api.hands import Abandoned, End, Hands, Held
from diracmq_cli.api.surroundings import console_of
from diracmq_cli.consumer.figures import Event
from diracmq_cli.consumer.worklist import Task
from diracmq_cli.core.model import QueueType
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.errors import AccessError, ConfigError, MQError, ProtocolError, UnknownDestination
from diracmq_cli.operations.handle import HandleRequest, Handling, OnFail
from diracmq_cli.operations.reading import Limits
from diracmq_cli.operations.redial import WORTH_ANOTHER_TRY, Backoff
from diracmq_cli.operations.refusing import OnUntrusted
from diracmq_cli.wiring.consuming import BROKER_CONSUMER_TIMEOUT, ConsumeOptions
from diracmq_cli.wiring.dialling import wait
from diracmq_cli.wiring.setup import require_amqp
from diracmq_cli.wiring.signals import StopFlag
from diracmq_cli.wiring.taking import take

if TYPE_CHECKING:
    from collections.abc import Callable

    from diracmq_cli.consumer.figures import Figures
    from diracmq_cli.consumer.worklist import Worklist
    from diracmq_cli.core.message import Delivery, Handled, Settlement
    from diracmq_cli.core.model import QueueSpec
    from diracmq_cli.core.ports import Receiver
    from diracmq_cli.operations.refusing import Refusals
    from diracmq_cli.operations.screening import Screen
    from diracmq_cli.operations.stints import Around
    from diracmq_cli.wiring.acceptance import TrustOptions
    from diracmq_cli.wiring.setup import Setup
    from diracmq_cli.wiring.taking import Tell
    from diracmq_cli.wiring.target import Target

OUTAGE = 30.0
"""Seconds of an outage that one reading bridges; after that another one is begun, for ever. Its tenth is the longest
first pause, so that a broker that was only restarted is found soon."""

LONGEST_PAUSE = 60.0
"""Seconds between two attempts at most."""

PASSING = (*WORTH_ANOTHER_TRY, AccessError, ProtocolError, UnknownDestination)
"""What is worth another try once the queue has been read: a proxy is renewed, rights and queues are set up again."""

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
        require_amqp(target.service)
        self.queue = target.queue
        self.address = str(target.queue.address)
        self.rejects_to_directory = options.reject_to is not None
        self.patience = target.queue.consumer_timeout or BROKER_CONSUMER_TIMEOUT
        """Seconds for which the broker lets a message be in hand."""
        self.in_hand_limit = self.patience / 2
        """Seconds after which a message that waits here goes back."""
        self._new_setup, self._target, self._options = new_setup, target, options
        self._worklist, self._figures, self._failed = worklist, figures, failed
        self._stop = StopFlag()
        self._hands = Hands(self._put)
        self._work: _Watched | None = None
        self._screen: Screen | None = None
        self._refused = 0
        self._connections = self._in_hand = 0
        self._told: MQError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"read {target.spec.name}")

    # -- from any thread -------------------------------------------------------------------------------------------

    def count(self, event: Event, number: int = 1) -> None:
        """Something happened to messages of this queue."""
        self._figures.count(self.address, event, number)

    # -- the host's thread -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more; it ends when everything in hand is settled."""
        self._stop.ask()

    def abandon(self) -> None:
        """Put back what is in hand and not settled: nobody will say what is to become of it."""
        self._hands.abandon()

    def join(self, timeout: float) -> bool:
        """Wait for its end, if it was begun; whether it has come."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def heard(self) -> float | None:
        """When the broker last gave a sign of life (monotonic); None without a connection."""
        receiver = None if self._work is None else self._work.receiver
        return None if receiver is None else receiver.heard

    @property
    def renewing(self) -> bool:
        """Whether it waits for what is in hand, to make the connection anew with another credential."""
        return self._work is not None and self._work.renewing

    def refused_since(self) -> int:
        """How many were refused by their origin since this was last asked."""
        total = 0 if self._screen is None else self._screen.refused.total()
        new, self._refused = total - self._refused, total
        return max(0, new)

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._read_for_ever()
        except Abandoned:
            pass
        except BaseException as error:
            self._failed(error)

    def _read_for_ever(self) -> None:
        backoff = Backoff(OUTAGE, random.random)
        while not self._stop.requested:
            before = self._connections
            try:
                self._read()
            except MQError as error:
                if not isinstance(error, PASSING if self._connections else WORTH_ANOTHER_TRY):
                    raise
                if self._connections > before:
                    backoff.reset()
                self._wait(min(backoff.next(), LONGEST_PAUSE), error)

    def _wait(self, pause: float, error: MQError) -> None:
        """Wait; that is told once for each kind of trouble."""
        if self._told is None or self._told.exit_status != error.exit_status:
            _log.warning("%s: %s; trying again in %s", self.address, error, format_duration(pause))
        self._told = error
        wait(self._stop, [], pause)

    def _read(self) -> None:
        console = console_of(self._stop, _log)
        with console.afterwards:
            take(self._new_setup(), self._target, self._options, console, self._make_work)

    def _make_work(self, screen: Screen, refusals: Refusals, around: Around) -> tuple[_Watched, Tell]:
        self.count(Event.REFUSED, self.refused_since())
        self._screen, self._refused = screen, 0
        request = HandleRequest(queue=self.address, jobs=self._options.jobs, on_fail=OnFail.REQUEUE)
        self._work = _Watched(self, self._hands, screen, self._options.limits, request, refusals, around)
        return self._work, lambda: None

    def _put(self, coming: Held | End) -> None:
        if isinstance(coming, Held):
            self.count(Event.RECEIVED)
            self.hold(+1)
            self._worklist.put(Task(coming, self))

    def hold(self, change: int) -> None:
        """So many messages more (or fewer) are in hand."""
        self._in_hand += change
        self._figures.in_hand(change)

    def connected(self) -> None:
        """There is a connection."""
        self._connections += 1
        if self._connections > 1:
            self.count(Event.RECONNECTED)
        if self._told is not None:
            _log.info("%s: connected", self.address)
        self._told = None

    def disconnected(self) -> None:
        """There is none any more, and nothing is in hand."""
        self.hold(-self._in_hand)
        self._worklist.forget()


class _Watched(Handling):
    """A handling whose connections its source knows."""

    def __init__(
        self,
        source: Source,
        hands: Hands,
        screen: Screen,
        limits: Limits,
        request: HandleRequest,
        refusals: Refusals,
        around: Around,
    ) -> None:
        super().__init__(hands, screen, limits, request, refusals, around, self._handled)
        self._source = source
        self.receiver: Receiver | None = None

    def over(self, receiver: Receiver) -> bool:
        """See ``stints.Work``."""
        self.receiver = receiver
        self._source.connected()
        try:
            return super().over(receiver)
        finally:
            self.receiver = None
            self._source.disconnected()

    def _handled(self, _delivery: Delivery, _settlement: Settlement, _handled: Handled) -> None:
        self._source.hold(-1)


def sources_heard(sources: list[Source]) -> tuple[int, float]:
    """How many of them are connected, and when the most silent of those was last heard (monotonic; now for none)."""
    heard = [moment for source in sources if (moment := source.heard) is not None]
    return len(heard), min(heard, default=time.monotonic())


def check_queue(queue: QueueSpec, reject_to: str | None, section: str) -> None:
    """See that messages of a queue can be taken, and given up.

    Raises:
        ConfigError: they cannot.
    """
    if queue.type is QueueType.STREAM:
        raise ConfigError(f"{queue.address} is a stream: reading takes nothing from it ({queue.source})")
    if queue.dead_letter_queue is None and reject_to is None:
        raise ConfigError(
            f"{queue.address} has no dead-letter queue: what is given up would be destroyed ({queue.source})",
            hint=f"give the queue a DeadLetterQueue in the CS, or {section} a directory: RejectTo",
        )


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
        outage=OUTAGE,
    )
