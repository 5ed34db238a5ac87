"""Rows of ``list``: a table on a terminal, TAB-separated in a pipe, or JSON. The columns are the same in all three."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from json import dumps

from diracmq_cli.core.model import QueueState
from diracmq_cli.output.cells import Span, cells, fold
from diracmq_cli.output.escape import visible
from diracmq_cli.output.label import ABSENT
from diracmq_cli.output.terminal import Look
from diracmq_cli.output.writer import Writer

_GAP = "  "
_HEADING_STYLE = "1"
_STYLES = {"problem": "31"}
_NUMBERS = ("ready", "consumers")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One queue as ``list`` shows it. The names of the fields are the columns and the keys of the JSON.

    ``ready`` and ``consumers`` are None where they cannot be seen, and ``problem`` then says why; a stream has no
    ``ready``, since it keeps what was read.
    """

    queue: str
    service: str
    type: str
    ready: int | None
    consumers: int | None
    address: str
    problem: str | None

    @classmethod
    def of(cls, state: QueueState) -> QueueRow:
        """The row for what is known of one queue."""
        spec = state.queue
        return cls(
            queue=spec.name,
            service=spec.service.name,
            type=spec.type,
            ready=state.ready,
            consumers=state.consumers,
            address=str(spec.address),
            problem=state.problem,
        )

    def json(self) -> str:
        """One JSON object, in ASCII."""
        return dumps({name: getattr(self, name) for name in COLUMNS}, separators=(",", ":"))

    def texts(self) -> list[str]:
        """Every column as text, ``-`` for what is absent."""
        values = [getattr(self, name) for name in COLUMNS]
        return [ABSENT if value is None or value == "" else visible(str(value)) for value in values]


COLUMNS = tuple(field.name for field in fields(QueueRow))


def print_queues(states: Sequence[QueueState], writer: Writer, look: Look, *, json: bool = False) -> None:
    """Write one row per queue, under a heading unless as JSON, and flush.

    Raises:
        OutputError, BrokenPipeError: as ``Writer.flush``.
    """
    rows = [QueueRow.of(state) for state in states]
    if json:
        lines = [row.json() for row in rows]
    else:
        table = [[name.upper() for name in COLUMNS], *[row.texts() for row in rows]]
        lines = _aligned(table, look) if look.is_terminal else _separated(table, look)
    for line in lines:
        writer.write(look.encode(line + "\n"))
    writer.flush()


def _separated(table: list[list[str]], look: Look) -> list[str]:
    return ["\t".join(_painted(spans, look)) for spans in _styled(table)]


def _aligned(table: list[list[str]], look: Look) -> list[str]:
    table = [[look.carried(text) for text in row] for row in table]
    widths = [max(cells(text, look.ambiguous) for text in column) for column in zip(*table, strict=True)]
    lines: list[str] = []
    for spans in _styled(table):
        padded: list[Span] = []
        for name, span, width in zip(COLUMNS, spans, widths, strict=True):
            space = Span(" " * (width - cells(span.text, look.ambiguous)))
            padded += [space, span, Span(_GAP)] if name in _NUMBERS else [span, space, Span(_GAP)]
        del padded[-2:]  # nothing is aligned to the last column
        lines += ["".join(_painted(row, look)) for row in fold(padded, look.width, look.ambiguous)]
    return lines


def _styled(table: list[list[str]]) -> list[list[Span]]:
    heading, *rows = table
    styles = [_STYLES.get(name, "") for name in COLUMNS]
    return [
        [Span(text, _HEADING_STYLE) for text in heading],
        *[
            [Span(text, "" if text == ABSENT else style) for text, style in zip(row, styles, strict=True)]
            for row in rows
        ],
    ]


def _painted(spans: Sequence[Span], look: Look) -> list[str]:
    return [span.painted() if look.color else span.text for span in spans]
