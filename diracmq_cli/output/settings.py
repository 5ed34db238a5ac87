"""Settings of queues and where each was read: on a terminal as in a CFG, in a pipe between TABs, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps
from typing import TYPE_CHECKING, NamedTuple

from diracmq_cli.output.cells import INDENT, Span, fold, paint
from diracmq_cli.output.escape import visible
from diracmq_cli.output.label import ABSENT

if TYPE_CHECKING:
    from diracmq_cli.output.terminal import Look
    from diracmq_cli.output.writer import Writer

_HEADING_STYLE = "1"
_REMARK_STYLE = "33"


class SettingRow(NamedTuple):
    """One option of one queue or exchange: its full path, its value, its place; ``remark`` where it has no effect."""

    address: str
    option: str
    value: str
    place: str
    remark: str | None


def print_settings(rows: Sequence[SettingRow], writer: Writer, look: Look, *, json: bool = False) -> None:
    """Write the rows and flush; on a terminal each queue has a heading, and each place a line of its own.

    Raises:
        OutputError, BrokenPipeError: as ``Writer.flush``.
    """
    if json:
        lines = [dumps(row._asdict(), separators=(",", ":")) for row in rows]
    elif look.is_terminal:
        lines = _on_terminal(rows, look)
    else:
        lines = ["\t".join(field.upper() for field in SettingRow._fields)]
        lines += ["\t".join(ABSENT if value is None else visible(value) for value in row) for row in rows]
    for line in lines:
        writer.write(look.encode(line + "\n"))
    writer.flush()


def _on_terminal(rows: Sequence[SettingRow], look: Look) -> list[str]:
    lines: list[list[Span]] = []
    address = None
    for row in rows:
        if row.address != address:
            address = row.address
            lines.append([Span(visible(address), _HEADING_STYLE)])
        remark = "" if row.remark is None else f": {row.remark}"
        lines.append([Span(f"{visible(row.option)} = {visible(row.value)}")])
        lines.append([Span(" " * INDENT + visible(row.place)), Span(visible(remark), _REMARK_STYLE)])
    carried = [[Span(look.carried(span.text), span.style) for span in line] for line in lines]
    folded = [part for line in carried for part in fold(line, look.width, look.ambiguous)]
    return ["".join([paint(span, look.color) for span in line]) for line in folded]
