"""Messages that are the lines of an input (``-l``), or its NUL-terminated records (``-0``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diracmq_cli.core.message import MAX_BODY, Message, Properties
from diracmq_cli.input.records import Records

if TYPE_CHECKING:
    from diracmq_cli.input.descriptor import Descriptor

_NO_PROPERTIES = Properties()  # shared: building one per line would cost more than everything else here


class LineSource:
    """One message per line, without its newline; an empty line is an empty message (port ``Source``)."""

    def __init__(self, source: Descriptor, *, null: bool = False, limit: int = MAX_BODY) -> None:
        """Cut at newlines, or at NUL if ``null``; ``limit`` is in octets of one."""
        separator, called = (b"\0", "record") if null else (b"\n", "line")
        self._records = Records(source, separator, limit=limit, called=called)

    def fileno(self) -> int | None:
        """What becomes readable when there is more."""
        return self._records.fileno()

    def read(self) -> Sequence[Message] | None:
        """All messages that are complete now, or None at the end.

        Raises:
            DataError: the input cannot be read, or a line is too long for a message; the message gives its number.
        """
        records = self._records.read()
        if records is None:
            return None
        return [Message(body=record, properties=_NO_PROPERTIES) for record in records]
