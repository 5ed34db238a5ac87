"""How much of its input a run may send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.core.message import Message


class Allowance:
    """A beginning of the input of so many octets; once something did not fit, nothing behind it goes either.

    Args:
        octets: of bodies, as they were read.
    """

    def __init__(self, octets: int) -> None:
        self.dropped = 0
        """Messages that it left out."""
        self._left = octets

    def admit(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages that go; the others are counted."""
        for index, message in enumerate(messages):
            if self.dropped or message.size > self._left:
                self.dropped += len(messages) - index
                return messages[:index]
            self._left -= message.size
        return messages
