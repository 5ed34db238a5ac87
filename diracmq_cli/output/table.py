"""Rows of ``list``: a table on a terminal, TAB-separated in a pipe (the same columns), or JSON (a few keys more)."""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps

from diracmq_cli.core.model import QueueState
from diracmq_cli.output.cells import INDENT, Span, cells, fold, paint
from diracmq_cli.output.escape import visible
from diracmq_cli.output.label import ABSENT
from diracmq_cli.output.terminal import Look
from diracmq_cli.output.writer import Writer

COLUMNS = ("queue", "service", "type", "ready", "consumers", "problem")
_NUMBERS = ("ready", "consumers")
_GAP = "  "
_HEADING_STYLE = "1"
_PROBLEM_STYLE = "31"


def queue_json(state: QueueState) -> str:
    """One queue as a JSON object, in ASCII.

    ``ready`` and ``consumers`` are null where they cannot be seen, and ``problem`` then says why; a stream has no
    ``ready``, since it keeps what was read.
    """
    spec = state.queue
    row: dict[str, str | int | None] = {
        "queue": spec.name,
        "service": spec.service.name,
        "type": spec.type,
        "ready": state.ready,
        "consumers": state.consumers,
        "address": str(spec.address),
        "problem": state.problem,
    }
    return dumps(row, separators=(",", ":"))


def _row(state: QueueState) -> list[Span]:
    """One queue's columns, ``-`` for what is absent; a queue of the RFC's layout is named as it is addressed."""
    spec = state.queue
    name = str(spec.address) if spec.address.system else spec.name
    values = (name, spec.service.name, spec.type, state.ready, state.consumers)
    row = [Span(ABSENT if value is None else visible(str(value))) for value in values]
    row.append(Span(ABSENT) if state.problem is None else Span(visible(state.problem), _PROBLEM_STYLE))
    return row


def print_queues(states: Sequence[QueueState], writer: Writer, look: Look, *, json: bool = False) -> None:
    """Write one row per queue, under a heading unless as JSON, and flush.

    Raises:
        OutputError, BrokenPipeError: as ``Writer.flush``.
    """
    if json:
        lines = [queue_json(state) for state in states]
    else:
        table = [[Span(name.upper(), _HEADING_STYLE) for name in COLUMNS], *map(_row, states)]
        lines = _aligned(table, look) if look.is_terminal else _separated(table, look)
    for line in lines:
        writer.write(look.encode(line + "\n"))
    writer.flush()


def _separated(table: list[list[Span]], look: Look) -> list[str]:
    return ["\t".join([paint(span, look.color) for span in row]) for row in table]


def _aligned(table: list[list[Span]], look: Look) -> list[str]:
    table = [[Span(look.carried(span.text), span.style) for span in row] for row in table]
    widths = [max(cells(span.text, look.ambiguous) for span in column) for column in zip(*table, strict=True)]
    left = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    lines: list[str] = []
    for *columns, last in table:
        line: list[Span] = []
        for name, span, width in zip(COLUMNS, columns, widths, strict=False):
            space = Span(" " * (width - cells(span.text, look.ambiguous)))
            line += [space, span, Span(_GAP)] if name in _NUMBERS else [span, space, Span(_GAP)]
        if left + cells(last.text, look.ambiguous) <= look.width:
            rows = [[*line, last]]
        else:
            rows = [*fold(line[:-1], look.width, look.ambiguous)]
            rows += fold([last], look.width, look.ambiguous, " " * INDENT)
        lines += ["".join([paint(span, look.color) for span in row]) for row in rows]
    return lines
