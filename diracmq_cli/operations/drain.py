"""Publish what waits in the spool: in order, with the ids and stamps it has, taken off once it is confirmed.

This is the part that ``flush`` and ``send`` share: it neither connects nor waits, so that a sender may go on reading
its input meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diracmq_cli.core.message import Outcome, Receipt
from diracmq_cli.errors import DataError

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Backlog, Publisher
    from diracmq_cli.core.spool import SpoolEntry

MAX_SETTLING = 64
"""Backlogs that are read to their end and still wait for confirms; each holds open files."""

_AT_ONCE = 200


@dataclass(slots=True)
class DrainSummary:
    """What became of entries. ``failure`` is the last reason why some stay in the spool."""

    confirmed: int = 0
    returned: int = 0
    nacked: int = 0
    refused: int = 0
    failure: str | None = None


@dataclass(slots=True, eq=False)
class _Held:
    """A backlog that is ours for now; ``stopped`` when its destination takes no more of it."""

    backlog: Backlog
    ahead: deque[SpoolEntry] = field(default_factory=deque)
    in_flight: int = 0
    stopped: bool = False


class Drain:
    """Takes backlogs one after another through whatever publisher it is given.

    Only one exchange has entries in flight at a time: when the broker closes the channel, it is known which one it
    means. What the broker returns, and what no broker would take, stays in the spool and is passed over; after a nack
    nothing more of that backlog is published, since its destination is full or failing.

    Args:
        backlogs: taken only when it is their turn. The last one may grow while it is drained.
        summary: filled as receipts come.
        barred: exchanges to leave alone; ``bar`` adds to them.
    """

    def __init__(self, backlogs: Iterable[Backlog], summary: DrainSummary, *, barred: set[str] | None = None) -> None:
        self._summary = summary
        self._more = iter(backlogs)
        self._again: deque[_Held] = deque()
        self._current: _Held | None = None
        self._settling: list[_Held] = []
        self._in_flight: dict[int, tuple[_Held, SpoolEntry]] = {}
        self._exchange = ""
        self._barred: set[str] = set() if barred is None else barred

    @property
    def exchange(self) -> str:
        """Where was published to last; empty before anything was."""
        return self._exchange

    @property
    def in_flight(self) -> int:
        """Entries published and not yet settled."""
        return len(self._in_flight)

    @property
    def finished(self) -> bool:
        """True when nothing is in flight and nothing more can be published.

        Raises:
            OutputError: the spool cannot be read.
        """
        return not self._in_flight and self._next() is None

    def backlog_of(self, sequence: int) -> Backlog | None:
        """Where the message in flight under that number came from; None when not from here."""
        found = self._in_flight.get(sequence)
        return None if found is None else found[0].backlog

    def publish(self, publisher: Publisher) -> None:
        """Publish as much as the publisher's window takes.

        Raises:
            BrokerLost: the connection has ended; see ``rewind``.
            OutputError: the spool cannot be read.
        """
        while publisher.ready and (held := self._next()) is not None:
            entry = held.ahead[0]
            try:
                sequence = publisher.publish(entry.label.exchange, entry.message)
            except DataError as error:
                self._summary.refused += 1
                self._summary.failure = str(error)
            else:
                self._exchange = entry.label.exchange
                self._in_flight[sequence] = held, entry
                held.in_flight += 1
            held.ahead.popleft()

    def settle(self, receipts: Sequence[Receipt]) -> list[Receipt]:
        """Account for receipts; returns those of messages that did not come from the spool.

        Raises:
            OutputError: the spool cannot be written, so that confirmed entries will be sent again.
        """
        confirmed: dict[_Held, list[SpoolEntry]] = {}
        others = []
        for receipt in receipts:
            if receipt.sequence not in self._in_flight:
                others.append(receipt)
                continue
            held, entry = self._in_flight.pop(receipt.sequence)
            held.in_flight -= 1
            entries = confirmed.setdefault(held, [])
            if receipt.outcome is Outcome.CONFIRMED:
                entries.append(entry)
            else:
                self._refused(held, receipt)
        for held, entries in confirmed.items():
            held.backlog.confirm(entries)
            self._summary.confirmed += len(entries)
            if held in self._settling and not held.in_flight:
                self._settling.remove(held)
                held.backlog.close()
        return others

    def rewind(self) -> None:
        """The connection was lost: what was in flight is to be published again.

        Raises:
            OutputError: the spool cannot be read.
        """
        held_now = [*self._settling, *([self._current] if self._current is not None else ())]
        for held in held_now:
            held.backlog.rewind()
            held.ahead.clear()
            held.in_flight = 0
        self._again.extendleft(reversed(held_now))
        self._settling.clear()
        self._in_flight.clear()
        self._current = None

    def bar(self, reason: str) -> None:
        """The broker closed the channel over the exchange that was published to: leave what goes there.

        Raises:
            OutputError: the spool cannot be read.
        """
        self._barred.add(self._exchange)
        self._summary.failure = reason
        self.rewind()

    def close(self) -> None:
        """Let go of every backlog; what was not confirmed stays.

        Raises:
            OutputError: the spool cannot be written.
        """
        self.rewind()
        while self._again:
            self._again.popleft().backlog.close()

    def _refused(self, held: _Held, receipt: Receipt) -> None:
        self._summary.failure = receipt.reason
        if receipt.outcome is Outcome.RETURNED:
            self._summary.returned += 1
        else:
            self._summary.nacked += 1
            held.stopped = True

    def _next(self) -> _Held | None:
        """The backlog whose first entry ahead is to be published now; None when there is none, or not yet."""
        while True:
            held = self._current
            if held is not None and not held.stopped:
                if not held.ahead:
                    held.ahead.extend(held.backlog.read(_AT_ONCE))
                if held.ahead:
                    mixed = self._in_flight and held.backlog.label.exchange != self._exchange
                    return None if mixed else held
            if not self._advance():
                return None

    def _advance(self) -> bool:
        """Turn to the next backlog. While there is none, the current one stays: its sender may add to it."""
        if len(self._settling) >= MAX_SETTLING:
            return False
        if self._again:
            following = self._again.popleft()
        else:
            backlog = next(self._more, None)
            if backlog is None:
                return False
            following = _Held(backlog)
        current, self._current = self._current, None
        if current is not None and current.in_flight:
            self._settling.append(current)
        elif current is not None:
            current.backlog.close()
        if following.backlog.label.exchange in self._barred:
            following.backlog.close()
        else:
            self._current = following
        return True
