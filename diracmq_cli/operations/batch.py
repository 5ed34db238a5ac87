"""Lines that become one message: until it is large enough, or its first line has waited for long enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diracmq_cli.core.batch import LINES_HEADER, join_lines
from diracmq_cli.core.message import Message
from diracmq_cli.operations.deadline import Deadline

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Clock


class Batch:
    """The lines that wait to become one message.

    Args:
        limit: octets of a body, newlines and all; a longer line goes alone.
        linger: seconds that a first line waits for more.
    """

    def __init__(self, limit: int, linger: float, clock: Clock) -> None:
        self._limit = limit
        self._linger = Deadline(clock, linger)
        self._lines: list[bytes] = []
        self._octets = 0

    @property
    def due(self) -> float | None:
        """Seconds until it is to be closed; None while it is empty."""
        return self._linger.left if self._lines else None

    def add(self, lines: Sequence[Message]) -> list[Message]:
        """Take lines; returns the messages that this completes."""
        complete: list[Message] = []
        for line in lines:
            octets = line.size + 1
            if self._octets + octets > self._limit:
                complete += self.close()
            if not self._lines:
                self._linger.restart()
            self._lines.append(line.body)
            self._octets += octets
            if self._octets >= self._limit:
                complete += self.close()
        return complete

    def close(self) -> list[Message]:
        """What there is as one message, or none."""
        if not self._lines:
            return []
        message = Message(body=join_lines(self._lines), headers={LINES_HEADER: len(self._lines)})
        self._lines, self._octets = [], 0
        return [message]
