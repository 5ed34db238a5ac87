"""Send: read messages, stamp them, publish them with confirms pipelined, and account for each one.

Nothing here waits for one thing while it could do another: input is read while a connection is being made, and the
network is served while input is awaited.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from diracmq_cli.core.message import Message, Outcome, Receipt
from diracmq_cli.errors import DataError, MQError, UsageError
from diracmq_cli.operations.deadline import Deadline, soonest
from diracmq_cli.operations.lastwords import last_words
from diracmq_cli.operations.outflow import Outflow
from diracmq_cli.operations.safekeeping import Safekeeping

if TYPE_CHECKING:
    from diracmq_cli.operations.account import Account
    from diracmq_cli.operations.bursts import Bursts
    from diracmq_cli.operations.intake import Intake
    from diracmq_cli.operations.kept import Kept
    from diracmq_cli.operations.line import Line
    from diracmq_cli.operations.sendrequest import SendRequest, Surroundings

LAST_DIAL = 10.0
"""Seconds for one more attempt after the end of the input."""


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
        bursts: when to be connected, for a sender that collects; None for always.
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
        bursts: Bursts | None = None,
        whole: Deadline,
        around: Surroundings,
    ) -> None:
        self._intake, self._line, self._request = intake, line, request
        self._account, self._kept, self._whole, self._around = account, kept, whole, around
        self._bursts = bursts
        self._stall = Deadline(around.clock, request.stall)
        self._end = Deadline(around.clock, request.outage)
        self._safe = None if kept is None else Safekeeping(kept, account, prepare, self._refuse)
        self._out = Outflow(request.exchange, prepare, account, self._settle)
        self._bad: MQError | None = None
        self._blocked: str | None = None

    def run(self) -> None:
        """Send everything that the input gives, until its end or until a stop is asked for.

        Raises:
            TemporaryFailure: the time is up and the broker has not answered; what is in flight has an unknown fate.
            DataError, UsageError: of the input; what stood before it was sent, and with a spool what stood behind it.
            OutputError, BrokenPipeError: nobody takes the receipts; with a spool that is raised at the end.
            MQError: whatever source and broker say, where nothing is kept.
        """
        if self._bursts is not None:
            self._bursts.begin(self._line)
        try:
            while not self._around.stop.requested and not self._over:
                self._step()
                if self._whole.over and not self._line.dialling:  # an attempt ends by then, and says more
                    raise self._line.too_late(self._request.destination)
            if self._around.stop.requested:
                self._read_on()
        except (MQError, BrokenPipeError) as error:
            self._finish(str(error))
            raise
        else:
            self._finish("the sender was stopped before the broker had answered")
        finally:
            if self._kept is not None:
                self._kept.close()
            self._line.close()
        fault = self._account.broken or self._bad
        if fault is not None:
            raise fault

    @property
    def _over(self) -> bool:
        if not self._intake.ended or self._intake:
            return False
        if self._bursts is not None and self._bursts.over:
            return True
        if self._line.publisher is not None:
            return not self._busy or (self._kept is not None and self._end.over)
        if self._kept is None:
            return not self._out.again
        return self._line.tried and not self._line.dialling

    @property
    def _busy(self) -> bool:
        """Something is to be sent of what was read, or to be confirmed."""
        return bool(self._account.in_flight or self._out.again or self._draining)

    def _step(self) -> None:
        self._around.on_turn()
        if self._line.advance():
            self._stall.restart()
            if self._kept is not None and self._safe is not None:
                if self._collecting:
                    self._safe.store(self._intake.take_all())
                self._kept.connected()
        self._publish()
        moved = self._read()
        if self._kept is not None and self._safe is not None:
            self._keep(self._kept, self._safe)
            if self._bursts is not None:
                self._bursts.turn(self._intake, self._line, self._safe, busy=self._busy)
            if self._intake.ended and self._line.publisher is None:
                self._line.hurry(LAST_DIAL)
        if self._intake.hurried and not self._intake.ended:
            self._end.restart()
        at_once = self._can_publish or (self._line.publisher is None and not self._intake.hurried)
        if not (moved and at_once) and not self._over:
            self._turn()

    # -- out -------------------------------------------------------------------------------------------------------

    @property
    def _draining(self) -> bool:
        return self._kept is not None and self._kept.draining

    @property
    def _collecting(self) -> bool:
        return self._bursts is not None and self._bursts.collects(self._intake)

    @property
    def _can_publish(self) -> bool:
        publisher = self._line.publisher
        if publisher is None or self._draining or self._line.ageing or self._collecting:
            return False
        return publisher.ready

    def _publish(self) -> None:
        publisher = self._line.publisher
        if publisher is None or self._line.ageing:
            return
        try:
            if self._kept is not None:
                self._kept.publish(publisher)
            while self._can_publish and (self._out.again or self._intake):
                self._out.publish_one(publisher, self._intake)
        except (DataError, UsageError) as error:
            self._refuse(error)
        except MQError as error:
            self._lost(error)

    def _turn(self) -> None:
        """Wait for whatever comes first, and serve it."""
        publisher = self._line.publisher
        fd = self._intake.fileno() if self._wants_input else None
        if publisher is None:
            fds = [each for each in (fd, self._line.fileno()) if each is not None]
            self._around.wait(fds, self._limit(None))
            return
        waiting = self._intake or self._out.again or self._draining
        outstanding = publisher.in_flight or (waiting and publisher.blocked is not None)
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
        if not outstanding:
            self._stall.restart()
        elif self._stall.over:
            self._lost(self._line.late(self._request.destination, "--outage"))

    def _limit(self, more: float | None) -> float | None:
        """Seconds until something is to be done unasked."""
        limits = [more, self._line.due, self._intake.due, soonest(self._whole)]
        if self._kept is not None:
            if self._line.publisher is not None and not self._line.ageing:
                limits.append(self._kept.hold)
            if self._intake.hurried and self._kept.error is None:
                limits.append(self._intake.hold)
            if self._intake.ended or not self._intake.hurried:
                limits.append(self._end.left or None)
        if self._bursts is not None:
            limits.append(self._bursts.left)
        return min((limit for limit in limits if limit is not None), default=None)

    def _settle(self, receipts: Sequence[Receipt]) -> None:
        if not receipts:
            return
        self._stall.restart()
        self._line.progress()
        if self._safe is None:
            self._account.settle(self._account.take(receipts))
            return
        if any(receipt.outcome is Outcome.CONFIRMED for receipt in receipts):
            self._end.restart()
        self._safe.settle(receipts)

    # -- in --------------------------------------------------------------------------------------------------------

    @property
    def _wants_input(self) -> bool:
        if self._intake.ended:
            return False
        if self._kept is None:
            return self._line.publisher is not None and not self._intake and not self._out.again
        if self._intake.hurried:
            return not self._intake.full
        return not self._intake and (self._line.publisher is not None or self._hopeless)

    @property
    def _hopeless(self) -> bool:
        """No broker takes anything: there is no connection, and an attempt to get one has failed or one was lost; or
        there is one, and nothing has been confirmed for as long as an outage may last."""
        if self._line.publisher is None:
            return self._line.failure is not None
        return not self._intake.hurried and self._end.over

    def _read(self) -> bool:
        ripe = self._intake.ripen()
        try:
            return (self._wants_input and self._intake.read()) or ripe
        except (DataError, UsageError) as error:
            self._refuse(error)
            self._intake.close_batch()  # what stood before it
            return True

    def _refuse(self, error: DataError | UsageError) -> None:
        """A message is not what it should be. Without a spool it ends the input; what stood before it goes on."""
        self._bad = self._bad or error
        if self._kept is None:
            self._intake.end()
        else:
            self._around.on_refused(error)

    # -- the spool -------------------------------------------------------------------------------------------------

    def _keep(self, kept: Kept, safe: Safekeeping) -> None:
        """Put on the disk what must not wait in memory any longer.

        What a file holds waits there without harm while there is hope. A disk that has failed is asked again only
        when memory is full, since what it does not take is lost.
        """
        publisher = self._line.publisher
        if not self._intake or self._can_publish:
            return
        if publisher is not None and not self._intake.hurried and not self._hopeless:
            return
        pressing = self._intake.stale or self._hopeless or (publisher is not None and publisher.blocked is not None)
        if self._intake.full or (kept.error is None and pressing) or (self._hopeless and self._intake.ended):
            safe.store(self._intake.take_all())

    # -- ends ------------------------------------------------------------------------------------------------------

    def _lost(self, error: MQError) -> None:
        """The connection is of no use any more: what was in flight is published again, before anything newer.

        Raises:
            MQError: ``error``, where nothing is kept and another connection would not do better.
        """
        self._out.take_back()
        self._blocked = None
        if self._kept is not None and self._safe is not None:
            foreign = self._kept.lost(error)
            self._safe.store_again(self._out.again)
            self._line.lost(error)
            if foreign:
                self._line.hurry(LAST_DIAL)
            return
        self._line.lost(error)

    def _read_on(self) -> None:
        """After a signal: what is in flight may still be confirmed, and a spool takes what the input has to say."""
        if self._kept is None:
            self._intake.close_batch()
            self._publish()
        try:
            last_words(self._intake, self._line, self._safe, self._settle, self._request.grace, self._around)
        except (DataError, UsageError) as error:
            self._refuse(error)

    def _finish(self, reason: str) -> None:
        """Nothing more will be heard: what is in flight has an unknown fate, unless it is kept."""
        self._out.take_back()
        if self._safe is not None:
            self._safe.store_again(self._out.again)
            self._intake.close_batch()
            self._safe.store(self._intake.take_all())
            self._safe.count()
        self._out.give_up(reason)
