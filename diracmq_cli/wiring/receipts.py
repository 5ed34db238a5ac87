"""Where it goes what became of messages: receipts on standard output, refused messages in a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diracmq_cli.core.message import Delivery, Message, Receipt
from diracmq_cli.core.model import ExchangeSpec, OriginLevel
from diracmq_cli.errors import OutputError
from diracmq_cli.output.writer import Writer

if TYPE_CHECKING:
    from diracmq_cli.output.ndjson import NdjsonSink
    from diracmq_cli.wiring.target import Target

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class Receipts:
    """Writes each receipt as a JSON line (``-j``)."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def __call__(self, receipts: Sequence[Receipt]) -> None:
        """Write a batch, and flush it."""
        import json

        for receipt in receipts:
            line: dict[str, str | int] = {"message_id": receipt.message_id, "outcome": receipt.outcome.value}
            if receipt.lines is not None:
                line["lines"] = receipt.lines
            if receipt.reason is not None:
                line["reason"] = receipt.reason
            self._writer.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._writer.flush()


def no_receipts(_receipts: Sequence[Receipt]) -> None:
    """Without ``-j`` nothing is written for each message."""


class RefusedFile:
    """Envelopes of what the broker returned or nacked (``--returned FILE``), added to what the file already holds."""

    def __init__(self, path: str, target: Target) -> None:
        """Open the file, or make it (mode 0600), before anything is sent.

        Raises:
            OutputError: it cannot be written.
        """
        from diracmq_cli.output.ndjson import NdjsonSink

        try:
            fd = os.open(path, _CREATE, 0o600)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
        self._sink: NdjsonSink = NdjsonSink(Writer(fd, path))
        self._target = target

    def __call__(self, message: Message, receipt: Receipt) -> None:
        """Add one message."""
        from diracmq_cli.core.verdict import Verdict

        spec = self._target.spec
        is_exchange = isinstance(spec, ExchangeSpec)
        delivery = Delivery(
            message=message,
            service=spec.service.name,
            queue="" if is_exchange else spec.name,
            exchange=exchange_of(self._target),
            delivery_tag=receipt.sequence,
        )
        claim = message.headers.get("dirac-dn")
        self._sink.write(delivery, Verdict(level=OriginLevel.CLAIMED, dn=claim if isinstance(claim, str) else None))
        self._sink.flush()


def exchange_of(target: Target) -> str:
    """The exchange that messages for a destination are published to."""
    return target.spec.name if isinstance(target.spec, ExchangeSpec) else target.spec.exchange
