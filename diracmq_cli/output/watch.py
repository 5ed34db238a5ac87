"""What ``list --watch`` shows: a live table on a terminal that can, tables one below the other on one that cannot, and
NDJSON in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from os import get_terminal_size
from typing import TYPE_CHECKING, Protocol

from diracmq_cli.core.quantity import format_duration
from diracmq_cli.output.escape import visible
from diracmq_cli.output.label import ABSENT
from diracmq_cli.output.table import print_queues, queue_json, shown_name

if TYPE_CHECKING:
    from rich.console import OverflowMethod, RenderableType
    from rich.text import Text

    from diracmq_cli.core.model import QueueState
    from diracmq_cli.output.terminal import Look
    from diracmq_cli.output.writer import Writer

_COLUMNS = ("queue", "service", "type", "ready", "change/s", "consumers")
_NUMBERS = ("ready", "change/s", "consumers")
_SHRINKING = ("queue", "problem")
"""What gives way first where the terminal is narrow."""


@dataclass(frozen=True, slots=True)
class Row:
    """One queue in one round; ``change`` is in messages a second, None where it is not known."""

    state: QueueState
    change: float | None


@dataclass(frozen=True, slots=True)
class Round:
    """All queues at one moment (seconds since the epoch); ``away`` says of brokers why they cannot be asked."""

    rows: Sequence[Row]
    time: float
    away: Mapping[str, str]


class View(AbstractContextManager["View"], Protocol):
    """Shows rounds while it is entered."""

    def show(self, seen: Round) -> None:
        """Show a round.

        Raises:
            OutputError, BrokenPipeError: it cannot be written.
        """

    def redraw(self) -> None:
        """Show the last round again: the terminal has another size now."""


class NdjsonView:
    """One object for each queue and round: the keys of ``list -j``, ``time`` and ``change_per_second``."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def show(self, seen: Round) -> None:
        """See ``View.show``."""
        time = datetime.fromtimestamp(seen.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for row in seen.rows:
            change = None if row.change is None else round(row.change, 3)
            line = queue_json(row.state, {"time": time, "change_per_second": change})
            self._writer.write(line.encode() + b"\n")
        self._writer.flush()

    def redraw(self) -> None:
        """See ``View.redraw``: what is written is written."""

    def __enter__(self) -> NdjsonView:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to do."""


class PagedView(NdjsonView):
    """The tables of ``list``, one below the other, for a terminal that cannot move its cursor (TERM=dumb)."""

    def __init__(self, writer: Writer, look: Look) -> None:
        super().__init__(writer)
        self._look = look

    def show(self, seen: Round) -> None:
        """See ``View.show``."""
        self._writer.write(self._look.encode(f"{_moment(seen.time)}\n"))
        print_queues([row.state for row in seen.rows], self._writer, self._look)
        self._writer.write(b"\n")
        self._writer.flush()


class LiveView:
    """A table that takes the whole screen, and leaves it as it was."""

    def __init__(self, look: Look, interval: float) -> None:
        from rich.console import Console
        from rich.live import Live

        self._look = look
        self._interval = interval
        self._last: Round | None = None
        self._console = Console(
            file=sys.stdout, force_terminal=True, no_color=not look.color, markup=False, emoji=False, highlight=False
        )
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )

    def show(self, seen: Round) -> None:
        """See ``View.show``."""
        self._last = seen
        self.redraw()

    def redraw(self) -> None:
        """See ``View.redraw``."""
        if self._last is not None:
            width, height = get_terminal_size(self._look.fd)
            self._console.size = (width, height)  # rich would believe COLUMNS and LINES, which do not change
            self._live.update(self._screen(self._last, height), refresh=True)

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give the screen back."""
        self._live.stop()

    def _screen(self, seen: Round, height: int) -> RenderableType:
        """Everything on the screen: what this is, the table, what did not fit, brokers that are away."""
        from rich.console import Group

        title = f"{_queues(len(seen.rows))}  {_moment(seen.time)}  every {format_duration(self._interval)}  Ctrl-C ends"
        away = [self._text(f"{name}: {why}; trying again", "red") for name, why in seen.away.items()]
        room = max(1, height - len(away) - 2)
        rows = seen.rows if len(seen.rows) <= room else seen.rows[: max(1, room - 1)]
        hidden = len(seen.rows) - len(rows)
        below = [self._text(f"and {_queues(hidden)} more: name some, as in 'demo.*'", "dim")] if hidden else []
        return Group(self._text(title, "dim"), *away, self._table(rows), *below)

    def _table(self, rows: Sequence[Row]) -> RenderableType:
        from rich.table import Table

        problems = any(row.state.problem for row in rows)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for name in (*_COLUMNS, "problem") if problems else _COLUMNS:
            table.add_column(
                self._text(name.upper()),
                justify="right" if name in _NUMBERS else "left",
                no_wrap=name not in _SHRINKING,
            )
        for row in rows:
            cells = self._cells(row)
            table.add_row(*cells, self._text(row.state.problem or "", "red")) if problems else table.add_row(*cells)
        return table

    def _cells(self, row: Row) -> list[Text]:
        state, spec = row.state, row.state.queue
        change, style = _change(row.change)
        return [
            self._text(shown_name(spec)),
            self._text(spec.service.name),
            self._text(spec.type),
            self._text(_count(state.ready)),
            self._text(change, style),
            self._text(_count(state.consumers)),
        ]

    def _text(self, text: str, style: str = "") -> Text:
        """Text as it is: names come from the CS, and are no markup."""
        from rich.text import Text

        return Text(self._look.carried(visible(text)), style, no_wrap=True, overflow=self._overflow)

    @property
    def _overflow(self) -> OverflowMethod:
        return "ellipsis" if self._look.encoding == "utf-8" else "crop"


def _count(value: int | None) -> str:
    return ABSENT if value is None else str(value)


def _change(value: float | None) -> tuple[str, str]:
    """A change as it is shown, and its style: what grows is what to look at."""
    if value is None:
        return ABSENT, ""
    text = f"{value:+.1f}" if abs(value) < 10 else f"{value:+.0f}"
    if float(text) == 0:
        return "0", ""
    return text, "yellow" if value > 0 else "green"


def _queues(count: int) -> str:
    return f"{count} queue{'' if count == 1 else 's'}"


def _moment(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
