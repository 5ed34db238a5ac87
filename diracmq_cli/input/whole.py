"""A message that is all of an input: standard input, or a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diracmq_cli.core.message import MAX_BODY, Message
from diracmq_cli.errors import DataError

if TYPE_CHECKING:
    from diracmq_cli.input.descriptor import Descriptor


class WholeSource:
    """One message, complete when its input ends (port ``Source``)."""

    def __init__(self, source: Descriptor) -> None:
        self._source = source
        self._body = bytearray()
        self._ended = False

    def fileno(self) -> int | None:
        """What becomes readable when there is more."""
        return self._source.fileno()

    def read(self) -> Sequence[Message] | None:
        """Nothing while the input goes on, then the message, then None.

        Raises:
            DataError: it cannot be read, or has more octets than a message may have.
        """
        if self._ended:
            return None
        while (chunk := self._source.read()) is not None:
            if not chunk:
                self._ended = True
                return (Message(body=bytes(self._body)),)
            self._body += chunk
            if len(self._body) > MAX_BODY:
                raise too_large(self._source.name)
        return ()


def too_large(name: str) -> DataError:
    """The error for an input whose message would exceed ``MAX_BODY``."""
    return DataError(f"{name} has more than {MAX_BODY} octets, the largest message a broker takes")
