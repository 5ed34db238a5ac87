"""Messages of several lines, shown line by line (``--unbatch``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from diracmq_cli.core.batch import LINES_HEADER, complaint, split_lines
from diracmq_cli.core.stamp import STAMP_HEADER

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.ports import Sink
    from diracmq_cli.core.verdict import Verdict

_OF_THE_WHOLE = (LINES_HEADER, STAMP_HEADER)
"""Headers that are true of the whole message only: how many lines it has, and its signature."""


class UnbatchSink:
    """Hands each line of a batch to another sink, as a message of its own (port ``Sink``).

    What does not say that it holds lines is handed on as it is, and so is what says a wrong number of them.

    Args:
        sink: where lines and messages go.
        warn: told of a message whose number of lines is wrong.
    """

    def __init__(self, sink: Sink, warn: Callable[[str], None]) -> None:
        self._sink, self._warn = sink, warn

    def write(self, delivery: Delivery, verdict: Verdict) -> None:
        """Take one message.

        Raises:
            OutputError, BrokenPipeError: as the other sink does.
        """
        message = delivery.message
        wrong = complaint(message.headers, message.body)
        if wrong is not None:
            self._warn(f"message {message.properties.message_id}: {wrong}; it is shown as it is")
        if wrong is not None or LINES_HEADER not in message.headers:
            self._sink.write(delivery, verdict)
            return
        headers = {name: value for name, value in message.headers.items() if name not in _OF_THE_WHOLE}
        for number, line in enumerate(split_lines(message.body), start=1):
            self._sink.write(
                replace(delivery, message=replace(message, body=line, headers=headers), line=number), verdict
            )

    def flush(self) -> None:
        """Make every line written so far as safe as the other sink can."""
        self._sink.flush()
