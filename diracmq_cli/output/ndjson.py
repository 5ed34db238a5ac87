"""Messages as envelopes, one JSON object a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.core.envelope import encode

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.verdict import Verdict
    from diracmq_cli.output.writer import Writer


class NdjsonSink:
    """Writes envelopes (port ``Sink``), the same octets on a terminal and elsewhere: UTF-8, as JSON is."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def write(self, delivery: Delivery, verdict: Verdict) -> None:
        """Take one message.

        Raises:
            OutputError, BrokenPipeError: as ``Writer.write``.
        """
        self._writer.write(encode(delivery, verdict).encode() + b"\n")

    def flush(self) -> None:
        """Write what was taken.

        Raises:
            OutputError, BrokenPipeError: as ``Writer.flush``.
        """
        self._writer.flush()
