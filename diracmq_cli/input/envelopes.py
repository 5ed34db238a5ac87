"""Messages that come as envelopes (``--from-json``), one a line, as the readers' ``-j`` writes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diracmq_cli.core.envelope import MAX_LINE, decode
from diracmq_cli.errors import DataError
from diracmq_cli.input.records import Records

if TYPE_CHECKING:
    from diracmq_cli.core.message import Message
    from diracmq_cli.input.descriptor import Descriptor


class EnvelopeSource:
    """One message per envelope; blank lines are passed over (port ``Source``)."""

    def __init__(self, source: Descriptor) -> None:
        self._records = Records(source, b"\n", limit=MAX_LINE, called="line")
        self._lines: deque[tuple[int, bytes]] = deque()

    def fileno(self) -> int | None:
        """What becomes readable when there is more."""
        return None if self._lines else self._records.fileno()

    def read(self) -> Sequence[Message] | None:
        """All messages that are complete now, or None at the end.

        What stands before a bad line is handed out first, so that how much is sent does not depend on how the input
        happened to arrive.

        Raises:
            DataError: the input cannot be read, or a line is no envelope; the message gives its number, and the next
                call goes on behind it.
        """
        while True:
            if not self._lines:
                records = self._records.read()
                if not records:
                    return None if records is None else ()
                self._lines.extend(enumerate(records, self._records.count - len(records) + 1))
            if messages := self._decode():
                return messages

    def _decode(self) -> list[Message]:
        """The messages up to a bad line, which is an error when it stands first."""
        messages: list[Message] = []
        while self._lines:
            number, line = self._lines.popleft()
            if not line.strip():
                continue
            try:
                messages.append(decode(line))
            except DataError as error:
                if messages:
                    self._lines.appendleft((number, line))
                    break
                raise DataError(f"{self._records.where(number)}: {error}", hint=error.hint) from None
        return messages
