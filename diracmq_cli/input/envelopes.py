"""Messages that come as envelopes (``--from-json``), one a line, as the readers' ``-j`` writes them."""

from __future__ import annotations

from collections.abc import Sequence

from diracmq_cli.core.envelope import MAX_LINE, decode
from diracmq_cli.core.message import Message
from diracmq_cli.errors import DataError
from diracmq_cli.input.descriptor import Descriptor
from diracmq_cli.input.records import Records


class EnvelopeSource:
    """One message per envelope; blank lines are passed over (port ``Source``)."""

    def __init__(self, source: Descriptor) -> None:
        self._records = Records(source, b"\n", limit=MAX_LINE, called="line")
        self._error: DataError | None = None

    def fileno(self) -> int | None:
        """What becomes readable when there is more."""
        return self._records.fileno()

    def read(self) -> Sequence[Message] | None:
        """All messages that are complete now, or None at the end.

        What stands before a bad line is handed out first, so that how much is sent does not depend on how the input
        happened to arrive.

        Raises:
            DataError: the input cannot be read, or a line is no envelope; the message gives its number.
        """
        if self._error is not None:
            raise self._error
        while records := self._records.read():
            first = self._records.count - len(records) + 1
            if messages := self._decode(records, first):
                return messages
        return None if records is None else ()

    def _decode(self, records: list[bytes], first: int) -> list[Message]:
        messages: list[Message] = []
        for number, record in enumerate(records, first):
            if not record.strip():
                continue
            try:
                messages.append(decode(record))
            except DataError as error:
                self._error = DataError(f"{self._records.where(number)}: {error}", hint=error.hint)
                if messages:
                    break
                raise self._error from None
        return messages
