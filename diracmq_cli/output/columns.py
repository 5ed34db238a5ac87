"""Rows in columns: aligned on a terminal, TAB-separated in a pipe."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from diracmq_cli.output.cells import INDENT, Span, cells, fold, paint

if TYPE_CHECKING:
    from diracmq_cli.output.terminal import Look
    from diracmq_cli.output.writer import Writer

_GAP = "  "
_HEADING_STYLE = "1"


def write_table(
    columns: Sequence[str], rows: Sequence[Sequence[Span]], writer: Writer, look: Look, *, numbers: Collection[str]
) -> None:
    """Write a heading and rows, and flush. No text may hold a control character.

    Args:
        columns: their names. The last is put below its row where the row would be too long.
        rows: one span for each column.
        writer: where to.
        look: what that can show.
        numbers: the columns that are aligned to the right.

    Raises:
        OutputError, BrokenPipeError: as ``Writer.flush``.
    """
    table = [[Span(name.upper(), _HEADING_STYLE) for name in columns], *rows]
    lines = _aligned(columns, table, look, numbers) if look.is_terminal else _separated(table, look)
    for line in lines:
        writer.write(look.encode(line + "\n"))
    writer.flush()


def _separated(table: Sequence[Sequence[Span]], look: Look) -> list[str]:
    return ["\t".join([paint(span, look.color) for span in row]) for row in table]


def _aligned(columns: Sequence[str], rows: Sequence[Sequence[Span]], look: Look, numbers: Collection[str]) -> list[str]:
    table = [[Span(look.carried(span.text), span.style) for span in row] for row in rows]
    widths = [max(cells(span.text, look.ambiguous) for span in column) for column in zip(*table, strict=True)]
    left = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    lines: list[str] = []
    for *firsts, last in table:
        line: list[Span] = []
        for name, span, width in zip(columns, firsts, widths, strict=False):
            space = Span(" " * (width - cells(span.text, look.ambiguous)))
            line += [space, span, Span(_GAP)] if name in numbers else [span, space, Span(_GAP)]
        if left + cells(last.text, look.ambiguous) <= look.width:
            folded = [[*line, last]]
        else:
            folded = [*fold(line[:-1], look.width, look.ambiguous)]
            folded += fold([last], look.width, look.ambiguous, " " * INDENT)
        lines += ["".join([paint(span, look.color) for span in row]) for row in folded]
    return lines
