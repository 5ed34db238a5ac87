"""What differs between the CS and a broker: signed lines as diff writes them, TAB-separated in a pipe, or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json import dumps
from typing import TYPE_CHECKING

from diracmq_cli.output.cells import INDENT, Span, fold, paint
from diracmq_cli.output.escape import visible
from diracmq_cli.output.label import ABSENT

if TYPE_CHECKING:
    from diracmq_cli.output.terminal import Look
    from diracmq_cli.output.writer import Writer

_MARKS = {
    "add": ("+", "32"),
    "change": ("~", "33"),
    "remove": ("-", "31"),
    "conflict": ("!", "35"),
    "foreign": ("?", "35"),
}
_PROBLEM_STYLE = "31"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One difference.

    Args:
        change: ``add``, ``change``, ``remove``; ``conflict`` and ``foreign`` for what is left to a person.
        kind: of what, such as ``binding``.
        vhost: where; None for what belongs to no vhost.
        name: of the thing.
        detail: what differs.
        loser: who loses something by it.
        done: whether it was made; None where nothing was tried.
        problem: why it was not.
    """

    change: str
    kind: str
    vhost: str | None
    name: str
    detail: str = ""
    loser: str | None = None
    done: bool | None = None
    problem: str | None = None


def print_differences(rows: Sequence[Row], writer: Writer, look: Look, *, json: bool) -> None:
    """Write the rows, and flush.

    Raises:
        OutputError, BrokenPipeError: as ``Writer.flush``.
    """
    for row in rows:
        for line in [_json(row)] if json else _lines(row, look) if look.is_terminal else [_separated(row)]:
            writer.write(look.encode(line + "\n"))
    writer.flush()


def _json(row: Row) -> str:
    """A row as a JSON object, in ASCII."""
    document = {
        "change": row.change,
        "kind": row.kind,
        "vhost": row.vhost,
        "name": row.name,
        "detail": row.detail,
        "loser": row.loser,
        "done": row.done,
        "problem": row.problem,
    }
    return dumps(document, separators=(",", ":"))


def _separated(row: Row) -> str:
    fields = (row.change, row.kind, row.vhost, row.name, row.detail, row.problem)
    return "\t".join(visible(field) if field else ABSENT for field in fields)


def _lines(row: Row, look: Look) -> Iterator[str]:
    """The thing on one line, and below it, indented, what differs and what went wrong."""
    mark, style = _MARKS[row.change]
    where = "" if row.vhost is None else f" in {row.vhost}"
    spans = [Span(look.carried(visible(f"{mark} {row.kind} {row.name}{where}")), style)]
    for line in fold(spans, look.width, look.ambiguous):
        yield "".join(paint(span, look.color) for span in line)
    for text, below in ((row.detail, ""), (row.problem, _PROBLEM_STYLE)):
        if text:
            for line in fold([Span(look.carried(visible(text)), below)], look.width, look.ambiguous, " " * INDENT):
                yield "".join(paint(span, look.color) for span in line)
