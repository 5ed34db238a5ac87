"""The spool's side of a running sender: what goes to the disk, and what comes back from there first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from diracmq_cli.core.message import Message, Outcome, Receipt
from diracmq_cli.errors import MQError, OutputError, PermissionDenied, UnknownDestination
from diracmq_cli.operations.deadline import Deadline
from diracmq_cli.operations.drain import Drain, DrainSummary

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Backlog, Clock, Keeper, Publisher

REFUSED_PAUSE = 2.0
"""Seconds before entries are tried again that a full or failing queue has refused."""


class Kept:
    """Keeps messages in two runs of the spool, and drains them with what earlier runs left.

    The first run takes what was in flight when a connection was lost, the second what was read since. The first comes
    before the second in the spool's order, so that both come in the order of the input: as long as anything of them is
    to be drained, nothing is published beside it.

    Args:
        first, second: keepers of one label, in the spool's order.
        abandoned: what earlier runs left of this owner's; asked anew for each connection.
    """

    def __init__(
        self,
        first: Keeper,
        second: Keeper,
        abandoned: Callable[[], Iterable[Backlog]],
        *,
        exchange: str,
        clock: Clock,
    ) -> None:
        self.error: OutputError | None = None
        """The first reason why the disk did not take something, or could not be read."""
        self.summary = DrainSummary()
        self._first, self._second = first, second
        self._abandoned, self._exchange, self._clock = abandoned, exchange, clock
        self._drain: Drain | None = None
        self._barred: set[str] = set()
        self._fresh = False
        self._reached = False
        self._readable = True
        self._hold = Deadline(clock, 0)

    @property
    def draining(self) -> bool:
        """Whether something of the spool goes before anything newer."""
        return self._drain is not None or self._fresh

    @property
    def hold(self) -> float | None:
        """Seconds until ``publish`` begins anew with what was kept meanwhile, or was refused; None when nothing was, or
        an answer of the broker comes first."""
        return self._hold.left if self._drain is None and self._fresh else None

    def keep(self, messages: Sequence[Message], *, were_in_flight: bool = False) -> bool:
        """Put messages on the disk; False when it cannot be done, ``error`` then says why.

        Raises:
            DataError: one that no broker would take; none of them is kept.
        """
        try:
            (self._first if were_in_flight else self._second).append(messages)
        except OutputError as error:
            self.error = self.error or error
            return False
        if messages and (were_in_flight or self._drain is None or not self._reached):
            self._fresh = self._readable
        return True

    def set_aside(self, message: Message) -> bool:
        """Keep a message that the broker returned: to be sent by a later run, or after a loss, but not at once."""
        fresh = self._fresh
        kept = self.keep([message], were_in_flight=True)
        self._fresh = fresh
        return kept

    def refused(self) -> None:
        """A queue is full or failing: leave it alone for a while."""
        self._hold = Deadline(self._clock, REFUSED_PAUSE)

    def connected(self) -> None:
        """A new connection: everything that is ours goes first."""
        self._begin(self._abandoned)

    def publish(self, publisher: Publisher) -> None:
        """Publish what waits, as much as the window takes.

        Raises:
            BrokerLost: the connection has ended; see ``lost``.
        """
        try:
            if self._drain is None and self._fresh and self._hold.over:
                self._begin(tuple)
            if self._drain is None:
                return
            self._drain.publish(publisher)
            if self._drain.finished:
                self._end()
        except OutputError as error:
            self._unreadable(error)

    def settle(self, receipts: Sequence[Receipt]) -> tuple[list[Receipt], list[Receipt], list[Receipt]]:
        """Sort receipts: of messages that did not come from the spool, of entries of this run, of earlier ones."""
        if self._drain is None:
            return list(receipts), [], []
        own: list[Receipt] = []
        earlier: list[Receipt] = []
        mine = (self._first.backlog, self._second.backlog)
        for receipt in receipts:
            backlog = self._drain.backlog_of(receipt.sequence)
            if backlog is not None:
                (own if backlog in mine else earlier).append(receipt)
        try:
            others = self._drain.settle(receipts)
        except OutputError as error:
            taken = {receipt.sequence for receipt in (*own, *earlier)}
            others = [receipt for receipt in receipts if receipt.sequence not in taken]
            self._unreadable(error)
        if any(receipt.outcome is Outcome.NACKED for receipt in own):
            self._fresh = True
            self.refused()
        return others, own, earlier

    def lost(self, error: MQError) -> bool:
        """The connection is gone. True when that is only because of an exchange that is none of this run's."""
        drain = self._drain
        foreign = drain is not None and drain.exchange not in ("", self._exchange)
        foreign = foreign and isinstance(error, UnknownDestination | PermissionDenied)
        if foreign and drain is not None:
            self._barred.add(drain.exchange)
        self._end()
        return foreign

    def waiting(self) -> int:
        """How many messages of this run wait; 0 where that cannot be read, which ``error`` tells."""
        try:
            return self._first.waiting() + self._second.waiting()
        except OutputError as error:
            self.error = self.error or error
            return 0

    def close(self) -> None:
        """Leave what waits to whoever comes next."""
        self._end()
        for keeper in (self._first, self._second):
            try:
                keeper.close()
            except OutputError as error:
                self.error = self.error or error

    def _begin(self, abandoned: Callable[[], Iterable[Backlog]]) -> None:
        self._end()
        if self._readable:
            self._fresh = self._reached = False
            self._drain = Drain(self._backlogs(abandoned), self.summary, barred=self._barred)

    def _backlogs(self, abandoned: Callable[[], Iterable[Backlog]]) -> Iterator[Backlog]:
        yield from abandoned()
        if self._first.backlog is not None:
            yield self._first.backlog
        if self._second.backlog is not None:
            self._reached = True
            yield self._second.backlog

    def _end(self) -> None:
        drain, self._drain = self._drain, None
        if drain is not None:
            try:
                drain.close()
            except OutputError as error:
                self._unreadable(error)

    def _unreadable(self, error: OutputError) -> None:
        """Nothing more can be drained in this run; what comes is published past the spool."""
        self.error = self.error or error
        self._readable = self._fresh = False
        drain, self._drain = self._drain, None
        if drain is not None:
            with suppress(OutputError):
                drain.close()
