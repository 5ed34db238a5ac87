"""Messages of a running sender put into the spool, and accounted for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from diracmq_cli.core.message import Message, Outcome, Receipt
from diracmq_cli.errors import DataError, UsageError
from diracmq_cli.operations.account import Account, receipt_of

if TYPE_CHECKING:
    from diracmq_cli.operations.kept import Kept


class Safekeeping:
    """Between a sender and its spool: everything that goes to the disk gets its receipt.

    Args:
        kept: the spool.
        account: every message's fate.
        prepare: makes of a message as it was read one that can be published.
        refuse: told why a message is none that a broker would take.
    """

    def __init__(
        self,
        kept: Kept,
        account: Account,
        prepare: Callable[[Message], Message],
        refuse: Callable[[DataError | UsageError], None],
    ) -> None:
        self._kept, self._account, self._prepare, self._refuse = kept, account, prepare, refuse

    def store(self, raw: Sequence[Message]) -> None:
        """Keep messages as they were read; those that the disk does not take are lost, and said to be."""
        messages = []
        for each in raw:
            try:
                messages.append(self._prepare(each))
            except (DataError, UsageError) as error:
                self._refuse(error)
        try:
            self._report(messages, kept=self._kept.keep(messages))
        except DataError:  # one of them; each by itself, then
            for message in messages:
                try:
                    self._report([message], kept=self._kept.keep([message]))
                except DataError as error:
                    self._refuse(error)

    def store_again(self, messages: deque[Message]) -> None:
        """Keep what was in flight; where that fails, it stays in memory for the next connection."""
        unconfirmed = list(messages)
        if unconfirmed and self._kept.keep(unconfirmed, were_in_flight=True):
            messages.clear()
            self._account.give_up(unconfirmed, Outcome.SPOOLED, None)

    def settle(self, receipts: Sequence[Receipt]) -> None:
        """The broker's word, on messages and on entries of the spool; what it did not take is kept."""
        others, own, earlier = self._kept.settle(receipts)
        self._account.from_spool(own, ours=True)
        self._account.from_spool(earlier, ours=False)
        self._account.settle([each for each in self._account.take(others) if not self._retain(*each)])

    def count(self) -> None:
        """Put into the figures what waits in the end: the spool may have dropped some for want of room."""
        summary = self._account.summary
        if summary.spooled:
            waiting = self._kept.waiting()
            summary.lost += max(0, summary.spooled - waiting)
            summary.spooled = waiting

    def _report(self, messages: Sequence[Message], *, kept: bool) -> None:
        self._account.summary.send(messages)
        outcome = Outcome.SPOOLED if kept else Outcome.LOST
        self._account.give_up(messages, outcome, None if kept else str(self._kept.error))

    def _retain(self, message: Message, receipt: Receipt) -> bool:
        """Keep what the broker did not take, unless somebody else does."""
        if receipt.outcome is Outcome.CONFIRMED:
            return False
        if receipt.outcome is Outcome.RETURNED:
            kept = not self._account.keeps_refused and self._kept.set_aside(message)
        else:
            self._kept.refused()
            kept = self._kept.keep([message], were_in_flight=True)
        if kept:
            self._account.tell([receipt_of(message, Outcome.SPOOLED, receipt.reason)])
        return kept
