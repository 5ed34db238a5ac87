"""Verdicts on saved envelopes, one a line: verdict, DN, message id and place; TAB-separated in a pipe; or JSON."""

from __future__ import annotations

from dataclasses import dataclass
from json import dumps
from typing import TYPE_CHECKING

from diracmq_cli.output.cells import Span, fold, paint
from diracmq_cli.output.escape import visible, visible_value
from diracmq_cli.output.label import ABSENT, LABEL_WIDTH, verdict_label, verdict_style, who

if TYPE_CHECKING:
    from diracmq_cli.core.values import Text
    from diracmq_cli.core.verdict import Verdict
    from diracmq_cli.output.terminal import Look
    from diracmq_cli.output.writer import Writer

_GAP = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict and what it is about. ``code`` is the reason of a refusal for programs (``core.refusal``)."""

    file: str
    line: int
    message_id: Text | None
    verdict: Verdict
    code: str | None = None


class VerdictWriter:
    """Writes verdicts as the flags ask."""

    def __init__(self, writer: Writer, look: Look, *, json: bool) -> None:
        self._writer = writer
        self._look = look
        self._json = json

    def write(self, judged: Judged) -> None:
        """Take one verdict.

        Raises:
            OutputError, BrokenPipeError: as ``Writer.write``.
        """
        text = _as_json(judged) if self._json else self._as_text(judged)
        self._writer.write(self._look.encode(text + "\n"))

    def flush(self) -> None:
        """Write what was taken.

        Raises:
            OutputError, BrokenPipeError: as ``Writer.flush``.
        """
        self._writer.flush()

    def _as_text(self, judged: Judged) -> str:
        look, verdict = self._look, judged.verdict
        message_id = judged.message_id
        columns = [
            Span(verdict_label(verdict, plain=look.plain_marks), verdict_style(verdict)),
            Span(who(verdict)),
            Span(visible_value(message_id) if message_id else ABSENT),
            Span(visible(f"{judged.file}:{judged.line}")),
        ]
        if not look.is_terminal:
            return "\t".join([paint(column, look.color) for column in columns])
        columns = [Span(look.carried(column.text), column.style) for column in columns]
        pad = " " * max(LABEL_WIDTH - len(columns[0].text), 0)
        line = [columns[0], Span(pad)]
        for column in columns[1:]:
            line += [Span(_GAP), column]
        rows = fold(line, look.width, look.ambiguous)
        return "\n".join("".join([paint(span, look.color) for span in row]) for row in rows)


def _as_json(judged: Judged) -> str:
    """One object in ASCII; ``origin`` is as in an envelope, with the refusal's ``code``."""
    verdict = judged.verdict
    origin = {"level": verdict.level, "dn": verdict.dn, "reason": verdict.reason, "code": judged.code}
    message_id = judged.message_id
    row = {
        "file": judged.file,
        "line": judged.line,
        "message_id": None if message_id is None else str(message_id),
        "origin": {name: value for name, value in origin.items() if value is not None or name == "level"},
    }
    return dumps(row, separators=(",", ":"))
