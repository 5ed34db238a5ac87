"""What a sender has made ready for the broker: stamped once, and published as often as it takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from diracmq_cli.core.message import Message, Outcome, Receipt
from diracmq_cli.errors import DataError

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Publisher
    from diracmq_cli.operations.account import Account
    from diracmq_cli.operations.intake import Intake


class Outflow:
    """The messages that are to be published before anything of the input, and the way out for both.

    Args:
        exchange: where they go.
        prepare: makes the message that is published (routing key, headers, stamp).
        account: every message's fate.
        settle: told what the broker has said of messages.
    """

    def __init__(
        self,
        exchange: str,
        prepare: Callable[[Message], Message],
        account: Account,
        settle: Callable[[Sequence[Receipt]], None],
    ) -> None:
        self.again: deque[Message] = deque()
        """What has been in flight and goes first now."""
        self._exchange, self._prepare, self._account, self._settle = exchange, prepare, account, settle

    def publish_one(self, publisher: Publisher, intake: Intake) -> None:
        """Publish what comes next.

        Raises:
            DataError, UsageError: it is none that a broker would take, and is left out.
            BrokerLost: the connection has ended.
        """
        if not self.again:
            self.again.append(self._prepare(intake.take()))
            self._account.summary.send(self.again)
        message = self.again[0]
        try:
            sequence = publisher.publish(self._exchange, message)
        except DataError:
            self._settle(publisher.turn(0))  # if it is the channel that the broker has closed, this says so
            self._account.summary.unsend(self.again.popleft())
            raise
        self.again.popleft()
        self._account.published(sequence, message)

    def take_back(self) -> None:
        """What was in flight goes first now."""
        self.again.extendleft(reversed(self._account.take_back()))

    def give_up(self, reason: str) -> None:
        """Nothing more will be heard: what is here may have arrived."""
        self._account.give_up(list(self.again), Outcome.UNKNOWN, reason)
        self.again.clear()
