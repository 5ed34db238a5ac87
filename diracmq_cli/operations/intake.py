"""What has been read of the input and waits in memory to be sent."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from diracmq_cli.errors import DataError, UsageError
from diracmq_cli.operations.deadline import Deadline

if TYPE_CHECKING:
    from diracmq_cli.core.message import Message
    from diracmq_cli.core.ports import Clock, Source

READ_AHEAD = 10_000
"""Messages that may wait in memory, where the input must not be kept waiting."""

READ_AHEAD_OCTETS = 4 * 1024 * 1024

HOLD = 1.0
"""Seconds without any progress after which what waits in memory goes to the disk, where there is one to go to."""


class Intake:
    """A source, and the messages of it that nobody has taken yet."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self.ended = False
        self.messages = 0
        """Messages read so far."""
        self.octets = 0
        """Octets of their bodies."""
        self._source, self._clock = source, clock
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
            batch = self._source.read()
        except (DataError, UsageError) as error:
            self.ended = str(error) == self._complaint
            self._complaint = str(error)
            raise
        if batch is None:
            self.ended = True
            return True
        if batch and not self._waiting:
            self._hold.restart()
        self._waiting.extend(batch)
        octets = sum(message.size for message in batch)
        self._octets += octets
        self.octets += octets
        self.messages += len(batch)
        return bool(batch)

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
