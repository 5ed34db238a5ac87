"""Envelopes as readers saved them (``-j``, ``--save``), read again as the deliveries that they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.core.envelope import MAX_LINE, decode_delivery
from diracmq_cli.errors import DataError
from diracmq_cli.input.records import Records

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.input.descriptor import Descriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """One line of a file: a delivery, or why it is none."""

    file: str
    line: int
    delivery: Delivery | None = None
    fault: str | None = None


class SavedEnvelopes:
    """The deliveries of one input, one a line; blank lines are passed over."""

    def __init__(self, source: Descriptor) -> None:
        self._file = source.name
        self._records = Records(source, b"\n", limit=MAX_LINE, called="line")

    def fileno(self) -> int | None:
        """What becomes readable when there is more."""
        return self._records.fileno()

    def read(self) -> Sequence[Saved] | None:
        """What is complete now (perhaps nothing), or None at the end.

        Raises:
            DataError: the input cannot be read, or a line is too long to be an envelope.
        """
        records = self._records.read()
        if records is None:
            return None
        first = self._records.count - len(records) + 1
        return [self._saved(number, record) for number, record in enumerate(records, first) if record.strip()]

    def _saved(self, number: int, record: bytes) -> Saved:
        try:
            return Saved(file=self._file, line=number, delivery=decode_delivery(record))
        except DataError as error:
            return Saved(file=self._file, line=number, fault=str(error))
