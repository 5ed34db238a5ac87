"""A message given on the command line (``-m TEXT``)."""

from __future__ import annotations

import os
from collections.abc import Sequence

from diracmq_cli.core.message import Message


class TextSource:
    """One message whose body is an argument's octets, whatever the locale makes of them (port ``Source``)."""

    def __init__(self, text: str) -> None:
        self._message: Message | None = Message(body=os.fsencode(text))

    def fileno(self) -> int | None:
        """Nothing to wait for."""
        return None

    def read(self) -> Sequence[Message] | None:
        """The message, then None."""
        message, self._message = self._message, None
        return None if message is None else (message,)
