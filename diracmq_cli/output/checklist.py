"""What ``check`` found: a line for each finding under its subject, for people here and in a ticket; or JSON."""

from __future__ import annotations

from collections.abc import Iterator
from json import dumps
from typing import TYPE_CHECKING

from diracmq_cli.core.finding import Finding, Status
from diracmq_cli.output.cells import Span, cells, fold, paint
from diracmq_cli.output.escape import visible

if TYPE_CHECKING:
    from diracmq_cli.output.terminal import Look
    from diracmq_cli.output.writer import Writer

_MARKS = {Status.OK: "✓", Status.WARNING: "!", Status.FAILED: "✗", Status.SKIPPED: "-"}
_PLAIN_MARKS = {**_MARKS, Status.OK: "+", Status.FAILED: "x"}
_STYLES = {Status.OK: "32", Status.WARNING: "33", Status.FAILED: "1;31", Status.SKIPPED: "2"}
_SUBJECT_STYLE = "1"
_PLAIN = str.maketrans({"✓": "+", "✗": "x"})

_NAME = 13
"""Columns of the longest name of a check."""

_HANG = 2 + _NAME + 1 + 2
"""Columns before what was found: indent, name, gap, mark and its gap."""

_NARROWEST = _HANG + 20


class ChecklistWriter:
    """Writes findings as they come. A terminal gets colours, and lines that fit; the text is the same everywhere."""

    def __init__(self, writer: Writer, look: Look, *, json: bool) -> None:
        self._writer = writer
        self._look = look
        self._json = json
        self._subject: str | None = None

    def write(self, finding: Finding) -> None:
        """Show one finding at once.

        Raises:
            OutputError, BrokenPipeError: as ``Writer.flush``.
        """
        for line in [_as_json(finding)] if self._json else self._lines(finding):
            self._writer.write(self._look.encode(line + "\n"))
        self._writer.flush()

    def _lines(self, finding: Finding) -> Iterator[str]:
        color = self._look.color
        if finding.subject != self._subject:
            self._subject = finding.subject
            if finding.subject is not None:
                for row in fold([Span(self._shown(finding.subject), _SUBJECT_STYLE)], self._width):
                    yield "".join([paint(span, color) for span in row])
        indent = "" if finding.subject is None else "  "
        mark = (_PLAIN_MARKS if self._look.plain_marks else _MARKS)[finding.status]
        name = f"{indent}{finding.check}".ljust(_HANG - 2)
        style = _STYLES[finding.status]
        first, *others = self._wrapped(self._shown(finding.detail))
        yield name + paint(Span(mark, style), color) + " " + first
        if finding.next is not None:
            others += self._wrapped("next: " + self._shown(finding.next))
        for line in others:
            yield " " * _HANG + line

    def _shown(self, text: str) -> str:
        """Whatever a broker or a CFG had a hand in, harmless and in this encoding."""
        return self._look.carried(visible(text.translate(_PLAIN) if self._look.plain_marks else text))

    @property
    def _width(self) -> int:
        return max(self._look.width, _NARROWEST)

    def _wrapped(self, text: str) -> list[str]:
        """Lines that fit beside the names; off a terminal, one."""
        return list(wrap(text, self._width - _HANG, self._look.ambiguous)) if self._look.is_terminal else [text]


def wrap(text: str, width: int, ambiguous: int = 1) -> Iterator[str]:
    """Break ``text`` at spaces into lines of at most ``width`` columns; a word that is longer is broken anywhere."""
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if cells(joined, ambiguous) <= width:
            line = joined
            continue
        if line:
            yield line
        line = word
        while cells(line, ambiguous) > width:
            taken = next(n for n in range(len(line), 0, -1) if cells(line[:n], ambiguous) <= width)
            yield line[:taken]
            line = line[taken:]
    yield line


def _as_json(finding: Finding) -> str:
    """One object in ASCII."""
    row = {
        "check": finding.check,
        "subject": finding.subject,
        "status": finding.status,
        "detail": finding.detail,
        "next": finding.next,
        "code": finding.code,
    }
    return dumps(row, separators=(",", ":"))
