"""What a program hands to its sender (port ``Source``): one thread puts in, the sender's takes out."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diracmq_cli.core.message import Message


class Feed:
    """Messages on their way from one thread to another; a pipe wakes the one that waits for them."""

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()
        self._ended = False
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        os.set_blocking(self._write_end, False)

    def put(self, message: Message) -> None:
        """Hand over one message."""
        self._waiting.append(message)
        self._wake()

    def end(self) -> None:
        """There will be no more."""
        self._ended = True
        self._wake()

    def fileno(self) -> int:
        """See ``core.ports.Source``."""
        return self._read_end

    def read(self) -> Sequence[Message] | None:
        """See ``core.ports.Source``."""
        with suppress(BlockingIOError):
            os.read(self._read_end, 65536)
        messages = [self._waiting.popleft() for _ in range(len(self._waiting))]
        return None if self._ended and not messages else messages

    def close(self) -> None:
        """Close the pipe; nobody reads any more."""
        ends, self._read_end, self._write_end = (self._read_end, self._write_end), -1, -1
        for end in ends:
            os.close(end)

    def _wake(self) -> None:
        with suppress(OSError):  # full: whoever reads it is awake; closed: nobody does
            os.write(self._write_end, b".")
