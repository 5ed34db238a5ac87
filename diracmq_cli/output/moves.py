"""What a move came to, one row per target and per reason to stay: a table on a terminal, TAB-separated in a pipe, or
JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from json import dumps
from typing import TYPE_CHECKING

from diracmq_cli.output.cells import Span
from diracmq_cli.output.columns import write_table
from diracmq_cli.output.escape import visible
from diracmq_cli.output.label import ABSENT

if TYPE_CHECKING:
    from diracmq_cli.core.values import Text
    from diracmq_cli.output.terminal import Look
    from diracmq_cli.output.writer import Writer

COLUMNS = ("messages", "outcome", "queue", "reason")
_STYLES = {"left": "33", "unknown": "31"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """So many messages that came to the same: ``outcome`` is moved, would move, left or unknown.

    ``queue`` is where they are now, by its address; ``message_ids`` are those of the first that stay.
    """

    count: int
    outcome: str
    queue: str
    reason: str | None = None
    message_ids: Sequence[Text | None] = ()


def print_moves(rows: Sequence[Moved], writer: Writer, look: Look, *, json: bool = False) -> None:
    """Write one row for each, under a heading unless as JSON, and flush.

    Raises:
        OutputError, BrokenPipeError: as ``Writer.flush``.
    """
    if json:
        for row in rows:
            writer.write(_as_json(row).encode() + b"\n")
        writer.flush()
    else:
        write_table(COLUMNS, [_spans(row) for row in rows], writer, look, numbers=("messages",))


def _as_json(row: Moved) -> str:
    document: dict[str, object] = {"outcome": row.outcome, "queue": row.queue, "count": row.count}
    if row.reason is not None:
        document["reason"] = row.reason
        document["message_ids"] = [None if each is None else str(each) for each in row.message_ids]
    return dumps(document, separators=(",", ":"))


def _spans(row: Moved) -> list[Span]:
    return [
        Span(str(row.count)),
        Span(row.outcome, _STYLES.get(row.outcome, "")),
        Span(visible(row.queue)),
        Span(ABSENT if row.reason is None else visible(row.reason)),
    ]
