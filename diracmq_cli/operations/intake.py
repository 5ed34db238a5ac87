"""What has been read of the input and waits in memory to be sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diracmq_cli.errors import DataError, UsageError
from diracmq_cli.operations.deadline import Deadline

if TYPE_CHECKING:
    from diracmq_cli.core.message import Message
    from diracmq_cli.core.ports import Clock, Source
    from diracmq_cli.operations.allowance import Allowance
    from diracmq_cli.operations.batch import Batch

READ_AHEAD = 10_000
"""Messages that may wait in memory, where the input must not be kept waiting."""

READ_AHEAD_OCTETS = 4 * 1024 * 1024

HOLD = 1.0
"""Seconds without any progress after which what waits in memory goes to the disk, where there is one to go to."""


class Intake:
    """A source, and the messages of it that nobody has taken yet.

    Args:
        batch: where what is read becomes fewer messages; None for as many.
        allowance: how much of it goes; None for all.
    """

    def __init__(
        self, source: Source, clock: Clock, batch: Batch | None = None, allowance: Allowance | None = None
    ) -> None:
        self.ended = False
        self.messages = 0
        """Messages read so far, before they became fewer."""
        self.octets = 0
        """Octets of their bodies."""
        self._source, self._clock, self._batch, self._allowance = source, clock, batch, allowance
        self._waiting: deque[Message] = deque()
        self._octets = 0
        self._hold = Deadline(clock, HOLD)
        self._complaint = ""

    def __len__(self) -> int:
        return len(self._waiting)

    def fileno(self) -> int | None:
        """What becomes readable when there is more."""
        return self._source.fileno()

    @property
    def hurried(self) -> bool:
        """Whether somebody at the other end (of a pipe) is kept waiting when nothing is read."""
        return self._source.fileno() is not None

    @property
    def full(self) -> bool:
        """No more should be read before something is taken."""
        return len(self._waiting) >= READ_AHEAD or self._octets >= READ_AHEAD_OCTETS

    @property
    def hold(self) -> float | None:
        """Seconds until what waits has not moved for long; None when nothing waits."""
        return self._hold.left if self._waiting else None

    @property
    def due(self) -> float | None:
        """Seconds until ``ripen`` has something to do; None when nothing is to be waited for."""
        return None if self._batch is None else self._batch.due

    @property
    def dropped(self) -> int:
        """How many messages were read and do not go."""
        return 0 if self._allowance is None else self._allowance.dropped

    def ripen(self) -> bool:
        """Hand out a batch that has waited for long enough; True when there was one."""
        ripe = self.due == 0
        if ripe:
            self.close_batch()
        return ripe

    def close_batch(self) -> None:
        """Hand out the batch as it is."""
        if self._batch is not None:
            self._add(self._batch.close())

    @property
    def stale(self) -> bool:
        """Something waits and has not moved for long."""
        return bool(self._waiting) and self._hold.over

    def read(self) -> bool:
        """Take what is there of the input; True when the input has moved.

        Raises:
            DataError, UsageError: it is not what it should be. To read again goes on behind that place; where that
                cannot be done, the input has ended.
        """
        try:
            messages = self._source.read()
        except (DataError, UsageError) as error:
            self.ended = str(error) == self._complaint
            self._complaint = str(error)
            raise
        if messages is None:
            self.ended = True
            self.close_batch()
            return True
        self.octets += sum(message.size for message in messages)
        self.messages += len(messages)
        admitted = messages if self._allowance is None else self._allowance.admit(messages)
        self._add(admitted if self._batch is None else self._batch.add(admitted))
        return bool(messages)

    def take(self) -> Message:
        """The first message that waits."""
        message = self._waiting.popleft()
        self._octets -= message.size
        self._hold.restart()
        return message

    def take_all(self) -> list[Message]:
        """Everything that waits."""
        messages = list(self._waiting)
        self._waiting.clear()
        self._octets = 0
        return messages

    def end(self) -> None:
        """Read no more, and forget what waits."""
        self.ended = True
        self.take_all()

    def _add(self, messages: Sequence[Message]) -> None:
        if messages and not self._waiting:
            self._hold.restart()
        self._waiting.extend(messages)
        self._octets += sum(message.size for message in messages)
