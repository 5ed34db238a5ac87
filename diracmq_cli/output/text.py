"""Messages as text: laid out for a terminal, or one line each for a pipe. The fields are the same six in both.

==========  ===========================================================================
verdict     ``✓ signed``, ``✓ broker``, ``? claimed``, ``✗ reason``; see ``label``
time        the message's timestamp, UTC
who         the DN at that level, or ``server NAME``
host        the header ``dirac-host``
key         the routing key
body        the body
==========  ===========================================================================

``-`` stands for what is absent. In a pipe the fields are separated by TABs, which the values never hold (``cut -f``,
``awk -F'\\t'``), and the body comes last. Values are shown as ``escape.visible`` has them. On a terminal only a verdict
stands in a first column: everything else of a message follows it or is indented.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from diracmq_cli.core.jsonvalues import time_to_json
from diracmq_cli.core.values import OpaqueString
from diracmq_cli.output.cells import INDENT, Span, cells, fold, paint
from diracmq_cli.output.escape import visible_octets, visible_value
from diracmq_cli.output.label import ABSENT, LABEL_WIDTH, verdict_label, verdict_style, who

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.verdict import Verdict
    from diracmq_cli.output.terminal import Look
    from diracmq_cli.output.writer import Writer

_utc = lru_cache(maxsize=64)(time_to_json)

_TIME_STYLE = "2"
_KEY_STYLE = "36"
_GAP = "  "
_WIDEST = (LABEL_WIDTH, 20, 48, 32, 32)
"""Up to how many columns a field is padded, so that one odd message does not push all later ones to the right."""


class TextSink:
    """Shows messages to people (port ``Sink``)."""

    def __init__(self, writer: Writer, look: Look) -> None:
        self._writer = writer
        self._look = look
        self._plain_marks = look.plain_marks
        self._columns = [LABEL_WIDTH, 0, 0, 0, 0]

    def write(self, delivery: Delivery, verdict: Verdict) -> None:
        """Take one message.

        Raises:
            OutputError, BrokenPipeError: as ``Writer.write``.
        """
        fields, body, color = self._fields(delivery, verdict), delivery.message.body, self._look.color
        if self._look.is_terminal:
            text = "".join(["".join([paint(span, color) for span in row]) + "\n" for row in self._rows(fields, body)])
        else:
            text = "\t".join([*[paint(span, color) for span in fields], visible_octets(body)]) + "\n"
        self._writer.write(self._look.encode(text))

    def flush(self) -> None:
        """Write what was taken.

        Raises:
            OutputError, BrokenPipeError: as ``Writer.flush``.
        """
        self._writer.flush()

    def _fields(self, delivery: Delivery, verdict: Verdict) -> list[Span]:
        """All fields but the body."""
        message = delivery.message
        timestamp = message.properties.timestamp
        host = message.headers.get("dirac-host")
        return [
            Span(verdict_label(verdict, plain=self._plain_marks), verdict_style(verdict)),
            Span(ABSENT if timestamp is None else _utc(timestamp), _TIME_STYLE),
            Span(who(verdict)),
            Span(visible_value(host) if isinstance(host, (str, OpaqueString)) and host else ABSENT),
            Span(visible_value(message.routing_key) if message.routing_key else ABSENT, _KEY_STYLE),
        ]

    def _rows(self, fields: list[Span], body: bytes) -> Iterator[list[Span]]:
        """The rows of one message on a terminal: the body stands beside the fields if it is short, else below."""
        look = self._look
        width = look.width
        text = body.removesuffix(b"\n")
        below: list[Span] = []
        if b"\n" in text:
            below = [Span(visible_octets(line)) for line in text.split(b"\n")]
        else:
            fields.append(Span(visible_octets(body)))
        fields = [Span(look.carried(field.text), field.style) for field in fields]
        lines = [*self._fill(fields, width), *([Span(look.carried(line.text))] for line in below)]
        for number, line in enumerate(lines):
            yield from fold(line, width, look.ambiguous, " " * INDENT if number else "")

    def _fill(self, fields: list[Span], width: int) -> list[list[Span]]:
        """Set fields side by side, each in its column, and go to the next row where one does not fit."""
        line: list[Span] = []
        lines, column, pad = [line], 0, 0
        for index, field in enumerate(fields):
            size = cells(field.text, self._look.ambiguous)
            gap = pad + len(_GAP) if line else 0
            if line and column + gap + size > width:
                line, column, gap = [], INDENT, 0
                lines.append(line)
            line += [Span(" " * gap), field] if gap else [field]
            column += gap + size
            pad = self._padding(index, size) if len(lines) == 1 else 0
        return lines

    def _padding(self, index: int, size: int) -> int:
        """How far a field of ``size`` columns is from the end of its column, which grows with what it has held."""
        if index >= len(_WIDEST):
            return 0
        self._columns[index] = max(self._columns[index], min(size, _WIDEST[index]))
        return max(self._columns[index] - size, 0)
