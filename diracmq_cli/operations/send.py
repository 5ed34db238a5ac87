"""Send: read messages, stamp them, publish them with confirms pipelined, and account for each one.

Nothing here waits for one thing while it could do another: input is read while a connection is being made, and the
network is served while input is awaited.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from diracmq_cli.core.message import Message, Outcome, Receipt
from diracmq_cli.core.ports import Clock, Publisher, Stop
from diracmq_cli.errors import BrokerUnreachable, CredentialError, DataError, MQError, TemporaryFailure, UsageError
from diracmq_cli.operations.account import Account, receipt_of
from diracmq_cli.operations.deadline import Deadline, soonest
from diracmq_cli.operations.intake import Intake
from diracmq_cli.operations.kept import Kept
from diracmq_cli.operations.line import Line

CONFIRM_GRACE = 2.0
"""Seconds that a first SIGINT or SIGTERM leaves for confirms in flight."""

QUIET = 0.5
"""Seconds of silence after which an input that was asked to end has nothing more to say."""

LAST_DIAL = 10.0
"""Seconds for one more attempt after the end of the input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """What to do: ``exchange`` to publish to; ``stall`` is the longest silence of the broker while something waits for
    it, ``outage`` how long the end may be without progress, ``grace`` what a first signal leaves for reading and
    keeping, all in seconds."""

    exchange: str
    destination: str
    stall: float
    outage: float
    grace: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a run has around it.

    ``wait`` returns when one of the descriptors is readable, a stop was asked for, or the seconds have passed.
    ``on_blocked`` is told when the broker begins to block us (its reason) and when it lets us go on (None);
    ``on_refused`` of a message that cannot be sent at all, where the run goes on without it; ``on_turn`` now and then.
    """

    clock: Clock
    stop: Stop
    wait: Callable[[Sequence[int], float | None], None]
    on_blocked: Callable[[str | None], None]
    on_refused: Callable[[MQError], None]
    on_turn: Callable[[], None]


class Sending:
    """One run of a sender.

    Without ``kept``, input is read only as fast as the broker takes it. With it, an input that somebody waits behind
    (a pipe) is always read: what the broker cannot take goes to the disk, and the connection is tried for as long as
    there is input.

    Args:
        intake: the input.
        line: the connection.
        prepare: makes the message that is published (routing key, headers, stamp).
        request: what to do.
        account: every message's fate.
        kept: the spool, if there is one.
        whole: the end of everything.
        around: what else there is.
    """

    def __init__(
        self,
        intake: Intake,
        line: Line,
        prepare: Callable[[Message], Message],
        request: SendRequest,
        *,
        account: Account,
        kept: Kept | None,
        whole: Deadline,
        around: Surroundings,
    ) -> None:
        self._intake, self._line, self._prepare, self._request = intake, line, prepare, request
        self._account, self._kept, self._whole, self._around = account, kept, whole, around
        self._stall = Deadline(around.clock, request.stall)
        self._end = Deadline(around.clock, request.outage)
        self._again: deque[Message] = deque()
        self._bad: MQError | None = None
        self._doubted = False
        self._blocked: str | None = None

    def run(self) -> None:
        """Send everything that the input gives, until its end or until a stop is asked for.

        Raises:
            TemporaryFailure: the time is up and the broker has not answered; what is in flight has an unknown fate.
            DataError, UsageError: of the input; what stood before it was sent, and with a spool what stood behind it.
            MQError: whatever source and broker say, where nothing is kept.
        """
        try:
            while not self._around.stop.requested and not self._over:
                self._step()
                if self._whole.over and not self._line.dialling:  # an attempt ends by then, and says more
                    raise self._too_late()
            if self._around.stop.requested:
                self._last_words()
        except MQError as error:
            self._finish(str(error))
            raise
        else:
            self._finish("the sender was stopped before the broker had answered")
        finally:
            if self._kept is not None:
                self._kept.close()
            self._line.close()
        if self._bad is not None:
            raise self._bad

    @property
    def _over(self) -> bool:
        if not self._intake.ended or self._intake:
            return False
        if self._line.publisher is not None:
            busy = self._account.in_flight or self._again or self._draining
            return not busy or (self._kept is not None and self._end.over)
        if self._kept is None:
            return not self._again
        return self._line.tried and not self._line.dialling

    def _step(self) -> None:
        self._around.on_turn()
        if self._line.advance():
            self._stall.restart()
            if self._kept is not None:
                self._kept.connected()
        self._publish()
        moved = self._read()
        if self._kept is not None:
            self._keep(self._kept)
            if self._intake.ended and self._line.publisher is None:
                self._line.hurry(LAST_DIAL)
        if not self._intake.ended:
            self._end.restart()
        at_once = self._can_publish or (self._line.publisher is None and not self._intake.hurried)
        if not (moved and at_once) and not self._over:
            self._turn()

    # -- out -------------------------------------------------------------------------------------------------------

    @property
    def _draining(self) -> bool:
        return self._kept is not None and self._kept.draining

    @property
    def _can_publish(self) -> bool:
        publisher = self._line.publisher
        return publisher is not None and publisher.ready and not self._draining

    def _publish(self) -> None:
        publisher = self._line.publisher
        if publisher is None:
            return
        try:
            if self._kept is not None:
                self._kept.publish(publisher)
            while self._can_publish and (self._again or self._intake):
                self._publish_one(publisher)
        except (DataError, UsageError) as error:
            self._refuse(error)
        except MQError as error:
            self._lost(error)

    def _publish_one(self, publisher: Publisher) -> None:
        if not self._again:
            self._again.append(self._prepare(self._intake.take()))
            self._account.summary.sent += 1
        message = self._again[0]
        try:
            sequence = publisher.publish(self._request.exchange, message)
        except DataError:
            self._settle(publisher.turn(0))  # if it is the channel that the broker has closed, this says so
            self._again.popleft()
            self._account.summary.sent -= 1
            raise
        self._again.popleft()
        self._account.published(sequence, message)

    def _turn(self) -> None:
        """Wait for whatever comes first, and serve it."""
        publisher = self._line.publisher
        fd = self._intake.fileno() if self._wants_input else None
        if publisher is None:
            fds = [each for each in (fd, self._line.fileno()) if each is not None]
            self._around.wait(fds, self._limit(self._line.due))
            return
        outstanding = publisher.in_flight or self._intake or self._again or self._draining
        if not outstanding:
            self._stall.restart()
        try:
            receipts = publisher.turn(self._limit(self._stall.left), fd)
        except MQError as error:
            self._lost(error)
            return
        self._settle(receipts)
        if publisher.blocked != self._blocked:
            self._blocked = publisher.blocked
            self._around.on_blocked(self._blocked)
        if self._stall.over and outstanding:
            self._lost(TemporaryFailure(self._why_late(), hint="try again, or give it a longer --outage"))

    def _limit(self, more: float | None) -> float | None:
        """Seconds until something is to be done unasked."""
        limits = [more, soonest(self._whole)]
        if self._kept is not None:
            limits += [self._intake.hold, self._kept.hold]
            limits += [self._end.left] if self._intake.ended else []
        return min((limit for limit in limits if limit is not None), default=None)

    def _settle(self, receipts: Sequence[Receipt]) -> None:
        if not receipts:
            return
        self._stall.restart()
        self._line.progress()
        self._doubted = False
        if self._kept is None:
            self._account.settle(self._account.take(receipts))
            return
        if any(receipt.outcome is Outcome.CONFIRMED for receipt in receipts):
            self._end.restart()
        others, own, earlier = self._kept.settle(receipts)
        self._account.from_spool(own, ours=True)
        self._account.from_spool(earlier, ours=False)
        taken = self._account.take(others)
        self._account.settle([each for each in taken if not self._retain(self._kept, *each)])

    # -- in --------------------------------------------------------------------------------------------------------

    @property
    def _wants_input(self) -> bool:
        if self._intake.ended:
            return False
        if self._kept is None:
            return self._line.publisher is not None and not self._intake and not self._again
        if self._intake.hurried:
            return not self._intake.full
        return not self._intake and (self._line.publisher is not None or self._offline)

    @property
    def _offline(self) -> bool:
        """No connection, and an attempt to get one has failed, or one was lost."""
        return self._line.publisher is None and self._line.failure is not None

    def _read(self) -> bool:
        try:
            return self._wants_input and self._intake.read()
        except (DataError, UsageError) as error:
            self._refuse(error)
            return True

    def _refuse(self, error: DataError | UsageError) -> None:
        """A message is not what it should be. Without a spool it ends the input; what stood before it goes on."""
        self._bad = self._bad or error
        if self._kept is None:
            self._intake.end()
        else:
            self._around.on_refused(error)

    # -- the spool -------------------------------------------------------------------------------------------------

    def _keep(self, kept: Kept) -> None:
        """Put on the disk what must not wait in memory any longer.

        A disk that has failed is asked again only when memory is full, since what it does not take is lost.
        """
        publisher = self._line.publisher
        if not self._intake or (publisher is not None and (self._can_publish or not self._intake.hurried)):
            return
        pressing = self._intake.stale or self._offline or (publisher is not None and publisher.blocked is not None)
        if self._intake.full or (kept.error is None and pressing) or (self._offline and self._intake.ended):
            self._store(kept, self._intake.take_all())

    def _store(self, kept: Kept, raw: Sequence[Message]) -> None:
        messages = []
        for each in raw:
            try:
                messages.append(self._prepare(each))
            except (DataError, UsageError) as error:
                self._refuse(error)
        try:
            self._report(messages, kept=kept.keep(messages))
        except DataError:  # one of them; each by itself, then
            for message in messages:
                try:
                    self._report([message], kept=kept.keep([message]))
                except DataError as error:
                    self._refuse(error)

    def _report(self, messages: Sequence[Message], *, kept: bool) -> None:
        self._account.summary.sent += len(messages)
        why = None if kept or self._kept is None else str(self._kept.error)
        self._account.give_up(messages, Outcome.SPOOLED if kept else Outcome.LOST, why)

    def _keep_again(self, kept: Kept) -> None:
        """Put on the disk what was in flight; where that fails, memory keeps it for the next connection."""
        messages = list(self._again)
        if messages and kept.keep(messages, were_in_flight=True):
            self._again.clear()
            self._account.give_up(messages, Outcome.SPOOLED, None)

    def _retain(self, kept: Kept, message: Message, receipt: Receipt) -> bool:
        """Put what the broker did not take into the spool, unless somebody else keeps it."""
        if receipt.outcome is Outcome.CONFIRMED:
            return False
        if receipt.outcome is Outcome.RETURNED:
            stored = not self._account.keeps_refused and kept.set_aside(message)
        else:
            kept.refused()
            stored = kept.keep([message], were_in_flight=True)
        if stored:
            self._account.tell([receipt_of(message, Outcome.SPOOLED, receipt.reason)])
        return stored

    # -- ends ------------------------------------------------------------------------------------------------------

    def _lost(self, error: MQError) -> None:
        """The connection is of no use any more: what was in flight is published again, before anything newer.

        Raises:
            MQError: ``error``, where nothing is kept and another connection would not do better.
        """
        self._again.extendleft(reversed(self._account.take_back()))
        self._blocked = None
        if self._kept is not None:
            foreign = self._kept.lost(error)
            self._keep_again(self._kept)
            self._line.lost(error)
            if foreign:
                self._line.hurry(LAST_DIAL)
            return
        doubtful = isinstance(error, CredentialError) and not self._doubted
        if not doubtful and not isinstance(error, BrokerUnreachable):
            raise error
        self._doubted = True  # a credential that has ended may have been renewed; one that is refused again has not
        self._line.lost(error)

    def _too_late(self) -> MQError:
        if self._line.publisher is None and self._line.failure is not None:
            return self._line.failure
        return TemporaryFailure(self._why_late(), hint="try again, or give it a longer --timeout")

    def _why_late(self) -> str:
        publisher = self._line.publisher
        if publisher is None:
            return "the time is up, and there is no connection"
        if publisher.blocked is not None:
            return f"the broker blocks publishers ({publisher.blocked})"
        if publisher.in_flight:
            in_flight = f"{publisher.in_flight} in flight may have arrived"
            return f"{self._request.destination} confirmed nothing in time; {in_flight}"
        return "the time is up before the end of the input"

    def _last_words(self) -> None:
        """After a signal: wait for confirms in flight, and with a spool read what the input still has to say."""
        clock = self._around.clock
        grace = Deadline(clock, self._request.grace if self._kept is not None else CONFIRM_GRACE)
        confirms, quiet = Deadline(clock, CONFIRM_GRACE), Deadline(clock, QUIET)
        while not grace.over:
            if self._kept is not None and not self._intake.ended:
                if self._read():
                    quiet.restart()
                self._store(self._kept, self._intake.take_all())
            publisher = self._line.publisher
            reading = self._kept is not None and not self._intake.ended and not quiet.over
            awaiting = publisher is not None and publisher.in_flight and not confirms.over
            if not reading and not awaiting:
                return
            fd = self._intake.fileno() if reading else None
            left = soonest(grace, *([quiet] if reading else []), *([confirms] if awaiting else []))
            try:
                if publisher is None:
                    self._around.wait([] if fd is None else [fd], left)
                else:
                    self._settle(publisher.turn(left, fd))
            except MQError:
                self._line.close()

    def _finish(self, reason: str) -> None:
        """Nothing more will be heard: what is in flight has an unknown fate, unless it is kept."""
        self._again.extendleft(reversed(self._account.take_back()))
        kept, summary = self._kept, self._account.summary
        if kept is not None:
            self._keep_again(kept)
            self._store(kept, self._intake.take_all())
            if summary.spooled:
                waiting = kept.waiting()
                summary.lost += max(0, summary.spooled - waiting)
                summary.spooled = waiting
        self._account.give_up(list(self._again), Outcome.UNKNOWN, reason)
        self._again.clear()
